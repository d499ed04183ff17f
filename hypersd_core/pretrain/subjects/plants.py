"""Potted plants with a face: DiceBear's *Sprouts* (CC0 1.0)."""

import random
from collections.abc import Mapping

from hypersd_core.pretrain.palette import BACKGROUNDS, STRONG
from hypersd_core.pretrain.subjects import chance
from hypersd_core.pretrain.subjects.attributes import Attributes, Drawing

PLANTS: Mapping[str, tuple[str, ...]] = {
    "cactus": ("cactus",),
    "flower": ("flower",),
    "tulip": ("tulip",),
    "palm tree": ("palm",),
    "bush": ("bush",),
    "sprout": ("sprout",),
    "succulent": ("succulent",),
    "grass": ("grass",),
}
BLOOMS = {
    "red": "#e0392b",
    "yellow": "#f5c518",
    "pink": "#f06fb0",
    "purple": "#9350d0",
    "white": "#ffffff",
}
MOUTH = {"smile": "smile", "big smile": "grin", "surprised": "open", "sad": "frown"} | {
    "serious": "line",
    "tongue out": "tongue",
}
EYES = {
    "": ("round", "bigPupils"),
    "closed eyes": ("closedLine", "happy"),
    "winking": ("wink",),
    "sleepy eyes": ("sleepy",),
    "angry eyes": ("angry",),
}


def plant(rng: random.Random) -> Drawing:
    """One plant."""
    kind = chance.word(rng, PLANTS)
    words = {
        "subject": "plant",
        "plant": kind,
        "bloom_colour": chance.word(rng, BLOOMS) if kind in {"flower", "tulip"} else "",
        "pot_colour": chance.word(rng, STRONG),
        "expression": chance.word(rng, MOUTH),
        "eyes": chance.mostly(rng, "", EYES, 0.4),
    }
    # A background like the pot or the flower would hide it.
    taken = {words["pot_colour"], words["bloom_colour"], "green"}
    words["background"] = rng.choice([name for name in BACKGROUNDS if name not in taken])
    options = {
        "plantVariant": [rng.choice(PLANTS[kind])],
        "plantColor": [rng.choice(["#4ac66a", "#2fa65a", "#86c93c"])],
        "bloomColor": [BLOOMS[words["bloom_colour"] or "yellow"]],
        "potColor": [STRONG[words["pot_colour"]]],
        "backgroundColor": [BACKGROUNDS[words["background"]]],
        "mouthVariant": [MOUTH[words["expression"]]],
        "eyesVariant": [rng.choice(EYES[words["eyes"]])],
        "patternProbability": 0,
        "cheeksProbability": 0,
        "animationVariant": ["none"],
    }
    return Drawing(attributes=Attributes(words), style="sprouts", options=options)
