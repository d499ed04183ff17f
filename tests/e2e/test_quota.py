"""Quotas of a day: spent by drawing, given back for what is not drawn, and told by /quota."""

import re
from pathlib import Path

import pytest

from tests.e2e.bot_process import BotProcess
from tests.e2e.cards import text_of
from tests.e2e.database import until_rows
from tests.e2e.drawing import drawn
from tests.e2e.settings_card import choose, fill, opened
from tests.e2e.test_operator import no_room_for_pictures
from tests.e2e.visitor import SLOW, Visitor

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("bot")]

EPHEMERAL = 1 << 6
OPEN = "SELECT count(*) FROM jobs WHERE state IN ('queued', 'running', 'made')"
NO_QUOTA = {"user_pictures": "", "user_gpu_s": "", "guild_pictures": "", "guild_gpu_s": ""}


async def quota(visitor: Visitor) -> str:
    """What /quota says, in English."""
    answer = await visitor.act("command", name="quota", locale="en-US")
    message = await visitor.message(answer["message"])
    assert message["flags"] & EPHEMERAL
    return text_of(message).replace("*", "").replace("`", "")


async def refusal(visitor: Visitor, prompt: str, **options: object) -> str:
    answer = await visitor.command("imagine", prompt=prompt, **options)
    message = await visitor.message(answer["message"])
    assert message["flags"] & EPHEMERAL, text_of(message)
    return text_of(message)


async def test_without_limits_it_says_what_was_drawn(visitor: Visitor) -> None:
    await drawn(visitor.at(user="lin"), "a man", steps=1, count=3)
    text = await quota(visitor.at(user="lin"))
    assert "You\n3 pictures today, no limit\n" in text
    assert re.search(r"\d\.\d GPU seconds today, no limit", text)
    assert "This server\n3 pictures today, no limit" in text
    assert re.search(r"A new day begins <t:\d+:R>\.", text)


async def test_in_direct_messages_there_is_no_server(visitor: Visitor) -> None:
    text = await quota(visitor.at(user="lin", channel="dm"))
    assert "You" in text
    assert "This server" not in text


async def test_what_is_spent_is_refused_with_the_time_of_the_next_day(visitor: Visitor) -> None:
    ben = visitor.at(user="ben")
    await fill(visitor, "quotas", "quotas", {**NO_QUOTA, "user_pictures": "4"})
    await drawn(ben, "a man", steps=1, count=3)
    said = await refusal(ben, "a man, again", steps=1, count=2)
    assert "Of your 4 pictures a day 1 are left, and this takes 2" in said
    assert re.search(r"A new day begins <t:\d+:R>\.", said)
    assert "a man, again" in said
    assert "███░░░░░░░░░ 1 of 4 pictures left" in await quota(ben)
    await fill(visitor, "quotas", "quotas", NO_QUOTA)


async def test_what_is_cancelled_is_given_back(visitor: Visitor) -> None:
    mia = visitor.at(user="mia")
    await fill(visitor, "quotas", "quotas", {**NO_QUOTA, "user_pictures": "2"})
    slow = await mia.command("imagine", prompt="a slow man", **SLOW)
    assert "0 of 2 pictures left" in await quota(mia)
    await mia.cancel(slow["message"])
    assert "2 of 2 pictures left" in await quota(mia)
    await drawn(mia, "a man", steps=1, count=2)
    await fill(visitor, "quotas", "quotas", NO_QUOTA)


async def test_what_fails_is_given_back(visitor: Visitor, local_dir: Path) -> None:
    await until_rows(local_dir, OPEN, expected=[(0,)])
    before = await quota(visitor)
    with no_room_for_pictures(local_dir):
        answer = await visitor.command("imagine", prompt="a man that fails", steps=1, count=4)
        await visitor.until(
            lambda m: m["id"] == answer["message"] and "could not be written" in text_of(m)
        )
    assert await quota(visitor) == before


async def test_the_server_has_one_quota_for_all(visitor: Visitor) -> None:
    at = visitor.at(channel="drawings")
    await fill(at, "quotas", "quotas", {**NO_QUOTA, "guild_pictures": "2"})
    await drawn(at, "a man", steps=1, count=2)
    said = await refusal(at.at(user="ben"), "a man", steps=1)
    assert "Of this server's 2 pictures a day 0 are left" in said
    assert "░░░░░░░░░░░░ 0 of 2 pictures left" in await quota(at)


async def test_gpu_seconds_are_limited_by_their_estimate(visitor: Visitor) -> None:
    await fill(visitor, "quotas", "quotas", {**NO_QUOTA, "user_gpu_s": "0"})
    said = await refusal(visitor, "a man", steps=1)
    await fill(visitor, "quotas", "quotas", NO_QUOTA)
    assert "Of your 0 GPU seconds a day 0.0 are left, and this takes about" in said


async def test_a_role_adds_to_the_quota_of_its_holders(visitor: Visitor) -> None:
    await fill(visitor, "quotas", "quotas", {**NO_QUOTA, "user_pictures": "0"})
    card = await opened(visitor, "quotas")
    form = await visitor.choose(card["id"], "settings:1:choose:role", "Regulars")
    await visitor.submit(form, {"pictures": "100"})
    assert "of 100 pictures left" in await quota(visitor.at(user="ben"))
    assert "0 of 0 pictures left" in await quota(visitor.at(user="lin"))
    form = await visitor.choose(card["id"], "settings:1:choose:role", "Regulars")
    await visitor.submit(form, {"pictures": ""})
    await fill(visitor, "quotas", "quotas", NO_QUOTA)


async def test_a_press_is_refused_as_a_command_is(visitor: Visitor) -> None:
    message = await drawn(visitor, "a man to reroll", steps=1)
    await fill(visitor, "quotas", "quotas", {**NO_QUOTA, "user_pictures": "0"})
    button = next(i for i in _ids(message["components"]) if i.startswith("reroll:"))
    answer = await visitor.press(message["id"], button)
    await fill(visitor, "quotas", "quotas", NO_QUOTA)
    assert "A new day begins <t:" in text_of(await visitor.message(answer["message"]))


def _ids(components: list[dict[str, object]]) -> list[str]:
    found: list[str] = []
    for component in components:
        found += [str(component["custom_id"])] if "custom_id" in component else []
        inner = component.get("components", [])
        assert isinstance(inner, list)
        found += _ids(inner)
    return found


async def test_what_is_spent_outlives_a_restart(visitor: Visitor, bot: BotProcess) -> None:
    await fill(visitor, "quotas", "quotas", {**NO_QUOTA, "user_pictures": "50"})
    before = await quota(visitor)
    await bot.kill()
    await bot.start()
    assert await quota(visitor) == before
    await choose(visitor, "limits", "max_steps", "50")
