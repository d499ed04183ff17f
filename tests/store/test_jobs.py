"""The store on real files: what survives, what is refused, what a bad file says."""

import asyncio
import dataclasses
import itertools
import json
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from hypersd_core.errors import JobNotFound, StoreError
from hypersd_core.request import Job, JobState, Picture
from hypersd_core.store import FILE_NAME, Store
from hypersd_core.store.jobs import NewJob, Waiting
from hypersd_core.store.migrations import MIGRATIONS
from hypersd_core.usage_statistics import OfGuild, Span
from tests.jobs.sample_jobs import ALICE, BOB, GUILD, OTHER_GUILD, a_request, added, an_origin

ROOT = Path(__file__).resolve().parents[2]
MESSAGE = {"channel_id": 2**62 + 3, "message_id": 2**62 + 5}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store.open(tmp_path) as opened:
        yield opened


def a_picture(index: int = 0) -> Picture:
    return Picture(
        index=index,
        seed=2**32 - 1,
        path=Path("1", f"{index}.png"),
        width=64,
        height=128,
        bytes=2_000,
        infotext="a fox\nSteps: 4, ☃",
    )


async def a_job_in(store: Store, state: JobState) -> Job:
    """A job that went to ``state`` on the ordinary way."""
    job = await added(store, a_request(), an_origin())
    if state in (JobState.RUNNING, JobState.MADE, JobState.DELIVERED):
        assert await store.jobs.start(job.id)
    if state in (JobState.MADE, JobState.DELIVERED):
        assert await store.jobs.finish(job.id, 1, [a_picture()], 310)
    if state is JobState.DELIVERED:
        assert await store.jobs.deliver(job.id, **MESSAGE)
    if state is JobState.FAILED:
        assert await store.jobs.fail(job.id, "The device could not finish this picture.")
    if state is JobState.CANCELLED:
        assert await store.jobs.cancel(job.id)
    return await store.jobs.get(job.id)


def rows(folder: Path, sql: str) -> list[dict[str, Any]]:
    """What another program sees in the file."""
    with closing(sqlite3.connect(folder / FILE_NAME)) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute(sql)]


async def test_rows_survive_reopening(tmp_path: Path) -> None:
    request = a_request(prompt='"quoted" ☃ 狐', seed=2**32 - 1, guidance=2.5, count=2)
    origin = an_origin(guild_id=None, private=True, locale="de")
    async with Store.open(tmp_path) as store:
        parent = await added(store, a_request(), an_origin())
        stored = await added(store, request, origin, parent_id=parent.id)
        await store.jobs.start(stored.id)
        await store.jobs.finish(stored.id, 1, [a_picture(1), a_picture(0)], 310)
    async with Store.open(tmp_path) as store:
        job = await store.jobs.get(stored.id)
    assert (job.request, job.origin, job.parent_id) == (request, origin, parent.id)
    assert (job.state, job.attempt, job.gpu_ms) == (JobState.MADE, 1, 310)
    assert job.created_at == stored.created_at
    assert job.pictures == (a_picture(0), a_picture(1))


async def test_an_unknown_job_is_not_found(store: Store) -> None:
    with pytest.raises(JobNotFound, match="There is no job 42"):
        await store.jobs.get(42)


ACTIONS: dict[str, Callable[[Store, int], Awaitable[object]]] = {
    "start": lambda store, job_id: store.jobs.start(job_id),
    "put back": lambda store, job_id: store.jobs.put_back(job_id),
    "finish": lambda store, job_id: store.jobs.finish(job_id, 1, [], 1),
    "deliver": lambda store, job_id: store.jobs.deliver(job_id, 1, 1),
    "fail": lambda store, job_id: store.jobs.fail(job_id, "It failed."),
    "cancel": lambda store, job_id: store.jobs.cancel(job_id),
}
LEGAL = {
    ("queued", "start"): "running",
    ("queued", "fail"): "failed",
    ("queued", "cancel"): "cancelled",
    ("running", "put back"): "queued",
    ("running", "finish"): "made",
    ("running", "fail"): "failed",
    ("running", "cancel"): "cancelled",
    ("made", "deliver"): "delivered",
    ("made", "fail"): "failed",
}


@pytest.mark.parametrize(("state", "action"), list(itertools.product(JobState, ACTIONS)))
async def test_exactly_the_legal_transitions_happen(
    store: Store, state: JobState, action: str
) -> None:
    before = await a_job_in(store, state)
    moved = await ACTIONS[action](store, before.id)
    after = await store.jobs.get(before.id)
    assert bool(moved) == ((state, action) in LEGAL)
    if moved:
        assert after.state == LEGAL[state, action]
    else:
        assert after == before


async def test_start_counts_attempts_and_put_back_takes_one_off(store: Store) -> None:
    job = await added(store, a_request(), an_origin())
    started = await store.jobs.start(job.id)
    assert started is not None
    assert (job.attempt, started.attempt) == (0, 1)
    await store.jobs.put_back(job.id)
    again = await store.jobs.start(job.id)
    assert again is not None
    assert again.attempt == 1


async def test_a_result_of_an_earlier_attempt_is_refused(store: Store) -> None:
    job = await a_job_in(store, JobState.RUNNING)
    await store.jobs.recover()
    assert await store.jobs.start(job.id)
    assert not await store.jobs.finish(job.id, 1, [a_picture()], 1)
    assert await store.jobs.finish(job.id, 2, [a_picture()], 1)
    assert not await store.jobs.finish(job.id, 2, [a_picture()], 1)


async def test_of_two_deliveries_at_once_one_wins(store: Store, tmp_path: Path) -> None:
    job = await a_job_in(store, JobState.MADE)
    results = await asyncio.gather(*(store.jobs.deliver(job.id, 1, n) for n in range(8)))
    assert sum(results) == 1
    assert rows(tmp_path, "SELECT message_id FROM jobs") == [{"message_id": results.index(True)}]


async def test_a_state_changes_with_all_its_rows_or_not_at_all(store: Store) -> None:
    job = await a_job_in(store, JobState.RUNNING)
    with pytest.raises(StoreError) as caught:
        await store.jobs.finish(job.id, 1, [a_picture(), a_picture()], 1)  # the same index twice
    assert isinstance(caught.value.__cause__, sqlite3.IntegrityError)
    assert await store.jobs.get(job.id) == job


async def test_a_cancelled_task_leaves_no_half_transaction(store: Store, tmp_path: Path) -> None:
    for turns in range(12):
        task = asyncio.create_task(
            store.jobs.fail((await a_job_in(store, JobState.MADE)).id, "No.")
        )
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert await added(store, a_request(), an_origin())
    differing = """SELECT jobs.id FROM jobs LEFT JOIN usage ON usage.job_id = jobs.id
                   WHERE (state = 'failed') != (outcome IS NOT NULL)"""
    assert rows(tmp_path, differing) == []


@pytest.mark.parametrize("outcome", ["delivered", "failed", "cancelled"])
async def test_each_ended_job_leaves_one_row_of_usage(
    store: Store, tmp_path: Path, outcome: str
) -> None:
    await a_job_in(store, JobState(outcome))
    made = outcome == "delivered"
    (row,) = rows(tmp_path, "SELECT * FROM usage")
    assert row.pop("at").endswith("+00:00")
    assert 0 <= row.pop("waited_ms") < 60_000
    assert row == {
        "job_id": 1,
        "guild_id": GUILD,
        "user_id": ALICE,
        "outcome": outcome,
        "blocked": 0,
        "preset": "",
        "pictures": int(made),
        "steps": 4,
        "width": 64,
        "height": 128,
        "sampler": "tcd",
        "model": "small",
        "gpu_ms": 310 if made else 0,
    }


async def test_waited_ms_is_the_time_before_the_start(store: Store, tmp_path: Path) -> None:
    job = await a_job_in(store, JobState.MADE)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db, db:
        db.execute(
            """UPDATE jobs SET created_at = '2030-01-01T00:00:00.000000+00:00',
                               started_at = '2030-01-01T00:00:01.234000+00:00'"""
        )
    await store.jobs.deliver(job.id, **MESSAGE)
    assert rows(tmp_path, "SELECT waited_ms FROM usage") == [{"waited_ms": 1234}]


async def test_an_ended_job_leaves_one_row_of_usage(store: Store, tmp_path: Path) -> None:
    for state in (JobState.DELIVERED, JobState.FAILED, JobState.MADE):
        await a_job_in(store, state)
    assert rows(tmp_path, "SELECT outcome, pictures, gpu_ms FROM usage ORDER BY job_id") == [
        {"outcome": "delivered", "pictures": 1, "gpu_ms": 310},
        {"outcome": "failed", "pictures": 0, "gpu_ms": 0},
    ]


async def test_of_several_new_jobs_all_are_added_or_none(store: Store, tmp_path: Path) -> None:
    good = NewJob(request=a_request(), origin=an_origin())
    with pytest.raises(StoreError):
        await store.jobs.add([good, dataclasses.replace(good, weight=0)])
    assert rows(tmp_path, "SELECT id FROM jobs") == []
    added = await store.jobs.add([good, good, good])
    assert [job.id for job in added] == list(range(added[0].id, added[0].id + 3))


async def test_a_blocked_job_is_told_from_one_that_broke(store: Store, tmp_path: Path) -> None:
    job = await added(store, a_request(), an_origin(), preset="Ink")
    await store.jobs.start(job.id)
    assert await store.jobs.fail(job.id, "Not here.", blocked=True)
    assert (await store.jobs.get(job.id)).blocked
    assert rows(tmp_path, "SELECT blocked, preset FROM usage") == [{"blocked": 1, "preset": "Ink"}]


async def test_a_job_is_found_by_the_message_that_shows_it(store: Store) -> None:
    job = await a_job_in(store, JobState.DELIVERED)
    assert await store.jobs.shown_by(MESSAGE["message_id"]) == job
    assert job.message == (MESSAGE["channel_id"], MESSAGE["message_id"])
    assert await store.jobs.shown_by(1) is None


async def test_deleted_pictures_leave_the_job(store: Store) -> None:
    job = await a_job_in(store, JobState.DELIVERED)
    assert await store.jobs.delete_pictures(job.id)
    assert not await store.jobs.delete_pictures(job.id)
    left = await store.jobs.get(job.id)
    assert left.is_deleted
    assert left.pictures == ()


async def test_pictures_that_are_on_their_way_cannot_be_deleted(store: Store) -> None:
    job = await a_job_in(store, JobState.MADE)
    assert not await store.jobs.delete_pictures(job.id)
    assert await store.jobs.get(job.id) == job


async def test_open_jobs_are_those_without_an_end(store: Store) -> None:
    jobs = [await a_job_in(store, state) for state in JobState]
    is_open = {JobState.QUEUED, JobState.RUNNING, JobState.MADE}
    expected = [job.id for job in jobs if job.state in is_open]
    assert [job.id for job in await store.jobs.open(user_id=ALICE)] == expected
    assert [job.id for job in await store.jobs.open(guild_id=GUILD)] == expected
    assert await store.jobs.open(user_id=BOB) == ()
    assert await store.jobs.open(guild_id=OTHER_GUILD) == ()


async def test_only_queued_jobs_count_as_waiting(store: Store) -> None:
    await a_job_in(store, JobState.RUNNING)
    for user_id, guild_id in ((ALICE, GUILD), (ALICE, OTHER_GUILD), (BOB, GUILD), (BOB, None)):
        await added(store, a_request(), an_origin(user_id=user_id, guild_id=guild_id))
    assert await store.jobs.waiting_count(ALICE, GUILD) == Waiting(user=2, guild=2)
    assert await store.jobs.waiting_count(BOB, None) == Waiting(user=2, guild=0)


async def test_recover_gives_a_lost_job_a_second_chance_and_no_third(
    store: Store, tmp_path: Path
) -> None:
    lost = await a_job_in(store, JobState.RUNNING)
    waiting = await a_job_in(store, JobState.QUEUED)
    made = await a_job_in(store, JobState.MADE)
    first = await store.jobs.recover()
    assert [job.id for job in first.queued] == [lost.id, waiting.id]
    assert first.made == (made,)
    assert first.failed == ()
    await store.jobs.start(lost.id)
    second = await store.jobs.recover()
    assert [job.id for job in second.queued] == [waiting.id]
    (failed,) = second.failed
    assert (failed.id, failed.state, failed.attempt) == (lost.id, JobState.FAILED, 2)
    assert failed.failure.startswith("The bot stopped")
    assert (await store.jobs.recover()).failed == ()
    assert rows(tmp_path, "SELECT job_id FROM usage") == [{"job_id": lost.id}]


async def test_all_tables_are_strict_and_times_sort_as_text(store: Store, tmp_path: Path) -> None:
    await a_job_in(store, JobState.DELIVERED)
    tables = rows(tmp_path, "PRAGMA table_list")
    ours = [t for t in tables if not t["name"].startswith("sqlite_")]
    assert {"jobs", "pictures", "usage", "presets", "guilds"} <= {t["name"] for t in ours}
    assert all(t["strict"] for t in ours)
    assert rows(tmp_path, "PRAGMA journal_mode") == [{"journal_mode": "wal"}]
    (times,) = rows(tmp_path, "SELECT created_at, started_at, made_at, delivered_at FROM jobs")
    assert {len(at) for at in times.values()} == {len("2030-01-01T00:00:00.000000+00:00")}
    assert list(times.values()) == sorted(times.values())


async def test_a_failing_migration_leaves_the_version_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = "CREATE TABLE second (id INTEGER) STRICT; INSERT INTO nowhere VALUES (1);"
    monkeypatch.setattr("hypersd_core.store.database.MIGRATIONS", (*MIGRATIONS, bad))
    with pytest.raises(StoreError, match="nowhere"):
        async with Store.open(tmp_path):
            pass
    assert rows(tmp_path, "PRAGMA user_version") == [{"user_version": len(MIGRATIONS)}]
    assert rows(tmp_path, "SELECT name FROM sqlite_schema WHERE name = 'second'") == []
    good = "CREATE TABLE second (id INTEGER) STRICT;"
    monkeypatch.setattr("hypersd_core.store.database.MIGRATIONS", (*MIGRATIONS, good))
    async with Store.open(tmp_path) as store:
        assert await added(store, a_request(), an_origin())
    assert rows(tmp_path, "PRAGMA user_version") == [{"user_version": len(MIGRATIONS) + 1}]


def _first_version(folder: Path) -> None:
    """A database as the first release left it: a delivered job, and one that waits."""
    request = {
        "prompt": "an old fox", "negative": "", "model": "small", "sampler": "tcd", "steps": 4,
        "guidance": 1.0, "eta": 0.0, "width": 64, "height": 128, "seed": 7, "count": 1,
        "timesteps": [], "loras": [{"name": "ink", "weight": 0.5}], "vae": "",
        "emphasis": "original", "clip_skip": 1, "tiling": False, "variation": None,
        "source": None, "hires": None, "enlarge": 1, "notes": [],
    }  # fmt: skip
    origin = {
        "user_id": ALICE, "guild_id": GUILD, "channel_id": 5, "private": False,
        "application_id": 1, "token": "secret", "token_expires_at": "2026-01-02T03:04:05+00:00",
        "locale": "en-US",
    }  # fmt: skip
    at = "2026-01-02T03:04:05.000006+00:00"
    with closing(sqlite3.connect(folder / FILE_NAME)) as db:
        db.executescript(f"{MIGRATIONS[0]} PRAGMA user_version = 1;")
        db.executemany(
            """INSERT INTO jobs (guild_id, user_id, channel_id, request, origin, state, gpu_ms,
                                 created_at, message_channel_id, message_id)
               VALUES (?, ?, 5, ?, ?, ?, 310, ?, 5, 6)""",
            [
                (GUILD, ALICE, json.dumps(request), json.dumps(origin), state, at)
                for state in ("delivered", "queued")
            ],
        )
        db.execute("INSERT INTO pictures VALUES (1, 0, 7, '1/0.png', 64, 128, 2000, 'an old fox')")
        db.execute(
            """INSERT INTO usage VALUES (1, ?, ?, 'delivered', 1, 4, 64, 128, 'tcd', 'small', 310,
                                         20, ?)""",
            (GUILD, ALICE, at),
        )
        db.commit()


async def test_a_database_of_the_first_version_is_read_whole(tmp_path: Path) -> None:
    _first_version(tmp_path)
    async with Store.open(tmp_path) as store:
        job, waiting = await store.jobs.get(1), await store.jobs.get(2)
        statistics = await store.usage.statistics(
            OfGuild(guild_id=GUILD), Span.ALL, date(2026, 1, 3)
        )
        assert await store.jobs.shown_by(6) == job
        assert (await store.jobs.recover()).queued == (waiting,)
    assert (job.request.prompt, job.request.loras[0].weight) == ("an old fox", 0.5)
    assert (job.state, job.gpu_ms, job.is_kept, job.is_deleted) == (
        JobState.DELIVERED,
        310,
        True,
        False,
    )
    assert (job.origin.user_id, job.origin.can_post, job.origin.spoiler) == (ALICE, True, False)
    assert [(p.path, p.rating, p.spoiler) for p in job.pictures] == [(Path("1/0.png"), "", False)]
    assert (statistics.total.pictures, statistics.total.gpu_ms) == (1, 310)


async def test_a_person_of_the_first_version_can_be_erased(tmp_path: Path) -> None:
    _first_version(tmp_path)
    async with Store.open(tmp_path) as store:
        assert await store.jobs.cancel(2)
        assert await store.privacy.erase(ALICE, datetime(2026, 1, 3, tzinfo=UTC)) == (1, 2)
        assert not (await store.jobs.get(1)).is_kept
    assert rows(tmp_path, "PRAGMA foreign_key_check") == []
    assert rows(tmp_path, "SELECT user_id FROM usage") == [{"user_id": 0}] * 2
    assert rows(tmp_path, "SELECT * FROM jobs WHERE request LIKE '%fox%'") == []


async def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:
        db.execute("PRAGMA user_version = 999")
    with pytest.raises(StoreError, match=rf"{FILE_NAME} was written by a newer version .* 999"):
        async with Store.open(tmp_path):
            pass


def _file_for_a_folder(folder: Path) -> None:
    folder.write_text("in the way")


def _folder_for_the_database(folder: Path) -> None:
    (folder / FILE_NAME).mkdir(parents=True)


def _text_for_the_database(folder: Path) -> None:
    folder.mkdir()
    (folder / FILE_NAME).write_text("not a database " * 100)


@pytest.mark.parametrize(
    "spoil", [_file_for_a_folder, _folder_for_the_database, _text_for_the_database]
)
async def test_a_folder_that_cannot_be_used_is_named_with_what_to_do(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    folder = tmp_path / "data"
    spoil(folder)
    with pytest.raises(StoreError, match=r"cannot be used .*: .*(name another|move it away)") as e:
        async with Store.open(folder):
            pass
    assert str(folder) in str(e.value)
    assert str(e.value).count("\n") == 0


OPEN_AND = """
import asyncio, sys
from pathlib import Path
from hypersd_core.store import Store

async def main():
    async with Store.open(Path(sys.argv[1])) as store:
        {inside}

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("inside", "status"),
    [("pass", 0), ("raise RuntimeError", 1), ("asyncio.current_task().cancel()", 1)],
)
def test_the_process_ends_after_the_store_was_open(
    tmp_path: Path, inside: str, status: int
) -> None:
    script = OPEN_AND.format(inside=inside)
    command = [sys.executable, "-c", script, str(tmp_path / "new" / "data")]
    ended = subprocess.run(command, cwd=ROOT, timeout=20, capture_output=True, check=False)
    assert ended.returncode == status, ended.stderr.decode()
