"""A finished picture as a file that is small enough to be posted, and several in one. Blocks.

The ladder: the file as it is, lossless WebP, WebP, JPEG, then less quality, then fewer pixels.
Every rung keeps the parameters text.
"""

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PIL import Image

from hypersd_core.encode import MAX_WEBP_SIDE_PX, PictureFormat, picture_file
from hypersd_core.request import Picture

MIN_SIDE_PX = 64
"""Smaller than this no picture is made."""

_LOSSLESS_SAVES = 0.6
"""Lossless WebP takes at least this share of a PNG's bytes, so for less it is not even tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedFile:
    """``original_bytes``: of the file that was too large, 0 where nothing had to be changed.

    ``is_reduced``: pixels were lost, not only bytes.
    """

    data: bytes
    format: PictureFormat
    width: int
    height: int
    original_bytes: int = 0
    is_reduced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rung:
    format: PictureFormat
    quality: int | None = None
    scale: float = 1.0


_RUNGS = (
    _Rung(format=PictureFormat.WEBP_LOSSLESS),
    _Rung(format=PictureFormat.WEBP),
    _Rung(format=PictureFormat.JPEG),
    _Rung(format=PictureFormat.WEBP, quality=70),
    _Rung(format=PictureFormat.JPEG, quality=70),
)


def fitted_file(picture: Picture, most_bytes: int) -> FittedFile:
    """The file of ``picture``, in the first form that has at most ``most_bytes``.

    What fits in no form is as small as it gets. Raises OSError if the file is gone.
    """
    data = picture.path.read_bytes()
    if len(data) <= most_bytes:
        suffix = picture.path.suffix.removeprefix(".")
        return FittedFile(
            data=data,
            format=next(kind for kind in PictureFormat if kind.suffix == suffix),
            width=picture.width,
            height=picture.height,
        )
    with Image.open(io.BytesIO(data)) as image:
        return _fitted(image.convert("RGB"), picture.infotext, most_bytes, len(data))


def grid_file(pictures: Sequence[Picture], most_bytes: int) -> FittedFile:
    """All ``pictures`` side by side, in rows of two; the parameters are those of the first."""
    images = [Image.open(picture.path).convert("RGB") for picture in pictures]
    width, height = images[0].size
    columns = min(2, len(images))
    grid = Image.new("RGB", (columns * width, math.ceil(len(images) / columns) * height))
    for index, image in enumerate(images):
        grid.paste(image, (index % columns * width, index // columns * height))
    data = picture_file(grid, pictures[0].infotext, PictureFormat.PNG)
    if len(data) > most_bytes:
        return _fitted(grid, pictures[0].infotext, most_bytes, len(data))
    return FittedFile(data=data, format=PictureFormat.PNG, width=grid.width, height=grid.height)


def _fitted(image: Image.Image, text: str, most_bytes: int, png_bytes: int) -> FittedFile:
    made = None
    for rung in _ladder(image, most_bytes, png_bytes):
        size = (round(image.width * rung.scale), round(image.height * rung.scale))
        shown = image if rung.scale == 1 else image.resize(size, Image.Resampling.LANCZOS)
        made = FittedFile(
            data=picture_file(shown, text, rung.format, quality=rung.quality),
            format=rung.format,
            width=size[0],
            height=size[1],
            original_bytes=png_bytes,
            is_reduced=rung.scale < 1,
        )
        if len(made.data) <= most_bytes:
            break
    assert made is not None, "a ladder has rungs"
    return made


def _ladder(image: Image.Image, most_bytes: int, png_bytes: int) -> Iterator[_Rung]:
    """What to try, in order, without what cannot work."""
    is_too_long = max(image.size) > MAX_WEBP_SIDE_PX
    for rung in _RUNGS:
        is_webp = rung.format.suffix == "webp"
        is_hopeless = (
            rung.format is PictureFormat.WEBP_LOSSLESS and most_bytes < _LOSSLESS_SAVES * png_bytes
        )
        if not (is_hopeless or (is_webp and is_too_long)):
            yield rung
    scale = 0.5
    while min(image.size) * scale >= MIN_SIDE_PX:
        yield _Rung(format=PictureFormat.JPEG, quality=80, scale=scale)
        scale /= 2
