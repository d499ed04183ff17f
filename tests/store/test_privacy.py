"""What is left of a person in the database once they were erased, and of a job once it is old."""

import json
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hypersd_core.errors import JobsOpen
from hypersd_core.request import Job, JobState, Picture, Source
from hypersd_core.store import FILE_NAME, Store
from hypersd_core.store.privacy import ABOUT, ERASED, EXPIRED, INPUTS_IN_USE, JOBS_OF, OVERDUE
from hypersd_core.usage_statistics import OfGuild, OfUser, Span
from tests.jobs.sample_jobs import ALICE, BOB, GUILD, OTHER_GUILD, a_request, added, an_origin

SECRET = "a very private fox"
NAME = f"{'a' * 64}.png"
MASK = f"{'b' * 64}.png"
# Whatever of a person stays after an erasure, and why it may.
STAYS = {
    "blocks.user_id": "a guild protects itself from who comes back",
    "blocks.by_user_id": "… and knows who decided it",
    "audit.user_id": "strikes count, or an erasure would forgive them",
    "audit.actor_id": "the log of moderation is of no use with holes",
    "spent.user_id": "until the day ends: an erasure is no way around a quota",
}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store.open(tmp_path) as opened:
        yield opened


def a_picture() -> Picture:
    path = Path("1", "0.png")
    return Picture(index=0, seed=7, path=path, width=64, height=128, bytes=9, infotext=SECRET)


async def delivered(store: Store, user_id: int = ALICE, guild_id: int | None = GUILD) -> Job:
    source = Source(picture=NAME, mask=MASK, strength=0.5)
    request = a_request(prompt=SECRET, negative=SECRET, notes=(SECRET,), source=source)
    origin = an_origin(user_id=user_id, guild_id=guild_id, token=f"{SECRET} token")
    job = await added(store, request, origin)
    await store.jobs.start(job.id)
    await store.jobs.finish(job.id, 1, [a_picture()], 300)
    await store.jobs.deliver(job.id, 2**62 + 3, 2**62 + 5)
    return job


def execute(folder: Path, sql: str, *values: object) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / FILE_NAME)) as db, db:
        return db.execute(sql, values).fetchall()


def everything(folder: Path) -> str:
    """All rows of all tables, as text."""
    tables = execute(folder, "SELECT name FROM sqlite_master WHERE type = 'table'")
    return "\n".join(
        str(row) for (table,) in tables for row in execute(folder, f"SELECT * FROM {table}")
    )


async def test_no_word_and_no_id_of_an_erased_person_is_left(store: Store, tmp_path: Path) -> None:
    job = await delivered(store)
    await delivered(store, guild_id=None)
    execute(tmp_path, "INSERT INTO people VALUES (?, ?)", ALICE, json.dumps({"style": SECRET}))
    execute(
        tmp_path, "INSERT INTO drafts (user_id, value, at) VALUES (?, ?, '')", ALICE,
        json.dumps(SECRET),
    )  # fmt: skip
    assert len(await store.privacy.erase(ALICE, datetime(2030, 1, 1, tzinfo=UTC))) == 2
    left = everything(tmp_path)
    assert SECRET not in left
    assert NAME not in left
    assert str(ALICE) not in left
    assert str(2**62 + 5) not in left
    erased = await store.jobs.get(job.id)
    assert (erased.request.prompt, erased.request.steps) == (ERASED, a_request().steps)
    assert erased.is_deleted
    assert erased.origin.private
    assert erased.pictures == ()


async def test_erasing_one_leaves_everybody_else_as_they_were(store: Store) -> None:
    await delivered(store)
    other = await store.jobs.get((await delivered(store, user_id=BOB)).id)
    await store.privacy.erase(ALICE, datetime.now(UTC))
    assert await store.jobs.get(other.id) == other


async def test_a_guild_still_counts_what_erased_people_drew(store: Store) -> None:
    await delivered(store)
    today = datetime.now(UTC).date()
    before = await store.usage.statistics(OfGuild(guild_id=GUILD), Span.ALL, today)
    await store.privacy.erase(ALICE, datetime.now(UTC))
    after = await store.usage.statistics(OfGuild(guild_id=GUILD), Span.ALL, today)
    assert after.total == before.total
    assert after.users == ()
    mine = await store.usage.statistics(OfUser(user_id=ALICE), Span.ALL, today)
    assert mine.total.jobs == 0


async def test_an_erasure_gives_no_quota_back(store: Store) -> None:
    for guild_id in (GUILD, GUILD, OTHER_GUILD, None):
        await delivered(store, guild_id=guild_id)
    now = datetime.now(UTC)
    before = [await store.quotas.spent(ALICE, guild, now) for guild in (GUILD, OTHER_GUILD, None)]
    for _ in range(2):  # a second erasure adds nothing
        await store.privacy.erase(ALICE, now)
        after = [
            await store.quotas.spent(ALICE, guild, now) for guild in (GUILD, OTHER_GUILD, None)
        ]
        assert after == before
    assert before[0].user.pictures == 2


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING, JobState.MADE])
async def test_nothing_is_erased_while_a_job_is_open(store: Store, state: JobState) -> None:
    done = await delivered(store)
    open_job = await added(store, a_request(), an_origin())
    if state is not JobState.QUEUED:
        await store.jobs.start(open_job.id)
    if state is JobState.MADE:
        await store.jobs.finish(open_job.id, 1, [], 1)
    with pytest.raises(JobsOpen, match="One of your jobs is not finished"):
        await store.privacy.erase(ALICE, datetime.now(UTC))
    assert (await store.jobs.get(done.id)).request.prompt == SECRET


def write_rows_about(folder: Path, user_id: int) -> dict[str, str]:
    """Write a row that names the user into each table of people; returns column -> table."""
    named: dict[str, str] = {}
    for (table,) in execute(folder, "SELECT name FROM sqlite_master WHERE type = 'table'"):
        columns = {row[1]: row[2] for row in execute(folder, f"PRAGMA table_info({table})")}
        people = [name for name in columns if name.endswith(("user_id", "actor_id"))]
        named |= {f"{table}.{name}": table for name in people}
        if people and table not in {"jobs", "usage"}:  # they know each other, and are not one row
            blank = {name: 1 if kind == "INTEGER" else "{}" for name, kind in columns.items()}
            values = blank | dict.fromkeys(people, user_id)
            places = ", ".join("?" * len(values))
            execute(folder, f"INSERT INTO {table} VALUES ({places})", *values.values())
    return named


async def test_every_column_that_names_a_person_is_cleared_or_has_its_reason(
    store: Store, tmp_path: Path
) -> None:
    await delivered(store)
    named = write_rows_about(tmp_path, ALICE)
    assert named.keys() >= STAYS.keys()
    await store.privacy.erase(ALICE, datetime.now(UTC))
    for name, table in named.items():
        left = execute(tmp_path, f"SELECT 1 FROM {table} WHERE {name} = ?", ALICE)
        assert bool(left) == (name in STAYS), name


async def test_every_table_that_names_a_person_is_told_to_them(
    store: Store, tmp_path: Path
) -> None:
    named = write_rows_about(tmp_path, ALICE)
    assert all((await store.privacy.about(ALICE)).values())
    told = {table for sql in ABOUT.values() for table in re.findall(r"FROM (\w+)", sql)}
    assert told == set(named.values()) - {"jobs", "usage"}


async def test_all_that_is_stored_is_told_but_the_secrets_of_the_bot(
    store: Store, tmp_path: Path
) -> None:
    ids = [(await delivered(store)).id for _ in range(5)]
    await delivered(store, user_id=BOB)
    execute(tmp_path, "INSERT INTO blocks VALUES (1, ?, 'rude', 99, '2026', NULL)", ALICE)
    execute(tmp_path, "INSERT INTO people VALUES (?, '{\"steps\": 4}')", ALICE)
    about = await store.privacy.about(ALICE)
    assert about["defaults"] == [{"defaults": {"steps": 4}}]
    assert about["blocks"][0]["reason"] == "rude"
    assert "99" not in json.dumps(about)
    first = await store.privacy.jobs(ALICE, before=None, most=3)
    rest = await store.privacy.jobs(ALICE, before=first[-1].job_id, most=3)
    assert [job.job_id for job in (*first, *rest)] == ids[::-1]
    assert await store.privacy.count_jobs(ALICE, before=first[-1].job_id) == 2
    assert first[0].values["request"]["prompt"] == SECRET
    assert first[0].values["pictures"][0]["infotext"] == SECRET
    assert "token" not in json.dumps(first[0].values)
    assert first[0].files == ("1/0.png",)
    assert first[0].inputs == (NAME, MASK)


async def test_old_jobs_expire_guild_by_guild_in_batches(store: Store) -> None:
    ids = [(await delivered(store)).id for _ in range(3)]
    other = await delivered(store, guild_id=None)
    waiting = await added(store, a_request(), an_origin())
    now = datetime.now(UTC)
    assert set(await store.privacy.guilds()) == {GUILD, None}
    before = now + timedelta(seconds=1)
    first = await store.privacy.expire(GUILD, before=before, at=now, most=2)
    rest = await store.privacy.expire(GUILD, before=before, at=now, most=2)
    assert [*first, *rest] == ids
    assert await store.privacy.expire(GUILD, before=before, at=now, most=2) == ()
    expired = await store.jobs.get(ids[0])
    assert (expired.request.prompt, expired.pictures, expired.is_deleted) == (EXPIRED, (), True)
    assert (expired.origin.user_id, expired.origin.token) == (ALICE, "")
    assert (await store.jobs.get(other.id)).request.prompt == SECRET
    assert (await store.jobs.get(waiting.id)).state is JobState.QUEUED


async def test_younger_jobs_do_not_expire(store: Store) -> None:
    job = await delivered(store)
    await store.privacy.expire(GUILD, before=job.created_at, at=datetime.now(UTC), most=9)
    assert (await store.jobs.get(job.id)).request.prompt == SECRET


async def test_input_pictures_are_in_use_until_their_last_job_is_gone(store: Store) -> None:
    assert await store.privacy.inputs_in_use() == frozenset()
    await delivered(store)
    await delivered(store, user_id=BOB)
    await added(store, a_request(), an_origin())
    assert await store.privacy.inputs_in_use() == {NAME, MASK}
    await store.privacy.erase(BOB, datetime.now(UTC))
    assert await store.privacy.inputs_in_use() == {NAME, MASK}
    later = datetime.now(UTC) + timedelta(seconds=1)
    await store.privacy.expire(GUILD, before=later, at=later, most=9)
    assert await store.privacy.inputs_in_use() == frozenset()


@pytest.mark.parametrize(
    ("sql", "index"),
    [(OVERDUE, "jobs_kept"), (INPUTS_IN_USE, "jobs_from_pictures"), (JOBS_OF, "jobs_by_user")],
)
async def test_queries_use_their_index(store: Store, tmp_path: Path, sql: str, index: str) -> None:
    names = ("guild_id", "before", "most", "user_id", "before_at")
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:
        plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", dict.fromkeys(names, 1))]
    assert any(f"INDEX {index}" in line for line in plan), plan
    assert not any("TEMP B-TREE" in line for line in plan), plan
