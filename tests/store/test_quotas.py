"""Sums over one day's jobs on real files: what counts, for whom, on which day, and how fast."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from hypersd_core.request import Job
from hypersd_core.store import FILE_NAME, Store
from hypersd_core.store.database import as_text, rows
from hypersd_core.store.quotas import BY_USER, IN_GUILD, KEEP, Spent, SpentToday, next_day
from tests.jobs.sample_jobs import ALICE, BOB, GUILD, OTHER_GUILD, a_request, added, an_origin

NOON = datetime(2030, 1, 2, 12, tzinfo=UTC)
NOTHING = Spent(pictures=0, gpu_ms=0)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store.open(tmp_path) as opened:
        yield opened


async def a_job(
    store: Store,
    *,
    user_id: int = ALICE,
    guild_id: int | None = GUILD,
    count: int = 2,
    estimate_ms: int = 900,
    at: datetime = NOON,
) -> Job:
    """A job in ``queued``, asked for at that time."""
    origin = an_origin(user_id=user_id, guild_id=guild_id)
    job = await added(store, a_request(count=count), origin, estimate_ms=estimate_ms)
    async with store.quotas._database.transaction() as db:
        await db.execute("UPDATE jobs SET created_at = ? WHERE id = ?", (as_text(at), job.id))
    return job


async def made(store: Store, job: Job, gpu_ms: int = 700) -> None:
    assert await store.jobs.start(job.id)
    assert await store.jobs.finish(job.id, 1, [], gpu_ms)


async def erase(store: Store, user_id: int, at: datetime) -> None:
    """What erasing somebody's data does to their jobs."""
    async with store.quotas._database.transaction() as db:
        await store.quotas.keep_spent(db, user_id, at)
        await db.execute("DELETE FROM usage WHERE user_id = ?", (user_id,))
        await db.execute("DELETE FROM jobs WHERE user_id = ?", (user_id,))


async def test_nothing_is_spent_before_anything_is_asked_for(store: Store) -> None:
    assert await store.quotas.spent(ALICE, GUILD, NOON) == SpentToday(user=NOTHING, guild=NOTHING)


async def test_a_job_counts_its_estimate_until_it_is_measured(store: Store) -> None:
    job = await a_job(store)
    seen = [await store.quotas.spent(ALICE, GUILD, NOON)]
    assert await store.jobs.start(job.id)
    seen.append(await store.quotas.spent(ALICE, GUILD, NOON))
    assert await store.jobs.finish(job.id, 1, [], 700)
    seen.append(await store.quotas.spent(ALICE, GUILD, NOON))
    assert await store.jobs.deliver(job.id, 1, 1)
    seen.append(await store.quotas.spent(ALICE, GUILD, NOON))
    assert [spent.user for spent in seen] == [spent.guild for spent in seen]
    assert [spent.user.gpu_ms for spent in seen] == [900, 900, 700, 700]
    assert [spent.user.pictures for spent in seen] == [2, 2, 2, 2]


async def test_failed_blocked_and_cancelled_jobs_are_refunded(store: Store) -> None:
    failed, blocked, cancelled = [await a_job(store) for _ in range(3)]
    await made(store, failed)
    await made(store, blocked)
    await store.jobs.fail(failed.id, "It failed.")
    await store.jobs.fail(blocked.id, "It may not be shown.", blocked=True)
    await store.jobs.cancel(cancelled.id)
    assert (await store.quotas.spent(ALICE, GUILD, NOON)).user == NOTHING


async def test_deleting_pictures_refunds_nothing(store: Store) -> None:
    job = await a_job(store)
    await made(store, job)
    await store.jobs.deliver(job.id, 1, 1)
    assert await store.jobs.delete_pictures(job.id)
    assert (await store.quotas.spent(ALICE, GUILD, NOON)).user == Spent(pictures=2, gpu_ms=700)


async def test_each_guild_and_direct_messages_count_apart(store: Store) -> None:
    await a_job(store, count=1)
    await a_job(store, count=2, user_id=BOB)
    await a_job(store, count=3, guild_id=OTHER_GUILD)
    await a_job(store, count=4, guild_id=None)
    here = await store.quotas.spent(ALICE, GUILD, NOON)
    assert (here.user.pictures, here.guild.pictures) == (1, 3)
    direct = await store.quotas.spent(ALICE, None, NOON)
    assert (direct.user.pictures, direct.guild) == (4, NOTHING)


async def test_the_day_ends_at_midnight_utc(store: Store) -> None:
    midnight = datetime(2030, 1, 3, tzinfo=UTC)
    await a_job(store, count=1, at=midnight - timedelta(days=1, microseconds=1))
    await a_job(store, count=2, at=midnight - timedelta(days=1))
    await a_job(store, count=3, at=midnight - timedelta(microseconds=1))
    await a_job(store, count=4, at=midnight)
    for at, pictures in (
        (midnight - timedelta(seconds=1), 5),
        (midnight, 4),
        ((midnight - timedelta(seconds=1)).astimezone(timezone(timedelta(hours=9))), 5),
    ):
        assert (await store.quotas.spent(ALICE, GUILD, at)).user.pictures == pictures


@pytest.mark.parametrize(
    ("at", "end"),
    [
        (datetime(2030, 1, 2, tzinfo=UTC), datetime(2030, 1, 3, tzinfo=UTC)),
        (datetime(2030, 12, 31, 23, 59, 59, 999_999, UTC), datetime(2031, 1, 1, tzinfo=UTC)),
        (
            datetime(2030, 1, 3, 1, tzinfo=timezone(timedelta(hours=9))),
            datetime(2030, 1, 3, tzinfo=UTC),
        ),
    ],
)
def test_the_next_day_is_that_of_utc(at: datetime, end: datetime) -> None:
    assert next_day(at) == end


async def test_erasing_jobs_gives_nothing_back_until_the_day_ends(
    store: Store, tmp_path: Path
) -> None:
    for guild_id in (GUILD, GUILD, OTHER_GUILD, None):
        await made(store, await a_job(store, guild_id=guild_id))
    await a_job(store, user_id=BOB)
    await a_job(store, at=NOON - timedelta(days=1))
    before = [await store.quotas.spent(ALICE, g, NOON) for g in (GUILD, OTHER_GUILD, None)]
    await erase(store, ALICE, NOON)
    after = [await store.quotas.spent(ALICE, g, NOON) for g in (GUILD, OTHER_GUILD, None)]
    assert after == before
    await erase(store, ALICE, NOON)  # nothing is counted twice
    await made(store, await a_job(store))
    await erase(store, ALICE, NOON)  # and nothing forgotten
    spent = await store.quotas.spent(ALICE, GUILD, NOON)
    assert spent.user == Spent(pictures=6, gpu_ms=2_100)
    await store.quotas.spent(BOB, None, NOON + timedelta(days=1))
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:
        assert db.execute("SELECT count(*) FROM spent").fetchone() == (0,)


@pytest.mark.parametrize(
    ("sql", "index"),
    [(BY_USER, "jobs_by_user"), (IN_GUILD, "jobs_by_guild"), (KEEP, "jobs_by_user")],
)
async def test_only_the_days_own_jobs_are_looked_at(store: Store, sql: str, index: str) -> None:
    values = dict.fromkeys(("user_id", "guild_id", "day", "from", "to"))
    async with store.quotas._database.transaction() as db:
        plan = [row["detail"] for row in await rows(db, f"EXPLAIN QUERY PLAN {sql}", values)]
    (jobs,) = [step for step in plan if " jobs " in step]
    assert jobs.startswith("SEARCH ")
    assert f"USING INDEX {index} (" in jobs
    assert "created_at>? AND created_at<?" in jobs
    assert not [step for step in plan if step.startswith(("SCAN jobs", "SCAN spent"))]
