"""Turns a drawing into pixels: DiceBear's SVG, our overlay, resvg."""

import io
import json
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import resvg_py
from dicebear import Avatar, Style
from numpy.typing import NDArray
from PIL import Image

from hypersd_core.pretrain.subjects.attributes import Drawing


def render(drawing: Drawing, *, seed: int, size_px: int) -> NDArray[np.uint8]:
    """Pixels of ``drawing``, (size_px, size_px, 3); ``seed`` decides what is left open."""
    options = {"size": size_px, "seed": str(seed), **drawing.options}
    svg = Avatar(_style(drawing.style), options).to_string()
    svg = svg.removesuffix("</svg>") + _placed(drawing) + "</svg>"
    png = resvg_py.svg_to_bytes(svg_string=svg, width=size_px, height=size_px)
    return np.asarray(Image.open(io.BytesIO(bytes(png))).convert("RGB"))


def _placed(drawing: Drawing) -> str:
    """The overlay, scaled around the middle and moved as DiceBear does with the rest."""
    if not drawing.overlay:
        return ""
    side = _style(drawing.style).canvas().width()
    scale, percent = drawing.options.get("scale", 1), drawing.options.get("translateY", 0)
    middle = side / 2
    return (
        f'<g transform="translate({middle}, {middle + percent / 100 * side}) scale({scale}) '
        f'translate({-middle}, {-middle})">{drawing.overlay}</g>'
    )


@cache
def _style(name: str) -> Style:
    text = files("dicebear_styles").joinpath(f"{name}.json").read_text("utf-8")
    definition: dict[str, Any] = json.loads(text)
    if name == "personas":
        # A pale mask over the face makes every skin look alike.
        elements = definition["canvas"]["elements"]
        definition["canvas"]["elements"] = [e for e in elements if e.get("name") != "g"]
    return Style(definition)


def dots(centres: list[tuple[float, float]], *, radius: float, colour: str) -> str:
    """SVG circles, in the coordinates of the style's canvas."""
    circles = (f'<circle cx="{x}" cy="{y}" r="{radius}"/>' for x, y in centres)
    return f'<g fill="{colour}">{"".join(circles)}</g>'
