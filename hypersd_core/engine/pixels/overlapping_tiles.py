"""A picture worked on in overlapping tiles, put together again so that no seam shows.

For networks whose memory grows with the picture and that look only so far: what a tile shows near
its border, where the network could not see on, is left out, and neighbours fade into each other.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

_BLIND = 0.25
"""Share of the overlap, at a tile's border, that is left out; in the middle half the tiles fade."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiles:
    """How to cut a grid: squares of ``side``, each ``overlap`` over its neighbours, at least."""

    side: int
    overlap: int

    def starts(self, length: int) -> list[int]:
        """Where tiles begin along a side of ``length``; the last one ends with it."""
        last = max(length - self.side, 0)
        return [*range(0, last, self.side - self.overlap), last]

    def cut(self, picture: Tensor, grid: tuple[int, int]) -> Iterator[Tensor]:
        """The tiles of ``picture`` (..., H, W), a multiple of ``grid`` (h, w): views of it."""
        factor = picture.shape[-1] // grid[1]
        side = self.side * factor
        for top, left in itertools.product(self.starts(grid[0]), self.starts(grid[1])):
            yield picture[..., top * factor :, left * factor :][..., :side, :side]


def draw_in_tiles(
    draw: Callable[[Tensor], Tensor],
    source: Tensor,
    target: Tensor,
    *,
    grid: tuple[int, int],
    tiles: Tiles,
    on_tile: Callable[[int, int], None] = lambda _done, _total: None,
) -> None:
    """Fill ``target`` (..., H', W') with what ``draw`` makes of tiles of ``source`` (..., H, W).

    ``grid``: (h, w), what ``tiles`` cut. Source and target are whole multiples of it, each by a
    factor of its own. ``target`` may be on another device, or of integers: then it is rounded.
    ``on_tile(done, total)`` follows each tile; what it raises ends the work.
    """
    factor = target.shape[-1] // grid[1]
    tops, lefts = ([start * factor for start in tiles.starts(length)] for length in grid)
    side, overlap = tiles.side * factor, tiles.overlap * factor
    drawn, numbers = map(draw, tiles.cut(source, grid)), itertools.count(1)
    target.zero_()  # faded from at no opacity, which of NaN would still be NaN
    for top in tops:
        rows = target[..., top : top + side, :]
        # in two steps: a tile fading over another's blind corner would let it shine through
        strip = torch.zeros_like(rows, dtype=torch.float32)
        for left in lefts:
            _fade(strip[..., left : left + side].mT, next(drawn).mT, overlap if left else 0)
            on_tile(next(numbers), len(tops) * len(lefts))
        _fade(rows, strip, overlap if top else 0)


def _fade(below: Tensor, above: Tensor, overlap: int) -> None:
    """Lay ``above`` over ``below`` (..., H, W), fading in along the first ``overlap`` rows."""
    above = above.to(below.device, torch.float32)
    if overlap:
        position = (torch.arange(below.shape[-2], device=below.device) + 0.5) / overlap
        opacity = ((position - _BLIND) / (1 - 2 * _BLIND)).clamp(0, 1)
        above = torch.lerp(below.float(), above, opacity[:, None])
    below.copy_(above if below.is_floating_point() else above.round())
