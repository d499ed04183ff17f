"""The log of moderation: appended to, read newest first, never changed."""

import json
import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from hypersd_core.moderation.entries import STRIKES, AuditAction, AuditEntry, MessagePlace
from hypersd_core.store.database import Database, as_text, rows

_STRIKES = ", ".join(f"'{action}'" for action in sorted(STRIKES))


class AuditTable:
    """Entries by guild; None is direct messages."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self,
        *,
        guild_id: int | None,
        actor_id: int,
        action: AuditAction,
        user_id: int | None,
        job_id: int | None,
        detail: Mapping[str, Any],
        at: datetime,
    ) -> AuditEntry | None:
        """Append an entry. None if it is a report of a job that ``actor_id`` reported before."""
        async with self._database.transaction() as db:
            found = await rows(
                db,
                """INSERT INTO audit (guild_id, actor_id, action, user_id, job_id, detail, at)
                   VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING *""",
                (guild_id, actor_id, action, user_id, job_id, json.dumps(detail), as_text(at)),
            )
            return _entry(found[0]) if found else None

    async def page(
        self,
        guild_id: int | None,
        *,
        before: int | None,
        action: AuditAction | None,
        user_id: int | None,
        most: int,
    ) -> tuple[AuditEntry, ...]:
        """Up to ``most`` entries that came before entry ``before``, the newest first.

        ``user_id`` is who did it, or whom it is about.
        """
        async with self._database.transaction() as db:
            found = await rows(
                db,
                """SELECT * FROM audit WHERE guild_id IS :guild_id
                   AND (:before IS NULL OR id < :before)
                   AND (:action IS NULL OR action = :action)
                   AND (:user_id IS NULL OR :user_id IN (actor_id, user_id))
                   ORDER BY id DESC LIMIT :most""",
                {
                    "guild_id": guild_id,
                    "before": before,
                    "action": action,
                    "user_id": user_id,
                    "most": most,
                },
            )
            return tuple(map(_entry, found))

    async def about_job(self, guild_id: int | None, job_id: int) -> tuple[AuditEntry, ...]:
        """All entries of the guild that are about the job, the first one first."""
        async with self._database.transaction() as db:
            found = await rows(
                db,
                "SELECT * FROM audit WHERE job_id = ? AND guild_id IS ? ORDER BY id",
                (job_id, guild_id),
            )
            return tuple(map(_entry, found))

    async def report_card(self, guild_id: int, job_id: int) -> MessagePlace | None:
        """The message that shows the guild's moderators the reports of the job."""
        async with self._database.transaction() as db:
            found = await rows(
                db,
                """SELECT channel_id, message_id FROM report_cards
                   WHERE guild_id = ? AND job_id = ?""",
                (guild_id, job_id),
            )
            return (found[0]["channel_id"], found[0]["message_id"]) if found else None

    async def put_report_card(self, guild_id: int, job_id: int, message: MessagePlace) -> None:
        """Keep where that message is, in the place of an earlier one."""
        async with self._database.transaction() as db:
            await db.execute(
                """INSERT OR REPLACE INTO report_cards (guild_id, job_id, channel_id, message_id)
                   VALUES (?, ?, ?, ?)""",
                (guild_id, job_id, *message),
            )

    async def strikes(self, guild_id: int, user_id: int, since: datetime) -> int:
        """How many prompts and pictures of the user were blocked after ``since``.

        Those before a moderator last unblocked the user are forgiven.
        """
        async with self._database.transaction() as db:
            (row,) = await rows(
                db,
                f"""SELECT count(*) AS strikes FROM audit AS strike
                    WHERE guild_id = :guild_id AND user_id = :user_id AND at > :since
                    AND action IN ({_STRIKES})
                    AND id > coalesce((
                        SELECT max(id) FROM audit WHERE guild_id = :guild_id
                        AND user_id = :user_id AND action = 'user_unblocked'), 0)""",  # noqa: S608 - our own constants
                {"guild_id": guild_id, "user_id": user_id, "since": as_text(since)},
            )
            return int(row["strikes"])


def _entry(row: sqlite3.Row) -> AuditEntry:
    return AuditEntry(
        **{
            **row,
            "action": AuditAction(row["action"]),
            "detail": json.loads(row["detail"]),
            "at": datetime.fromisoformat(row["at"]),
        }
    )
