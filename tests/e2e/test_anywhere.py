"""Servers, threads, posts, direct messages, and where nobody but its user brought the bot."""

from urllib.parse import urlsplit

import psutil  # type: ignore[import-untyped]  # ships no types
import pytest

from sandbox import Sandbox
from sandbox.model import MessageFlag
from tests.e2e.bot_process import BotProcess
from tests.e2e.cards import GALLERY, parts, picture_urls, text_of
from tests.e2e.drawing import drawn
from tests.e2e.visitor import Visitor
from tests.sandbox.page_client import Json

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("bot")]

GUILDS_INTENT = 1 << 0
LONG: dict[str, object] = {"steps": 16}
"""Options of a job that takes as long as it takes to let its token expire."""


async def asked_of(visitor: Visitor, channel: str) -> list[str]:
    """The REST requests that are about a channel itself, not about an interaction in it."""
    channel_id = await visitor.at(channel=channel).id_of(channel)
    paths = [exchange["path"] for exchange in await visitor.log()]
    return [path for path in paths if f"/channels/{channel_id}" in path]


@pytest.mark.parametrize("channel", ["sketches", "first-light", "drawings", "after-dark", "dm"])
async def test_a_picture_is_drawn_where_it_was_asked_for(visitor: Visitor, channel: str) -> None:
    message = await drawn(visitor.at(user="ben", channel=channel), f"a man in {channel}", steps=1)
    assert f"a man in {channel}" in text_of(message)


async def test_a_late_result_comes_to_the_thread_it_was_asked_for_in(visitor: Visitor) -> None:
    thread = visitor.at(channel="sketches")
    answer = await thread.command("imagine", prompt="a man, late in a thread", **LONG)
    await thread.expire()
    message = await thread.until(
        lambda m: "late in a thread" in text_of(m) and picture_urls(m) != [], channel="sketches"
    )
    assert message["id"] != answer["message"]


@pytest.mark.parametrize("channel", ["cafe", "weekend"])
async def test_who_has_installed_the_bot_draws_where_it_is_no_member(
    visitor: Visitor, channel: str
) -> None:
    message = await drawn(visitor.at(channel=channel), f"a man in {channel}", steps=1, count=2)
    assert len(picture_urls(message)) == 2
    assert await asked_of(visitor, channel) == []


async def test_who_has_not_installed_it_is_offered_nothing_there(visitor: Visitor) -> None:
    assert "imagine" in await visitor.at(channel="cafe").offered()
    assert await visitor.at(user="lin", channel="cafe").offered() == []


async def test_a_late_result_of_a_guest_is_a_direct_message(visitor: Visitor) -> None:
    cafe = visitor.at(channel="cafe")
    await cafe.command("imagine", prompt="a man, late in the cafe", **LONG)
    await cafe.expire()
    await visitor.until(
        lambda m: "late in the cafe" in text_of(m) and picture_urls(m) != [], channel="dm"
    )
    assert await asked_of(visitor, "cafe") == []


async def test_a_missing_permission_is_said_before_the_job_waits(visitor: Visitor) -> None:
    await visitor.permit("general", deny=["ATTACH_FILES", "SEND_MESSAGES"])
    try:
        message_id = await visitor.imagine("a man, unpostable", **LONG)
        text = text_of(await visitor.message(message_id))
        await visitor.until_drawn(message_id)  # the interaction still may
    finally:
        await visitor.permit("general", allow=["ATTACH_FILES", "SEND_MESSAGES"])
    assert "The bot may not post here by itself (Send Messages, Attach Files)" in text


async def test_pictures_are_described_to_who_cannot_see_them(visitor: Visitor) -> None:
    message = await drawn(visitor, "a man with a hat", seed=7, count=2, steps=1)
    (gallery,) = parts(message, GALLERY)
    descriptions = [item["description"] for item in gallery["items"]]
    assert descriptions == ["a man with a hat (seed 7)", "a man with a hat (seed 8)"]


def flags_of(exchange: Json) -> int | None:
    """Of the message that a request of the bot made or changed; None if it made none."""
    if exchange["method"] not in {"POST", "PATCH"} or exchange["status"] >= 300:
        return None
    if exchange["template"].endswith("/callback"):
        answers_with_a_message = exchange["request"]["type"] == 4
        return exchange["request"]["data"].get("flags", 0) if answers_with_a_message else None
    response = exchange["response"]
    is_message = isinstance(response, dict) and "attachments" in response
    return response["flags"] if is_message else None


async def test_every_message_so_far_is_of_components_v2(visitor: Visitor) -> None:
    flags = [f for exchange in await visitor.log() if (f := flags_of(exchange)) is not None]
    assert len(flags) > 10
    assert all(f & MessageFlag.COMPONENTS_V2 for f in flags)


async def test_the_bot_asks_for_no_event_but_those_of_guilds(sandbox: Sandbox) -> None:
    assert sandbox._gateway is not None
    intents = {int(session.intents) for session in sandbox._gateway._sessions.values()}
    assert intents == {GUILDS_INTENT}  # what people write is never sent to it


async def test_the_bot_draws_alone_and_talks_to_discord_alone(
    sandbox: Sandbox, visitor: Visitor, bot: BotProcess
) -> None:
    await drawn(visitor, "a man, alone", steps=1)
    assert bot._process is not None
    process = psutil.Process(bot._process.pid)
    assert process.children(recursive=True) == []
    others = {c.raddr.port for c in process.net_connections("inet") if c.raddr}
    assert others == {urlsplit(sandbox.url).port}
