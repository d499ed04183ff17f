"""Little monsters: DiceBear's *Critters* (CC0 1.0)."""

import random
from collections.abc import Mapping

from hypersd_core.pretrain.palette import BACKGROUNDS, STRONG
from hypersd_core.pretrain.subjects import chance
from hypersd_core.pretrain.subjects.attributes import Attributes, Drawing

TOPS: Mapping[str, tuple[str, ...]] = {
    "horns": ("horns", "hornsIn"),
    "antennae": ("antennae",),
    "round ears": ("earsRound",),
    "pointy ears": ("earsPointy",),
    "spikes": ("spikes",),
}
EYES: Mapping[str, tuple[str, ...]] = {
    "": ("round", "bigPupils", "wide"),
    "one eye": ("mono",),
    "three eyes": ("trio", "threeRow"),
    "four eyes": ("four",),
    "closed eyes": ("closedLine", "happy"),
    "winking": ("wink",),
    "sleepy eyes": ("sleepy",),
    "angry eyes": ("angry",),
}
MOUTH: Mapping[str, tuple[str, ...]] = {
    "smile": ("smile",),
    "big smile": ("grin", "laugh"),
    "teeth": ("teeth", "tooth"),
    "surprised": ("open", "ooh"),
    "sad": ("frown", "sad"),
    "serious": ("line",),
    "tongue out": ("tongue", "blep"),
}
_BODIES = ("dome", "block", "squat", "blob", "round", "bell", "wedge", "peak")


def monster(rng: random.Random) -> Drawing:
    """One monster."""
    colour = chance.word(rng, STRONG)
    words = {
        "subject": "monster",
        "colour": colour,
        "background": rng.choice([name for name in BACKGROUNDS if name != colour]),
        "top": chance.sometimes(rng, list(TOPS), 0.85),
        "eyes": chance.mostly(rng, "", EYES, 0.2),
        "expression": chance.word(rng, MOUTH),
    }
    fallback = TOPS["horns"]
    top = rng.choice(TOPS.get(words["top"], fallback))
    options = {
        "bodyVariant": [rng.choice(_BODIES)],
        "bodyColor": [STRONG[colour]],
        "accentColor": [rng.choice([value for name, value in STRONG.items() if name != colour])],
        "backgroundColor": [BACKGROUNDS[words["background"]]],
        **chance.part("top", top if words["top"] else "", fallback="horns"),
        "eyesVariant": [rng.choice(EYES[words["eyes"]])],
        "mouthVariant": [rng.choice(MOUTH[words["expression"]])],
        "patternProbability": 0,
        "cheeksProbability": 0,
        "animationVariant": ["none"],
    }
    return Drawing(attributes=Attributes(words), style="critters", options=options)
