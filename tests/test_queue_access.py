"""What may be done to a result from another channel, by Discord's own permissions."""

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import discord
import pytest

from cogs.asking import may_moderate
from cogs.queue import _can_look_into
from hypersd_core.store import Store
from tests.jobs.sample_jobs import BOB, GUILD, a_request, added, an_origin

CHANNEL, THREAD, SECRET, SOMEWHERE, MODERATED = 5, 6, 7, 8, 9


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store.open(tmp_path) as opened:
        yield opened


@pytest.fixture
async def guild() -> discord.Guild:
    state = discord.Client(intents=discord.Intents(guilds=True))._connection
    permissions = str(discord.Permissions(view_channel=True).value)
    moderates = discord.Permissions(manage_messages=True)
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
        "channels": [
            channel | {"permission_overwrites": []},
            channel | {"id": str(MODERATED), "permission_overwrites": [_for_bob(moderates)]},
        ],
        "threads": [_thread(THREAD, 11), _thread(SECRET, 12)],
    }
    return discord.Guild(data=data, state=state)


def _for_bob(allowed: discord.Permissions) -> dict[str, Any]:
    return {"id": str(BOB), "type": 1, "allow": str(allowed.value), "deny": "0"}


def _bob(guild: discord.Guild) -> discord.Member:
    user: Any = {"user": {"id": str(BOB), "username": "b", "discriminator": "0", "avatar": None}}
    return discord.Member(
        data=user | {"roles": [], "joined_at": None, "flags": 0}, guild=guild, state=guild._state
    )


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
    interaction: Any = SimpleNamespace(channel_id=1, guild=guild, user=_bob(guild))
    job = await added(store, a_request(), an_origin(channel_id=where))
    assert _can_look_into(job, interaction) == is_seen
    interaction.channel_id = where  # who is there sees it
    assert _can_look_into(job, interaction)


@pytest.mark.parametrize(
    ("shown_in", "asked_in", "may"),
    [
        (MODERATED, MODERATED, True),
        (MODERATED, CHANNEL, True),
        (CHANNEL, MODERATED, False),
        (SOMEWHERE, MODERATED, False),
    ],
)
async def test_who_moderates_one_channel_does_not_moderate_the_others(
    store: Store, guild: discord.Guild, shown_in: int, asked_in: int, may: bool
) -> None:
    person = _bob(guild)
    channel = guild.get_channel(asked_in)
    assert channel is not None
    interaction: Any = SimpleNamespace(
        channel_id=asked_in,
        guild=guild,
        guild_id=GUILD,
        user=person,
        permissions=channel.permissions_for(person),
        is_guild_integration=lambda: True,
    )
    job = await added(store, a_request(), an_origin(channel_id=shown_in))
    assert may_moderate(interaction, job) == may
