"""What can be asked for besides words, each seen in the picture that comes back."""

from pathlib import Path

import numpy as np
import pytest

from tests.e2e.cards import custom_id, picture_urls, text_of
from tests.e2e.database import rows, until_rows
from tests.e2e.drawing import Pixels, difference, drawn, file_of, picture, pixels, png, shown
from tests.e2e.visitor import Visitor

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("bot")]

MAN = "man, short black hair, glasses, yellow background"
DRESSED = "cartoon style, girl, blonde hair, bun, pale skin, green turtleneck, pink background"
ANOTHER = "woman, long red hair, smile, blue background"
SEEDS = """SELECT json_extract(request, '$.seed') FROM jobs
           WHERE json_extract(request, '$.prompt') = ? AND state = 'delivered' ORDER BY 1"""


async def test_the_strength_says_how_much_of_a_picture_is_drawn_anew(visitor: Visitor) -> None:
    start = await file_of(visitor, await drawn(visitor, MAN, seed=7))
    near, far = [
        await picture(
            visitor, ANOTHER, picture=("start.png", start), strength=strength, seed=8, steps=4
        )
        for strength in (0.25, 1.0)
    ]
    assert difference(near, pixels(start)) < 0.4 * difference(far, pixels(start))


async def test_what_the_mask_leaves_black_is_kept(visitor: Visitor) -> None:
    start = await file_of(visitor, await drawn(visitor, MAN, seed=7))
    before = pixels(start)
    half = before.shape[1] // 2
    mask = np.zeros_like(before)
    mask[:, half:] = 255
    after = await picture(
        visitor,
        ANOTHER,
        picture=("start.png", start),
        mask=("mask.png", png(mask)),
        strength=1,
        seed=9,
        steps=4,
    )
    kept = slice(0, half - 8)  # enlarging for show blurs the border by a pixel of the model's
    assert difference(after[:, kept], before[:, kept]) < 3
    assert difference(after[:, half:], before[:, half:]) > 15


@pytest.mark.parametrize(("ratio", "size"), [("2:1", (352, 192)), ("3:4", (224, 288))])
async def test_a_ratio_is_a_size_of_about_as_many_pixels(
    visitor: Visitor, ratio: str, size: tuple[int, int]
) -> None:
    drawing = await picture(visitor, MAN, size=ratio, steps=1)
    assert drawing.shape[1::-1] == size


async def test_each_seed_of_a_batch_draws_its_picture_again(visitor: Visitor) -> None:
    batch = await drawn(visitor, MAN, count=3, seed=40, steps=2)
    assert "seeds 40, 41, 42" in text_of(batch)
    for index, seed in enumerate((40, 41, 42)):
        of_batch = pixels(await file_of(visitor, batch, index))
        alone = await picture(visitor, MAN, seed=seed, steps=2)
        assert np.abs(alone - of_batch).max() <= 1  # sums over a batch round otherwise


async def test_the_negative_prompt_changes_the_picture(visitor: Visitor) -> None:
    plain = await picture(visitor, MAN, seed=7, steps=2)
    without = await picture(visitor, MAN, seed=7, steps=2, negative="glasses, black hair")
    assert difference(plain, without) > 1


@pytest.mark.parametrize(
    ("option", "card"),
    [
        ({"steps": 3}, "DPM++ SDE Karras · 3 steps · CFG 3 ·"),
        ({"guidance": 6.5}, "DPM++ SDE Karras · 2 steps · CFG 6.5 ·"),
        ({"sampler": "tcd"}, "TCD · 2 steps · CFG 3 ·"),
    ],
)
async def test_steps_guidance_and_sampler_change_the_picture_and_stand_on_the_card(
    visitor: Visitor, option: dict[str, object], card: str
) -> None:
    plain = await picture(visitor, MAN, seed=7, steps=2)
    message = await drawn(visitor, MAN, **{"seed": 7, "steps": 2} | option)
    assert card in text_of(message)
    assert difference(plain, pixels(await file_of(visitor, message))) > 1


async def test_repeat_asks_once_and_then_makes_a_job_for_each_time(
    visitor: Visitor, local_dir: Path
) -> None:
    prompt = "a man, thrice"
    answer = await visitor.command("imagine", prompt=prompt, repeat=3, seed=90, steps=1)
    question = await visitor.message(answer["message"])
    assert "These are 3 jobs" in text_of(question)
    await visitor.press(question["id"], custom_id(question, "draft"))
    await until_rows(local_dir, SEEDS, prompt, expected=[(90,), (91,), (92,)])
    results = [m for m in await visitor.messages() if prompt in text_of(m) and picture_urls(m)]
    assert len(results) == 3


async def test_the_borders_of_a_tile_meet(visitor: Visitor) -> None:
    plain = await picture(visitor, DRESSED, seed=7, steps=4)
    tile = await picture(visitor, f"{DRESSED} --tile", seed=7, steps=4)
    assert seam(plain) > 10  # background above, clothes below
    assert seam(tile) < 2


def seam(drawing: Pixels) -> float:
    """How far the first row is from the last, by how far a row is from the next on average."""
    rows_drawn = drawing.reshape(64, 4, 64, 4, 3).mean((1, 3))  # before they were enlarged
    between = difference(rows_drawn[1:], rows_drawn[:-1])
    return difference(rows_drawn[0], rows_drawn[-1]) / between


async def test_a_picture_that_is_sent_along_with_a_form_is_drawn_from(visitor: Visitor) -> None:
    start = await file_of(visitor, await drawn(visitor, DRESSED, seed=3, steps=4))
    first = await drawn(visitor, ANOTHER, seed=7)
    form = await visitor.press(first["id"], custom_id(first, "remix"))
    changes = {"Picture to start from": [("start.png", start)], "Prompt": f"{MAN} --strength 0.25"}
    answer = await visitor.submit(form, changes)
    second = pixels(await file_of(visitor, await shown(visitor, answer["message"])))
    untouched = pixels(await file_of(visitor, first))
    assert difference(second, pixels(start)) < 0.4 * difference(second, untouched)


async def test_a_file_that_is_no_picture_is_refused_by_the_form(visitor: Visitor) -> None:
    first = await drawn(visitor, MAN, seed=7, steps=1, guidance=1)
    form = await visitor.press(first["id"], custom_id(first, "remix"))
    changes = {"Picture to start from": [("notes.txt", b"no picture")]}
    answer = await visitor.submit(form, changes)
    assert "notes.txt is no picture" in text_of(await visitor.message(answer["message"]))


async def test_a_request_that_is_refused_leaves_no_job(visitor: Visitor, local_dir: Path) -> None:
    before = rows(local_dir, "SELECT count(*) FROM jobs")
    answer = await visitor.command("imagine", prompt=MAN, mask=("m.png", png(np.zeros((9, 9, 3)))))
    assert "A mask needs a picture" in text_of(await visitor.message(answer["message"]))
    assert rows(local_dir, "SELECT count(*) FROM jobs") == before
