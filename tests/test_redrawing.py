import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from hypersd_core import redrawing
from hypersd_core.errors import InvalidRequest
from hypersd_core.redrawing import Reach, Side
from hypersd_core.request import MAX_SEED, GenerationRequest, Hires, Source, Variation
from tests.any_request import make_request
from tests.model_shelf import make_recipe

PICTURE = "a" * 64 + ".png"
LARGE = Reach(side_px=2048, pixels=2048**2)


def gradient(width: int, height: int) -> NDArray[np.uint8]:
    across = np.linspace(0, 255, width)[None, :, None]
    return np.broadcast_to(across, (height, width, 3)).astype(np.uint8)


def portrait(**changes: object) -> GenerationRequest:
    return make_request(**({"width": 64, "height": 64} | changes))


def test_one_picture_of_a_batch_has_its_own_seeds() -> None:
    batch = make_request(seed=MAX_SEED, count=3, variation=Variation(seed=7, strength=0.5))
    one = redrawing.one_picture(batch, 2)
    assert (one.seed, one.count, one.variation) == (1, 1, Variation(seed=9, strength=0.5))


def test_a_reroll_is_the_same_but_for_its_seed_and_its_notes() -> None:
    request = make_request(seed=1, count=4, notes=("What was understood.",))
    again = redrawing.rerolled(request, seed=2)
    assert again == dataclasses.replace(request, seed=2, notes=())
    assert redrawing.rerolled(request, seed=2, count=1).count == 1


def test_what_was_only_made_larger_is_not_rerolled() -> None:
    larger = make_request(source=Source(picture=PICTURE, strength=0))
    with pytest.raises(InvalidRequest, match=r"^This picture was made larger without"):
        redrawing.rerolled(larger, seed=2)


def test_variations_start_from_the_picture_with_new_seeds_and_are_as_many() -> None:
    request = make_request(seed=1, count=3, variation=Variation(seed=7, strength=0.5), hires=None)
    varied = redrawing.varied(request, PICTURE, strength=0.45, seed=50, reach=LARGE)
    assert varied.source == Source(picture=PICTURE, strength=0.45)
    assert varied.seeds == (50, 51, 52)
    assert varied.variation is None


def test_variations_have_the_size_of_the_finished_picture_within_the_models_reach() -> None:
    request = make_request(width=512, height=768, hires=Hires(scale=2, strength=0.5))
    varied = redrawing.varied(request, PICTURE, strength=0.45, seed=5, reach=LARGE)
    assert ((varied.width, varied.height), varied.hires) == ((1024, 1536), None)
    small = Reach(side_px=768, pixels=768**2)
    varied = redrawing.varied(request, PICTURE, strength=0.45, seed=5, reach=small)
    assert (varied.width, varied.height) == (512, 768)


def test_variations_of_a_masked_picture_keep_its_mask() -> None:
    request = make_request(source=Source(picture=PICTURE, mask="b" * 64 + ".png", strength=1))
    varied = redrawing.varied(request, PICTURE, strength=0.75, seed=5, reach=LARGE)
    assert varied.source is not None
    assert varied.source.mask == "b" * 64 + ".png"


def test_upscaling_doubles_the_size_and_keeps_the_pictures_seed() -> None:
    request = make_request(width=512, height=768, seed=5, count=2)
    larger = redrawing.upscaled(request, 1, PICTURE, upscaler="x4", reach=LARGE)
    assert (larger.width, larger.height, larger.seed, larger.count) == (1024, 1536, 6, 1)
    assert larger.source == Source(picture=PICTURE, strength=redrawing.UPSCALE, upscaler="x4")
    assert larger.notes == ("Twice as large, with fine details drawn anew.",)


def test_beyond_its_models_reach_a_picture_is_resampled_and_says_so() -> None:
    request = portrait(enlarge=4)
    reach = Reach.of(make_recipe(width=64, height=64, max_side_px=128), request)
    larger = redrawing.upscaled(request, 0, PICTURE, upscaler="lanczos", reach=reach)
    assert (larger.width, larger.source) == (128, Source(picture=PICTURE, strength=0))
    assert larger.notes == ("Twice as large. Nothing was drawn anew: this model draws no larger.",)


@pytest.mark.parametrize("changes", [{"width": 2048}, {"width": 1024, "enlarge": 4}])
def test_a_picture_cannot_grow_for_ever(changes: dict[str, int]) -> None:
    with pytest.raises(InvalidRequest, match=r"^This picture is as large as can be\.$"):
        redrawing.upscaled(make_request(**changes), 0, PICTURE, upscaler="lanczos", reach=LARGE)


@pytest.mark.parametrize(
    ("size", "drawn"), [((64, 64), (64, 64)), ((56, 72), (56, 72)), ((128, 128), (64, 64))]
)
def test_a_model_for_small_pictures_keeps_to_its_area(
    size: tuple[int, int], drawn: tuple[int, int]
) -> None:
    reach = Reach.of(make_recipe(width=64, height=64, max_side_px=128), portrait())
    width, height = reach.fitted(size)
    assert abs(width - drawn[0]) <= 8
    assert abs(height - drawn[1]) <= 8
    assert reach.has((width, height))


def test_a_large_model_reaches_as_far_as_its_recipe_says() -> None:
    reach = Reach.of(make_recipe(width=1024, height=1024, max_side_px=2048), make_request())
    assert reach.has((2048, 2048))
    assert not reach.has((2056, 64))


def test_zooming_out_keeps_the_canvas_and_shrinks_the_picture_in_its_middle() -> None:
    canvas, mask = redrawing.zoomed_out(gradient(512, 256), (256, 128), 2)
    assert canvas.shape == (128, 256, 3)
    assert mask.shape == (128, 256)
    assert mask[64, 96:160].max() == 0
    assert mask[0].min() == mask[-1].min() == mask[:, 0].min() == 255
    shown = canvas[64, 64:192, 0].astype(int)
    np.testing.assert_allclose(shown, np.linspace(0, 255, 128), atol=4)


@pytest.mark.parametrize(
    ("side", "shape", "new"),
    [
        (Side.LEFT, (64, 96), np.s_[:, :32]),
        (Side.RIGHT, (64, 96), np.s_[:, 64:]),
        (Side.UP, (96, 64), np.s_[:32]),
        (Side.DOWN, (96, 64), np.s_[64:]),
    ],
)
def test_panning_grows_the_canvas_by_half_at_one_side(
    side: Side, shape: tuple[int, int], new: tuple[slice, ...]
) -> None:
    _, mask = redrawing.panned(gradient(64, 64), (64, 64), side, max_side_px=128)
    assert mask.shape == shape
    assert mask[new].min() == 255
    assert (mask == 255).sum() == mask[new].size


def test_where_the_canvas_cannot_grow_panning_moves_it() -> None:
    picture = gradient(64, 64)
    canvas, mask = redrawing.panned(picture, (64, 64), Side.RIGHT, max_side_px=64)
    assert mask.shape == (64, 64)
    assert (canvas[:, :16] == picture[:, 32:48]).all()
    assert mask[:, 32:].min() == 255


def test_a_square_has_the_longer_side_and_the_picture_in_its_middle() -> None:
    canvas, mask = redrawing.squared(gradient(64, 96), (64, 96))
    assert canvas.shape == (96, 96, 3)
    assert mask[:, 48].max() == 0
    assert mask[:, :16].min() == mask[:, 80:].min() == 255
    with pytest.raises(InvalidRequest, match=r"^This picture is square already\.$"):
        redrawing.squared(gradient(64, 64), (64, 64))


def test_outpainting_draws_all_of_its_mask_with_the_same_words() -> None:
    request = make_request(count=2, variation=Variation(seed=1, strength=1))
    out = redrawing.outpainted(
        request, PICTURE, "b" * 64 + ".png", size=(96, 64), seed=9, reach=LARGE
    )
    assert out.source == Source(picture=PICTURE, mask="b" * 64 + ".png", strength=1)
    assert (out.width, out.height, out.seed, out.count) == (96, 64, 9, 2)
    assert (out.prompt, out.variation) == (request.prompt, None)


def test_outpainting_with_a_model_of_small_pictures_says_what_to_expect() -> None:
    small = Reach(side_px=128, pixels=64**2, is_large=False)
    request, mask = portrait(model="m"), "b" * 64 + ".png"
    (note,) = redrawing.outpainted(request, PICTURE, mask, size=(64, 64), seed=9, reach=small).notes
    assert note.startswith("m was made for small whole pictures")
    large = redrawing.outpainted(request, PICTURE, mask, size=(64, 64), seed=9, reach=LARGE)
    assert large.notes == ()
