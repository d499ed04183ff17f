import asyncio
import json
from typing import Any

import aiohttp
import discord

from sandbox import Sandbox
from tests.sandbox.page_client import PageClient
from tests.sandbox.sample_bot import SampleBot, running_bot

IDENTIFY = {"op": 2, "d": {"token": "any", "intents": 1, "properties": {}}}


async def next_payload(socket: aiohttp.ClientWebSocketResponse) -> Any:
    return json.loads(await asyncio.wait_for(socket.receive_str(), 2))


async def test_the_bot_becomes_ready_in_both_guilds(bot: SampleBot) -> None:
    assert {guild.name for guild in bot.guilds} == {"Studio", "Atelier"}
    assert {channel.name for channel in bot.get_all_channels()} == {
        "general",
        "pictures",
        "after-dark",
        "reports",
        "showcase",
        "drawings",
    }
    assert {thread.name for guild in bot.guilds for thread in guild.threads} == {
        "sketches",
        "first-light",
    }


async def test_a_sharded_bot_asks_how_many_shards_it_needs(page: PageClient) -> None:
    async with discord.AutoShardedClient(intents=discord.Intents(guilds=True)) as bot:
        connected = asyncio.Event()

        @bot.event
        async def on_connect() -> None:
            connected.set()

        connecting = asyncio.create_task(bot.start("any-token"))
        await asyncio.wait_for(connected.wait(), 3)
        assert bot.shard_count == 1
        await bot.close()
        await connecting
    assert "/gateway/bot" in [entry["template"] for entry in await page.log()]


async def test_a_guild_knows_what_the_bot_may_do(bot: SampleBot) -> None:
    channel = next(c for c in bot.get_all_channels() if c.name == "general")
    granted = channel.permissions_for(channel.guild.me)
    assert granted.send_messages
    assert granted.attach_files
    assert not granted.administrator


async def test_events_are_plain_json_when_compression_is_not_asked_for(sandbox: Sandbox) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(sandbox.gateway_url) as ws:
        assert (await next_payload(ws))["op"] == 10
        await ws.send_json(IDENTIFY)
        ready = await next_payload(ws)
        assert (ready["t"], ready["s"]) == ("READY", 1)
        assert [(await next_payload(ws))["t"] for _ in range(2)] == ["GUILD_CREATE"] * 2


async def test_a_heartbeat_is_acknowledged(sandbox: Sandbox) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(sandbox.gateway_url) as ws:
        await next_payload(ws)
        await ws.send_json({"op": 1, "d": None})
        assert (await next_payload(ws))["op"] == 11


async def test_an_unknown_session_cannot_resume(sandbox: Sandbox) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(sandbox.gateway_url) as ws:
        await next_payload(ws)
        await ws.send_json({"op": 6, "d": {"token": "any", "session_id": "none", "seq": 5}})
        assert await next_payload(ws) == {"op": 9, "d": False, "s": None, "t": None}


async def test_a_shard_gets_only_its_guilds(sandbox: Sandbox) -> None:
    identify = {"op": 2, "d": IDENTIFY["d"] | {"shard": [0, 7]}}  # type: ignore[operator]  # a dict
    async with aiohttp.ClientSession() as session, session.ws_connect(sandbox.gateway_url) as ws:
        await next_payload(ws)
        await ws.send_json(identify)
        ready = await next_payload(ws)
    mine = [guild for guild in ready["d"]["guilds"] if (int(guild["id"]) >> 22) % 7 != 0]
    assert mine == []
    assert ready["d"]["shard"] == [0, 7]


async def test_events_missed_while_the_connection_was_cut_are_replayed(
    bot: SampleBot, page: PageClient
) -> None:
    await page.post("/sandbox/gateway", {"action": "cut", "hold_s": 0.2})
    answer = await page.command("gallery")
    assert answer["outcome"] == "message"
    assert bot.resumed.is_set()


async def test_op_7_makes_the_bot_resume_its_session(bot: SampleBot, page: PageClient) -> None:
    before = bot.ws.session_id
    await page.post("/sandbox/gateway", {"action": "reconnect"})
    await asyncio.wait_for(bot.resumed.wait(), 3)
    assert bot.ws.session_id == before


async def test_op_9_makes_the_bot_start_a_new_session(bot: SampleBot, page: PageClient) -> None:
    before = bot.ws.session_id
    await page.post("/sandbox/gateway", {"action": "invalidate"})
    await bot.wait_for("ready", timeout=8)
    assert bot.ws.session_id != before
    assert (await page.command("gallery"))["outcome"] == "message"


async def test_messages_reach_the_bot_only_with_the_intent(
    bot: SampleBot, page: PageClient
) -> None:
    everything = discord.Intents(guilds=True, guild_messages=True, message_content=True)
    async with running_bot(everything) as curious:
        await page.say("hello")
        await page.command("keep")
        assert "hello" in curious.posts
        assert bot.posts == []


async def test_content_is_hidden_without_its_intent_unless_the_bot_is_mentioned(
    page: PageClient,
) -> None:
    async with running_bot(discord.Intents(guilds=True, guild_messages=True)) as listener:
        assert listener.user is not None
        await page.say("secret")
        await page.say(f"hi <@{listener.user.id}>")
        await asyncio.sleep(0.05)
        assert listener.posts == ["", f"hi <@{listener.user.id}>"]
