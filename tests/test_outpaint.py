"""The canvas around a picture and its mask."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hypersd_core.errors import InvalidRequest
from hypersd_core.outpaint import OVERLAP_PX, outpaint_canvas


def random_pixels(width: int, height: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


GROWTHS = st.integers(0, 100)


@settings(max_examples=60)
@given(st.integers(16, 200), st.integers(16, 200), GROWTHS, GROWTHS, GROWTHS, GROWTHS)
def test_the_picture_stays_and_the_rest_is_drawn(
    width: int, height: int, left: int, top: int, right: int, bottom: int
) -> None:
    if not (left or top or right or bottom):
        return
    picture = random_pixels(width, height)
    canvas, mask = outpaint_canvas(picture, left=left, top=top, right=right, bottom=bottom)
    assert canvas.shape == (*mask.shape, 3)
    assert canvas.dtype == mask.dtype == np.uint8
    rows, columns = mask.shape
    assert rows % 8 == columns % 8 == 0
    assert 0 <= columns - (left + width + right) < 8
    assert 0 <= rows - (top + height + bottom) < 8
    x = columns - width - right if left and not right else left
    y = rows - height - bottom if top and not bottom else top
    assert np.array_equal(canvas[y : y + height, x : x + width], picture)
    inside = np.zeros_like(mask, dtype=bool)
    inside[y : y + height, x : x + width] = True
    assert (mask[~inside] == 255).all()
    assert (mask[inside] < 255).all()
    kept = mask[y + OVERLAP_PX : y + height - OVERLAP_PX, x + OVERLAP_PX : x + width - OVERLAP_PX]
    assert (kept == 0).all()


def test_what_is_lacking_to_a_multiple_of_8_is_added_at_the_end() -> None:
    picture = random_pixels(61, 50)
    canvas, mask = outpaint_canvas(picture, left=8, right=8)
    assert canvas.shape == (56, 80, 3)  # 8 + 61 + 8 + 3, 50 + 6
    assert np.array_equal(canvas[:50, 8:69], picture)
    assert (mask[50:] == 255).all()


def test_what_is_lacking_is_added_where_the_picture_grows() -> None:
    picture = random_pixels(61, 48)
    canvas, _ = outpaint_canvas(picture, left=8)
    assert canvas.shape == (48, 72, 3)
    assert np.array_equal(canvas[:, 11:], picture)


def test_the_mask_falls_evenly_over_the_overlap() -> None:
    _, mask = outpaint_canvas(random_pixels(64, 64), right=64)
    row = mask[10].astype(int)
    assert row[64] == 255
    assert row[63 - OVERLAP_PX] == 0
    falls = -np.diff(row[63 - OVERLAP_PX : 65][::-1])
    assert set(falls.tolist()) == {15}  # 255 / 17


def test_the_side_that_does_not_grow_is_kept_to_its_edge() -> None:
    _, mask = outpaint_canvas(random_pixels(64, 64), right=64)
    assert (mask[:, : 64 - OVERLAP_PX] == 0).all()


def test_the_new_area_starts_with_the_colours_of_the_border() -> None:
    picture = np.zeros((64, 64, 3), dtype=np.uint8)
    picture[:, 48:] = 200, 100, 50
    canvas, _ = outpaint_canvas(picture, left=64, right=64)
    assert canvas[32, 160].tolist() == [200, 100, 50]
    assert canvas[32, 10].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("growth", "sentence"),
    [
        ({}, "at least one pixel"),
        ({"left": -8, "right": 16}, "got -8 left, 0 top, 16 right, 0 bottom"),
        ({"right": 2000}, "2064x64 pixels; at most 2,048"),
        ({"top": 10**9}, "at most 2,048"),
    ],
)
def test_a_canvas_that_cannot_be_drawn_is_refused(growth: dict[str, int], sentence: str) -> None:
    with pytest.raises(InvalidRequest, match=sentence):
        outpaint_canvas(random_pixels(64, 64), **growth)
