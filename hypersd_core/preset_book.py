"""The presets of a guild: what there is, who may no longer overwrite what, and how it was before.

Shipped presets are in every guild and in direct messages. A guild that changes one, or makes it a
default, has a copy from then on, which later versions of the bot leave alone; one that it deletes
is hidden there. All of that can be undone. Names are known whatever their case.

``undo`` takes back the newest change that still holds, and what was changed together with it, such
as one import. It is a change itself, but none that ``undo`` goes back to: to undo twice goes back
two steps. Defaults belong to a preset, not to its name: a rename keeps them, and so do a deletion
and its undoing. They are not part of the history.
"""

import dataclasses
import difflib
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from hypersd_core.errors import InvalidRequest, PresetNotFound
from hypersd_core.i18n import say
from hypersd_core.preset_files import (
    from_styles_csv,
    from_toml,
    lost_in_csv,
    to_styles_csv,
    to_toml,
)
from hypersd_core.presets import Layer, Preset, folded
from hypersd_core.store.presets import (
    WHOLE_GUILD,
    PresetChange,
    PresetTable,
    PresetWrite,
    StoredPreset,
    changed_meanwhile,
)

__all__ = ["MAX_PRESETS", "Entry", "Imported", "PresetBook", "PresetChange", "StylesFile"]

MAX_PRESETS = 100
"""How many presets a guild may have, shipped ones included: files of styles have dozens."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A preset as it is in one guild. ``revision`` is what an edit of it is to expect.

    ``shipped`` is the key of the shipped preset that it is, or was before it was changed here; None
    for the guild's own. ``id`` is None as long as the guild has no copy.
    """

    preset: Preset
    id: int | None = None
    revision: int = 0
    shipped: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of the presets of a file, by name.

    ``skipped`` exist already with other values, and nobody asked to replace them. ``left_out`` is
    (name, why) of what cannot be a preset.
    """

    added: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StylesFile:
    """A ``styles.csv``, and a sentence for each preset that says more than fits into it."""

    data: bytes
    lost: tuple[str, ...]


class PresetBook:
    """All that is done with presets. ``guild_id`` is None in direct messages."""

    def __init__(self, table: PresetTable, shipped: Sequence[Preset]) -> None:
        self._table = table
        self.ship(shipped)

    def ship(self, shipped: Sequence[Preset]) -> None:
        """Take these for the shipped ones from now on."""
        self._shipped = {preset.key: preset for preset in shipped}

    async def list(self, guild_id: int | None) -> tuple[Entry, ...]:
        """The guild's own by name, then the shipped ones in their order."""
        stored = () if guild_id is None else await self._table.of_guild(guild_id)
        return self._entries(stored)

    async def get(self, guild_id: int | None, name: str) -> Entry:
        """The preset of that name. Raises PresetNotFound with close ones."""
        return _find(await self.list(guild_id), name)

    async def create(self, guild_id: int, preset: Preset, *, user_id: int) -> Entry:
        """Add ``preset``. Raises InvalidRequest if its name is taken or there are too many."""
        entries = await self.list(guild_id)
        _check_free(preset.name, entries)
        _check_room(len(entries) + 1)
        await self._write(guild_id, user_id, Entry(preset=preset), preset, is_new=True)
        return await self.get(guild_id, preset.name)

    async def edit(
        self,
        guild_id: int,
        name: str,
        preset: Preset,
        *,
        user_id: int,
        expected: int | None = None,
    ) -> Entry:
        """Make ``preset`` of the one called ``name``; it may have another name.

        ``expected`` is the revision that was looked at. Raises PresetChanged if it is another by
        now, PresetNotFound, and InvalidRequest for a name that is taken.
        """
        entries = await self.list(guild_id)
        entry = _find(entries, name)
        if expected not in {None, entry.revision}:
            raise changed_meanwhile(entry.preset.name)
        _check_free(preset.name, [other for other in entries if other is not entry])
        if preset != entry.preset:
            await self._write(guild_id, user_id, entry, preset)
        return await self.get(guild_id, preset.name)

    async def rename(
        self, guild_id: int, name: str, new_name: str, *, user_id: int, expected: int | None = None
    ) -> Entry:
        """Give it another name; where it is a default it stays so. Raises as ``edit``."""
        entry = await self.get(guild_id, name)
        renamed = dataclasses.replace(entry.preset, name=new_name)
        return await self.edit(guild_id, name, renamed, user_id=user_id, expected=expected)

    async def delete(
        self, guild_id: int, name: str, *, user_id: int, expected: int | None = None
    ) -> None:
        """Take it away; a shipped one is hidden in this guild. Raises as ``edit``."""
        entry = await self.get(guild_id, name)
        if expected not in {None, entry.revision}:
            raise changed_meanwhile(entry.preset.name)
        await self._write(guild_id, user_id, entry, None)

    async def history(self, guild_id: int, name: str | None = None) -> tuple[PresetChange, ...]:
        """What was changed, newest first; ``name`` is of one preset, which may be deleted.

        Raises PresetNotFound.
        """
        changes = await self._table.changes(guild_id)
        if name is None:
            return changes
        preset_id = await self._id_of(guild_id, name)
        return tuple(change for change in changes if change.preset_id == preset_id)

    async def undo(
        self, guild_id: int, *, user_id: int, name: str | None = None
    ) -> tuple[PresetChange, ...]:
        """Take the newest change back, of the guild or of one preset; return what was taken back.

        Raises InvalidRequest if there is none, or if its name is taken by now.
        """
        history = await self.history(guild_id, name)
        done = {change.undoes for change in history}
        open_ones = [c for c in history if c.undoes is None and c.id not in done]
        if not open_ones:
            raise InvalidRequest(say("There is nothing to undo here."))
        newest = open_ones[0]
        together = [c for c in open_ones if c.batch == newest.batch] if name is None else [newest]
        stored = {row.id: row for row in await self._table.of_guild(guild_id)}
        writes = [_undoing(change, stored[change.preset_id]) for change in together]
        others = [row.preset for row in stored.values() if row.id not in {w.id for w in writes}]
        _check_free_again(writes, filter(None, others))
        await self._table.write(guild_id, user_id, writes)
        return tuple(together)

    async def set_default(self, guild_id: int, channel_id: int | None, name: str | None) -> None:
        """Make a preset the default of a channel, or of the guild; None for no default.

        Raises PresetNotFound.
        """
        preset_id = None
        if name is not None:
            entry = await self.get(guild_id, name)
            if entry.id is None:  # a copy, so that there is something to point at
                await self._write(guild_id, 0, entry, entry.preset)
                entry = await self.get(guild_id, name)
            preset_id = entry.id
        where = WHOLE_GUILD if channel_id is None else channel_id
        await self._table.set_default(guild_id, where, preset_id)

    async def defaults(self, guild_id: int) -> Mapping[int | None, Preset]:
        """The default of each channel that has one, by its id; that of the guild under None."""
        found = await self._table.defaults(guild_id)
        return MappingProxyType(
            {None if at == WHOLE_GUILD else at: preset for at, preset in found.items()}
        )

    async def default_layers(
        self, guild_id: int | None, channel_id: int, parent_channel_id: int | None = None
    ) -> tuple[Layer, ...]:
        """What holds here without being named: the channel's preset, then the guild's."""
        if guild_id is None:
            return ()
        defaults = await self.defaults(guild_id)
        layers = []
        if preset := defaults.get(channel_id) or defaults.get(parent_channel_id or channel_id):
            layers.append(Layer.of(preset, say("this channel's preset {name}", name=preset.name)))
        if preset := defaults.get(None):
            layers.append(Layer.of(preset, say("this server's preset {name}", name=preset.name)))
        return tuple(layers)

    async def export_toml(self, guild_id: int | None, name: str | None = None) -> bytes:
        """One preset or all of them as TOML. Raises PresetNotFound."""
        return to_toml(await self._chosen(guild_id, name))

    async def export_styles_csv(self, guild_id: int | None, name: str | None = None) -> StylesFile:
        """The texts of one preset or all of them, for A1111. Raises PresetNotFound."""
        presets = await self._chosen(guild_id, name)
        return StylesFile(data=to_styles_csv(presets), lost=lost_in_csv(presets))

    async def import_toml(
        self, guild_id: int, data: bytes, *, user_id: int, replace: bool = False
    ) -> Imported:
        """Take in all presets of a file; those that exist only with ``replace``.

        Raises InvalidRequest, with nothing taken in, for a file that is wrong or holds too many.
        """
        return await self._import(guild_id, from_toml(data), user_id=user_id, replace=replace)

    async def import_styles_csv(
        self, guild_id: int, data: bytes, *, user_id: int, replace: bool = False
    ) -> Imported:
        """Take in A1111's styles. As ``import_toml``, but what cannot be a preset is left out."""
        styles = from_styles_csv(data)
        done = await self._import(guild_id, styles.presets, user_id=user_id, replace=replace)
        return dataclasses.replace(done, left_out=styles.left_out)

    async def _import(
        self, guild_id: int, presets: Iterable[Preset], *, user_id: int, replace: bool
    ) -> Imported:
        entries = {entry.preset.key: entry for entry in await self.list(guild_id)}
        presets = tuple(presets)
        new = [p for p in presets if p.key not in entries]
        there = [p for p in presets if p.key in entries]
        changed = [p for p in there if p != entries[p.key].preset]
        _check_room(len(entries) + len(new))
        writes = [_writing(Entry(preset=p), p, is_new=True) for p in new]
        if replace:
            writes += [_writing(entries[p.key], p) for p in changed]
        await self._table.write(guild_id, user_id, writes)
        return Imported(
            added=_names(new),
            replaced=_names(changed) if replace else (),
            unchanged=_names(p for p in there if p not in changed),
            skipped=() if replace else _names(changed),
        )

    async def _chosen(self, guild_id: int | None, name: str | None) -> tuple[Preset, ...]:
        entries = await self.list(guild_id)
        return tuple(e.preset for e in (entries if name is None else (_find(entries, name),)))

    async def _write(
        self,
        guild_id: int,
        user_id: int,
        entry: Entry,
        after: Preset | None,
        *,
        is_new: bool = False,
    ) -> None:
        await self._table.write(guild_id, user_id, [_writing(entry, after, is_new=is_new)])

    async def _id_of(self, guild_id: int, name: str) -> int | None:
        """The id of a preset that is there, or else of the last one that was."""
        stored = await self._table.of_guild(guild_id)
        key = folded(name)
        for row in sorted(stored, key=lambda row: (row.preset is None, -row.id)):
            if row.key == key:
                return row.id
        return _find(self._entries(stored), name).id

    def _entries(self, stored: Sequence[StoredPreset]) -> tuple[Entry, ...]:
        here = {
            row.key: Entry(preset=row.preset, id=row.id, revision=row.revision, shipped=row.shipped)
            for row in stored
            if row.preset is not None
        }
        copies = {entry.shipped: entry for entry in here.values()}
        touched = {row.shipped for row in stored}
        own = [here[key] for key in sorted(here) if here[key].shipped not in self._shipped]
        shipped = [
            copies.get(key) or Entry(preset=preset, shipped=key)
            for key, preset in self._shipped.items()
            if key in copies or (key not in touched and key not in here)
        ]
        return (*own, *shipped)


def _writing(entry: Entry, after: Preset | None, *, is_new: bool = False) -> PresetWrite:
    return PresetWrite(
        id=entry.id,
        revision=entry.revision,
        shipped=entry.shipped,
        before=None if is_new else entry.preset,
        after=after,
    )


def _undoing(change: PresetChange, row: StoredPreset) -> PresetWrite:
    return PresetWrite(
        id=row.id,
        revision=row.revision,
        before=row.preset,
        after=change.before,
        undoes=change.id,
    )


def _names(presets: Iterable[Preset]) -> tuple[str, ...]:
    return tuple(preset.name for preset in presets)


def _find(entries: Sequence[Entry], name: str) -> Entry:
    key = folded(name)
    for entry in entries:
        if entry.preset.key == key:
            return entry
    names = {entry.preset.key: entry.preset.name for entry in entries}
    close = [names[found] for found in difflib.get_close_matches(key, names, n=3)]
    if close:
        raise PresetNotFound(
            say(
                "There is no preset {name!r} here; close to it are {close}.",
                name=name[:80],
                close=", ".join(close),
            )
        )
    raise PresetNotFound(say("There is no preset {name!r} here.", name=name[:80]))


def _check_free(name: str, others: Iterable[Entry]) -> None:
    if folded(name) in {other.preset.key for other in others}:
        raise InvalidRequest(
            say("There is a preset {name} here already: choose another name.", name=name)
        )


def _check_free_again(writes: Iterable[PresetWrite], others: Iterable[Preset]) -> None:
    taken = {preset.key for preset in others}
    for write in writes:
        if write.after is not None and write.after.key in taken:
            raise InvalidRequest(
                say(
                    "This cannot be undone, since another preset is called {name} now: rename "
                    "that one first.",
                    name=write.after.name,
                )
            )


def _check_room(count: int) -> None:
    if count > MAX_PRESETS:
        raise InvalidRequest(
            say(
                "That would make {count} presets; a server can have {most}.",
                count=count,
                most=MAX_PRESETS,
            )
        )
