"""A larger canvas around a picture, and the mask of what is to be drawn on it."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from hypersd_core.errors import InvalidRequest
from hypersd_core.i18n import say
from hypersd_core.request import MAX_SIDE_PX, SIZE_MULTIPLE_PX

OVERLAP_PX = 16
"""So far into the picture the mask falls to black, so that no seam is seen."""
BLUR_RADIUS_PX = 12


def outpaint_canvas(
    picture: NDArray[np.uint8], *, left: int = 0, top: int = 0, right: int = 0, bottom: int = 0
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A canvas (H, W, 3) with that many pixels more around ``picture``, and its mask (H, W).

    The new area repeats the picture's border, blurred, so that the model finds colours to start
    from. What a side lacks to a multiple of 8 is added at the right and the bottom, or at the left
    and the top where only these grow. Raises InvalidRequest for a canvas that cannot be drawn.
    """
    height, width, _ = picture.shape
    if min(left, top, right, bottom) < 0 or max(left, top, right, bottom) == 0:
        raise InvalidRequest(
            say(
                "A picture must grow by at least one pixel at one of its sides and nowhere shrink, "
                "got {left} left, {top} top, {right} right, {bottom} bottom.",
                left=left,
                top=top,
                right=right,
                bottom=bottom,
            )
        )
    left, right = _rounded_up(width, left, right)
    top, bottom = _rounded_up(height, top, bottom)
    size = (left + width + right, top + height + bottom)
    if max(size) > MAX_SIDE_PX:
        raise InvalidRequest(
            say(
                "The canvas would have {width}x{height} pixels; at most {most:,} a side are "
                "allowed.",
                width=size[0],
                height=size[1],
                most=MAX_SIDE_PX,
            )
        )
    repeated = np.pad(picture, ((top, bottom), (left, right), (0, 0)), mode="edge")
    canvas = np.array(Image.fromarray(repeated).filter(ImageFilter.GaussianBlur(BLUR_RADIUS_PX)))
    canvas[top : top + height, left : left + width] = picture
    share = np.maximum(_share(height, top, bottom)[:, None], _share(width, left, right))
    return canvas, np.rint(share * 255).astype(np.uint8)


def _rounded_up(side_px: int, before: int, after: int) -> tuple[int, int]:
    """How much to add on both ends of a side, so that it is a multiple of 8."""
    lacking = -(side_px + before + after) % SIZE_MULTIPLE_PX
    return (before + lacking, after) if before and not after else (before, after + lacking)


def _share(side_px: int, before: int, after: int) -> NDArray[np.float64]:
    """How much of each pixel along a side is drawn: 1 outside the picture, falling to 0 inside."""
    position = np.arange(-before, side_px + after)
    depth = np.full(len(position), np.inf)  # into the picture, from the nearest end that grows
    if before:
        depth = np.minimum(depth, position + 1)
    if after:
        depth = np.minimum(depth, side_px - position)
    return np.clip(1 - depth / (OVERLAP_PX + 1), 0, 1)
