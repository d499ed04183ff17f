"""Wildcard lists: each guild makes its own, and ``__name__`` in a prompt picks an entry of one.

Entries are lines of text; a line that begins with ``#`` is a comment and is not kept. An entry may
stand there several times to be picked more often, pick from other lists, and hold flags.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType

from hypersd_core.errors import InvalidRequest
from hypersd_core.i18n import say
from hypersd_core.picks import MAX_NAME_CHARS, is_name, list_name, rename_in, wildcards_in
from hypersd_core.store import Store

MAX_LISTS = 200
MAX_ENTRIES = 1_000
MAX_ENTRY_CHARS = 200
MAX_GUILD_CHARS = 1_000_000
"""All entries of a guild together: they are read for each request that picks."""

Lists = Mapping[str, tuple[str, ...]]
"""Entries by the list's name, as ``list_name`` writes it."""

_NO_LISTS: Lists = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class WildcardList:
    """A list as people see it."""

    name: str
    entries: tuple[str, ...]

    @property
    def text(self) -> str:
        """The entries one a line, for an editor or a .txt file; ``read_entries`` reads it."""
        return "\n".join([*self.entries, ""])


class WildcardBook:
    """The wildcard lists of all guilds. Whoever changes one is asked for as ``user_id``.

    Direct messages have no lists. All methods raise InvalidRequest for what cannot be.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def lists(self, guild_id: int | None) -> Lists:
        """What ``expansion.expand`` picks from; empty where there is no guild."""
        return _NO_LISTS if guild_id is None else await self._store.wildcards.lists(guild_id)

    async def all(self, guild_id: int) -> tuple[WildcardList, ...]:
        """All lists, by name."""
        lists = await self._store.wildcards.lists(guild_id)
        return tuple(WildcardList(name=name, entries=lists[name]) for name in sorted(lists))

    async def get(self, guild_id: int, name: str) -> WildcardList:
        """One list."""
        lists = await self._store.wildcards.lists(guild_id)
        known = _known(lists, name)
        return WildcardList(name=known, entries=lists[known])

    async def create(
        self, guild_id: int, name: str, text: str, *, user_id: int, replace: bool = False
    ) -> WildcardList:
        """Make a list of the lines of ``text``, or ``replace`` the one that is there."""
        made = WildcardList(name=_new_name(name), entries=read_entries(text))

        def change(lists: Lists) -> Lists:
            if not replace:
                _refuse_taken(lists, made.name)
            return _checked({**lists, made.name: made.entries}, made.name)

        await self._store.wildcards.edit(guild_id, user_id, change)
        return made

    async def edit(
        self, guild_id: int, name: str, *, user_id: int, add: str = "", remove: str = ""
    ) -> WildcardList:
        """Take the lines of ``remove`` out of a list, then put those of ``add`` at its end."""
        added, removed = _lines(add), _lines(remove)

        def change(lists: Lists) -> Lists:
            known = _known(lists, name)
            _refuse_missing(removed, lists[known], known)
            kept = [entry for entry in lists[known] if entry not in removed]
            return _checked({**lists, known: _entries([*kept, *added])}, known)

        lists = await self._store.wildcards.edit(guild_id, user_id, change)
        known = _known(lists, name)
        return WildcardList(name=known, entries=lists[known])

    async def rename(self, guild_id: int, name: str, new_name: str, *, user_id: int) -> None:
        """Give a list another name; lists that pick from it know it by that."""
        wanted = _new_name(new_name)

        def change(lists: Lists) -> Lists:
            known = _known(lists, name)
            if wanted != known:
                _refuse_taken(lists, wanted)
            renamed = {
                wanted if each == known else each: tuple(
                    rename_in(entry, known, wanted) for entry in entries
                )
                for each, entries in lists.items()
            }
            return _checked(renamed, wanted)

        await self._store.wildcards.edit(guild_id, user_id, change)

    async def delete(self, guild_id: int, name: str, *, user_id: int) -> None:
        """Take a list away. Lists that pick from it say so when they are used."""

        def change(lists: Lists) -> Lists:
            known = _known(lists, name)
            return {each: entries for each, entries in lists.items() if each != known}

        await self._store.wildcards.edit(guild_id, user_id, change)


def read_entries(text: str) -> tuple[str, ...]:
    """The entries in ``text``, one a line. Raises InvalidRequest for none, or too many."""
    return _entries(_lines(text))


def read_file(data: bytes) -> str:
    """The text of a .txt file in UTF-8, with or without a byte order mark."""
    if len(data) > 4 * MAX_GUILD_CHARS:
        raise InvalidRequest(
            say(
                "The file has {size:,} bytes; a wildcard list has at most {most:,} entries of "
                "{chars} characters.",
                size=len(data),
                most=MAX_ENTRIES,
                chars=MAX_ENTRY_CHARS,
            )
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRequest(say("The file is not text in UTF-8: save it so.")) from error


def _lines(text: str) -> tuple[str, ...]:
    lines = (line.strip() for line in text.splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


def _entries(lines: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    if not lines:
        raise InvalidRequest(say("A wildcard list needs at least one entry, one a line."))
    if len(lines) > MAX_ENTRIES:
        raise InvalidRequest(
            say(
                "The list has {count:,} entries; at most {most:,} are allowed.",
                count=len(lines),
                most=MAX_ENTRIES,
            )
        )
    for number, line in enumerate(lines, start=1):
        if len(line) > MAX_ENTRY_CHARS:
            raise InvalidRequest(
                say(
                    "Entry {number} has {count:,} characters; at most {most} are allowed.",
                    number=number,
                    count=len(line),
                    most=MAX_ENTRY_CHARS,
                )
            )
    return tuple(lines)


def _new_name(name: str) -> str:
    wanted = list_name(name).strip("_")
    if not is_name(wanted):
        raise InvalidRequest(
            say(
                "A wildcard list cannot be called {name!r}: take letters and digits of any "
                "language, joined by - or / or one _, at most {most} characters.",
                name=name,
                most=MAX_NAME_CHARS,
            )
        )
    return wanted


def _known(lists: Lists, name: str) -> str:
    wanted = list_name(name).strip("_")
    if wanted in lists:
        return wanted
    close = get_close_matches(wanted, lists)
    if close:
        raise InvalidRequest(
            say(
                "There is no wildcard list {name} here: did you mean {close}?",
                name=wanted,
                close=", ".join(close),
            )
        )
    raise InvalidRequest(say("There is no wildcard list {name} here.", name=wanted))


def _refuse_taken(lists: Lists, name: str) -> None:
    if name in lists:
        raise InvalidRequest(say("There is a wildcard list {name} already.", name=name))


def _refuse_missing(removed: tuple[str, ...], entries: tuple[str, ...], name: str) -> None:
    for line in removed:
        if line not in entries:
            raise InvalidRequest(
                say("The list {name} has no entry {line!r} to remove.", name=name, line=line)
            )


def _checked(lists: Lists, changed: str) -> Lists:
    """``lists``, one of which was ``changed``, if a guild may have them."""
    if len(lists) > MAX_LISTS:
        raise InvalidRequest(
            say(
                "There are {most} wildcard lists here, the most that a server can have: delete "
                "one first.",
                most=MAX_LISTS,
            )
        )
    size = sum(len(entry) for entries in lists.values() for entry in entries)
    if size > MAX_GUILD_CHARS:
        raise InvalidRequest(
            say(
                "All wildcard lists here would have {size:,} characters; at most {most:,} are "
                "allowed.",
                size=size,
                most=MAX_GUILD_CHARS,
            )
        )
    _refuse_circle(lists, (changed,), set())
    return lists


def _refuse_circle(lists: Lists, line: tuple[str, ...], seen: set[str]) -> None:
    """``line``: lists, each of which picks from the next."""
    inner = {name: None for entry in lists[line[-1]] for name in wildcards_in(entry)}
    for name in inner:
        if name == line[0]:
            raise InvalidRequest(
                say(
                    "The wildcard list {name} would pick from itself: {line}.",
                    name=name,
                    line=" > ".join([*line, name]),
                )
            )
        if name in lists and name not in seen:
            seen.add(name)
            _refuse_circle(lists, (*line, name), seen)
