r"""Picks: ``a __animal__`` to a text with an entry of the list "animal", which the seed chooses.

::

    __animal__ __animal__   two entries, each picked for itself
    \__animal__             the words themselves; so are those in the middle of a__b__c

Names of lists are words of any language, joined by single ``_``, ``-`` or ``/``. An entry may name
other lists. How lists are made and kept is told in ``hypersd_core.wildcards``.
"""

import hashlib
import itertools
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from hypersd_core.errors import InvalidRequest
from hypersd_core.i18n import say
from hypersd_core.permutations import place_in

MAX_LISTS_IN_A_ROW = 8
"""How many lists may pick from one another."""
MAX_PICKS = 200
MAX_NAME_CHARS = 40
_NAME = r"[^\s_\\(){}\[\]<>|:;,]+(?:_[^\s_\\(){}\[\]<>|:;,]+)*"
_WILDCARDS = re.compile(rf"(?P<escape>\\?)(?P<run>(?:__{_NAME}__)+)")
_WILDCARD = re.compile(rf"__({_NAME})__")


@dataclass(frozen=True, slots=True, kw_only=True)
class Picked:
    """A text with its wildcards filled in, and the names of the lists that were used."""

    text: str
    used: tuple[str, ...]


def pick(text: str, lists: Mapping[str, Sequence[str]], *, seed: int) -> Picked:
    """``text`` with an entry in place of each wildcard; each occurrence picks for itself.

    What is picked depends on the seed, the list, and the wildcard's number in the text. Names are
    compared without regard to case. Raises InvalidRequest for a list that is not among ``lists``,
    and for lists that name one another in a circle.
    """
    picker = _Picker(lists={list_name(name): lists[name] for name in lists}, seed=seed)
    filled = picker.fill(text, place=(), parents=())
    return Picked(text=filled, used=tuple(picker.used))


def wildcards_in(text: str) -> tuple[str, ...]:
    """The names of the lists that ``text`` picks from, each once, as ``list_name`` writes them."""
    return tuple(
        dict.fromkeys(
            list_name(name)
            for run in _WILDCARDS.finditer(text)
            if _picks(run)
            for name in _WILDCARD.findall(run["run"])
            if is_name(name)
        )
    )


def escape_wildcards(text: str) -> str:
    """``text`` so that ``pick`` gives just it back."""
    return _WILDCARDS.sub(lambda run: run.group() if _is_text(run) else f"\\{run.group()}", text)


def rename_in(text: str, old: str, new: str) -> str:
    """``text`` that picks from the list ``new`` wherever it picked from ``old``."""

    def one(found: re.Match[str]) -> str:
        return f"__{new}__" if list_name(found[1]) == list_name(old) else found.group()

    def of_run(run: re.Match[str]) -> str:
        return _WILDCARD.sub(one, run.group()) if _picks(run) else run.group()

    return _WILDCARDS.sub(of_run, text)


def list_name(name: str) -> str:
    """``name`` as lists are stored and found by: without case, composed (NFC)."""
    return unicodedata.normalize("NFC", name.strip().casefold())


def is_name(name: str) -> bool:
    """Whether a list can be called so: letters and digits of any language, single ``_``, - and /.

    So that every name can stand between underscores.
    """
    return (
        len(name) <= MAX_NAME_CHARS
        and re.fullmatch(_NAME, name) is not None
        and all(char in "-_/" or _is_of_words(char) for char in name)
    )


@dataclass(slots=True, kw_only=True)
class _Picker:
    """Fills wildcards in. ``used`` keeps its names in order; its values mean nothing."""

    lists: Mapping[str, Sequence[str]]
    seed: int
    used: dict[str, None] = field(default_factory=dict)
    picks: int = 0

    def fill(self, text: str, *, place: tuple[int, ...], parents: tuple[str, ...]) -> str:
        """``place``: the numbers of the wildcards that led here. ``parents``: their lists."""
        numbers = itertools.count()

        def entry(found: re.Match[str]) -> str:
            if not is_name(found[1]):
                return found.group()
            name = list_name(found[1])
            if name not in self.lists:
                raise self._unknown(name, parents, place_in(text, run_start + found.start()))
            return self._entry(name, place=(*place, next(numbers)), parents=parents)

        parts: list[str] = []
        end = 0
        for run in _WILDCARDS.finditer(text):
            run_start = run.start("run")
            parts.append(text[end : run.start()])
            parts.append(_WILDCARD.sub(entry, run["run"]) if _picks(run) else run["run"])
            end = run.end()
        return "".join([*parts, text[end:]])

    def _entry(self, name: str, *, place: tuple[int, ...], parents: tuple[str, ...]) -> str:
        _check_line((*parents, name))
        self.picks += 1
        if self.picks > MAX_PICKS:
            raise InvalidRequest(
                say("The wildcards pick more than {most} entries: use fewer.", most=MAX_PICKS)
            )
        entries = self.lists[name]
        if not entries:
            raise InvalidRequest(say("The wildcard list {name} is empty.", name=name))
        self.used[name] = None
        chosen = entries[_number(self.seed, name, place) % len(entries)]
        return self.fill(chosen, place=place, parents=(*parents, name))

    def _unknown(self, name: str, parents: Sequence[str], place: int) -> InvalidRequest:
        if parents:
            return InvalidRequest(
                say(
                    "The wildcard list {parent} picks from {name}, and there is no such list: "
                    "make it, or edit {parent}.",
                    parent=parents[-1],
                    name=name,
                )
            )
        close = get_close_matches(name, self.lists)
        if not close:
            return InvalidRequest(
                say(
                    "There is no wildcard list {name} here (character {place}): make it with "
                    "/wildcard create, or write \\__{name}__ for the words themselves.",
                    name=name,
                    place=place,
                )
            )
        return InvalidRequest(
            say(
                "There is no wildcard list {name} here (character {place}): did you mean {close}? "
                "/wildcard create makes a new one; \\__{name}__ are the words themselves.",
                name=name,
                place=place,
                close=", ".join(close),
            )
        )


def _number(seed: int, name: str, place: Sequence[int]) -> int:
    """A number for this pick alone. A change here would change every picture with a wildcard."""
    words = f"{seed} {name} {'.'.join(map(str, place))}"
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:8], "big")


def _check_line(names: Sequence[str]) -> None:
    """``names``: lists, each of which picks from the next."""
    line = " > ".join(names)
    if names[-1] in names[:-1]:
        raise InvalidRequest(
            say("The wildcard list {name} picks from itself: {line}.", name=names[-1], line=line)
        )
    if len(names) > MAX_LISTS_IN_A_ROW:
        raise InvalidRequest(
            say(
                "Wildcard lists may pick from one another {most} deep, not deeper: {line}.",
                most=MAX_LISTS_IN_A_ROW,
                line=line,
            )
        )


def _picks(run: re.Match[str]) -> bool:
    return not run["escape"] and not _is_text(run)


def _is_text(run: re.Match[str]) -> bool:
    """Whether a letter stands right before, as in ``snake__case__word``.

    Chinese and Japanese have no spaces between words, so their letters do not count.
    """
    before = run.string[run.start() - 1] if run.start() else " "
    is_wide = unicodedata.east_asian_width(before) in {"W", "F"}
    return not run["escape"] and (before == "_" or (_is_of_words(before) and not is_wide))


def _is_of_words(char: str) -> bool:
    return unicodedata.category(char)[0] in {"L", "M", "N"}
