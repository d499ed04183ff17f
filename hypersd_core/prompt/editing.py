"""Prompt editing ``[a:b:0.5]`` and alternation ``[a|b]``: one prompt to the text of each step.

A ``[...]`` is one of these forms, or it is none and stays as it stands, for ``parse_attention`` to
weigh. That holds for the bracket alone, not for what is in it or beside it; A1111 edits nothing in
a prompt that has a ``|`` outside of an alternation.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hypersd_core.i18n import say, say_many
from hypersd_core.prompt.quoting import shorten

_MARK = re.compile(r"\\.|[()\[\]:|]", re.DOTALL)
_WHEN = re.compile(r"\s*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))\s*")
_OPENERS = {")": "(", "]": "["}
_MAX_NOTES = 4
_MAX_LOST_CHARS = 160

Area = tuple[int, int]
"""Where a text starts and stops in the prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """A bracket from ``start`` to ``stop`` of which step ``i`` reads ``options[shown[i]]``."""

    start: int
    stop: int
    options: tuple[Area, ...]
    shown: tuple[int, ...]


def texts_by_step(text: str, steps: int) -> tuple[str, ...]:
    """Return what each of ``steps`` steps reads of ``text``; never raises.

    ``[from:to:when]`` reads ``from`` in the first ``when`` steps, ``to`` after them. A number with
    a point is a share of the steps, rounded down; one without is a number of steps, as in A1111
    since 1.6. So ``[a:b:0.5]`` is a a b b in 4 steps and only b in a single one; ``1`` changes
    after the first step and ``1.0`` never. ``[to:when]`` and ``[from::when]`` leave the other side
    empty. ``[a|b|]`` starts again behind its last option, which may be empty. Both nest.
    """
    choices = _choices(text, steps)
    return tuple(_text_at(text, choices, step) for step in range(steps))


def prompt_notes(text: str, steps: int) -> tuple[str, ...]:
    """Return a sentence for each bracket of ``text`` that has words which no step reads.

    ``[dog:cat:6] never shows "cat" in 4 steps.`` Four sentences at most, and one that counts the
    other brackets.
    """
    notes = list(dict.fromkeys(_notes(text, sorted(_choices(text, steps), key=_start), steps)))
    if len(notes) > _MAX_NOTES:
        surplus = len(notes) - _MAX_NOTES
        others = say_many(
            "1 other bracket shows only a part of the words in {steps}.",
            "{n} other brackets show only a part of the words in {steps}.",
            surplus,
            steps=_count(steps),
        )
        notes[_MAX_NOTES:] = [others]
    return tuple(notes)


def _choices(text: str, steps: int) -> list[_Choice]:
    """The brackets that choose, inner ones first. Brackets that cross, as in ``[(]``, do not."""
    found: list[_Choice] = []
    opened: list[list[int]] = []  # of each open bracket its place and those of its : and |
    for mark in _MARK.finditer(text):
        char, at = mark.group(), mark.start()
        if char in _OPENERS.values():
            opened.append([at])
        elif char in _OPENERS:
            if not opened or text[opened[-1][0]] != _OPENERS[char]:
                opened.clear()  # this one has no partner, so neither can those around it
                continue
            if choice := _choice(text, [*opened.pop(), at], steps):
                found.append(choice)
        elif opened and len(char) == 1:
            opened[-1].append(at)
    return found


def _choice(text: str, edges: Sequence[int], steps: int) -> _Choice | None:
    """What the bracket with these ``edges``, the places of ``[``, ``:`` or ``|`` and ``]``, is."""
    start, *inner, close = edges
    parts = [(left + 1, right) for left, right in pairwise(edges)]
    kinds = {text[at] for at in inner}
    if text[start] == "[" and kinds == {"|"}:
        shown = tuple(step % len(parts) for step in range(steps))
        return _Choice(start=start, stop=close + 1, options=tuple(parts), shown=shown)
    when = _WHEN.fullmatch(text, *parts.pop())
    if text[start] == "[" and kinds == {":"} and len(parts) <= 2 and when:
        switch = _switch(when[1], steps)
        nothing = (close, close)
        before, after = parts if len(parts) == 2 else (nothing, *parts)
        shown = tuple(int(step > switch) for step in range(1, steps + 1))
        return _Choice(start=start, stop=close + 1, options=(before, after), shown=shown)
    return None


def _switch(when: str, steps: int) -> int:
    """How many steps come before the change, from 0 to ``steps``."""
    share = steps if "." in when else 1
    return int(max(0, min(float(when) * share, steps)))


def _text_at(text: str, choices: Iterable[_Choice], step: int) -> str:
    kept, position = [], 0
    for start, stop in _skipped(choices, step):
        kept.append(text[position:start])
        position = stop
    return "".join([*kept, text[position:]])


def _skipped(choices: Iterable[_Choice], step: int) -> list[Area]:
    """What ``step`` leaves out, in order: two areas for each bracket that is not itself left out.

    They are from the bracket's start to the option shown, and from there to the bracket's end.
    """
    jumps: dict[int, int] = {}
    for choice in choices:
        start, stop = choice.options[choice.shown[step]]
        jumps |= {choice.start: start, stop: choice.stop}
    areas, position = [], 0
    for start in sorted(jumps):
        if start >= position:
            position = jumps[start]
            areas.append((start, position))
    return areas


def _notes(text: str, choices: Sequence[_Choice], steps: int) -> Iterable[str]:
    """``choices`` by start, so that a lost option is named before what is lost inside it."""
    seen: set[Area] = set()
    for step in range(steps):
        starts = {start for start, _ in _skipped(choices, step)}
        seen |= {c.options[c.shown[step]] for c in choices if c.start in starts}
    lost: list[Area] = []
    for choice in choices:
        if any(start <= choice.start < stop for start, stop in lost):
            continue
        unseen = [area for area in choice.options if area not in seen]
        lost += unseen
        words = _words(text, unseen, besides=seen & set(choice.options))
        if words:
            quoted = ", ".join(f'"{option}"' for option in words)
            bracket = shorten(text[choice.start : choice.stop])
            yield say(
                "{bracket} never shows {words} in {steps}.",
                bracket=bracket,
                words=shorten(quoted, _MAX_LOST_CHARS),
                steps=_count(steps),
            )


def _words(text: str, areas: Iterable[Area], *, besides: Iterable[Area]) -> list[str]:
    """What stands in ``areas``, each text once, without those in ``besides``."""
    known = {text[start:stop].strip() for start, stop in besides} | {""}
    found = (text[start:stop].strip() for start, stop in areas)
    return [words for words in dict.fromkeys(found) if words not in known]


def _start(choice: _Choice) -> int:
    return choice.start


def _count(steps: int) -> str:
    return say_many("1 step", "{n} steps", steps)
