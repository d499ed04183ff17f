"""Pixels to a file: enlarge, compress, and write the parameters text into it."""

import io
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from hypersd_core.infotext import infotext
from hypersd_core.request import EncodedPicture, GenerationRequest


def encode_picture(
    pixels: NDArray[np.uint8], request: GenerationRequest, index: int
) -> EncodedPicture:
    """PNG of picture ``index``, (height, width, 3), with A1111's ``parameters`` chunk."""
    picture = Image.fromarray(pixels)
    if request.enlarge > 1:
        size = (picture.width * request.enlarge, picture.height * request.enlarge)
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    text = infotext(request, index)
    chunks = PngInfo()
    chunks.add_text("parameters", text)
    file = io.BytesIO()
    # Level 1 with run lengths: several times faster than the default and no larger (pictures
    # are filtered first, so long matches hardly occur).
    picture.save(file, "PNG", pnginfo=chunks, compress_level=1, compress_type=zlib.Z_RLE)
    return EncodedPicture(
        data=file.getvalue(), suffix="png", width=picture.width, height=picture.height,
        infotext=text,
    )  # fmt: skip
