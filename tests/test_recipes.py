"""A recipe as a value: sizes that it names and offers, sampling that it takes from another."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypersd_core.errors import InvalidRequest
from tests.model_shelf import make_recipe


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512x768", (512, 768)),
        ("512 X 768", (512, 768)),
        ("512*768", (512, 768)),
        (" 512×768 ", (512, 768)),
        ("1:1", (1024, 1024)),
        ("3:2", (1256, 840)),
        ("16 : 9", (1368, 768)),
        ("1:4", (512, 2048)),
        ("square", (1024, 1024)),
        ("Portrait", (888, 1184)),
        ("LANDSCAPE", (1184, 888)),
    ],
)
def test_a_size_is_pixels_a_ratio_or_a_word(text: str, size: tuple[int, int]) -> None:
    assert make_recipe().size(text) == size


@given(st.integers(1, 64), st.integers(1, 64), st.integers(32, 128), st.integers(32, 128))
def test_a_ratio_keeps_about_the_recipes_pixels(
    across: int, down: int, width_8px: int, height_8px: int
) -> None:
    recipe = make_recipe(width=8 * width_8px, height=8 * height_8px, max_side_px=4096)
    if not 1 / 4 <= across / down <= 4:
        with pytest.raises(InvalidRequest, match="between 1:4 and 4:1"):
            recipe.size(f"{across}:{down}")
        return
    width, height = recipe.size(f"{across}:{down}")
    assert width % 8 == height % 8 == 0
    assert width * height == pytest.approx(recipe.width * recipe.height, rel=0.08)
    assert width / height == pytest.approx(across / down, rel=0.08)


@pytest.mark.parametrize(
    ("values", "highest"),
    [
        ({"guidance": 1.0}, 1.0),
        ({"guidance": 0.0}, 1.0),
        ({"guidance": 1.0, "guidance_limit": 2.0}, 2.0),
        ({"guidance": 5.0, "guidance_limit": 8.0}, 8.0),
        ({"guidance": 2.0}, math.inf),
    ],
)
def test_a_model_drawn_without_guidance_bears_none_unless_its_recipe_says_so(
    values: dict[str, Any], highest: float
) -> None:
    assert make_recipe(**values).highest_guidance == highest


def test_sampling_comes_from_another_recipe_and_all_else_stays() -> None:
    own = make_recipe(width=64, height=72, max_side_px=128, enlarge=4, vae="fix", eta=0.7)
    lora = make_recipe(
        name="lora",
        title="LoRA",
        sampler="lcm",
        steps=1,
        steps_made_for=(1, 1),
        timesteps=(800,),
        guidance=1.0,
        guidance_limit=1.5,
    )
    both = own.sampled_as(lora)
    assert (both.sampler, both.steps, both.timesteps) == ("lcm", 1, (800,))
    assert (both.guidance, both.guidance_limit, both.eta) == (1.0, 1.5, None)
    assert (both.title, both.steps_made_for) == ("LoRA", (1, 1))
    assert (both.width, both.height, both.max_side_px) == (64, 72, 128)
    assert (both.enlarge, both.vae) == (4, "fix")


@pytest.mark.parametrize(
    ("made_for", "speed", "steps"),
    [
        ((2, 8), "draft", 2),
        ((2, 8), "fast", 4),
        ((2, 8), " Quality ", 8),
        ((1, 1), "quality", 1),
        ((), "draft", 4),
        ((), "quality", 4),
    ],
)
def test_a_speed_is_steps_that_the_model_was_made_for(
    made_for: tuple[int, ...], speed: str, steps: int
) -> None:
    assert make_recipe(steps=4, steps_made_for=made_for).steps_at(speed) == steps


def test_an_unknown_speed_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="one of draft, fast, quality, got 'warp'"):
        make_recipe().steps_at("warp")
