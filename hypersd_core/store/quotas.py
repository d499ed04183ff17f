"""What was drawn on one day, summed up from the jobs themselves: there is no ledger to go wrong.

A job counts for the day (UTC) on which it was asked for: all its pictures, and the estimate of its
GPU time until that was measured. Failed, blocked and cancelled jobs count nothing, which is the
refund. Pictures that somebody deletes later were drawn all the same.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

import aiosqlite

from hypersd_core.store.database import Database, as_text, rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What the jobs of one day add up to."""

    pictures: int
    gpu_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpentToday:
    """By one user in one guild or in direct messages, and by everybody in that guild."""

    user: Spent
    guild: Spent


_COUNTED = """
    SELECT guild_id, json_extract(request, '$.count') AS pictures,
           CASE WHEN state IN ('queued', 'running') THEN estimate_ms ELSE gpu_ms END AS gpu_ms
    FROM jobs
    WHERE {whose} AND created_at >= :from AND created_at < :to
          AND state IN ('queued', 'running', 'made', 'delivered')"""
_SUMS = """
    SELECT coalesce(sum(pictures), 0) AS pictures, coalesce(sum(gpu_ms), 0) AS gpu_ms FROM (
        SELECT pictures, gpu_ms FROM ({counted})
        UNION ALL
        SELECT pictures, gpu_ms FROM spent WHERE {whose} AND day = :day
    )"""
_KEEP = """
    INSERT INTO spent (user_id, guild_id, day, pictures, gpu_ms)
    SELECT :user_id, coalesce(guild_id, 0), :day, sum(pictures), sum(gpu_ms)
    FROM ({counted}) GROUP BY guild_id
    ON CONFLICT DO UPDATE SET pictures = pictures + excluded.pictures,
                              gpu_ms = gpu_ms + excluded.gpu_ms"""
BY_USER = _SUMS.format(
    # the plus keeps SQLite from looking for a user's few jobs among the guild's many
    counted=_COUNTED.format(whose="user_id = :user_id AND +guild_id IS :guild_id"),
    whose="user_id = :user_id AND guild_id = coalesce(:guild_id, 0)",
)
IN_GUILD = _SUMS.format(
    counted=_COUNTED.format(whose="guild_id = :guild_id"), whose="guild_id = :guild_id"
)
KEEP = _KEEP.format(counted=_COUNTED.format(whose="user_id = :user_id"))


class QuotaTable:
    """Sums over today's jobs, and what remains of those that were erased."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def spent(self, user_id: int, guild_id: int | None, at: datetime) -> SpentToday:
        """What was spent on the day of ``at``; in direct messages the guild's is nothing."""
        values = _day(at) | {"user_id": user_id, "guild_id": guild_id}
        async with self._database.transaction() as db:
            # an erased person is remembered until the day ends; it is noticed here that it did
            await db.execute("DELETE FROM spent WHERE day < :day", values)
            (user,) = await rows(db, BY_USER, values)
            (guild,) = await rows(db, IN_GUILD, values)
        return SpentToday(user=Spent(**user), guild=Spent(**guild))

    @staticmethod
    async def keep_spent(db: aiosqlite.Connection, user_id: int, at: datetime) -> None:
        """Remember what the user has spent on the day of ``at``, before their jobs are erased.

        To be called in the transaction that erases them. It is forgotten when anybody asks for
        anything on a later day.
        """
        await db.execute(KEEP, _day(at) | {"user_id": user_id})


def next_day(at: datetime) -> datetime:
    """When the day (UTC) after that of ``at`` begins."""
    today = datetime.combine(at.astimezone(UTC), time(tzinfo=UTC))
    return today + timedelta(days=1)


def _day(at: datetime) -> dict[str, object]:
    end = next_day(at)
    start = end - timedelta(days=1)
    return {"day": start.date().isoformat(), "from": as_text(start), "to": as_text(end)}
