"""Statistics of usage, against numpy and plain sums over the same rows."""

import random
import sqlite3
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hypersd_core.store import FILE_NAME, Store
from hypersd_core.store.database import rows
from hypersd_core.store.usage import QUERIES
from hypersd_core.usage_statistics import JobUsage, OfGuild, OfUser, Scope, Span, Statistics, Sums
from tests.jobs.sample_jobs import ALICE, BOB, GUILD, OTHER_GUILD, a_request, added, an_origin

TODAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HERE, MINE = OfGuild(guild_id=GUILD), OfUser(user_id=ALICE)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store.open(tmp_path) as opened:
        yield opened


def a_row(**changes: Any) -> dict[str, Any]:
    row = {
        "job_id": 1, "guild_id": GUILD, "user_id": ALICE, "outcome": "delivered", "pictures": 1,
        "steps": 4, "width": 64, "height": 128, "sampler": "tcd", "model": "small", "gpu_ms": 100,
        "waited_ms": 5, "at": NOON, "preset": "", "blocked": 0,
    }  # fmt: skip
    return row | changes


def write(folder: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows of usage without their jobs, as nothing but the jobs' table does."""
    with closing(sqlite3.connect(folder / FILE_NAME)) as db, db:
        for job_id, row in enumerate(rows, start=1):
            at = row["at"].isoformat(timespec="microseconds")
            values = {**row, "job_id": job_id, "at": at}
            names = ", ".join(values)
            places = ", ".join(f":{name}" for name in values)
            db.execute(f"INSERT INTO usage ({names}) VALUES ({places})", values)


def some_rows(count: int) -> list[dict[str, Any]]:
    rng = random.Random(1)
    return [
        a_row(
            user_id=rng.choice([ALICE, BOB, 0]),
            guild_id=rng.choice([GUILD, OTHER_GUILD, None]),
            outcome=(outcome := rng.choice(["delivered", "delivered", "failed", "cancelled"])),
            blocked=int(outcome == "failed" and rng.random() < 0.5),
            pictures=rng.randint(0, 4) if outcome == "delivered" else 0,
            gpu_ms=rng.randint(0, 900),
            waited_ms=rng.randint(0, 50_000),
            preset=rng.choice(["", "portrait", "狐"]),
            model=rng.choice(["small", "large"]),
            at=NOON - timedelta(hours=rng.randint(0, 24 * 40), microseconds=rng.randint(0, 999)),
        )
        for _ in range(count)
    ]


def sums_of(rows: list[dict[str, Any]]) -> Sums:
    waits = [row["waited_ms"] for row in rows if row["outcome"] == "delivered"]
    p50, p95 = (
        (int(np.percentile(waits, q, method="inverted_cdf")) if waits else None) for q in (50, 95)
    )
    return Sums(
        jobs=len(rows),
        pictures=sum(row["pictures"] for row in rows),
        gpu_ms=sum(row["gpu_ms"] for row in rows),
        delivered=len(waits),
        failed=sum(row["outcome"] == "failed" and not row["blocked"] for row in rows),
        blocked=sum(row["blocked"] for row in rows),
        cancelled=sum(row["outcome"] == "cancelled" for row in rows),
        waited_p50_ms=p50,
        waited_p95_ms=p95,
    )


def in_scope(rows: list[dict[str, Any]], scope: Scope) -> list[dict[str, Any]]:
    if isinstance(scope, OfGuild):
        return [row for row in rows if row["guild_id"] == scope.guild_id]
    return [row for row in rows if row["user_id"] == scope.user_id]


async def numbers(store: Store, scope: Scope = HERE, span: Span = Span.ALL) -> Statistics:
    return await store.usage.statistics(scope, span, TODAY)


@pytest.mark.parametrize("scope", [HERE, MINE])
@pytest.mark.parametrize("span", Span)
async def test_sums_and_percentiles_are_those_of_numpy(
    store: Store, tmp_path: Path, scope: Scope, span: Span
) -> None:
    rows = some_rows(700)
    write(tmp_path, rows)
    statistics = await numbers(store, scope, span)
    first_day = span.first_day(TODAY)
    mine = [row for row in in_scope(rows, scope) if row["at"].date() >= first_day]
    assert statistics.total == sums_of(mine)
    for period in statistics.periods:
        day = [row for row in mine if row["at"].date() == period.first_day]
        assert period.sums == sums_of(day)
    assert sum(period.sums.jobs for period in statistics.periods) == len(mine)


@pytest.mark.parametrize("count", [1, 2, 3, 19, 20, 21, 100, 101])
async def test_percentiles_of_few_and_equal_waits_are_exact(
    store: Store, tmp_path: Path, count: int
) -> None:
    rows = [a_row(waited_ms=i // 3 * 7) for i in range(count)]
    write(tmp_path, rows)
    assert (await numbers(store)).total == sums_of(rows)


async def test_a_span_begins_and_ends_at_midnight_utc(store: Store, tmp_path: Path) -> None:
    start = datetime(2026, 11, 17, tzinfo=UTC)
    second = timedelta(microseconds=1)
    end = datetime(2026, 11, 24, tzinfo=UTC)
    write(tmp_path, [a_row(at=at) for at in (start - second, start, end - second, end)])
    statistics = await numbers(store, span=Span.WEEK)
    assert (statistics.first_day, statistics.last_day) == (start.date(), TODAY)
    assert [period.sums.jobs for period in statistics.periods] == [1, 0, 0, 0, 0, 0, 1]


async def test_without_jobs_there_is_one_empty_day(store: Store) -> None:
    statistics = await numbers(store)
    assert statistics.total == Sums()
    assert [period.sums for period in statistics.periods] == [Sums()]
    assert statistics.total.failed_share == 0


async def test_a_long_span_is_counted_by_months(store: Store, tmp_path: Path) -> None:
    days = [datetime(2025, 12, 31, 9, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC), NOON]
    write(tmp_path, [a_row(at=day, waited_ms=i) for i, day in enumerate(days)])
    statistics = await numbers(store)
    months = {period.first_day: period.sums.jobs for period in statistics.periods}
    assert list(months)[:3] == [date(2025, 12, 1), date(2026, 1, 1), date(2026, 2, 1)]
    assert list(months.values()) == [1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1]


async def test_rankings_are_by_pictures_and_know_neither_nobody_nor_nothing(
    store: Store, tmp_path: Path
) -> None:
    rows = [
        *(a_row(user_id=user, pictures=user) for user in range(8)),
        a_row(user_id=3, preset="fox", pictures=30, gpu_ms=7),
        a_row(user_id=0, preset="", model="huge", pictures=500),
    ]
    write(tmp_path, rows)
    statistics = await numbers(store)
    assert [(r.key, r.pictures) for r in statistics.users] == [
        (3, 33),
        (7, 7),
        (6, 6),
        (5, 5),
        (4, 4),
    ]
    assert [(r.key, r.jobs, r.gpu_ms) for r in statistics.presets] == [("fox", 1, 7)]
    assert [r.key for r in statistics.models] == ["huge", "small"]


@pytest.mark.parametrize(
    ("scope", "index"), [(OfGuild, "usage_by_guild"), (OfUser, "usage_by_user")]
)
async def test_every_query_reads_only_its_scope_and_span(
    store: Store, tmp_path: Path, scope: type[Scope], index: str
) -> None:
    values = dict.fromkeys(
        ("id", "from", "to", "chars", "top", "most", "before_at", "before_id"), 1
    )
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:
        for sql in QUERIES[scope]:
            plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
            reads = [line for line in plan if "usage" in line]
            assert len(reads) == 1, plan
            assert f"INDEX {index} " in reads[0], plan
            assert "AND at>" in reads[0], plan


async def test_pages_list_every_job_once_the_newest_first(store: Store, tmp_path: Path) -> None:
    rows = [a_row(at=NOON - timedelta(minutes=i // 3)) for i in range(50)]
    write(tmp_path, rows)
    listed: list[JobUsage] = []
    before = None
    while page := await store.usage.page(HERE, Span.ALL, TODAY, before=before, most=7):
        listed += page
        before = page[-1]
    assert sorted(job.job_id for job in listed) == list(range(1, 51))
    assert [(job.at, job.job_id) for job in listed] == sorted(
        ((job.at, job.job_id) for job in listed), reverse=True
    )
    assert await store.usage.count(HERE, Span.ALL, TODAY) == 50


async def test_the_jobs_table_writes_what_is_counted_here(store: Store) -> None:
    done = await added(store, a_request(), an_origin(), preset="fox")
    await store.jobs.start(done.id)
    await store.jobs.finish(done.id, 1, [], 310)
    await store.jobs.deliver(done.id, 1, 1)
    blocked = await added(store, a_request(), an_origin())
    await store.jobs.fail(blocked.id, "It was blocked.", blocked=True)
    today = datetime.now(UTC).date()
    statistics = await store.usage.statistics(HERE, Span.TODAY, today)
    assert (statistics.total.delivered, statistics.total.blocked) == (1, 1)
    assert (statistics.total.failed, statistics.total.blocked_share) == (0, 0.5)
    assert [r.key for r in statistics.presets] == ["fox"]
    jobs = await store.usage.page(HERE, Span.TODAY, today, before=None, most=9)
    assert [job.outcome for job in jobs] == ["blocked", "delivered"]


async def test_counting_sees_one_moment_and_keeps_nobody_from_writing(store: Store) -> None:
    database = store.usage._database
    async with database.reading() as db:
        before = await rows(db, "SELECT count(*) AS jobs FROM usage")
        job = await added(store, a_request(), an_origin())
        await store.jobs.cancel(job.id)
        assert await rows(db, "SELECT count(*) AS jobs FROM usage") == before
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            await db.execute("DELETE FROM usage")
    assert await store.usage.count(OfUser(user_id=ALICE), Span.ALL, datetime.now(UTC).date())
