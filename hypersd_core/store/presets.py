"""The presets of each guild, what they were before, and which of them are defaults.

A deleted preset keeps its row, without a value, so that it can come back with its defaults.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

import aiosqlite

from hypersd_core.errors import PresetChanged
from hypersd_core.i18n import say
from hypersd_core.presets import Preset
from hypersd_core.store.database import Database, now, rows

KEPT_CHANGES = 200
"""How many changes of a guild are remembered."""
WHOLE_GUILD = 0
"""Stands for a channel where the default of the guild is meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPreset:
    """A preset of a guild; ``preset`` is None where it was deleted.

    ``shipped`` is the key of the shipped preset that it stands for, ``key`` its own or last one,
    ``revision`` counts its changes.
    """

    id: int
    key: str
    shipped: str | None
    preset: Preset | None
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetWrite:
    """One preset to be written: added where ``id`` is None, deleted where ``after`` is.

    ``revision`` is the one that it must still have. A write that changes nothing is not remembered.
    """

    id: int | None
    revision: int
    shipped: str | None = None
    before: Preset | None
    after: Preset | None
    undoes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetChange:
    """What was done to one preset. ``before`` is None for a new one, ``after`` for a deleted one.

    Changes made together have the same ``batch``. ``undoes`` is the id of the change that this one
    took back.
    """

    id: int
    preset_id: int
    before: Preset | None
    after: Preset | None
    user_id: int
    at: datetime
    batch: int
    undoes: int | None


class PresetTable:
    """Reads and writes whole presets; the rules are the preset book's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_guild(self, guild_id: int) -> tuple[StoredPreset, ...]:
        """All presets of the guild, deleted ones too, oldest first."""
        async with self._database.transaction() as db:
            found = await rows(
                db, "SELECT * FROM presets WHERE guild_id = ? ORDER BY id", (guild_id,)
            )
            return tuple(map(_stored, found))

    async def write(self, guild_id: int, user_id: int, writes: Sequence[PresetWrite]) -> None:
        """Write all or nothing, and remember it as one batch of changes.

        Raises PresetChanged if one was written since, or its name was taken.
        """
        async with self._database.transaction() as db:
            batch: int | None = None
            for write in writes:
                preset_id = await _write(db, guild_id, write)
                if write.before != write.after:
                    batch = await _remember(db, guild_id, user_id, preset_id, write, batch)
            await _forget(db, guild_id)

    async def changes(self, guild_id: int) -> tuple[PresetChange, ...]:
        """What is remembered of the guild, newest first."""
        async with self._database.transaction() as db:
            found = await rows(
                db, "SELECT * FROM preset_changes WHERE guild_id = ? ORDER BY id DESC", (guild_id,)
            )
            return tuple(map(_change, found))

    async def set_default(self, guild_id: int, channel_id: int, preset_id: int | None) -> None:
        """Make it the default of a channel, or of the ``WHOLE_GUILD``; None for no default."""
        async with self._database.transaction() as db:
            await db.execute(
                "DELETE FROM preset_defaults WHERE guild_id = ? AND channel_id = ?",
                (guild_id, channel_id),
            )
            if preset_id is not None:
                await db.execute(
                    "INSERT INTO preset_defaults VALUES (?, ?, ?)",
                    (guild_id, channel_id, preset_id),
                )

    async def defaults(self, guild_id: int) -> Mapping[int, Preset]:
        """The default of each channel that has one, by its id, and of the ``WHOLE_GUILD``."""
        async with self._database.transaction() as db:
            found = await rows(
                db,
                """SELECT channel_id, value FROM preset_defaults
                   JOIN presets ON presets.id = preset_id
                   WHERE preset_defaults.guild_id = ? AND value IS NOT NULL ORDER BY channel_id""",
                (guild_id,),
            )
            presets = {
                row["channel_id"]: Preset.from_json(json.loads(row["value"])) for row in found
            }
            return MappingProxyType(presets)


async def _write(db: aiosqlite.Connection, guild_id: int, write: PresetWrite) -> int:
    """Write it and return its id. Raises PresetChanged."""
    named = _named(write)
    try:
        if write.id is None:
            found = await rows(
                db,
                """INSERT INTO presets (guild_id, name, shipped, value) VALUES (?, ?, ?, ?)
                   RETURNING id""",
                (guild_id, named.key, write.shipped, _json(write.after)),
            )
        else:
            found = await rows(
                db,
                """UPDATE presets SET name = ?, value = ?, revision = revision + 1
                   WHERE id = ? AND guild_id = ? AND revision = ? RETURNING id""",
                (named.key, _json(write.after), write.id, guild_id, write.revision),
            )
    except sqlite3.IntegrityError as error:
        raise changed_meanwhile((write.before or named).name) from error
    if not found:
        raise changed_meanwhile((write.before or named).name)
    return int(found[0]["id"])


async def _remember(
    db: aiosqlite.Connection,
    guild_id: int,
    user_id: int,
    preset_id: int,
    write: PresetWrite,
    batch: int | None,
) -> int:
    """Write the change into the history and return its batch, a new one where there is none."""
    (row,) = await rows(
        db,
        """INSERT INTO preset_changes
               (guild_id, preset_id, name, before, after, user_id, at, batch, undoes)
           VALUES (?, ?, ?, ?, ?, ?, ?, coalesce(?, 0), ?) RETURNING id""",
        (
            guild_id,
            preset_id,
            _named(write).name,
            _json(write.before),
            _json(write.after),
            user_id,
            now(),
            batch,
            write.undoes,
        ),
    )
    if batch is None:
        batch = int(row["id"])
        await db.execute("UPDATE preset_changes SET batch = id WHERE id = ?", (batch,))
    return batch


async def _forget(db: aiosqlite.Connection, guild_id: int) -> None:
    """Drop the oldest changes, and deleted presets that none of the others can bring back.

    A deleted shipped preset stays: its row is what hides it.
    """
    await db.execute(
        """DELETE FROM preset_changes WHERE guild_id = :guild_id AND id <= (
               SELECT id FROM preset_changes WHERE guild_id = :guild_id
               ORDER BY id DESC LIMIT 1 OFFSET :kept)""",
        {"guild_id": guild_id, "kept": KEPT_CHANGES},
    )
    await db.execute(
        """DELETE FROM presets WHERE guild_id = ? AND value IS NULL AND shipped IS NULL
           AND id NOT IN (SELECT preset_id FROM preset_changes)""",
        (guild_id,),
    )


def changed_meanwhile(name: str) -> PresetChanged:
    """The error for whoever comes second."""
    return PresetChanged(
        say(
            "Somebody else changed the preset {name} meanwhile: look at it again, then repeat "
            "your change.",
            name=name,
        )
    )


def _named(write: PresetWrite) -> Preset:
    named = write.after or write.before
    assert named is not None, "something comes or goes"
    return named


def _json(preset: Preset | None) -> str | None:
    return None if preset is None else json.dumps(preset.to_json())


def _preset(value: str | None) -> Preset | None:
    return None if value is None else Preset.from_json(json.loads(value))


def _stored(row: sqlite3.Row) -> StoredPreset:
    return StoredPreset(
        id=row["id"],
        key=row["name"],
        shipped=row["shipped"],
        preset=_preset(row["value"]),
        revision=row["revision"],
    )


def _change(row: sqlite3.Row) -> PresetChange:
    return PresetChange(
        id=row["id"],
        preset_id=row["preset_id"],
        before=_preset(row["before"]),
        after=_preset(row["after"]),
        user_id=row["user_id"],
        at=datetime.fromisoformat(row["at"]),
        batch=row["batch"],
        undoes=row["undoes"],
    )
