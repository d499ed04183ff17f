"""Colours by words that are clearly different, shared by all drawings."""

from collections.abc import Mapping, Sequence
from typing import Any

HAIR_COLOURS: Mapping[str, tuple[str, ...]] = {
    "black": ("#1c1a1a",),
    "brown": ("#6b4423",),
    "blonde": ("#ecd06f",),
    "red": ("#c0281c",),
    "orange": ("#ee8420",),
    "gray": ("#989898",),
    "white": ("#f4f4f4",),
    "blue": ("#2f6fd6",),
    "green": ("#36a536",),
    "pink": ("#ee82bd",),
    "purple": ("#7b3fb5",),
    "rainbow": ("#e5382f", "#f28c28", "#f7e03c", "#3fae49", "#2f6fd6", "#7b3fb5"),
}
SKINS: Mapping[str, str] = {
    "pale": "#f8dfc8",
    "tan": "#e2ab7c",
    "brown": "#a5683a",
    "dark": "#69391a",
}
BACKGROUNDS: Mapping[str, str] = {
    "white": "#ffffff",
    "gray": "#bdbdbd",
    "yellow": "#f9e07f",
    "blue": "#a9d0f5",
    "green": "#b4e3a8",
    "pink": "#f9bfd0",
    "purple": "#cdb9f0",
    "orange": "#f8c592",
}
SHIRTS: Mapping[str, str] = {
    "black": "#262626",
    "blue": "#1f54c4",
    "gray": "#7d7d7d",
    "green": "#1f8f46",
    "orange": "#f07d1a",
    "pink": "#ec5f9f",
    "purple": "#7a35c0",
    "red": "#c22626",
    "white": "#f1f1ee",
    "yellow": "#ecc12b",
}
# Of planets, pots and monsters: strong, so that they stand out from any background.
STRONG: Mapping[str, str] = {
    "blue": "#3f7fe0",
    "gray": "#8d8d92",
    "green": "#3fa650",
    "orange": "#f0842c",
    "pink": "#ef74b4",
    "purple": "#8a4fc8",
    "red": "#d23a32",
    "yellow": "#f0c832",
}
NIGHTS: Mapping[str, str] = {
    "black": "#0c0c10",
    "dark blue": "#14235e",
    "dark green": "#0f4030",
    "dark purple": "#3b1a5e",
    "dark red": "#561420",
}


def fill(name: str, colours: Sequence[str]) -> dict[str, Any]:
    """DiceBear's options for one colour, or for a gradient of several; ``name`` as in the style."""
    options: dict[str, Any] = {f"{name}Color": list(colours)}
    if len(colours) > 1:
        options |= {
            f"{name}ColorFill": "linear",
            f"{name}ColorFillStops": len(colours),
            f"{name}ColorAngle": 20,
        }
    return options
