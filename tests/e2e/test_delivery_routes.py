"""A result finds its user: by token, else channel, else direct message, else /show."""

import functools
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from tests.e2e.cards import picture_urls, text_of
from tests.e2e.database import rows, until_rows
from tests.e2e.drawing import png
from tests.e2e.visitor import Visitor
from tests.sandbox.page_client import Json

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("bot")]

STATE = "SELECT state FROM jobs WHERE json_extract(request, '$.prompt') = ?"


def result_of(prompt: str, message: Json) -> bool:
    return prompt in text_of(message) and picture_urls(message) != []


async def ask_late(visitor: Visitor, prompt: str, **options: object) -> str:
    """A job that is drawn when its token is too old; returns the id of its acknowledgement."""
    await visitor.command("admin pause")
    answer = await visitor.command("imagine", prompt=prompt, steps=1, **options)
    await visitor.expire()
    await visitor.command("admin resume")
    return str(answer["message"])


@pytest_asyncio.fixture(loop_scope="module")
async def closed_channel(visitor: Visitor) -> AsyncIterator[None]:
    """The bot may not write in #general."""
    await visitor.post("/sandbox/permissions", {"channel": "general", "deny": ["SEND_MESSAGES"]})
    yield
    await visitor.post("/sandbox/permissions", {"channel": "general", "allow": ["SEND_MESSAGES"]})


async def test_an_expired_token_means_a_new_message_that_mentions_the_asker_alone(
    visitor: Visitor,
) -> None:
    acknowledgement = await ask_late(visitor, "a man <@1191168914227200002>, late")
    message = await visitor.until(lambda m: result_of("late", m))
    assert message["id"] != acknowledgement
    assert [user["username"] for user in message["mentions"]] == ["ada"]


@pytest.mark.usefixtures("closed_channel")
async def test_no_way_into_the_channel_means_a_direct_message(visitor: Visitor) -> None:
    await ask_late(visitor, "a man, locked out")
    await visitor.until(lambda m: result_of("locked out", m), channel="dm")


async def test_a_private_result_never_falls_back_to_the_channel(visitor: Visitor) -> None:
    await ask_late(visitor, "a man, secret", private=True)
    await visitor.until(lambda m: result_of("secret", m), channel="dm")
    assert not any("secret" in text_of(m) for m in await visitor.messages(user="ben"))


async def test_pictures_that_no_route_takes_are_kept_for_show(
    visitor: Visitor, local_dir: Path
) -> None:
    # the channel refuses first, then the direct message
    await visitor.fault("POST /channels/*/messages", status=403, code=50007, times=2)
    await ask_late(visitor, "a man, kept")
    await until_rows(local_dir, STATE, "a man, kept", expected=[("made",)])
    ((job_id,),) = rows(local_dir, "SELECT id FROM jobs ORDER BY id DESC LIMIT 1")
    answer = await visitor.command("show", job=job_id)
    await visitor.until_drawn(answer["message"])
    await until_rows(local_dir, STATE, "a man, kept", expected=[("delivered",)])


async def test_an_unwell_discord_is_asked_again(visitor: Visitor) -> None:
    await visitor.fault("PATCH /webhooks/*/*/messages/@original", status=502, code=0, times=1)
    await visitor.until_drawn(await visitor.imagine("a man, 502", steps=1))


@pytest.mark.parametrize("place", ["sketches", "first-light"])
async def test_threads_and_posts_are_places_like_any_other(visitor: Visitor, place: str) -> None:
    there = visitor.at(channel=place)
    await there.command("imagine", prompt=f"in {place}", steps=1)
    await visitor.until(functools.partial(result_of, f"in {place}"), channel=place)
    await ask_late(there, f"late in {place}")
    await visitor.until(functools.partial(result_of, f"late in {place}"), channel=place)


async def test_a_channel_that_is_gone_means_a_direct_message(visitor: Visitor) -> None:
    await visitor.fault("POST /channels/*/messages", status=404, code=10003)
    await ask_late(visitor, "a man, homeless")
    await visitor.until(lambda m: result_of("homeless", m), channel="dm")


async def test_what_failed_says_that_no_quota_is_spent(visitor: Visitor, local_dir: Path) -> None:
    await visitor.command("admin pause")
    picture = ("cat.png", png(np.full((64, 64, 3), 90.0)))
    answer = await visitor.command("imagine", prompt="a lost start", steps=1, picture=picture)
    await visitor.until(lambda m: m["id"] == answer["message"] and "lost start" in text_of(m))
    for file in (local_dir / "inputs").iterdir():
        file.unlink()
    await visitor.command("admin resume")
    card = await visitor.until(lambda m: "No quota is spent on it" in text_of(m))
    assert "a lost start" in text_of(card)


@pytest.mark.usefixtures("closed_channel")
async def test_a_channel_that_always_refuses_is_left_alone_after_three_times(
    visitor: Visitor,
) -> None:
    general = await visitor.id_of("general")

    async def refusals() -> int:
        return sum(
            exchange["method"] == "POST"
            and exchange["path"].endswith(f"/channels/{general}/messages")
            and exchange["status"] == 403
            for exchange in await visitor.log()
        )

    before = await refusals()
    await visitor.command("admin pause")
    for i in range(5):
        await visitor.imagine(f"a man, refused {i}", steps=1)
    await visitor.expire()
    await visitor.command("admin resume")
    for i in range(5):
        await visitor.until(functools.partial(result_of, f"refused {i}"), channel="dm")
    assert await refusals() - before <= 3
