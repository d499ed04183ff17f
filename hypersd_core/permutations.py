r"""Permutations: ``{red, green} car`` to every text that it stands for.

::

    {red, green} car        two texts: "red car" and "green car"
    {a, b} {c, d}           every combination; the last group changes first
    {a {b, c}, d}           groups nest; an option may be empty
    {(x, y:1.2), z}         a comma in round or square brackets separates nothing, in quotes it does
    {prompt}                no comma, no group: it stays as it stands
    \{ \} \,                the characters themselves

Midjourney's syntax. Of all that is in the text only braces, commas and their backslashes mean
something here; brackets hide commas since a bracket that is torn apart could not be drawn.
"""

import itertools
import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from hypersd_core.errors import InvalidRequest
from hypersd_core.i18n import say

MAX_DEPTH = 8
_MOST_COUNTED = 10**9
_TOKEN = re.compile(
    r"\\(?P<escaped>[{},]) | \\\\(?![{},]) | \\[()\[\]] | [{}()\[\],] | [^\\{}()\[\],]+ | \\",
    re.VERBOSE,
)
_MUST_ESCAPE = re.compile(r"[{}]|(?<=\\),")

_Node: TypeAlias = "str | tuple[_Nodes, ...]"
_Nodes: TypeAlias = "Sequence[_Node]"


def permutations(text: str, *, most: int) -> tuple[str, ...]:
    """Every combination of the groups in ``text``, without the backslashes that escape.

    Raises InvalidRequest for a brace without partner and for more than ``most`` combinations, which
    are counted and not built.
    """
    nodes = _parse(text)
    count = _count(nodes)
    if count > most:
        raise _too_many(count, most)
    return tuple(_texts(nodes))


def count_permutations(text: str) -> int:
    """How many texts ``text`` stands for; builds none. Raises InvalidRequest for lone braces."""
    return _count(_parse(text))


def escape_braces(text: str) -> str:
    """``text`` so that ``permutations`` gives just it back."""
    return _MUST_ESCAPE.sub(r"\\\g<0>", text)


def place_in(text: str, index: int) -> int:
    """The number of the character at ``index``, counted from 1 as people see them.

    A mark or a skin tone belongs to what it stands on, and a zero-width joiner makes two
    characters one.
    """
    joined = [
        unicodedata.category(char)[0] == "M"
        or "\U0001f3fb" <= char <= "\U0001f3ff"
        or "\u200d" in text[max(0, at - 1) : at + 1]
        for at, char in enumerate(text[: index + 1])
    ]
    return joined.count(False)


@dataclass(slots=True, kw_only=True)
class _Group:
    """A brace that is still open: its options so far. Brackets inside hide their commas."""

    start: int
    options: list[list[_Node]] = field(default_factory=lambda: [[]])
    brackets: int = 0

    def take(self, char: str) -> None:
        """One token that is neither brace nor escape."""
        if char == "," and not self.brackets:
            self.options.append([])
            return
        if char in {"(", "["}:
            self.brackets += 1
        elif char in {")", "]"}:
            self.brackets = max(0, self.brackets - 1)
        self.options[-1].append(char)

    def closed(self) -> list[_Node]:
        """What it is: a choice, or with a single option text in braces."""
        if len(self.options) == 1:
            return ["{", *self.options[0], "}"]
        return [tuple(self.options)]


def _parse(text: str) -> _Nodes:
    top: list[_Node] = []
    opened: list[_Group] = []
    for token in _TOKEN.finditer(text):
        char = token.group()
        if char == "{":
            if len(opened) == MAX_DEPTH:
                raise _too_deep(place_in(text, token.start()))
            opened.append(_Group(start=token.start()))
        elif char == "}":
            if not opened:
                raise _closes_nothing(place_in(text, token.start()))
            nodes = opened.pop().closed()
            (opened[-1].options[-1] if opened else top).extend(nodes)
        elif not opened:
            top.append(token["escaped"] or char)
        elif token["escaped"]:
            opened[-1].options[-1].append(token["escaped"])
        else:
            opened[-1].take(char)
    if opened:
        raise _never_closed(place_in(text, opened[0].start))
    return top


def _count(nodes: _Nodes) -> int:
    return math.prod(
        sum(_count(option) for option in node) for node in nodes if not isinstance(node, str)
    )


def _texts(nodes: _Nodes) -> Iterator[str]:
    choices = [
        [node]
        if isinstance(node, str)
        else [text.strip() for option in node for text in _texts(option)]
        for node in nodes
    ]
    return map("".join, itertools.product(*choices))


def _too_many(count: int, most: int) -> InvalidRequest:
    if count > _MOST_COUNTED:
        return InvalidRequest(
            say(
                "The braces make more than {count:,} prompts; at most {most:,} are allowed.",
                count=_MOST_COUNTED,
                most=most,
            )
        )
    return InvalidRequest(
        say(
            "The braces make {count:,} prompts; at most {most:,} are allowed.",
            count=count,
            most=most,
        )
    )


def _never_closed(place: int) -> InvalidRequest:
    return InvalidRequest(
        say(
            "The {{ at character {place} of the prompt is never closed: "
            "write \\{{ for the brace itself.",
            place=place,
        )
    )


def _closes_nothing(place: int) -> InvalidRequest:
    return InvalidRequest(
        say(
            "The }} at character {place} of the prompt closes nothing: "
            "write \\}} for the brace itself.",
            place=place,
        )
    )


def _too_deep(place: int) -> InvalidRequest:
    return InvalidRequest(
        say(
            "The braces at character {place} of the prompt are nested deeper than {most}.",
            place=place,
            most=MAX_DEPTH,
        )
    )
