"""Policies on real files: what survives, and what two edits at once leave."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from hypersd_core.errors import InvalidRequest
from hypersd_core.policy import DEFAULT, Allowance, GuildPolicy
from hypersd_core.store import Store
from tests.jobs.sample_jobs import GUILD, OTHER_GUILD

POLICY = GuildPolicy(max_steps=8, role_weights={2**62 + 1: 2.5}, user_quota=Allowance(pictures=9))


async def test_a_policy_survives_reopening_and_is_its_guilds_alone(tmp_path: Path) -> None:
    async with Store.open(tmp_path) as store:
        edited = await store.guilds.edit(GUILD, lambda _: POLICY)
    assert edited == (DEFAULT, POLICY)
    async with Store.open(tmp_path) as store:
        assert await store.guilds.policy(GUILD) == POLICY
        assert await store.guilds.policy(OTHER_GUILD) == DEFAULT


async def test_a_refused_edit_leaves_all_as_it_was(tmp_path: Path) -> None:
    async with Store.open(tmp_path) as store:
        await store.guilds.edit(GUILD, lambda _: POLICY)
        with pytest.raises(InvalidRequest):
            await store.guilds.edit(GUILD, lambda policy: replace(policy, max_steps=0))
        assert await store.guilds.policy(GUILD) == POLICY


async def test_two_edits_at_once_both_hold(tmp_path: Path) -> None:
    async with Store.open(tmp_path) as store:
        await asyncio.gather(
            store.guilds.edit(GUILD, lambda policy: replace(policy, max_steps=8)),
            store.guilds.edit(GUILD, lambda policy: replace(policy, max_count=2)),
        )
        assert await store.guilds.policy(GUILD) == GuildPolicy(max_steps=8, max_count=2)
