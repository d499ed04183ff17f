"""Pixels to a file with the parameters text inside, and the text out of a file."""

import enum
import io
import itertools
import struct
import zlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from hypersd_core.errors import InvalidPicture, InvalidRequest
from hypersd_core.i18n import say
from hypersd_core.infotext import MAX_INFOTEXT_CHARS, Infotext, infotext, read_infotext
from hypersd_core.input_pictures import UNREADABLE
from hypersd_core.request import EncodedPicture, GenerationRequest


class PictureFormat(enum.StrEnum):
    """How a finished picture is written. From large and exact to small."""

    PNG = "png"
    WEBP_LOSSLESS = "webp-lossless"
    WEBP = "webp"
    JPEG = "jpeg"

    @property
    def suffix(self) -> str:
        """The file ending."""
        return _SUFFIXES[self]


_SUFFIXES = {
    PictureFormat.PNG: "png",
    PictureFormat.WEBP_LOSSLESS: "webp",
    PictureFormat.WEBP: "webp",
    PictureFormat.JPEG: "jpg",
}
# Against PNG, for three pictures of 1024 x 1024: lossless WebP takes 2 to 5 times as long for 0.7
# to 1.0 of the bytes, WebP about as long for 0.1 to 0.2, JPEG a tenth as long for 0.2 to 0.4.
_OPTIONS: Mapping[PictureFormat, Mapping[str, Any]] = MappingProxyType(
    {
        # Level 1 with run lengths: several times faster than the default and no larger (pictures
        # are filtered first, so long matches hardly occur).
        PictureFormat.PNG: {"format": "PNG", "compress_level": 1, "compress_type": zlib.Z_RLE},
        PictureFormat.WEBP_LOSSLESS: {
            "format": "WEBP",
            "lossless": True,
            "method": 2,
            "quality": 0,
        },
        PictureFormat.WEBP: {"format": "WEBP", "method": 2, "quality": 90},
        PictureFormat.JPEG: {"format": "JPEG", "quality": 92, "subsampling": "4:4:4"},
    }
)
MAX_WEBP_SIDE_PX = 16_383

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEYWORD = "parameters"
_UNICODE = b"UNICODE\0"  # Exif 2.3, table 9: eight bytes name the encoding of a UserComment
_MAX_TEXT_BYTES = 4 * MAX_INFOTEXT_CHARS
_MAX_PNG_TEXTS = 8


def encode_picture(
    pixels: NDArray[np.uint8],
    request: GenerationRequest,
    index: int,
    *,
    format: PictureFormat = PictureFormat.PNG,  # noqa: A002 - Pillow's word, too
    hashes: Mapping[str, str] = {},
) -> EncodedPicture:
    """The file of picture ``index``, from (height, width, 3), enlarged as the request says.

    The text is where A1111 writes it: in PNG the chunk ``parameters``, elsewhere the UserComment of
    Exif. ``hashes`` as for ``infotext``. Raises InvalidRequest if WebP cannot be so large.
    """
    picture = Image.fromarray(pixels)
    if request.enlarge > 1:
        size = (picture.width * request.enlarge, picture.height * request.enlarge)
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    if format.suffix == "webp" and max(picture.size) > MAX_WEBP_SIDE_PX:
        raise InvalidRequest(
            say(
                "A WebP picture has at most {most:,} pixels a side, and this one has {side:,}: "
                "take PNG, or enlarge it less.",
                most=MAX_WEBP_SIDE_PX,
                side=max(picture.size),
            )
        )
    text = infotext(request, index, hashes=hashes)
    return EncodedPicture(
        data=picture_file(picture, text, format),
        suffix=format.suffix,
        width=picture.width,
        height=picture.height,
        infotext=text,
    )


def picture_file(
    picture: Image.Image,
    text: str,
    format: PictureFormat,  # noqa: A002 - Pillow's word, too
    *,
    quality: int | None = None,
) -> bytes:
    """The file of ``picture`` with the parameters ``text`` in it. Pillow refuses what is too large.

    ``quality``, from 1 to 100, takes the place of the format's own.
    """
    options = dict(_OPTIONS[format]) | ({} if quality is None else {"quality": quality})
    file = io.BytesIO()
    picture.save(file, **options, **_text_options(text, format))
    return file.getvalue()


def _text_options(text: str, picture_format: PictureFormat) -> dict[str, Any]:
    """What makes Pillow write ``text``."""
    if picture_format is PictureFormat.PNG:
        chunks = PngInfo()
        chunks.add_text(_KEYWORD, text)
        return {"pnginfo": chunks}
    exif = Image.Exif()
    comment = _UNICODE + text.encode("utf-16-be")
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = comment
    return {"exif": exif}


def infotext_of(data: bytes) -> Infotext:
    """The parameters inside a picture file. Raises InvalidPicture, or InvalidRequest for its text.

    Pictures of ComfyUI hold none, but a workflow.
    """
    text = parameters_of(data)
    if text is None:
        raise InvalidPicture(
            say(
                "The picture holds no parameters text: only PNG, WebP and JPEG files as A1111 and "
                "this bot write them do; ComfyUI's hold a workflow, and chats often take the text "
                "out."
            )
        )
    return read_infotext(text)


def parameters_of(data: bytes) -> str | None:
    """The parameters text inside a PNG, WebP or JPEG file; None if there is none.

    No pixel is decoded. Of a damaged file, what can be read counts.
    """
    if data.startswith(_PNG_SIGNATURE):
        # of so many: each may be packed to a thousandth of its length
        texts = itertools.islice(_png_texts(data), _MAX_PNG_TEXTS)
        return next((text for text in texts if text is not None), None)
    comment = _user_comment(data)
    return None if comment is None or len(comment) > _MAX_TEXT_BYTES else _comment_text(comment)


def _png_texts(data: bytes) -> Iterator[str | None]:
    """The texts of that keyword, before and behind the pixels (PNG, third edition, 11.3.3).

    None stands for one that cannot be read.
    """
    position = len(_PNG_SIGNATURE)
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        if kind in {b"tEXt", b"zTXt", b"iTXt"}:
            keyword, _, rest = data[position + 8 : position + 8 + length].partition(b"\0")
            if keyword == _KEYWORD.encode():
                yield _png_text(kind, rest)
        position += length + 12  # length, kind and checksum are four bytes each


def _png_text(kind: bytes, body: bytes) -> str | None:
    encoding, is_packed = "latin-1", kind == b"zTXt"
    if is_packed:
        body = body[1:]  # the method; there is only one
    elif kind == b"iTXt":
        encoding, is_packed = "utf-8", body[:1] == b"\1"
        body = body[2:].split(b"\0", 2)[-1]  # language and translated keyword come before
    if is_packed:
        try:
            body = zlib.decompressobj().decompress(body, _MAX_TEXT_BYTES + 1)
        except zlib.error:
            return None
    return body.decode(encoding, "replace") if len(body) <= _MAX_TEXT_BYTES else None


def _user_comment(data: bytes) -> bytes | None:
    try:
        with Image.open(io.BytesIO(data), formats=["WEBP", "JPEG"]) as picture:
            exif = picture.getexif().get_ifd(ExifTags.IFD.Exif)
    except UNREADABLE:
        return None
    comment = exif.get(ExifTags.Base.UserComment)
    return comment if isinstance(comment, bytes) else None


def _comment_text(comment: bytes) -> str:
    """Big-endian is A1111's way; little-endian that of writers who follow the file's order."""
    if not comment.startswith(_UNICODE):
        return comment.removeprefix(b"ASCII\0\0\0").decode("utf-8", "replace").strip("\0")
    big, little = (comment[8:].decode(f"utf-16-{order}", "replace") for order in ("be", "le"))
    return little if "Steps: " in little and "Steps: " not in big else big
