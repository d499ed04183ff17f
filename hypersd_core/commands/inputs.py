"""What ``imagine`` starts from: a picture, a mask, a larger canvas, an earlier picture's text."""

import re
from pathlib import Path

from hypersd_core.encode import infotext_of
from hypersd_core.errors import InvalidPicture, InvalidRequest
from hypersd_core.infotext import read_infotext
from hypersd_core.input_pictures import InputPictures
from hypersd_core.outpaint import outpaint_canvas
from hypersd_core.redraw import Redraw, options_of
from hypersd_core.wishes import Start

_TEXT_SUFFIXES = frozenset({".txt", ".md"})


def start_from(
    inputs: InputPictures, picture: Path | None, mask: Path | None, outpaint: str | None
) -> Start:
    """Take in the pictures. Raises InvalidPicture and InvalidRequest."""
    if picture is None:
        if mask is not None or outpaint is not None:
            raise InvalidRequest("--mask and --outpaint need --picture, the picture to start from.")
        return Start()
    name = inputs.add(_read(picture))
    if outpaint is not None:
        if mask is not None:
            raise InvalidRequest("--outpaint makes the mask itself: leave out --mask.")
        canvas, new = outpaint_canvas(inputs.load(name), **_margins(outpaint))
        name = inputs.keep(canvas)
        return Start(picture=name, mask=inputs.keep(new), size=inputs.size(name), is_canvas=True)
    mask_name = "" if mask is None else inputs.add_mask(_read(mask), picture=name)
    return Start(picture=name, mask=mask_name, size=inputs.size(name))


def redraw(path: Path, *, with_picture: bool) -> Redraw:
    """What the text in a picture, or in a text file, asks for."""
    data = _read(path)
    if path.suffix.lower() in _TEXT_SUFFIXES:
        info = read_infotext(data.decode("utf-8", errors="replace"))
    else:
        info = infotext_of(data)
    return options_of(info, with_picture=with_picture)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidPicture(f"{path} cannot be read ({error.strerror}).") from error


def _margins(text: str) -> dict[str, int]:
    """``LEFT,TOP,RIGHT,BOTTOM`` in pixels, or one number for all four."""
    if not re.fullmatch(r"\d{1,5}(,\d{1,5}){3}|\d{1,5}", text):
        raise InvalidRequest(
            f"--outpaint must be LEFT,TOP,RIGHT,BOTTOM in pixels, or one number; got {text!r}."
        )
    numbers = [int(number) for number in text.split(",")]
    return dict(zip(("left", "top", "right", "bottom"), numbers * (4 // len(numbers)), strict=True))
