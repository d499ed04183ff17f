import time

import aiohttp
import discord
import pytest

from sandbox import Sandbox
from sandbox.faults import Fault, FaultQueue
from tests.sandbox.page_client import PageClient, PageRefusal
from tests.sandbox.sample_bot import SampleBot


def general(bot: SampleBot) -> discord.TextChannel:
    channel = discord.utils.get(bot.get_all_channels(), name="general")
    assert isinstance(channel, discord.TextChannel)
    return channel


async def test_a_fault_happens_as_often_as_ordered(bot: SampleBot, page: PageClient) -> None:
    await page.fault("POST /channels/*/messages", status=403, code=50013, times=2)
    for _ in range(2):
        with pytest.raises(discord.Forbidden) as caught:
            await general(bot).send("x")
        assert caught.value.code == 50013
    await general(bot).send("x")
    assert len(await page.messages()) == 1


async def test_a_rate_limit_is_waited_for(bot: SampleBot, page: PageClient) -> None:
    await page.fault("POST /channels/*/messages", retry_after=0.2)
    began = time.monotonic()
    await general(bot).send("x")
    assert time.monotonic() - began >= 0.2
    statuses = [entry["status"] for entry in await page.log() if "messages" in entry["path"]]
    assert statuses == [429, 200]


async def test_a_dropped_connection_has_no_effect(bot: SampleBot, page: PageClient) -> None:
    await page.fault("POST /channels/*/messages", drop=True)
    with pytest.raises(aiohttp.ClientError):
        await general(bot).send("x")
    assert await page.messages() == []


async def test_a_connection_dropped_afterwards_loses_only_the_answer(
    bot: SampleBot, page: PageClient
) -> None:
    await page.fault("POST /channels/*/messages", drop=True, after=True)
    with pytest.raises(aiohttp.ClientError):
        await general(bot).send("x")
    assert len(await page.messages()) == 1


async def test_faults_that_did_not_happen_can_be_forgotten(
    sandbox: Sandbox, bot: SampleBot, page: PageClient
) -> None:
    await page.fault("POST /channels/**", status=500, times=5)
    async with aiohttp.ClientSession() as session:
        await session.delete(f"{sandbox.url}/sandbox/faults")
    await general(bot).send("x")


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"route": "POST /x"}, "needs a status, a retry_after, or drop"),
        ({"route": "messages", "status": 403}, "needs a route such as"),
        ({"route": "GET /x", "status": 403, "count": 2}, "has no 'count'"),
        ({"route": "GET /x", "status": 403, "times": 0}, "times must be in"),
    ],
)
async def test_a_fault_that_makes_no_sense_is_explained(
    page: PageClient, body: dict[str, object], sentence: str
) -> None:
    with pytest.raises(PageRefusal, match=sentence):
        await page.post("/sandbox/faults", body)


def test_a_star_is_one_part_of_a_path_and_two_are_many() -> None:
    queue = FaultQueue()
    queue.add(Fault.from_json({"route": "GET /webhooks/*/*", "status": 500}), times=1)
    assert queue.take("GET /webhooks/1/a/messages/@original") is None
    assert queue.take("POST /webhooks/1/a") is None
    assert queue.take("GET /webhooks/1/a") is not None
    queue.add(Fault.from_json({"route": "GET /webhooks/**", "status": 500}), times=1)
    assert queue.take("GET /webhooks/1/a/messages/@original") is not None
