"""Emphasis: text to spans of equal weight, and brackets that lack a partner."""

import re
from collections.abc import Iterable
from itertools import groupby

from hypersd_core.errors import InvalidRequest
from hypersd_core.i18n import say

Span = tuple[str, float]
"""Text and the factor on the embedding of each of its tokens."""

BREAK: Span = ("BREAK", -1.0)
"""Stands in a list of spans where a new chunk starts. It is not text."""

BRACKET_WEIGHT = 1.1

_TOKEN = re.compile(
    r"""
      \\ (?P<escaped> [()\[\]\\]? )
    | : \s* (?P<weight> [+-]? (?: \d+ \.? \d* | \.\d+ ) ) \s* \)
    | (?P<bracket> [()\[\]] )
    | (?P<text> [^()\[\]\\:]+ | : )
    """,
    re.VERBOSE,
)
# With its spaces; these only from where they begin, or a long run of them takes quadratic time.
_BREAK_WORD = re.compile(r"(?:(?<!\s)\s+)?\bBREAK\b\s*")


def parse_attention(text: str) -> list[Span]:
    r"""Split ``text`` into spans of equal weight, at least one, in order.

    An unclosed bracket holds to the end; a closer without opener is text. Round and square brackets
    pair independently of each other. ``(x:)`` and ``(x:1.2.3)``, on which A1111 fails, are text in
    brackets and no weights. A backslash before any other character vanishes. BREAK is a boundary
    inside brackets too, where A1111 loses it and encodes the word.
    """
    parser = _Parser()
    for token in _TOKEN.finditer(text):
        parser.take(token)
    return parser.finish()


def escape(text: str) -> str:
    """Return ``text`` so that ``parse_attention`` reads it as it stands; BREAK keeps its power."""
    return re.sub(r"[()\[\]\\]", r"\\\g<0>", text)


class _Parser:
    """Spans so far, and where in them each bracket that is still open began."""

    def __init__(self) -> None:
        self._spans: list[Span] = []
        self._open: dict[str, list[int]] = {"(": [], "[": []}

    def take(self, token: re.Match[str]) -> None:
        kind, whole = token.lastgroup, token.group()
        if kind == "escaped":
            self._spans.append((token["escaped"], 1.0))
        elif kind == "weight" and self._open["("]:
            self._close("(", float(token["weight"]))
        elif whole in self._open:
            self._open[whole].append(len(self._spans))
        elif whole == ")" and self._open["("]:
            self._close("(", BRACKET_WEIGHT)
        elif whole == "]" and self._open["["]:
            self._close("[", 1 / BRACKET_WEIGHT)
        else:
            self._add_text(whole)

    def finish(self) -> list[Span]:
        while self._open["("]:
            self._close("(", BRACKET_WEIGHT)
        while self._open["["]:
            self._close("[", 1 / BRACKET_WEIGHT)
        return _merge_equal_weights(self._spans) or [("", 1.0)]

    def _add_text(self, text: str) -> None:
        first, *others = _BREAK_WORD.split(text)
        self._spans.append((first, 1.0))
        for part in others:
            self._spans += [BREAK, (part, 1.0)]

    def _close(self, bracket: str, factor: float) -> None:
        start = self._open[bracket].pop()
        self._spans[start:] = [
            span if span is BREAK else (span[0], span[1] * factor) for span in self._spans[start:]
        ]


def _merge_equal_weights(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for (weight, is_break), group in groupby(spans, key=lambda span: (span[1], span is BREAK)):
        if is_break:
            merged += group
        else:
            merged.append(("".join(text for text, _ in group), weight))
    return merged


def check_brackets(text: str, *, name: str) -> None:
    r"""Raise InvalidRequest if a bracket in ``text`` has no partner; ``\(`` is none.

    A1111 guesses what was meant; a person in a chat is better served by the place of the mistake.
    """
    opened: dict[str, list[int]] = {"(": [], "[": []}
    for token in _TOKEN.finditer(text):
        bracket, position = token.group()[-1], token.end() - 1
        if token["bracket"] in opened:
            opened[bracket].append(position)
        elif token["bracket"] or token["weight"]:
            opener = "(" if bracket == ")" else "["
            if not opened[opener]:
                raise _unbalanced(text, position, name, say("closes nothing"))
            opened[opener].pop()
    for position in (*opened["("], *opened["["]):
        raise _unbalanced(text, position, name, say("is never closed"))


def _unbalanced(text: str, position: int, name: str, problem: str) -> InvalidRequest:
    bracket = text[position]
    return InvalidRequest(
        say(
            "The {bracket} at character {place} of the {name} {problem}: write \\{bracket} for the "
            "bracket itself.",
            bracket=bracket,
            place=position + 1,
            name=name,
            problem=problem,
        )
    )
