"""The log of moderation in a real database."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hypersd_core.moderation.entries import AuditAction, AuditEntry
from hypersd_core.store import FILE_NAME, Store
from tests.jobs.sample_jobs import ALICE, BOB, CAROL, GUILD, OTHER_GUILD

NOW = datetime(2030, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store.open(tmp_path) as opened:
        yield opened


async def add(store: Store, **changes: Any) -> AuditEntry | None:
    values: dict[str, Any] = {
        "guild_id": GUILD,
        "actor_id": ALICE,
        "action": AuditAction.PROMPT_BLOCKED,
        "user_id": ALICE,
        "job_id": None,
        "detail": {},
        "at": NOW,
    }
    return await store.audit.add(**(values | changes))


async def page(store: Store, **changes: Any) -> list[int]:
    values = {"before": None, "action": None, "user_id": None, "most": 10}
    return [entry.id for entry in await store.audit.page(GUILD, **(values | changes))]


async def test_an_entry_comes_back_as_it_was_written(tmp_path: Path) -> None:
    async with Store.open(tmp_path) as store:
        entry = await add(store, job_id=7, detail={"rule": "枪*", "n": [1, None]})
        await add(store, guild_id=None)
    async with Store.open(tmp_path) as store:
        (read,) = await store.audit.page(GUILD, before=None, action=None, user_id=None, most=10)
        (direct,) = await store.audit.page(None, before=None, action=None, user_id=None, most=10)
    assert read == entry
    assert read.detail == {"rule": "枪*", "n": [1, None]}
    assert (read.at, read.action) == (NOW, AuditAction.PROMPT_BLOCKED)
    assert direct.guild_id is None


async def test_pages_go_back_in_time(store: Store) -> None:
    for _ in range(5):
        await add(store)
        await add(store, guild_id=OTHER_GUILD)
    assert await page(store, most=3) == [9, 7, 5]
    assert await page(store, most=3, before=5) == [3, 1]
    assert await page(store, before=1) == []


async def test_pages_are_filtered_by_action_and_by_who_has_to_do_with_it(store: Store) -> None:
    await add(store)
    await add(store, actor_id=BOB, user_id=ALICE, action=AuditAction.USER_BLOCKED)
    await add(store, actor_id=BOB, user_id=None, action=AuditAction.SETTINGS_CHANGED)
    assert await page(store, user_id=ALICE) == [2, 1]
    assert await page(store, user_id=BOB) == [3, 2]
    assert await page(store, user_id=CAROL) == []
    assert await page(store, user_id=ALICE, action=AuditAction.USER_BLOCKED) == [2]


async def test_a_user_reports_a_job_once(store: Store) -> None:
    report = {"action": AuditAction.JOB_REPORTED, "job_id": 7}
    assert await add(store, **report) is not None
    assert await add(store, **report, detail={"reason": "again"}) is None
    assert await add(store, **report, actor_id=BOB) is not None
    assert await add(store, **report | {"job_id": 8}) is not None
    assert [entry.actor_id for entry in await store.audit.about_job(GUILD, 7)] == [ALICE, BOB]


async def test_strikes_are_blocked_prompts_and_pictures_of_the_time(store: Store) -> None:
    await add(store, at=NOW - 2 * HOUR)
    await add(store, at=NOW - HOUR)
    await add(store, action=AuditAction.PICTURE_BLOCKED)
    await add(store, action=AuditAction.JOB_REPORTED, job_id=1)
    await add(store, user_id=BOB)
    await add(store, guild_id=OTHER_GUILD)
    assert await store.audit.strikes(GUILD, ALICE, NOW - HOUR) == 1
    assert await store.audit.strikes(GUILD, ALICE, NOW - 3 * HOUR) == 3
    await add(store, actor_id=BOB, action=AuditAction.USER_UNBLOCKED)
    assert await store.audit.strikes(GUILD, ALICE, NOW - 3 * HOUR) == 0


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM audit WHERE guild_id IS 1 AND (9 IS NULL OR id < 9) ORDER BY id DESC",
        "SELECT count(*) FROM audit WHERE guild_id = 1 AND user_id = 2 AND id > 3",
        "SELECT * FROM audit WHERE job_id = 1 AND guild_id IS 2 ORDER BY id",
    ],
)
async def test_the_log_is_read_by_an_index(store: Store, tmp_path: Path, query: str) -> None:
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:
        (plan,) = db.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
    index = "audit_by_job" if "job_id" in query else "audit_by_"
    assert f"USING INDEX {index}" in plan[-1]
