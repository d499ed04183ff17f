"""The comparison with other bots: ``tests/features.toml`` as the tables of the README.

``python -m tests.feature_table`` prints what stands between the two comments there.
"""

import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FEATURES = ROOT / "tests" / "features.toml"
BEGIN, END = "<!-- features -->", "<!-- /features -->"
RIVALS = {
    "midjourney": "Midjourney",
    "aiya": "AIYA",
    "arty": "arty",
    "horde": "AI Horde",
    "mold": "mold",
}
SIGNS = {"yes": "●", "partly": "◐", "no": "○", "unknown": "?", "": ""}
"""How a mark is shown; without one a feature makes no sense for that bot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """A row: what it is, which other bots have it, and the tests that show that this one does.

    Without tests ``out_of_scope`` says why this bot has not. ``star``: people ask for it, and no
    other bot that was read has it properly.
    """

    section: str
    feature: str
    marks: Mapping[str, str]
    star: bool
    tests: tuple[str, ...]
    out_of_scope: str

    @classmethod
    def from_toml(cls, row: Mapping[str, Any]) -> "Feature":
        """The row of one ``[[feature]]``. Raises TypeError for a key that no row has."""
        rest = {key: value for key, value in row.items() if key not in RIVALS}
        rest |= {"tests": tuple(row.get("tests", ())), "out_of_scope": row.get("out_of_scope", "")}
        return cls(marks={rival: row.get(rival, "") for rival in RIVALS}, **rest)


def sections() -> dict[str, str]:
    """Titles by the letters that rows name."""
    titles: dict[str, str] = _read()["sections"]
    return titles


def features() -> tuple[Feature, ...]:
    """Every row, in its order."""
    return tuple(map(Feature.from_toml, _read()["feature"]))


def rendered() -> str:
    """The tables, one for each section, and what is left out with its reason."""
    titles, rows = sections(), features()
    tables = [
        _table(titles[letters], list(group))
        for letters, group in groupby(rows, lambda r: r.section)
    ]
    left_out = [f"- {row.feature}: {row.out_of_scope}" for row in rows if row.out_of_scope]
    return "\n\n".join([*tables, "\n".join(["Left out, for now:", "", *left_out])])


def in_readme() -> str:
    """What stands between the comments; raises ValueError if they are not there."""
    text = (ROOT / "README.md").read_text("utf-8")
    start = text.index(BEGIN) + len(BEGIN)
    return text[start : text.index(END, start)].strip()


def _table(title: str, rows: list[Feature]) -> str:
    head = (title, "this bot", *RIVALS.values())
    return "\n".join(_line(cells) for cells in (head, _rule(len(head)), *_cells(rows)))


def _cells(rows: list[Feature]) -> Iterator[tuple[str, ...]]:
    for row in rows:
        name = f"{row.feature} ★" if row.star else row.feature
        yield name, _proof(row), *(SIGNS[row.marks[rival]] for rival in RIVALS)


def _proof(row: Feature) -> str:
    """A sign that links to the file of the first test."""
    if not row.tests:
        return SIGNS["no"]
    return f"[{SIGNS['yes']}]({row.tests[0].partition('::')[0]})"


def _rule(columns: int) -> tuple[str, ...]:
    return ("---", *[":-:"] * (columns - 1))


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _read() -> dict[str, Any]:
    return tomllib.loads(FEATURES.read_text("utf-8"))


if __name__ == "__main__":
    sys.stdout.write(rendered() + "\n")
