"""Policies are read once, changed with a record, and the operator's in direct messages."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from hypersd_core.errors import InvalidRequest
from hypersd_core.guild_settings import GuildSettings, operator_policy
from hypersd_core.policy import DEFAULT, Allowance, Change, GuildPolicy
from hypersd_core.settings import Settings
from hypersd_core.store import Store
from tests.jobs.sample_jobs import ALICE, GUILD

OPERATOR = GuildPolicy(user_quota=Allowance(pictures=3))


class AuditLog:
    def __init__(self) -> None:
        self.lines: list[tuple[int, int, tuple[Change, ...]]] = []

    async def record(self, guild_id: int, user_id: int, changed: tuple[Change, ...]) -> None:
        self.lines.append((guild_id, user_id, changed))


@pytest.fixture
def audit() -> AuditLog:
    return AuditLog()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store.open(tmp_path) as opened:
        yield opened


@pytest.fixture
def settings(store: Store, audit: AuditLog) -> GuildSettings:
    return GuildSettings(store, operator=OPERATOR, record=audit.record)


async def test_a_guild_that_set_nothing_has_the_defaults_and_messages_the_operators(
    settings: GuildSettings,
) -> None:
    assert await settings.get(GUILD) == DEFAULT
    assert await settings.get(None) == OPERATOR


async def test_a_change_holds_at_once_and_is_recorded_with_who_and_what(
    settings: GuildSettings, audit: AuditLog
) -> None:
    await settings.get(GUILD)
    changed = await settings.update(GUILD, lambda policy: replace(policy, max_steps=8), ALICE)
    assert changed == (Change(field="max_steps", before=50, after=8),)
    assert await settings.get(GUILD) == GuildPolicy(max_steps=8)
    assert audit.lines == [(GUILD, ALICE, changed)]


async def test_a_change_of_nothing_is_not_recorded(
    settings: GuildSettings, audit: AuditLog
) -> None:
    assert await settings.update(GUILD, lambda policy: policy, ALICE) == ()
    assert audit.lines == []


async def test_a_wrong_value_changes_and_records_nothing(
    settings: GuildSettings, audit: AuditLog
) -> None:
    with pytest.raises(InvalidRequest):
        await settings.update(GUILD, lambda policy: replace(policy, max_steps=0), ALICE)
    assert await settings.get(GUILD) == DEFAULT
    assert audit.lines == []


async def test_a_policy_is_read_once(settings: GuildSettings, store: Store) -> None:
    first = await settings.get(GUILD)
    await store.guilds.edit(GUILD, lambda _: GuildPolicy(max_steps=8))  # behind its back
    assert await settings.get(GUILD) is first


@pytest.mark.parametrize("turns", range(12))
async def test_a_cancelled_change_leaves_no_stale_policy(
    settings: GuildSettings, store: Store, turns: int
) -> None:
    await settings.get(GUILD)
    change = settings.update(GUILD, lambda policy: replace(policy, max_steps=8), ALICE)
    task = asyncio.create_task(change)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert await settings.get(GUILD) == await store.guilds.policy(GUILD)


async def test_more_guilds_than_are_kept_are_all_answered(
    settings: GuildSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hypersd_core.guild_settings._MAX_KEPT", 2)
    for guild_id in (1, 2, 3, 1, 2, 3):
        assert await settings.get(guild_id) == DEFAULT
    assert len(settings._kept) == 2


def test_the_operators_quotas_come_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYPERSD_QUOTA_PICTURES_PER_USER", "20")
    monkeypatch.setenv("HYPERSD_QUOTA_GPU_S_PER_GUILD", "3600")
    policy = operator_policy(Settings.read())
    assert policy == GuildPolicy(
        user_quota=Allowance(pictures=20), guild_quota=Allowance(gpu_s=3_600)
    )
