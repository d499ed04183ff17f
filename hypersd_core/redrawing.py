"""From an earlier request to a new one: again, a little otherwise, larger, further away.

Requests in, requests out. Pixels come in as arrays; whoever calls keeps them as input pictures.
"""

import dataclasses
import enum
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hypersd_core.errors import InvalidRequest
from hypersd_core.i18n import say
from hypersd_core.outpaint import outpaint_canvas
from hypersd_core.recipes import Recipe
from hypersd_core.request import (
    MAX_SEED,
    MAX_SIDE_PX,
    MIN_SIDE_PX,
    SIZE_MULTIPLE_PX,
    GenerationRequest,
    Source,
    Variation,
)

SUBTLE, STRONG = 0.45, 0.75
"""How much of a picture is drawn anew to vary it.

It starts from the picture, not from noise between two seeds (``Variation``): samplers that add
noise at every step, and few steps, leave the first noise little to say, so that even all of the
way hardly changed a portrait. From the picture, the first strength keeps the composition and
changes features, the second keeps the look, with every sampler.
"""
UPSCALE = 0.3
"""The same to make it larger."""
UPSCALE_FACTOR = 2
MAX_SHOWN_SIDE_PX = 4_096
NEAR, FAR = 1.5, 2.0
"""How many times wider the view gets."""
_PAN_SHARE = 0.5
_LEAST_GROWTH = 0.25  # of a side: a canvas that can grow by less is shifted instead
# A model that was made for small pictures draws many of them into a large one, and already at a
# strength of 0.2 nothing is left of a portrait at twice its size.
_LEAST_LARGE_PX = 512
_ROUNDING = 1.25  # in area, of a ratio to multiples of 8 px


class Side(enum.StrEnum):
    """Where to look further."""

    LEFT = "left"
    RIGHT = "right"
    UP = "up"
    DOWN = "down"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How large a picture a model draws well: a side and an area, in pixels.

    A model that is not ``is_large`` knows nothing but its whole small pictures.
    """

    side_px: int
    pixels: int
    is_large: bool = True

    @classmethod
    def of(cls, recipe: Recipe | None, request: GenerationRequest) -> Self:
        """What ``recipe`` says; without one, ``request`` was drawn and may be again."""
        if recipe is None:
            width, height = request.final_size
            return cls(side_px=max(width, height), pixels=width * height)
        is_large = max(recipe.width, recipe.height) >= _LEAST_LARGE_PX
        own = round(recipe.width * recipe.height * _ROUNDING)
        pixels = recipe.max_side_px**2 if is_large else own
        return cls(side_px=recipe.max_side_px, pixels=pixels, is_large=is_large)

    def has(self, size: tuple[int, int]) -> bool:
        """Whether ``size`` is within reach."""
        return max(size) <= self.side_px and size[0] * size[1] <= self.pixels

    def fitted(self, size: tuple[int, int]) -> tuple[int, int]:
        """``size``, reduced to what is within reach."""
        if self.has(size):
            return size
        scale = min(self.side_px / max(size), math.sqrt(self.pixels / (size[0] * size[1])))
        width, height = (max(MIN_SIDE_PX, _multiple(side * scale)) for side in size)
        return width, height


class Canvas(NamedTuple):
    """A picture (H, W, 3) with empty room, and the mask (H, W) of what is to be drawn there."""

    pixels: NDArray[np.uint8]
    mask: NDArray[np.uint8]


def one_picture(request: GenerationRequest, index: int) -> GenerationRequest:
    """What draws picture ``index`` of ``request`` alone."""
    variation = request.variation
    if variation is not None:
        seed = (variation.seed + index) % (MAX_SEED + 1)
        variation = Variation(seed=seed, strength=variation.strength)
    return dataclasses.replace(request, seed=request.seeds[index], count=1, variation=variation)


def rerolled(
    request: GenerationRequest, *, seed: int, count: int | None = None
) -> GenerationRequest:
    """The same with another seed. Raises InvalidRequest where a seed changes nothing."""
    if is_resampled(request):
        raise InvalidRequest(
            say(
                "This picture was made larger without drawing anything anew, so it would come out "
                "the same. Vary it instead."
            )
        )
    return dataclasses.replace(request, seed=seed, count=count or request.count, notes=())


def is_resampled(request: GenerationRequest) -> bool:
    """Whether ``request`` shows a picture that was there before, and draws nothing."""
    return request.source is not None and not request.source.strength and request.hires is None


def varied(
    request: GenerationRequest, picture: str, *, strength: float, seed: int, reach: Reach
) -> GenerationRequest:
    """Drawn from ``picture``, one of its own; as many, and in the same mask, as before."""
    mask = request.source.mask if request.source else ""
    source = Source(picture=picture, strength=strength, mask=mask)
    return _from(source, request, size=reach.fitted(request.final_size), seed=seed)


def upscaled(
    request: GenerationRequest, index: int, picture: str, *, upscaler: str, reach: Reach
) -> GenerationRequest:
    """``picture``, which is number ``index`` of its own, at twice the size.

    Details are drawn anew where that is within ``reach``; elsewhere pixels are resampled, with
    ``upscaler`` as in ``Source``. The notes say which. Raises InvalidRequest for a picture that is
    as large as can be.
    """
    width, height = (side * UPSCALE_FACTOR for side in request.final_size)
    longest = max(width, height)
    if longest > MAX_SIDE_PX or longest * request.enlarge > MAX_SHOWN_SIDE_PX:
        raise InvalidRequest(say("This picture is as large as can be."))
    can_draw = reach.has((width, height))
    source = Source(picture=picture, strength=UPSCALE if can_draw else 0.0, upscaler=upscaler)
    note = (
        say("Twice as large, with fine details drawn anew.")
        if can_draw
        else say("Twice as large. Nothing was drawn anew: this model draws no larger.")
    )
    larger = _from(source, request, size=(width, height), seed=request.seeds[index])
    return dataclasses.replace(larger, count=1, notes=(note,))


def outpainted(
    request: GenerationRequest,
    canvas: str,
    mask: str,
    *,
    size: tuple[int, int],
    seed: int,
    reach: Reach,
) -> GenerationRequest:
    """What is white in ``mask`` drawn on ``canvas``, with the same words; as many as before.

    The notes say where the model of ``reach`` cannot be expected to do it well.
    """
    source = Source(picture=canvas, mask=mask, strength=1)
    larger = _from(source, request, size=size, seed=seed)
    if reach.is_large:
        return larger
    note = say(
        "{model} was made for small whole pictures, so what is drawn around this one may not fit.",
        model=request.model,
    )
    return dataclasses.replace(larger, notes=(note,))


def zoomed_out(picture: NDArray[np.uint8], size: tuple[int, int], factor: float) -> Canvas:
    """``picture``, of any size, so much smaller in the middle of a canvas of ``size``.

    The canvas does not grow: models draw best at the size that they were made for.
    """
    width, height = size
    inside = _resized(picture, (round(width / factor), round(height / factor)))
    down, across, _ = inside.shape
    left, top = (width - across) // 2, (height - down) // 2
    margins = {"right": width - across - left, "bottom": height - down - top}
    return Canvas(*outpaint_canvas(inside, left=left, top=top, **margins))


def panned(
    picture: NDArray[np.uint8], size: tuple[int, int], side: Side, *, max_side_px: int
) -> Canvas:
    """``picture`` at ``size`` with half as much room more at ``side``.

    Where the canvas cannot grow to that, it moves: what leaves it at the other side is lost.
    """
    width, height = size
    length = width if side in {Side.LEFT, Side.RIGHT} else height
    wanted = _multiple(length * _PAN_SHARE)
    growth = min(wanted, _multiple(max_side_px - length))
    whole = _resized(picture, size)
    if growth < length * _LEAST_GROWTH:
        growth, whole = wanted, _without_other_side(whole, side, wanted)
    return Canvas(*outpaint_canvas(whole, **{_MARGINS[side]: growth}))


def squared(picture: NDArray[np.uint8], size: tuple[int, int]) -> Canvas:
    """``picture`` at ``size`` with room at its long sides. Raises InvalidRequest for a square."""
    width, height = size
    if width == height:
        raise InvalidRequest(say("This picture is square already."))
    lacking = abs(width - height)
    before, after = lacking // 2, lacking - lacking // 2
    names = ("left", "right") if width < height else ("top", "bottom")
    margins = dict(zip(names, (before, after), strict=True))
    return Canvas(*outpaint_canvas(_resized(picture, size), **margins))


def _from(
    source: Source, request: GenerationRequest, *, size: tuple[int, int], seed: int
) -> GenerationRequest:
    """``request`` with a picture in the place of whatever it began with."""
    width, height = size
    return dataclasses.replace(
        request,
        source=source,
        width=width,
        height=height,
        seed=seed,
        variation=None,
        hires=None,
        notes=(),
    )


_MARGINS: Mapping[Side, str] = MappingProxyType(
    {Side.LEFT: "left", Side.RIGHT: "right", Side.UP: "top", Side.DOWN: "bottom"}
)


def _without_other_side(picture: NDArray[np.uint8], side: Side, length: int) -> NDArray[np.uint8]:
    """What is left when so much goes at the side opposite of ``side``."""
    height, width, _ = picture.shape
    left = length if side is Side.RIGHT else 0
    right = width - length if side is Side.LEFT else width
    top = length if side is Side.DOWN else 0
    bottom = height - length if side is Side.UP else height
    return picture[top:bottom, left:right]


def _resized(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """``picture`` at (width, height)."""
    return np.array(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


def _multiple(length_px: float) -> int:
    return int(length_px) // SIZE_MULTIPLE_PX * SIZE_MULTIPLE_PX
