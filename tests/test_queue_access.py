"""Who may look at a result from another channel, by Discord's own permissions."""

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import discord
import pytest

from cogs.queue import _can_look_into
from hypersd_core.store import Store
from tests.jobs.sample_jobs import BOB, GUILD, a_request, an_origin

CHANNEL, THREAD, SECRET, SOMEWHERE = 5, 6, 7, 8


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store.open(tmp_path) as opened:
        yield opened


@pytest.fixture
async def guild() -> discord.Guild:
    state = discord.Client(intents=discord.Intents(guilds=True))._connection
    permissions = str(discord.Permissions(view_channel=True).value)
    everyone = {
        "id": str(GUILD), "name": "@everyone", "permissions": permissions, "position": 0,
        "color": 0, "colors": {"primary_color": 0}, "hoist": False, "managed": False,
        "mentionable": False,
    }  # fmt: skip
    channel = {"id": str(CHANNEL), "type": 0, "name": "c", "position": 0}
    data: Any = {
        "id": str(GUILD),
        "name": "Studio",
        "owner_id": "99",
        "roles": [everyone],
        "channels": [channel | {"permission_overwrites": []}],
        "threads": [_thread(THREAD, 11), _thread(SECRET, 12)],
    }
    return discord.Guild(data=data, state=state)


def _thread(thread_id: int, kind: int) -> dict[str, Any]:
    times = {"auto_archive_duration": 60, "archive_timestamp": "2026-01-01T00:00:00+00:00"}
    return {
        "id": str(thread_id), "type": kind, "parent_id": str(CHANNEL), "name": "t",
        "owner_id": "2", "message_count": 0, "member_count": 0,
        "thread_metadata": {"archived": False, "locked": False, **times},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("where", "is_seen"), [(CHANNEL, True), (THREAD, True), (SECRET, False), (SOMEWHERE, False)]
)
async def test_what_is_in_a_private_thread_is_not_seen_from_outside(
    store: Store, guild: discord.Guild, where: int, is_seen: bool
) -> None:
    user: Any = {"user": {"id": str(BOB), "username": "b", "discriminator": "0", "avatar": None}}
    member = discord.Member(
        data=user | {"roles": [], "joined_at": None, "flags": 0}, guild=guild, state=guild._state
    )
    interaction: Any = SimpleNamespace(channel_id=1, guild=guild, user=member)
    job = await store.jobs.add(a_request(), an_origin(channel_id=where))
    assert _can_look_into(job, interaction) == is_seen
    interaction.channel_id = where  # who is there sees it
    assert _can_look_into(job, interaction)
