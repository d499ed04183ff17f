"""Pictures that people bring: checked, cleaned, and kept by the name of their content.

A file from outside is decoded once, here, in full, and written anew: nothing of it but its pixels
reaches the rest of the program, and no metadata of it reaches anybody.
"""

import contextlib
import hashlib
import io
import re
import struct
import time
import zlib
from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms

from hypersd_core.errors import InvalidPicture, StoreError
from hypersd_core.i18n import say
from hypersd_core.whole_file import write_whole

FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
"""Pillow's names of what is read; of an animation the first frame."""
MAX_INPUT_BYTES = 20 * 2**20
MAX_INPUT_PIXELS = 40_000_000
MIN_INPUT_SIDE_PX = 16
MAX_KEPT_SIDE_PX = 4_096
UNREADABLE = (
    OSError,  # truncated, unidentified, or refused by the decoder's library
    SyntaxError,  # Pillow's word for a broken structure
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,  # where warnings are errors
)
"""What Pillow raises while it opens or decodes bytes that are not what they should be."""

_NAME = re.compile(r"[0-9a-f]{64}\.png")
# Exif 2.3, 4.6.4 A: what undoes each orientation but the first, the usual one.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class InputPictures:
    """The cleaned pictures and masks in one folder, each named after the SHA-256 of its file.

    Blocking; any number of threads. The same picture twice is one file.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, data: bytes) -> str:
        """Keep the picture in the file ``data``, in sRGB and on white; return its name.

        A longer side above 4,096 pixels is reduced to that. Raises InvalidPicture for what is no
        picture or exceeds a limit, StoreError if nothing can be written.
        """
        return self.keep(np.asarray(_on(_decoded(data), "white")))

    def add_mask(self, data: bytes, *, picture: str) -> str:
        """Keep the brightness of the picture in ``data``: white is drawn, black is kept.

        What is transparent is black. Raises as ``add`` does, and InvalidPicture for a mask of other
        proportions than the kept ``picture`` that it is for.
        """
        mask = _on(_decoded(data), "black").convert("L")
        _check_proportions(mask.size, self.size(picture))
        pixels = np.asarray(mask)
        if not pixels.any():
            raise InvalidPicture(
                say(
                    "The mask is black everywhere: make it white where the picture is to be drawn "
                    "anew."
                )
            )
        return self.keep(pixels)

    def keep(self, pixels: NDArray[np.uint8]) -> str:
        """Keep a picture (H, W, 3) or mask (H, W) as it is; return its name."""
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
        name = f"{hashlib.sha256(file.getbuffer()).hexdigest()}.png"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(self._folder / name, file.getbuffer())
        except OSError as error:
            raise StoreError(
                say(
                    "The input picture cannot be kept in the bot's data folder: {reason}.",
                    reason=error.strerror,
                )
            ) from error
        return name

    def size(self, name: str) -> tuple[int, int]:
        """Width and height in pixels. Raises InvalidPicture if there is none of this name."""
        return self._read(name).size

    def load(self, name: str) -> NDArray[np.uint8]:
        """The picture, (H, W, 3). Raises InvalidPicture if there is none of this name."""
        return np.array(self._read(name).convert("RGB"))

    def load_mask(self, name: str) -> NDArray[np.uint8]:
        """The mask, (H, W), 255 where to draw. Raises InvalidPicture if there is none."""
        return np.array(self._read(name).convert("L"))

    def delete_unused(self, used: Collection[str], *, min_age_s: float) -> int:
        """Delete what is not ``used`` and was last added ``min_age_s`` ago; return how many."""
        deleted = 0
        for path in self._folder.glob("*.p*"):
            with contextlib.suppress(FileNotFoundError):  # another thread gave it its name
                if path.name not in used and time.time() - path.stat().st_mtime >= min_age_s:
                    path.unlink()
                    deleted += 1
        return deleted

    def _read(self, name: str) -> Image.Image:
        if _NAME.fullmatch(name) is None:
            raise InvalidPicture(say("{name!r} is not the name of an input picture.", name=name))
        try:
            with Image.open(self._folder / name, formats=["PNG"]) as picture:
                picture.load()
                return picture
        except UNREADABLE as error:
            raise InvalidPicture(
                say("The input picture is no longer here: send it again.")
            ) from error


def _check_proportions(mask: tuple[int, int], picture: tuple[int, int]) -> None:
    """Refuse a mask that differs by more than a pixel once the larger has the smaller's size."""
    (width, height), (across, down) = mask, picture
    if abs(width * down - height * across) > max(width, height, across, down):
        raise InvalidPicture(
            say(
                "The mask has {mask} pixels, the picture {picture}: they must have the same "
                "proportions.",
                mask=f"{width}x{height}",
                picture=f"{across}x{down}",
            )
        )


def _decoded(data: bytes) -> Image.Image:
    """The picture in ``data``, upright, reduced and in sRGB; "RGBA" if anything may be transparent.

    Raises InvalidPicture.
    """
    if len(data) > MAX_INPUT_BYTES:
        raise InvalidPicture(
            say(
                "The picture has {size:.1f} MiB; at most {most} MiB are allowed.",
                size=len(data) / 2**20,
                most=MAX_INPUT_BYTES // 2**20,
            )
        )
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            size = _reduced_size(*picture.size)  # of the header: nothing is decoded yet
            picture.load()
            turn = _UPRIGHT.get(_orientation(picture) or 1)
            plain = _in_plain_mode(picture)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InvalidPicture(
            say(
                "The picture has too many pixels: at most {most:,} are allowed.",
                most=MAX_INPUT_PIXELS,
            )
        ) from error
    except UNREADABLE as error:
        raise InvalidPicture(
            say("The file is damaged or no picture: send a PNG, JPEG, WebP or GIF file.")
        ) from error
    if plain.size != size:
        plain = plain.resize(size, Image.Resampling.LANCZOS)
    plain = _in_srgb(plain, picture.info.get("icc_profile"))
    return plain if turn is None else plain.transpose(turn)


def _reduced_size(width: int, height: int) -> tuple[int, int]:
    """The size to keep of a picture of this size. Raises InvalidPicture."""
    if width * height > MAX_INPUT_PIXELS:
        raise InvalidPicture(
            say(
                "The picture has {width}x{height} = {pixels:,} pixels; at most {most:,} are "
                "allowed.",
                width=width,
                height=height,
                pixels=width * height,
                most=MAX_INPUT_PIXELS,
            )
        )
    scale = min(1, MAX_KEPT_SIDE_PX / max(width, height, 1))
    kept = round(width * scale), round(height * scale)
    if min(kept) < MIN_INPUT_SIDE_PX:
        raise InvalidPicture(
            say(
                "The picture has {width}x{height} pixels; at least {least} a side are needed, "
                "after a longer side is reduced to {most:,}.",
                width=width,
                height=height,
                least=MIN_INPUT_SIDE_PX,
                most=MAX_KEPT_SIDE_PX,
            )
        )
    return kept


def _orientation(picture: Image.Image) -> int | None:
    """As Exif says, 1 to 8; a picture is none the worse for an Exif that cannot be read."""
    orientation: int | None = None
    with contextlib.suppress(*UNREADABLE):
        orientation = picture.getexif().get(ExifTags.Base.Orientation)
    return orientation


def _in_plain_mode(picture: Image.Image) -> Image.Image:
    """Eight bits a channel and no palette, so that it can be resampled."""
    if picture.mode.startswith("I"):  # 16 bits of grey, which Pillow would clip, not scale
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if picture.has_transparency_data:
        return picture.convert("RGBA")
    return picture if picture.mode in {"L", "RGB", "CMYK"} else picture.convert("RGB")


def _in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """By its colour profile, where there is one that fits and can be read."""
    mode = "RGBA" if picture.mode == "RGBA" else "RGB"
    if profile:
        with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(
                picture, source, ImageCms.createProfile("sRGB"), outputMode=mode
            )
            assert converted is not None, "it returns None only when it converts in place"
            return converted
    return picture.convert(mode)


def _on(picture: Image.Image, colour: str) -> Image.Image:
    """``picture`` on a ground of ``colour`` where it is transparent."""
    if picture.mode == "RGB":
        return picture
    ground = Image.new("RGBA", picture.size, colour)
    return Image.alpha_composite(ground, picture).convert("RGB")
