"""What a check found, and how that reads on a terminal."""

import enum
import textwrap
from dataclasses import dataclass

_WIDTH = 100
_NAME_WIDTH = 13


class Verdict(enum.StrEnum):
    """How bad it is. A warning is something that works, but not as it could."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


_COLOURS = {Verdict.OK: "32", Verdict.WARNING: "33", Verdict.PROBLEM: "31"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at; ``advice`` says what to do where something is wrong."""

    name: str
    verdict: Verdict
    sentence: str
    advice: str = ""

    def __post_init__(self) -> None:
        assert self.verdict is Verdict.OK or self.advice, f"{self.name} leaves people alone"

    def line(self, *, is_coloured: bool) -> str:
        """How it is printed: verdict, name, sentence; the advice below it."""
        verdict = self.verdict.ljust(len(Verdict.PROBLEM))
        if is_coloured:
            verdict = f"\x1b[{_COLOURS[self.verdict]}m{verdict}\x1b[0m"
        lines = [f"{verdict}  {self.name.ljust(_NAME_WIDTH)} {self.sentence}"]
        indent = " " * (len(Verdict.PROBLEM) + 2 + _NAME_WIDTH + 1)
        if self.advice:
            lines += textwrap.wrap(
                self.advice,
                _WIDTH,
                initial_indent=f"{indent}-> ",
                subsequent_indent=f"{indent}   ",
                break_long_words=False,
                break_on_hyphens=False,
            )
        return "\n".join(lines)


def ok(name: str, sentence: str) -> Check:
    """Nothing to do."""
    return Check(name=name, verdict=Verdict.OK, sentence=sentence)


def warning(name: str, sentence: str, advice: str) -> Check:
    """It works, but not as it could."""
    return Check(name=name, verdict=Verdict.WARNING, sentence=sentence, advice=advice)


def problem(name: str, sentence: str, advice: str) -> Check:
    """The bot cannot work like this."""
    return Check(name=name, verdict=Verdict.PROBLEM, sentence=sentence, advice=advice)
