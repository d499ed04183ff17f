"""A result finds its user: by token, else channel, else direct message, else /show."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.cards import picture_urls, text_of
from tests.e2e.database import rows, until_rows
from tests.e2e.visitor import SLOW, Visitor
from tests.sandbox.page_client import Json

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("bot")]

STATE = "SELECT state FROM jobs WHERE json_extract(request, '$.prompt') = ?"


def result_of(prompt: str, message: Json) -> bool:
    return prompt in text_of(message) and picture_urls(message) != []


@pytest_asyncio.fixture(loop_scope="module")
async def closed_channel(visitor: Visitor) -> AsyncIterator[None]:
    """The bot may not write in #general."""
    await visitor.post("/sandbox/permissions", {"channel": "general", "deny": ["SEND_MESSAGES"]})
    yield
    await visitor.post("/sandbox/permissions", {"channel": "general", "allow": ["SEND_MESSAGES"]})


async def test_an_expired_token_means_a_new_message_that_mentions_the_asker_alone(
    visitor: Visitor,
) -> None:
    acknowledgement = await visitor.imagine("a man <@1191168914227200002>, late", **SLOW)
    await visitor.post("/sandbox/expire", {})
    message = await visitor.until(lambda m: result_of("late", m))
    assert message["id"] != acknowledgement
    assert [user["username"] for user in message["mentions"]] == ["ada"]


@pytest.mark.usefixtures("closed_channel")
async def test_no_way_into_the_channel_means_a_direct_message(visitor: Visitor) -> None:
    await visitor.imagine("a man, locked out", **SLOW)
    await visitor.post("/sandbox/expire", {})
    await visitor.until(lambda m: result_of("locked out", m), channel="dm")


async def test_a_private_result_never_falls_back_to_the_channel(visitor: Visitor) -> None:
    await visitor.imagine("a man, secret", private=True, **SLOW)
    await visitor.post("/sandbox/expire", {})
    await visitor.until(lambda m: result_of("secret", m), channel="dm")
    assert not any("secret" in text_of(m) for m in await visitor.messages(user="ben"))


async def test_pictures_that_no_route_takes_are_kept_for_show(
    visitor: Visitor, local_dir: Path
) -> None:
    # the channel refuses first, then the direct message
    await visitor.fault("POST /channels/*/messages", status=403, code=50007, times=2)
    await visitor.imagine("a man, kept", **SLOW)
    await visitor.post("/sandbox/expire", {})
    await until_rows(local_dir, STATE, "a man, kept", expected=[("made",)])
    ((job_id,),) = rows(local_dir, "SELECT id FROM jobs ORDER BY id DESC LIMIT 1")
    answer = await visitor.command("show", job=job_id)
    await visitor.until_drawn(answer["message"])
    await until_rows(local_dir, STATE, "a man, kept", expected=[("delivered",)])


async def test_an_unwell_discord_is_asked_again(visitor: Visitor) -> None:
    await visitor.fault("PATCH /webhooks/*/*/messages/@original", status=502, code=0, times=1)
    await visitor.until_drawn(await visitor.imagine("a man, 502", steps=1))
