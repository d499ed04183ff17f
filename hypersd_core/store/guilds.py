"""The policy of each guild that has set one."""

import json
from collections.abc import Callable
from typing import NamedTuple

import aiosqlite

from hypersd_core.policy import DEFAULT, GuildPolicy
from hypersd_core.store.database import Database, rows


class Edited(NamedTuple):
    """A policy before and after an edit."""

    before: GuildPolicy
    after: GuildPolicy


class GuildTable:
    """Guilds with their policies."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def policy(self, guild_id: int) -> GuildPolicy:
        """What the guild has set; the defaults if it has set nothing."""
        async with self._database.transaction() as db:
            return await _policy(db, guild_id)

    async def edit(self, guild_id: int, change: Callable[[GuildPolicy], GuildPolicy]) -> Edited:
        """Put ``change`` of the policy in its place. What ``change`` raises leaves all as it was.

        Two edits at once both hold: each is given what the one before it has left.
        """
        async with self._database.transaction() as db:
            before = await _policy(db, guild_id)
            after = change(before)
            await db.execute(
                """INSERT INTO guilds (guild_id, value) VALUES (?, ?)
                   ON CONFLICT (guild_id) DO UPDATE SET value = excluded.value""",
                (guild_id, json.dumps(after.to_json())),
            )
            return Edited(before, after)


async def _policy(db: aiosqlite.Connection, guild_id: int) -> GuildPolicy:
    found = await rows(db, "SELECT value FROM guilds WHERE guild_id = ?", (guild_id,))
    return GuildPolicy.from_json(json.loads(found[0]["value"])) if found else DEFAULT
