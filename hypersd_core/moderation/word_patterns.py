"""Word rules as patterns over folded text."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

import regex

from hypersd_core.moderation.folding import LETTER, UNSPACED, WORD

_UNIT = regex.compile(rf"{WORD}|[{UNSPACED}]", regex.V1)
_WORD = regex.compile(WORD, regex.V1)
_NO_LETTER_BEFORE, _NO_LETTER_AFTER = f"(?<!{LETTER})", f"(?!{LETTER})"
# What may stand between the words of a phrase. Commas and full stops part what is said.
_GAP = r"(?:[^\p{L}\p{M}\p{N},;.!?\n]|_){1,20}"
_UNSPACED_GAP = r"[^\p{L}\p{M}\p{N},;!?\n、。]{0,5}"
# Words of two letters are spelled by chance too often.
_MIN_SPELLED_CHARS = 3
_SPELLING_GAP = r"[^\p{L}\p{M}\p{N}\n]{1,5}"
_SPELLING = regex.compile(
    rf"{_NO_LETTER_BEFORE}({LETTER})(?:{_SPELLING_GAP}({LETTER}){_NO_LETTER_AFTER})+", regex.V1
)
_NEVER = "(?!)"


class Found(NamedTuple):
    """Where in a text a rule forbids something, and which."""

    start: int
    stop: int
    rule: str


class WordPatterns:
    """Rules, each with its folded text that has no wildcards any more."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._bodies = {rule: _body_pattern(text) for rule, text in texts.items()}
        # One pattern for rules with the same edges: a look around costs as much for all as for one.
        by_edges: dict[tuple[str, str], list[str]] = {}
        for rule, text in texts.items():
            by_edges.setdefault(_edges(rule, text), []).append(self._bodies[rule])
        self._whole = [
            regex.compile(f"{before}(?:{'|'.join(bodies)}){after}", regex.V1)
            for (before, after), bodies in by_edges.items()
        ]
        self._spelled = {
            letters: rule for rule, text in texts.items() if (letters := _letters_to_spell(text))
        }
        self._spellings = regex.compile("|".join(map(regex.escape, self._spelled)) or _NEVER)

    def find(self, text: str) -> Iterator[Found]:
        """What the rules forbid in ``text``: as it stands, then spelled letter by letter."""
        for pattern in self._whole:
            for match in pattern.finditer(text):
                yield Found(*match.span(), self._rule(match.group()))
        for spelling in _SPELLING.finditer(text):
            places = spelling.spans(1) + spelling.spans(2)
            letters = "".join(text[start] for start, _ in places)
            for match in self._spellings.finditer(letters):
                rule = self._spelled[match.group()]
                yield Found(places[match.start()][0], places[match.end() - 1][1], rule)

    def _rule(self, matched: str) -> str:
        """Which rule it was: rarely asked, so no pattern has to keep account of it."""
        return next(r for r, body in self._bodies.items() if regex.fullmatch(body, matched))


def has_units(text: str) -> bool:
    """Whether a folded text has anything that a rule can be made of."""
    return _UNIT.search(text) is not None


def is_word(text: str) -> bool:
    """Whether all of a folded text is within one word."""
    return _WORD.fullmatch(text) is not None


def _body_pattern(text: str) -> str:
    units = list(_UNIT.finditer(text))
    pattern = regex.escape(units[0].group())
    for before, unit in pairwise(units):
        written = regex.escape(text[before.end() : unit.start()])
        gap = f"(?:{_GAP}|{written})" if written else _UNSPACED_GAP
        pattern += gap + regex.escape(unit.group())
    return pattern


def _edges(rule: str, text: str) -> tuple[str, str]:
    """What must hold before and after the rule: that a word begins and ends, or nothing."""
    units = _UNIT.findall(text)
    is_open_before = rule.startswith("*") or not is_word(units[0])
    is_open_after = rule.endswith("*") or not is_word(units[-1])
    return "" if is_open_before else _NO_LETTER_BEFORE, "" if is_open_after else _NO_LETTER_AFTER


def _letters_to_spell(text: str) -> str:
    """The letters of a rule of spaced words; empty if it is too short to be spelled."""
    units = _UNIT.findall(text)
    letters = "".join(units)
    return letters if len(letters) >= _MIN_SPELLED_CHARS and is_word(letters) else ""
