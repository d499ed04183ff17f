"""Vector portraits drawn from named parts, so that every picture comes with exact labels.

The drawing sets are DiceBear's *Adventurer* and *Toon Head* (CC BY 4.0, see
``data/models/ATTRIBUTION.md``). The same seed gives the same picture, byte for byte.
"""

import dataclasses
import hashlib
import io
import json
import random
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import resvg_py
from dicebear import Avatar, Style
from numpy.typing import NDArray
from PIL import Image

from hypersd_core.pretrain.palette import BACKGROUNDS, HAIR_COLOURS, SHIRTS, SKINS
from hypersd_core.pretrain.subjects.toon_head import HAIR

__all__ = ["BACKGROUNDS", "HAIR_COLOURS", "SHIRTS", "SKINS", "Labels", "draw", "is_held_out"]

# The numbered variants were named by looking at each of them once.
_ADVENTURER_HAIR: Mapping[str, tuple[str, ...]] = {
    "long": ("long01", "long04", "long05", "long07", "long09", "long20", "long26"),
    "long wavy": ("long06", "long17", "long22", "long24"),
    "long hair with flowers": ("long08", "long18"),
    "bob": ("long02", "long21", "long25"),
    "bun": ("long10", "long11", "long12", "short05"),
    "pigtails": ("long13", "long14", "long15", "long23"),
    "ponytail": ("long19",),
    "braid": ("long16",),
    "short": ("short01", "short02", "short06", "short08", "short10", "short11", "short14"),
    "short curly": ("short03", "short07", "short17", "short18"),
    "mohawk": ("short15",),
    "spiky": ("short16",),
    "buzz cut": ("short04",),
}
_ADVENTURER_MOUTH: Mapping[str, tuple[str, ...]] = {
    "big smile": ("01", "05", "22", "23", "25", "26"),
    "laughing": ("27", "28", "30"),
    "smile": ("02", "20", "29"),
    "surprised": ("03", "18"),
    "sad": ("04", "14", "19"),
    "serious": ("09", "10"),
    "red lips": ("06", "08"),
    "tongue out": ("12", "16"),
}
_ADVENTURER_EYES: Mapping[str, tuple[str, ...]] = {
    "": ("02", "03", "12", "18", "24", "25", "26"),
    "winking": ("21", "22"),
    "closed eyes": ("19", "20"),
    "sparkling eyes": ("23",),
}
_ADVENTURER_GLASSES: Mapping[str, tuple[str, ...]] = {
    "sunglasses": ("01",),
    "glasses": ("02", "04", "05"),
}
_ADVENTURER_DETAILS = {"freckles": "freckles", "blush": "blush", "moustache": "mustache"}
_TOON_HAIR = HAIR
_TOON_MOUTH = {"laugh": "big smile", "smile": "smile", "sad": "sad", "agape": "surprised"}
_TOON_EYES = {"wide": "", "happy": "", "wink": "winking", "bow": "closed eyes"}
_TOON_CLOTHES = {
    "dress": "dress",
    "openJacket": "jacket",
    "shirt": "shirt",
    "tShirt": "t-shirt",
    "turtleNeck": "turtleneck",
}
_TOON_BEARDS = {
    "fullBeard": "beard",
    "longBeard": "long beard",
    "chinMoustache": "beard",
    "moustacheTwirl": "moustache",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What is in one picture, in the words of the captions. An empty text means: not there."""

    style: str
    noun: str
    hair_colour: str
    hair_cut: str
    skin: str
    expression: str
    background: str
    eyes: str = ""
    details: str = ""
    glasses: str = ""
    beard: str = ""
    shirt_colour: str = ""
    clothes: str = ""


def is_held_out(labels: Labels) -> bool:
    """Whether this mix of hair colour, skin and background is kept out of training (about 1 in 12).

    A model that draws it right has composed it, not remembered it.
    """
    mix = f"{labels.hair_colour}/{labels.skin}/{labels.background}"
    return hashlib.sha256(mix.encode()).digest()[0] < 256 // 12


def draw(seed: int, *, size_px: int) -> tuple[NDArray[np.uint8], Labels]:
    """Return picture number ``seed``, (size_px, size_px, 3), and what is in it."""
    rng = random.Random(seed)  # noqa: S311 - drawing, not cryptography
    labels, style, options = _adventurer(rng) if rng.random() < 0.6 else _toon_head(rng)
    return _render(style, {**options, "seed": str(seed)}, size_px), labels


def _adventurer(rng: random.Random) -> tuple[Labels, str, dict[str, Any]]:
    cut = rng.choice(list(_ADVENTURER_HAIR))
    expression = _mostly(rng, "big smile", _ADVENTURER_MOUTH, share=0.3)
    eyes = _mostly(rng, "", _ADVENTURER_EYES, share=0.7)
    glasses = rng.choice(["glasses", "glasses", "sunglasses"]) if rng.random() < 0.15 else ""
    details = rng.choice(["freckles"] * 3 + ["blush", "moustache"]) if rng.random() < 0.4 else ""
    woman = cut.startswith(("long", "bob", "bun", "pig", "pony", "braid")) or rng.random() < 0.3
    labels = Labels(
        style="comic",
        noun="man" if details == "moustache" else "woman" if woman else "man",
        hair_colour=rng.choice(list(HAIR_COLOURS)),
        hair_cut=cut,
        skin=rng.choice(list(SKINS)),
        expression=expression,
        background=rng.choice(list(BACKGROUNDS)),
        eyes=eyes,
        details="" if details == "moustache" else details,
        beard="moustache" if details == "moustache" else "",
        glasses=glasses,
    )
    options = _colours(labels) | {
        "scale": 1.12,
        "hairVariant": [rng.choice(_ADVENTURER_HAIR[cut])],
        "mouthVariant": [_variant(rng, _ADVENTURER_MOUTH[expression])],
        "eyesVariant": [_variant(rng, _ADVENTURER_EYES[eyes])],
        "eyebrowsVariant": [f"variant{rng.randint(3, 15):02}"],  # 01 and 02 look angry
        "glassesProbability": 100 if glasses else 0,
        "glassesVariant": [_variant(rng, _ADVENTURER_GLASSES[glasses or "glasses"])],
        "detailsProbability": 100 if details else 0,
        "detailsVariant": [_ADVENTURER_DETAILS[details or "freckles"]],
        "earringsProbability": 0,
    }
    return labels, "adventurer", options


def _toon_head(rng: random.Random) -> tuple[Labels, str, dict[str, Any]]:
    cut = rng.choice(list(_TOON_HAIR))
    front, rear = rng.choice(_TOON_HAIR[cut])
    mouth, eyes = rng.choice(["laugh", *_TOON_MOUTH]), rng.choice(["wide", "happy", *_TOON_EYES])
    clothes = rng.choice(list(_TOON_CLOTHES))
    may_have_beard = cut in {"short", "spiky"}
    beard = rng.choice(list(_TOON_BEARDS)) if may_have_beard and rng.random() < 0.4 else ""
    woman = clothes == "dress" or (not beard and (rear or cut == "bun" or rng.random() < 0.3))
    labels = Labels(
        style="cartoon",
        noun="woman" if woman and not beard else "man",
        hair_colour=rng.choice(list(HAIR_COLOURS)),
        hair_cut=cut,
        skin=rng.choice(list(SKINS)),
        expression=_TOON_MOUTH[mouth],
        background=rng.choice(list(BACKGROUNDS)),
        eyes=_TOON_EYES[eyes],
        beard=_TOON_BEARDS.get(beard, ""),
        shirt_colour=rng.choice(list(SHIRTS)),
        clothes=_TOON_CLOTHES[clothes],
    )
    options = _colours(labels) | {
        "hairVariant": [front],
        "rearHairProbability": 100 if rear else 0,
        "rearHairVariant": [rear or "neckHigh"],
        "mouthVariant": [mouth],
        "eyesVariant": [eyes],
        "eyebrowsVariant": [rng.choice(["happy", "neutral", "raised"])],
        "clothesVariant": [clothes],
        "clothesColor": [SHIRTS[labels.shirt_colour]],
        "beardProbability": 100 if beard else 0,
        "beardVariant": [beard or "chin"],
    }
    return labels, "toon-head", options


def _colours(labels: Labels) -> dict[str, Any]:
    hair = HAIR_COLOURS[labels.hair_colour]
    options: dict[str, Any] = {
        "hairColor": list(hair),
        "skinColor": [SKINS[labels.skin]],
        "backgroundColor": [BACKGROUNDS[labels.background]],
    }
    if len(hair) > 1:
        options |= {
            "hairColorFill": "linear",
            "hairColorFillStops": len(hair),
            "hairColorAngle": 20,
        }
    return options


def _mostly(
    rng: random.Random, favourite: str, names: Mapping[str, object], *, share: float
) -> str:
    """Pick ``favourite`` with probability ``share``, else any name."""
    return favourite if rng.random() < share else rng.choice(list(names))


def _variant(rng: random.Random, numbers: Sequence[str]) -> str:
    return f"variant{rng.choice(numbers)}"


@cache
def _style(name: str) -> Style:
    return Style(json.loads(files("dicebear_styles").joinpath(f"{name}.json").read_text("utf-8")))


def _render(style: str, options: dict[str, Any], size_px: int) -> NDArray[np.uint8]:
    svg = Avatar(_style(style), {"size": size_px, **options}).to_string()
    png = resvg_py.svg_to_bytes(svg_string=svg, width=size_px, height=size_px)
    return np.asarray(Image.open(io.BytesIO(bytes(png))).convert("RGB"))
