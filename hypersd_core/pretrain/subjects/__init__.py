"""Pictures of many subjects, drawn from named parts: every picture has exact attributes.

The drawing sets are DiceBear's, CC0 1.0 or CC BY 4.0 (``data/models/ATTRIBUTION.md``). The same
seed gives the same picture, byte for byte.
"""

import hashlib
import random
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from hypersd_core.pretrain.subjects.adventurer import adventurer
from hypersd_core.pretrain.subjects.attributes import NAMES, Attributes, Drawing
from hypersd_core.pretrain.subjects.landscapes import landscape
from hypersd_core.pretrain.subjects.monsters import monster
from hypersd_core.pretrain.subjects.personas import personas
from hypersd_core.pretrain.subjects.planets import planet
from hypersd_core.pretrain.subjects.plants import plant
from hypersd_core.pretrain.subjects.render import render
from hypersd_core.pretrain.subjects.toon_head import toon_head
from hypersd_core.pretrain.subjects.voxel import voxel

__all__ = ["DRAWERS", "MIXES", "NAMES", "Attributes", "Drawing", "draw", "is_held_out", "plan"]

DRAWERS: Mapping[Callable[[random.Random], Drawing], float] = {
    adventurer: 0.28,
    toon_head: 0.2,
    personas: 0.15,
    voxel: 0.1,
    planet: 0.06,
    landscape: 0.05,
    plant: 0.08,
    monster: 0.08,
}
# Of each subject, the attributes whose mix decides whether a picture is kept out of training.
MIXES: Mapping[str, tuple[str, ...]] = {
    "portrait": ("hair_colour", "skin", "background"),
    "figure": ("hair_colour", "clothes_colour", "background"),
    "planet": ("colour", "surface", "background"),
    "landscape": ("colour", "sun", "background"),
    "plant": ("plant", "pot_colour", "background"),
    "monster": ("colour", "top", "background"),
}


def plan(seed: int) -> Drawing:
    """What picture number ``seed`` is to show, before it is drawn."""
    rng = random.Random(seed)  # noqa: S311 - drawing, not cryptography
    (drawer,) = rng.choices(list(DRAWERS), weights=list(DRAWERS.values()))
    return drawer(rng)


def draw(seed: int, *, size_px: int) -> tuple[NDArray[np.uint8], Attributes]:
    """Return picture number ``seed``, (size_px, size_px, 3), and what is in it."""
    drawing = plan(seed)
    return render(drawing, seed=seed, size_px=size_px), drawing.attributes


def is_held_out(attributes: Attributes) -> bool:
    """Whether this mix (``MIXES``) is kept out of training, about 1 in 12.

    A model that draws it right has composed it, not remembered it.
    """
    mix = "/".join(attributes[name] for name in MIXES[attributes["subject"]])
    return hashlib.sha256(mix.encode()).digest()[0] < 256 // 12
