"""The words of a prompt: weighed, of any number, and exact about what is wrong with them."""

import io

import pytest
from PIL import Image

from tests.e2e.cards import text_of
from tests.e2e.drawing import difference, drawn, file_of, picture, pixels
from tests.e2e.visitor import Visitor

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("bot")]

MAN = "man, {}, glasses, yellow background"
WORDS = ["portrait", "of", "a", "lady", "with", "a", "smile", "and"] * 24
"""192 words: more than two windows of the text encoders, which read 75 tokens each."""


async def test_a_weight_changes_the_picture_and_a_weight_of_one_does_not(visitor: Visitor) -> None:
    plain, one, heavy, light = [
        await picture(visitor, MAN.format(hair), seed=7, steps=2)
        for hair in ("red hair", "(red hair:1.0)", "(red hair:1.8)", "[red hair]")
    ]
    assert difference(plain, one) == 0
    assert difference(plain, heavy) > 1
    assert difference(plain, light) > 0
    assert difference(heavy, light) > 1


async def test_no_word_of_a_long_prompt_is_cut(visitor: Visitor) -> None:
    files = {}
    for hair in ("red", "black"):
        prompt = f"{' '.join(WORDS)} {hair} hair, blue background"
        files[hair] = await file_of(visitor, await drawn(visitor, prompt, seed=7, steps=2))
        parameters = Image.open(io.BytesIO(files[hair])).info["parameters"]
        assert parameters.startswith(f"{prompt}\nSteps: 2")
    assert difference(pixels(files["red"]), pixels(files["black"])) > 0.5


@pytest.mark.parametrize(
    ("prompt", "sentence"),
    [
        ("a fox --stpes 4", "--stpes (character 7) is unknown: did you mean --steps?"),
        ("a fox --steps four", '--steps (character 7) needs a whole number, not "four"'),
        ("a fox, --ar wide --seed 2", '--ar (character 8) needs a ratio such as 3:2, not "wide"'),
        ("a fox --seed 1 --seed 2", "--seed (character 16) is given twice"),
    ],
)
async def test_a_wrong_flag_is_named_with_its_place_and_what_it_should_be(
    visitor: Visitor, prompt: str, sentence: str
) -> None:
    answer = await visitor.command("imagine", prompt=prompt)
    assert sentence in text_of(await visitor.message(answer["message"]))
