from collections.abc import AsyncIterator

import discord
import pytest

from sandbox import Sandbox
from tests.contract import assert_kept
from tests.sandbox.page_client import PageClient
from tests.sandbox.sample_bot import SampleBot, aim_at, running_bot

ANSWER_WITHIN_S = 0.6
ATTACHMENT_LIMIT_BYTES = 50_000


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A sandbox with little patience and small files, so that tests of limits are quick."""
    async with Sandbox(
        port=0,
        answer_within_s=ANSWER_WITHIN_S,
        attachment_limit_bytes=ATTACHMENT_LIMIT_BYTES,
    ) as running:
        aim_at(running.api_url, running.gateway_url)
        yield running


@pytest.fixture
async def page(sandbox: Sandbox) -> AsyncIterator[PageClient]:
    """A person at the page; afterwards every exchange of the test must satisfy the contract."""
    async with PageClient(sandbox.url) as client:
        yield client
        assert_kept(await client.log())


@pytest.fixture
async def bot(page: PageClient) -> AsyncIterator[SampleBot]:
    """A bot that is connected and ready."""
    async with running_bot(discord.Intents(guilds=True)) as client:
        yield client
