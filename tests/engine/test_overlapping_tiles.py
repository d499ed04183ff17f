"""Tiles cover a picture, fade into each other, and show no seam."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from hypersd_core.engine.pixels.overlapping_tiles import Tiles, draw_in_tiles

TILES = Tiles(side=24, overlap=8)


def noise(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


@given(length=st.integers(1, 300), overlap=st.integers(0, 23))
def test_tiles_cover_a_side_and_overlap_by_no_less_than_asked(length: int, overlap: int) -> None:
    starts = Tiles(side=24, overlap=overlap).starts(length)
    assert starts[0] == 0
    assert starts[-1] + min(24, length) == length
    assert all(0 < b - a <= 24 - overlap for a, b in itertools.pairwise(starts))


@pytest.mark.parametrize("size", [(24, 24), (10, 60), (61, 47), (24, 25), (100, 100)])
def test_what_looks_at_single_pixels_draws_the_same_in_tiles(size: tuple[int, int]) -> None:
    source = noise(1, 3, *size)
    target = torch.full_like(source, torch.nan)  # what was there before must not shine through
    draw_in_tiles(torch.sin, source, target, grid=size, tiles=TILES)
    torch.testing.assert_close(target, source.sin())


def test_what_looks_no_further_than_a_quarter_of_the_overlap_draws_the_same_in_tiles() -> None:
    def blur(x: Tensor) -> Tensor:
        return F.conv2d(x, torch.full((1, 1, 5, 5), 0.04), padding=2)

    source = noise(1, 1, 70, 90)
    target = torch.empty_like(source)
    draw_in_tiles(blur, source, target, grid=(70, 90), tiles=TILES)
    torch.testing.assert_close(target, blur(source))


def test_tiles_that_disagree_fade_into_each_other() -> None:
    values = iter((0.0, 1.0))
    target = torch.empty(1, 1, 24, 40)
    draw_in_tiles(
        lambda tile: torch.full_like(tile, next(values)),
        torch.empty(1, 1, 24, 40), target, grid=(24, 40), tiles=TILES,
    )  # fmt: skip
    row = target[0, 0, 0]
    assert row[:18].eq(0).all()  # the second tile begins at 16; its first quarter is blind
    assert row[22:].eq(1).all()
    assert row.diff().max() <= 0.25


@pytest.mark.parametrize(("before", "after"), [(1, 4), (4, 1), (2, 2)])
def test_source_and_target_may_be_larger_than_the_grid(before: int, after: int) -> None:
    def scaled(x: Tensor) -> Tensor:
        return F.interpolate(F.avg_pool2d(x, before), scale_factor=float(after))

    source = noise(1, 3, 40 * before, 50 * before)
    target = torch.full((1, 3, 40 * after, 50 * after), torch.nan)
    draw_in_tiles(scaled, source, target, grid=(40, 50), tiles=TILES)
    torch.testing.assert_close(target, scaled(source))


def test_whole_numbers_are_rounded() -> None:
    source = noise(1, 3, 50, 50) * 255
    target = torch.empty(source.shape, dtype=torch.uint8)
    draw_in_tiles(lambda tile: tile, source, target, grid=(50, 50), tiles=TILES)
    assert (target.float() - source).abs().max() <= 1  # rounded once for each tile that fades


def test_each_tile_is_told_and_may_end_the_work() -> None:
    told: list[tuple[int, int]] = []

    def stop(done: int, total: int) -> None:
        told.append((done, total))
        if done == 2:
            raise KeyError

    source = noise(1, 1, 40, 40)
    with pytest.raises(KeyError):
        draw_in_tiles(
            lambda tile: tile, source, source.clone(), grid=(40, 40), tiles=TILES, on_tile=stop
        )
    assert told == [(1, 4), (2, 4)]
