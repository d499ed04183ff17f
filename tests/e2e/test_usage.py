"""/usage and /stats: numbers, a chart and a file of what was drawn, for who may see them."""

import csv
import io
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image

from hypersd_core.charts import HEIGHT_PX, WIDTH_PX
from tests.e2e.bot_process import BotProcess
from tests.e2e.cards import BUTTON, GALLERY, parts, picture_urls, text_of
from tests.e2e.database import until_rows
from tests.e2e.visitor import Visitor
from tests.sandbox.page_client import Json

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("drawn")]

EPHEMERAL = 1 << 6
FILE = 13


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def drawn(visitor: Visitor, bot: BotProcess, local_dir: Path) -> None:
    """Ada has drawn three pictures in two jobs, Ben one."""
    await visitor.until_drawn(await visitor.imagine("a fox", steps=1, count=2))
    await visitor.until_drawn(await visitor.imagine("a fox", steps=1))
    await visitor.until_drawn(await visitor.at(user="ben").imagine("an owl", steps=1))
    await until_rows(local_dir, "SELECT count(*) FROM usage", expected=[(3,)])


async def shown(visitor: Visitor, command: str, *, user: str = "ada", **options: object) -> Json:
    """The card that answers a command, once its numbers are there."""
    answer = await visitor.at(user=user).command(command, **options)
    return await visitor.until(
        lambda m: m["id"] == answer["message"] and text_of(m) != "", user=user
    )


def pressing(message: Json, label: str) -> str:
    return str(next(b["custom_id"] for b in parts(message, BUTTON) if b["label"] == label))


async def file_in(visitor: Visitor, message: Json) -> bytes:
    (file,) = parts(message, FILE)
    status, data = await visitor.download(file["file"]["url"])
    assert status == 200
    return data


async def test_usage_shows_me_my_own_numbers_and_a_chart(visitor: Visitor) -> None:
    card = await shown(visitor, "usage")
    assert card["flags"] & EPHEMERAL
    text = text_of(card).replace("*", "")
    assert "Your usage" in text
    assert "2 jobs · 3 pictures" in text
    assert "0 failed (0.0%)" in text
    assert "F models by pictures: 1 portrait-64" in text
    (url,) = picture_urls(card)
    picture = Image.open(io.BytesIO((await visitor.download(url))[1]))
    assert picture.size == (WIDTH_PX, HEIGHT_PX)
    (gallery,) = parts(card, GALLERY)
    assert "2 jobs · 3 pictures" in gallery["items"][0]["description"]


async def test_a_button_shows_another_span_in_the_same_card(visitor: Visitor) -> None:
    card = await shown(visitor, "usage", span="week")
    await visitor.press(card["id"], pressing(card, "today"))
    today = await visitor.until(
        lambda m: (
            m["id"] == card["id"]
            and any(b["label"] == "today" and b["disabled"] for b in parts(m, BUTTON))
        )
    )
    assert "**2** jobs" in text_of(today)
    assert len(picture_urls(today)) == 1


async def test_the_file_has_my_jobs_alone(visitor: Visitor) -> None:
    card = await shown(visitor, "usage")
    answer = await visitor.press(card["id"], pressing(card, "CSV"))
    message = await visitor.until(lambda m: m["id"] == answer["message"] and parts(m, FILE) != [])
    jobs = list(csv.DictReader(io.StringIO((await file_in(visitor, message)).decode("utf-8-sig"))))
    assert [(job["pictures"], job["outcome"]) for job in jobs] == [
        ("1", "delivered"),
        ("2", "delivered"),
    ]
    assert message["flags"] & EPHEMERAL


async def test_stats_count_everybody_and_name_them(visitor: Visitor) -> None:
    card = await shown(visitor, "stats", span="all")
    text = text_of(card).replace("*", "")
    ids = [await visitor.id_of(name) for name in ("ada", "ben")]
    assert "3 jobs · 4 pictures" in text
    assert f"E people by pictures: 1 <@{ids[0]}> · 2 <@{ids[1]}>" in text
    assert card["mentions"] == []


async def test_stats_are_offered_to_who_manages_the_server(visitor: Visitor) -> None:
    assert "stats" in await visitor.offered()
    assert "stats" not in await visitor.at(user="ben").offered()
    assert "stats" not in await visitor.at(channel="dm").offered()
    assert "usage" in await visitor.at(user="ben").offered()


async def test_who_has_drawn_nothing_is_told_so(visitor: Visitor) -> None:
    card = await shown(visitor, "usage", user="mia")
    assert "Nothing was drawn" in text_of(card)
    assert picture_urls(card) == []


async def test_numbers_outlive_a_restart_and_so_do_their_buttons(
    visitor: Visitor, bot: BotProcess
) -> None:
    card = await shown(visitor, "usage")
    await bot.stop()
    await bot.start()
    await visitor.press(card["id"], pressing(card, "all time"))
    await visitor.until(
        lambda m: (
            m["id"] == card["id"]
            and any(b["label"] == "all time" and b["disabled"] for b in parts(m, BUTTON))
        )
    )
