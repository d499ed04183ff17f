"""/describe: what a picture's own metadata says, and pictures drawn from that."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.e2e.bot_process import BotProcess
from tests.e2e.cards import parts, picture_urls, text_of
from tests.e2e.drawing import drawn, file_of, shown
from tests.e2e.visitor import Visitor
from tests.sandbox.page_client import Json

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("bot")]

EPHEMERAL = 1 << 6
FILE = 13
SAID = {"seed": 7, "steps": 2, "negative": "hat", "guidance": 2.0}


async def described(visitor: Visitor, data: bytes, name: str = "picture.png") -> Json:
    """The private card about a file."""
    answer = await visitor.command("describe", picture=(name, data))
    message = await visitor.until(
        lambda m: m["id"] == answer["message"] and text_of(m) != "",
        user=visitor.user,
        channel=visitor.channel,
    )
    assert message["flags"] & EPHEMERAL
    return message


async def test_a_picture_of_ours_tells_how_it_was_made(visitor: Visitor) -> None:
    data = await file_of(visitor, await drawn(visitor, "a man, (freckles)", **SAID))
    card = await described(visitor.at(user="ben", channel="dm"), data)
    text = text_of(card).replace("*", "")
    for words in ("a man, (freckles)", "Negative prompt hat", "Steps: 2", "Seed: 7", "--seed 7"):
        assert words in text
    (file,) = parts(card, FILE)
    _, infotext = await visitor.download(file["file"]["url"])
    assert infotext.decode() == Image.open(io.BytesIO(data)).info["parameters"]


async def test_it_is_drawn_again_just_so(visitor: Visitor, bot: BotProcess) -> None:
    data = await file_of(visitor, await drawn(visitor, "a lady, again", **SAID))
    card = await described(visitor, data)
    await bot.kill()
    await bot.start()
    for _ in range(2):  # the card stays, and so does its button
        answer = await visitor.press(card["id"], "describe:1:draw")
        again = await shown(visitor, answer["message"])
        assert await file_of(visitor, again) == data


async def test_it_is_remixed(visitor: Visitor) -> None:
    data = await file_of(visitor, await drawn(visitor, "a man, red hair", **SAID))
    card = await described(visitor, data)
    form = await visitor.press(card["id"], "describe:1:remix")
    assert "a man, red hair" in str(form["modal"])
    answer = await visitor.submit(form, {"prompt": "a man, blue hair"})
    message = await shown(visitor, answer["message"])
    assert "a man, blue hair" in text_of(message)
    assert "seed 7" in text_of(message)


async def test_a_webp_of_a1111_is_read(visitor: Visitor) -> None:
    file = io.BytesIO()
    exif = Image.Exif()
    text = "a cat in __style__\nNegative prompt: dog\nSteps: 20, Sampler: Euler a, CFG scale: 7, "
    text += "Seed: 5, Size: 512x768, Model: realistic, Version: v1.9.4"
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + text.encode("utf-16-be")
    Image.new("RGB", (8, 8)).save(file, "WEBP", exif=exif)
    said = text_of(await described(visitor, file.getvalue(), "cat.webp")).replace("*", "")
    assert "a cat in __style__" in said
    assert "Sampler: Euler a" in said


async def test_a_picture_that_says_nothing_is_told_why(visitor: Visitor) -> None:
    file = io.BytesIO()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(file, "PNG")
    text = text_of(await described(visitor, file.getvalue()))
    assert "The picture holds no parameters text" in text
    assert "chats often take the text out" in text


async def test_what_is_no_picture_is_refused(visitor: Visitor) -> None:
    text = text_of(await described(visitor, b"words", "notes.txt"))
    assert "notes.txt is no picture" in text


async def test_a_prompt_of_any_length_and_markdown_fits(visitor: Visitor) -> None:
    prompt = "**a** `man`, " + "very " * 390 + "old @everyone"
    message = await drawn(visitor, prompt, steps=1)
    card = await described(visitor, await file_of(visitor, message))
    assert len("".join(part["content"] for part in parts(card, 10))) <= 4_000
    assert card["mentions"] == []
    assert not card["mention_everyone"]


async def test_it_works_where_a_person_brought_the_bot(visitor: Visitor) -> None:
    data = await file_of(visitor, await drawn(visitor, "a man", steps=1))
    at = visitor.at(channel="cafe")
    card = await described(at, data)
    answer = await at.press(card["id"], "describe:1:draw")
    assert picture_urls(await shown(at, answer["message"]))
