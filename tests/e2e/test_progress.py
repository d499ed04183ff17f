"""Acknowledgements follow their job, rarely, and the result is always the last word."""

import asyncio
import time
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.cards import GALLERY, parts, picture_urls, text_of
from tests.e2e.database import until_rows
from tests.e2e.visitor import Visitor
from tests.sandbox.page_client import Json

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("bot")]

EDIT = "PATCH /webhooks/*/*/messages/@original"
STATE = "SELECT state FROM jobs WHERE json_extract(request, '$.prompt') = ?"
LONG = {"steps": 50, "count": 4}
"""Options of a job of ten seconds or more."""


@pytest_asyncio.fixture(autouse=True, scope="module", loop_scope="module")
async def measured(visitor: Visitor, bot: object) -> None:
    """The bot knows how quick it is."""
    await visitor.until_drawn(await visitor.imagine("warm up", steps=8, count=2))


async def edits_of(visitor: Visitor, message_id: str) -> list[Json]:
    """All edits of a message through its token that Discord has taken."""
    return [
        exchange
        for exchange in await visitor.log()
        if exchange["method"] == "PATCH"
        and exchange["path"].endswith("/messages/@original")
        and exchange["status"] == 200
        and exchange["response"]["id"] == message_id
    ]


async def test_a_long_job_tells_its_steps_and_ends_as_its_result(visitor: Visitor) -> None:
    since_s = time.monotonic()
    message_id = await visitor.imagine("a long road", **LONG)
    said: set[str] = set()
    while not picture_urls(message := await visitor.message(message_id)):
        said.add(text_of(message).split("\n")[-1])
        await asyncio.sleep(0.1)
    passed_s = time.monotonic() - since_s
    assert any("Drawing: step" in line and "of 50, about" in line for line in said)
    edits = await edits_of(visitor, message_id)
    assert 1 < len(edits) <= passed_s / 3 + 1
    assert [bool(parts(e["response"], GALLERY)) for e in edits] == [False] * (len(edits) - 1) + [
        True
    ]


async def test_a_quick_job_is_edited_once_by_its_result(visitor: Visitor) -> None:
    message_id = await visitor.imagine("a short road", steps=1)
    await visitor.until_drawn(message_id)
    assert len(await edits_of(visitor, message_id)) == 1


async def test_who_waits_learns_of_moving_up_and_of_a_pause(visitor: Visitor) -> None:
    first = await visitor.imagine("in front", **LONG)
    second = await visitor.imagine("behind", **LONG)
    assert "1 ahead in the queue" in text_of(await visitor.message(second))
    await visitor.command("admin pause")
    await visitor.until(lambda m: m["id"] == second and "Paused by the bot's" in text_of(m))
    await visitor.cancel(first)
    await visitor.command("admin resume")
    await visitor.until(lambda m: m["id"] == second and "Drawing" in text_of(m))
    await visitor.cancel(second)


async def test_discord_asking_for_patience_does_not_hold_up_the_result(visitor: Visitor) -> None:
    message_id = await visitor.imagine("a busy road", **LONG)
    await visitor.fault(EDIT, retry_after=50.0)  # meets the first edit of its progress
    since_s = time.monotonic()
    await visitor.until_drawn(message_id)
    assert time.monotonic() - since_s < 50


async def test_a_cancelled_job_is_never_shown_as_drawing_again(
    visitor: Visitor, local_dir: Path
) -> None:
    message_id = await visitor.imagine("a road not taken", **LONG)
    await until_rows(local_dir, STATE, "a road not taken", expected=[("running",)])
    await visitor.until(lambda m: m["id"] == message_id and "Drawing: step" in text_of(m))
    await visitor.cancel(message_id)
    await asyncio.sleep(4)
    assert "Cancelled" in text_of(await visitor.message(message_id))


async def test_the_last_edit_of_every_message_is_how_its_job_ended(visitor: Visitor) -> None:
    last = {
        exchange["response"]["id"]: exchange["response"]
        for exchange in await visitor.log()
        if exchange["method"] == "PATCH"
        and exchange["path"].endswith("/messages/@original")
        and exchange["status"] == 200
    }
    assert len(last) >= 6
    assert all(parts(m, GALLERY) or "Cancelled" in text_of(m) for m in last.values())
