"""A person types /imagine and a real model's picture comes back: the real bot, real sockets."""

import io
from pathlib import Path

import pytest
from PIL import Image

from tests.e2e.cards import GALLERY, custom_id, parts, picture_urls, text_of
from tests.e2e.database import rows, until_rows
from tests.e2e.visitor import SLOW, Visitor

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("bot")]

PROMPT = "portrait of a lady, (freckles), big smile, short rainbow hair"
EPHEMERAL = 1 << 6
USAGE = """SELECT outcome, pictures FROM usage JOIN jobs ON jobs.id = usage.job_id
           WHERE json_extract(request, '$.prompt') = ?"""


async def test_imagine_posts_the_picture_where_the_acknowledgement_was(
    visitor: Visitor, local_dir: Path
) -> None:
    message = await visitor.until_drawn(await visitor.imagine(PROMPT, seed=7))
    (gallery,) = parts(message, GALLERY)
    assert gallery["items"][0]["description"] == f"{PROMPT} (seed 7)"
    assert "DPM++ SDE Karras · 8 steps" in text_of(message)
    assert "seed 7 " in text_of(message)
    status, data = await visitor.download(picture_urls(message)[0])
    picture = Image.open(io.BytesIO(data))
    assert status == 200
    assert picture.size == (256, 256)
    assert picture.info["parameters"].startswith(PROMPT)
    await until_rows(local_dir, USAGE, PROMPT, expected=[("delivered", 1)])


async def test_the_same_seed_is_the_same_file(visitor: Visitor) -> None:
    ids = [await visitor.imagine("man, blue hair", seed=3, steps=1) for _ in range(2)]
    messages = [await visitor.until_drawn(i) for i in ids]
    first, second = [(await visitor.download(picture_urls(m)[0]))[1] for m in messages]
    assert first == second


async def test_four_pictures_come_in_one_gallery_with_their_seeds(visitor: Visitor) -> None:
    message_id = await visitor.imagine("woman, red hair", count=4, seed=4294967294, steps=2)
    message = await visitor.until_drawn(message_id)
    assert len(picture_urls(message)) == 4
    assert "seeds 4294967294, 4294967295, 0, 1" in text_of(message)


async def test_inline_flags_are_understood_with_typographic_dashes(visitor: Visitor) -> None:
    flags = "\u2014steps 2 \u2013\u2013seed 5 \u2014\u2014sampler tcd --ar 3:4"
    message_id = await visitor.imagine(f"a man {flags}")
    text = text_of(await visitor.until_drawn(message_id))
    assert "TCD · 2 steps" in text
    assert "56×72" in text
    assert "seed 5 " in text


async def test_size_is_completed_from_the_models_recipe(visitor: Visitor) -> None:
    answer = await visitor.act(
        "autocomplete", name="imagine", options={"prompt": "x", "size": "port"}, focused="size"
    )
    assert answer["choices"] == [{"name": "Portrait 56x72", "value": "56x72"}]


async def test_models_are_completed_by_name(visitor: Visitor) -> None:
    answer = await visitor.act(
        "autocomplete", name="imagine", options={"prompt": "x", "model": "PORT"}, focused="model"
    )
    assert answer["choices"] == [{"name": "portrait-64", "value": "portrait-64"}]


async def test_what_does_nothing_is_said_on_the_card(visitor: Visitor) -> None:
    message_id = await visitor.imagine(
        "a man, [red:blue:9] hair", steps=1, guidance=1, negative="x"
    )
    text = text_of(await visitor.until_drawn(message_id))
    assert "The negative prompt does nothing: it needs a guidance above 1." in text
    assert '[red:blue:9] never shows "blue" in 1 step.' in text


async def test_reroll_draws_the_same_words_with_another_seed(visitor: Visitor) -> None:
    first = await visitor.until_drawn(await visitor.imagine("a man, reroll me", seed=7, steps=1))
    answer = await visitor.press(first["id"], custom_id(first, "reroll"), user="ben")
    second = await visitor.until_drawn(answer["message"])
    assert "a man, reroll me" in text_of(second)
    assert "seed 7 " not in text_of(second)


async def test_mentions_in_a_prompt_ping_nobody(visitor: Visitor) -> None:
    message_id = await visitor.imagine("a man, @everyone <@1191168914227200002>", steps=1)
    message = await visitor.until_drawn(message_id)
    assert message["mentions"] == []
    assert not message["mention_everyone"]


async def test_a_private_result_is_seen_by_its_asker_alone(visitor: Visitor) -> None:
    message_id = await visitor.imagine("a man", private=True, steps=1)
    await visitor.until_drawn(message_id)
    assert message_id not in [m["id"] for m in await visitor.messages(user="ben")]


async def test_cancel_stops_a_running_job_and_says_so(visitor: Visitor, local_dir: Path) -> None:
    message_id = await visitor.imagine("a man to cancel", **SLOW)
    await visitor.cancel(message_id)
    await until_rows(local_dir, USAGE, "a man to cancel", expected=[("cancelled", 0)])


async def test_somebody_else_cannot_cancel(visitor: Visitor) -> None:
    message_id = await visitor.imagine("a man", **SLOW)
    button = custom_id(await visitor.message(message_id), "cancel")
    await visitor.press(message_id, button, user="ben")
    note = await visitor.until(lambda m: "belongs to somebody else" in text_of(m), user="ben")
    assert note["flags"] & EPHEMERAL
    await visitor.cancel(message_id)


async def test_one_user_may_not_fill_the_queue(visitor: Visitor) -> None:
    ids: list[str] = []
    for _ in range(20):  # ten wait, some more may be drawn meanwhile
        answer = await visitor.command("imagine", prompt="a man", **SLOW)
        note = await visitor.message(answer["message"])
        if note["flags"] & EPHEMERAL:
            break
        ids.append(note["id"])
    assert "You have 10 jobs waiting and may have 10" in text_of(note)
    for message_id in reversed(ids):
        await visitor.end(message_id)


REFUSALS: list[tuple[dict[str, object], str]] = [
    ({"prompt": "   "}, "The prompt is empty"),
    ({"prompt": "x" * 6000}, "6,000 characters; at most 2,000"),
    ({"prompt": "a (fox"}, "at character 3 of the prompt is never closed"),
    ({"prompt": "a fox --stpes 4"}, "did you mean --steps?"),
    ({"prompt": "a fox --size 100x100"}, "divisible by 8, got 100"),
    ({"prompt": "a fox --size 4096x4096"}, "4096x4096 is too large"),
    ({"prompt": "a fox --seed 4294967296"}, "seed must be from 0 to 4,294,967,295"),
    ({"prompt": "a fox --sampler heun"}, "There is no sampler 'heun'"),
    ({"prompt": "a fox --steps 0"}, "steps must be from 1 to 50, got 0"),
    ({"prompt": "a fox --steps 2", "steps": 4}, "steps is given twice"),
    ({"prompt": "a fox", "model": "portrait-65"}, "portrait-64"),
    ({"prompt": "a fox <lora:hyper>"}, "hyper"),
    ({"prompt": "a fox --strength 0.5"}, "strength needs a picture to start from."),
]


@pytest.mark.parametrize(("options", "sentence"), REFUSALS)
async def test_a_wrong_request_is_refused_privately_and_given_back(
    visitor: Visitor, local_dir: Path, options: dict[str, object], sentence: str
) -> None:
    before = rows(local_dir, "SELECT count(*) FROM jobs")
    note = await visitor.message((await visitor.command("imagine", **options))["message"])
    assert sentence in text_of(note)
    assert note["flags"] & EPHEMERAL
    assert str(options["prompt"])[:1000] in text_of(note)
    assert rows(local_dir, "SELECT count(*) FROM jobs") == before
