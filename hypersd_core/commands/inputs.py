"""What ``imagine`` starts from: a picture, a mask, a larger canvas, an earlier picture's text."""

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path

from hypersd_core.encode import infotext_of
from hypersd_core.errors import InvalidPicture, InvalidRequest
from hypersd_core.flags import PromptFlags
from hypersd_core.infotext import read_infotext
from hypersd_core.input_pictures import InputPictures
from hypersd_core.outpaint import outpaint_canvas
from hypersd_core.redraw import Redraw, options_of

_TEXT_SUFFIXES = frozenset({".txt", ".md"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Names of input pictures; ``ratio`` is the picture's, as a size: ``640:480``."""

    picture: str = ""
    mask: str = ""
    ratio: str | None = None


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
        return Start(picture=inputs.keep(canvas), mask=inputs.keep(new), ratio=_ratio(canvas.shape))
    ratio = _ratio(inputs.load(name).shape)
    mask_name = "" if mask is None else inputs.add_mask(_read(mask))
    return Start(picture=name, mask=mask_name, ratio=ratio)


def redraw(path: Path, *, with_picture: bool) -> Redraw:
    """What the text in a picture, or in a text file, asks for."""
    data = _read(path)
    if path.suffix.lower() in _TEXT_SUFFIXES:
        info = read_infotext(data.decode("utf-8", errors="replace"))
    else:
        info = infotext_of(data)
    return options_of(info, with_picture=with_picture)


def over(said: PromptFlags, otherwise: PromptFlags) -> PromptFlags:
    """``said``, and ``otherwise`` for what was not said."""
    values = {
        field.name: getattr(said, field.name)
        for field in dataclasses.fields(PromptFlags)
        if getattr(said, field.name) is not None
    }
    return dataclasses.replace(otherwise, **values)


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


def _ratio(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}:{shape[0]}"
