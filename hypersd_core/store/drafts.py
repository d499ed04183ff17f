"""What people asked for and did not confirm yet, as JSON. Nobody draws from here."""

import json
from collections.abc import Mapping
from typing import Any

from hypersd_core.store.database import Database, now, rows

MAX_PER_USER = 5
"""How many are kept of one user; the oldest goes first."""


class DraftTable:
    """Drafts by number."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, user_id: int, value: Mapping[str, Any]) -> int:
        """Keep ``value``; returns its number."""
        async with self._database.transaction() as db:
            (row,) = await rows(
                db,
                "INSERT INTO drafts (user_id, value, at) VALUES (?, ?, ?) RETURNING id",
                (user_id, json.dumps(value), now()),
            )
            await db.execute(
                """DELETE FROM drafts WHERE user_id = ?1 AND id NOT IN
                   (SELECT id FROM drafts WHERE user_id = ?1 ORDER BY id DESC LIMIT ?2)""",
                (user_id, MAX_PER_USER),
            )
            return int(row["id"])

    async def take(self, draft_id: int, user_id: int) -> Mapping[str, Any] | None:
        """Remove and return what this user asked for; None if it is gone."""
        async with self._database.transaction() as db:
            found = await rows(
                db,
                "DELETE FROM drafts WHERE id = ? AND user_id = ? RETURNING value",
                (draft_id, user_id),
            )
            return json.loads(found[0]["value"]) if found else None
