"""What ended jobs have cost: counted, ranked and listed. Their rows are written by ``store.jobs``.

Percentiles are found by SQLite, which sorts outside our memory; see ``usage_statistics`` for which.
"""

import sqlite3
from datetime import UTC, date, datetime, timedelta
from typing import Any

import aiosqlite

from hypersd_core.store.database import Database, rows
from hypersd_core.usage_statistics import (
    TOP,
    JobUsage,
    OfGuild,
    OfUser,
    Period,
    Ranked,
    Scope,
    Span,
    Statistics,
    Sums,
    counts_months,
    first_days,
)

NOBODY = 0
"""The user of rows whose person was erased."""
_DAY_CHARS, _MONTH_CHARS = len("2026-11-23"), len("2026-11")


# Each scope has an index that begins with its column and goes on with the time.
_USED_IN_GUILD = """WITH used AS (
    SELECT * FROM usage WHERE guild_id = :id AND at >= :from AND at < :to)"""
_USED_BY_USER = """WITH used AS (
    SELECT * FROM usage WHERE user_id = :id AND at >= :from AND at < :to)"""
_SUMS = """
    SELECT substr(at, 1, :chars) AS period, count(*) AS jobs, sum(pictures) AS pictures,
           sum(gpu_ms) AS gpu_ms, sum(outcome = 'delivered') AS delivered,
           sum(outcome = 'failed' AND NOT blocked) AS failed, sum(blocked) AS blocked,
           sum(outcome = 'cancelled') AS cancelled
    FROM used GROUP BY period"""
_WAITED = """
    SELECT period,
           max(CASE WHEN place = (jobs * 50 + 99) / 100 THEN waited_ms END) AS waited_p50_ms,
           max(CASE WHEN place = (jobs * 95 + 99) / 100 THEN waited_ms END) AS waited_p95_ms
    FROM (
        SELECT period, waited_ms, count(*) OVER (PARTITION BY period) AS jobs,
               row_number() OVER (PARTITION BY period ORDER BY waited_ms) AS place
        FROM (SELECT substr(at, 1, :chars) AS period, waited_ms FROM used
              WHERE outcome = 'delivered')
    ) GROUP BY period"""
_TOP_USERS = """
    SELECT user_id AS key, count(*) AS jobs, sum(pictures) AS pictures, sum(gpu_ms) AS gpu_ms
    FROM used WHERE user_id != 0 GROUP BY key
    ORDER BY sum(pictures) DESC, count(*) DESC, key LIMIT :top"""
_TOP_PRESETS = """
    SELECT preset AS key, count(*) AS jobs, sum(pictures) AS pictures, sum(gpu_ms) AS gpu_ms
    FROM used WHERE preset != '' GROUP BY key
    ORDER BY sum(pictures) DESC, count(*) DESC, key LIMIT :top"""
_TOP_MODELS = """
    SELECT model AS key, count(*) AS jobs, sum(pictures) AS pictures, sum(gpu_ms) AS gpu_ms
    FROM used GROUP BY key
    ORDER BY sum(pictures) DESC, count(*) DESC, key LIMIT :top"""
_FIRST = "\n    SELECT min(at) AS first FROM used"
_COUNT = "\n    SELECT count(*) AS jobs FROM used"
_PAGE = """
    SELECT at, job_id, user_id, preset, model, sampler, steps, width, height, pictures, gpu_ms,
           waited_ms, CASE WHEN blocked THEN 'blocked' ELSE outcome END AS outcome
    FROM used WHERE at <= :before_at AND (at, job_id) < (:before_at, :before_id)
    ORDER BY at DESC, job_id DESC LIMIT :most"""
QUERIES = {
    scope: tuple(
        used + query
        for query in (
            _SUMS, _WAITED, _TOP_USERS, _TOP_PRESETS, _TOP_MODELS, _FIRST, _COUNT, _PAGE
        )
    )
    for scope, used in ((OfGuild, _USED_IN_GUILD), (OfUser, _USED_BY_USER))
}  # fmt: skip
"""All of them, for the test that none reads more than its index says."""


class UsageTable:
    """Reads the usage of a guild or of a user."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def statistics(self, scope: Scope, span: Span, today: date) -> Statistics:
        """What the jobs that ended in ``span`` add up to; ``today`` is its last day (UTC)."""
        sums, waited, users, presets, models, first, *_ = QUERIES[type(scope)]
        values = _values(scope, span, today) | {"top": TOP}
        async with self._database.reading() as db:
            (row,) = await rows(db, first, values)
            first_day = span.first_day(today)
            if first_day == date.min:  # all: from the first job on
                first_day = _day(row["first"]) if row["first"] else today
            chars = _MONTH_CHARS if counts_months(first_day, today) else _DAY_CHARS
            periods = await _sums(db, sums, waited, values | {"chars": chars})
            total = await _sums(db, sums, waited, values | {"chars": 0})
            return Statistics(
                scope=scope,
                first_day=first_day,
                last_day=today,
                total=total.get("", Sums()),
                periods=tuple(
                    Period(first_day=day, sums=periods.get(day.isoformat()[:chars], Sums()))
                    for day in first_days(first_day, today)
                ),
                users=tuple(Ranked(**row) for row in await rows(db, users, values)),
                presets=tuple(Ranked(**row) for row in await rows(db, presets, values)),
                models=tuple(Ranked(**row) for row in await rows(db, models, values)),
            )

    async def count(self, scope: Scope, span: Span, today: date) -> int:
        """How many jobs ``page`` would list in all."""
        count = QUERIES[type(scope)][-2]
        async with self._database.reading() as db:
            (row,) = await rows(db, count, _values(scope, span, today))
            return int(row["jobs"])

    async def page(
        self, scope: Scope, span: Span, today: date, *, before: JobUsage | None, most: int
    ) -> tuple[JobUsage, ...]:
        """Up to ``most`` jobs, the newest first, that ended before the one named."""
        page = QUERIES[type(scope)][-1]
        values = _values(scope, span, today) | {"most": most}
        values |= {"before_at": values["to"], "before_id": 0}
        if before is not None:
            at = before.at.isoformat(timespec="microseconds")
            values |= {"before_at": at, "before_id": before.job_id}
        async with self._database.reading() as db:
            return tuple(_job_usage(row) for row in await rows(db, page, values))


async def _sums(
    db: aiosqlite.Connection, sums: str, waited: str, values: dict[str, Any]
) -> dict[str, Sums]:
    found = {row["period"]: dict(row) for row in await rows(db, sums, values)}
    for row in await rows(db, waited, values):
        found[row["period"]] |= dict(row)
    return {
        period: Sums(**{name: value for name, value in row.items() if name != "period"})
        for period, row in found.items()
    }


def _values(scope: Scope, span: Span, today: date) -> dict[str, Any]:
    """A day sorts before all times on it."""
    return {
        "id": scope.guild_id if isinstance(scope, OfGuild) else scope.user_id,
        "from": span.first_day(today).isoformat(),
        "to": (today + timedelta(days=1)).isoformat(),
    }


def _job_usage(row: sqlite3.Row) -> JobUsage:
    return JobUsage(**{**row, "at": datetime.fromisoformat(row["at"])})


def _day(at: str) -> date:
    return datetime.fromisoformat(at).astimezone(UTC).date()
