"""Blocks in a real database."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hypersd_core.moderation.entries import EVERYWHERE, Block
from hypersd_core.store import Store
from tests.jobs.sample_jobs import ALICE, BOB, GUILD, OTHER_GUILD

NOW = datetime(2030, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store.open(tmp_path) as opened:
        yield opened


def a_block(**changes: Any) -> Block:
    values: dict[str, Any] = {
        "guild_id": GUILD,
        "user_id": ALICE,
        "reason": "rude",
        "by_user_id": BOB,
        "at": NOW,
        "until": None,
    }
    return Block(**(values | changes))


async def test_a_block_holds_in_its_guild_alone(store: Store) -> None:
    await store.blocks.put(a_block())
    assert await store.blocks.of_user(GUILD, ALICE, NOW) == a_block()
    assert await store.blocks.of_user(OTHER_GUILD, ALICE, NOW) is None
    assert await store.blocks.of_user(GUILD, BOB, NOW) is None


async def test_a_block_ends_at_its_time(store: Store) -> None:
    block = a_block(until=NOW + HOUR)
    await store.blocks.put(block)
    last = NOW + HOUR - timedelta(microseconds=1)
    assert await store.blocks.of_user(GUILD, ALICE, last) == block
    assert await store.blocks.of_guild(GUILD, last) == (block,)
    assert await store.blocks.of_user(GUILD, ALICE, NOW + HOUR) is None
    assert await store.blocks.of_guild(GUILD, NOW + HOUR) == ()
    assert not await store.blocks.remove(GUILD, ALICE, NOW + HOUR)


async def test_the_last_block_of_a_user_counts(store: Store) -> None:
    await store.blocks.put(a_block())
    await store.blocks.put(a_block(reason="calmer now", until=NOW + HOUR))
    (block,) = await store.blocks.of_guild(GUILD, NOW)
    assert block.reason == "calmer now"


async def test_of_two_blocks_the_longer_one_is_told(store: Store) -> None:
    await store.blocks.put(a_block(until=NOW + HOUR))
    await store.blocks.put(a_block(guild_id=EVERYWHERE, until=NOW + 2 * HOUR))
    block = await store.blocks.of_user(GUILD, ALICE, NOW)
    assert block is not None
    assert block.guild_id == EVERYWHERE
    await store.blocks.put(a_block())
    assert await store.blocks.of_user(GUILD, ALICE, NOW) == a_block()


async def test_a_removed_block_is_gone(store: Store) -> None:
    await store.blocks.put(a_block())
    assert await store.blocks.remove(GUILD, ALICE, NOW)
    assert not await store.blocks.remove(GUILD, ALICE, NOW)
    assert await store.blocks.of_user(GUILD, ALICE, NOW) is None


async def test_blocks_are_listed_newest_first(store: Store) -> None:
    await store.blocks.put(a_block())
    await store.blocks.put(a_block(user_id=BOB, at=NOW + HOUR))
    await store.blocks.put(a_block(guild_id=OTHER_GUILD))
    found = await store.blocks.of_guild(GUILD, NOW)
    assert [block.user_id for block in found] == [BOB, ALICE]
