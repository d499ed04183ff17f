"""What each person has set for themselves."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import aiosqlite

from hypersd_core.store.database import Database, rows

Values = Mapping[str, Any]
"""Defaults as a dict of plain values; empty where a person has none."""


class PeopleTable:
    """People with their defaults."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def defaults(self, user_id: int) -> Values:
        """What the person has set."""
        async with self._database.transaction() as db:
            return await _defaults(db, user_id)

    async def edit_defaults(self, user_id: int, change: Callable[[Values], Values]) -> Values:
        """Put ``change`` of the defaults in their place. What it raises leaves all as it was."""
        async with self._database.transaction() as db:
            after = change(await _defaults(db, user_id))
            await db.execute(
                """INSERT INTO people (user_id, defaults) VALUES (?, ?)
                   ON CONFLICT (user_id) DO UPDATE SET defaults = excluded.defaults""",
                (user_id, json.dumps(after, ensure_ascii=False)),
            )
            return after

    async def clear_defaults(self, user_id: int) -> bool:
        """Forget them. False if there were none."""
        async with self._database.transaction() as db:
            gone = await rows(
                db, "DELETE FROM people WHERE user_id = ? RETURNING user_id", (user_id,)
            )
            return bool(gone)


async def _defaults(db: aiosqlite.Connection, user_id: int) -> Values:
    found = await rows(db, "SELECT defaults FROM people WHERE user_id = ?", (user_id,))
    return dict(json.loads(found[0]["defaults"])) if found else {}
