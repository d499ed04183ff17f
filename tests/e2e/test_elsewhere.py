"""Results away from where they were drawn, and refusals that only their asker may read."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.cards import custom_id, text_of
from tests.e2e.drawing import drawn, png, shown
from tests.e2e.results import EPHEMERAL, job_of, noted, pressed, redrawn
from tests.e2e.settings_card import choose, fill
from tests.e2e.test_picture_rules import NO_QUOTA, SUGGESTIVE, spoilers
from tests.e2e.visitor import Visitor

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("bot")]


async def test_one_of_several_pictures_is_covered_where_all_of_them_are(visitor: Visitor) -> None:
    dark = visitor.at(channel="after-dark")
    first = await drawn(dark, "two patterns", **SUGGESTIVE, count=2)
    assert spoilers(first) == [False, False]
    assert spoilers(await pressed(dark, first, custom_id(first, "pick"))) == [False]
    again = await visitor.command("show", job=job_of(first))
    message = await shown(visitor, again["message"])
    assert spoilers(message) == [True, True]
    assert spoilers(await pressed(visitor, message, custom_id(message, "pick"))) == [True]


async def test_details_are_told_when_what_it_was_made_from_is_erased(
    visitor: Visitor, local_dir: Path
) -> None:
    first = await drawn(visitor, "a man, soon forgotten", steps=1)
    child = await redrawn(visitor, first, "reroll")
    with closing(sqlite3.connect(local_dir / "bot.sqlite3")) as db:
        db.execute("UPDATE jobs SET kept = 0 WHERE id = ?", (job_of(first),))
        db.commit()
    text = text_of(await pressed(visitor, child, "details"))
    assert f"job {job_of(child)}" in text
    assert "Made from" not in text


async def test_a_refusal_after_a_picture_was_read_is_not_public(visitor: Visitor) -> None:
    ben = visitor.at(user="ben")
    await fill(visitor, "quotas", "quotas", {**NO_QUOTA, "user_pictures": "0"})
    picture = ("grey.png", png(np.full((64, 64, 3), 128.0)))
    await ben.command("imagine", prompt="a secret wish", picture=picture)
    refusal = await ben.until(
        lambda m: "a secret wish" in text_of(m), user="ben", channel=ben.channel
    )
    assert "Of your 0 pictures a day" in text_of(refusal)
    assert refusal["flags"] & EPHEMERAL
    await fill(visitor, "quotas", "quotas", NO_QUOTA)


async def test_two_who_love_a_picture_at_once_post_it_once(visitor: Visitor) -> None:
    await choose(visitor, "results", "gallery_channel_id", "pictures")
    first = await drawn(visitor, "a man whom two love", steps=1)
    people = [visitor.at(user=name) for name in ("mia", "ada")]
    menus = [await pressed(person, first, "more") for person in people]
    await visitor.fault("POST /channels/*/messages", retry_after=1)  # so that it takes a while
    answers = await asyncio.gather(
        *(noted(person, menu, "favourite") for person, menu in zip(people, menus, strict=True))
    )
    told = [text_of(answer) for answer in answers]
    assert sum("is in the gallery already" in text for text in told) == 1, told
    shown_there = [text_of(m) for m in await visitor.messages(channel="pictures")]
    assert sum("a man whom two love" in text for text in shown_there) == 1
