"""Each guild's wildcard lists."""

import json
from collections.abc import Callable, Mapping

import aiosqlite

from hypersd_core.store.database import Database, now, rows

Lists = Mapping[str, tuple[str, ...]]
"""Entries by the list's name."""


class WildcardTable:
    """Wildcard lists, and who changed each last."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lists(self, guild_id: int) -> Lists:
        """All lists of a guild."""
        async with self._database.transaction() as db:
            return await _lists(db, guild_id)

    async def edit(self, guild_id: int, user_id: int, change: Callable[[Lists], Lists]) -> Lists:
        """Put ``change`` of the lists in their place. What it raises leaves all as it was.

        Two edits at once both hold: each is given what the one before it has left.
        """
        async with self._database.transaction() as db:
            before = await _lists(db, guild_id)
            after = change(before)
            await db.executemany(
                "DELETE FROM wildcards WHERE guild_id = ? AND name = ?",
                [(guild_id, name) for name in before if name not in after],
            )
            await db.executemany(
                """INSERT INTO wildcards (guild_id, name, entries, user_id, at)
                   VALUES (?, ?, ?, ?, ?)
                   ON CONFLICT (guild_id, name) DO UPDATE SET
                       entries = excluded.entries, user_id = excluded.user_id, at = excluded.at""",
                [
                    (guild_id, name, json.dumps(entries, ensure_ascii=False), user_id, now())
                    for name, entries in after.items()
                    if before.get(name) != entries
                ],
            )
            return after


async def _lists(db: aiosqlite.Connection, guild_id: int) -> Lists:
    found = await rows(
        db, "SELECT name, entries FROM wildcards WHERE guild_id = ? ORDER BY name", (guild_id,)
    )
    return {row["name"]: tuple(json.loads(row["entries"])) for row in found}
