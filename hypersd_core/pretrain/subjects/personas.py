"""Flat portraits: DiceBear's *Personas* by Draftbit (CC BY 4.0)."""

import random
from collections.abc import Mapping

from hypersd_core.pretrain.palette import HAIR_COLOURS, SHIRTS
from hypersd_core.pretrain.subjects import chance, people
from hypersd_core.pretrain.subjects.attributes import Attributes, Drawing

HAIR: Mapping[str, tuple[str, ...]] = {
    "short": ("shortCombover", "shortComboverChops"),
    "bob": ("bobBangs", "bobCut"),
    "long": ("long", "extraLong"),
    "pigtails": ("pigtails",),
    "bun": ("straightBun", "curlyBun"),
    "bald": ("bald",),
}
MOUTH = {"big smile": "bigSmile", "smile": "smile", "sad": "frown", "surprised": "surprise"}
EYES = {"": ("open",), "winking": ("wink",), "closed eyes": ("happy", "sleep")}
CLOTHES = {"checkered shirt": ("checkered",), "t-shirt": ("rounded", "squared")}
BEARDS = {"goatee": "goatee", "moustache": "walrus"}
_LEFT, _RIGHT = (25.2, 34.3), (38.8, 34.3)


def personas(rng: random.Random) -> Drawing:
    """One flat portrait."""
    cut = chance.word(rng, HAIR)
    beard = chance.sometimes(rng, list(BEARDS), 0.45) if cut in {"short", "bald"} else ""
    glasses = chance.sometimes(rng, ("glasses", "glasses", "sunglasses"), 0.3)
    words = people.looks(rng, cut, beard=beard) | {
        "subject": "portrait",
        "style": "flat",
        "expression": chance.mostly(rng, "big smile", MOUTH, 0.2),
        "eyes": "" if glasses else chance.mostly(rng, "", EYES, 0.5),
        "cheeks": people.cheeks(rng),
        "glasses": glasses,
        "beard": beard,
        "clothes": chance.word(rng, CLOTHES),
        "clothes_colour": chance.word(rng, SHIRTS),
    }
    hair = HAIR_COLOURS[words["hair_colour"] or "brown"]
    variants = {
        "hairVariant": [rng.choice(HAIR[cut])],
        "mouthVariant": [MOUTH[words["expression"]]],
        "eyesVariant": [glasses or rng.choice(EYES[words["eyes"]])],
        "noseVariant": [rng.choice(["mediumRound", "smallRound"])],
        "clothesVariant": [rng.choice(CLOTHES[words["clothes"]])],
        "clothingColor": [SHIRTS[words["clothes_colour"]]],
        **chance.part("facialHair", BEARDS.get(beard, ""), fallback="goatee"),
        "facialHairColor": [hair[0]],
    }
    return Drawing(
        attributes=Attributes(words),
        style="personas",
        options={"scale": 1.1, **people.colours(words), **variants},
        overlay=_cheeks(words),
    )


def _cheeks(words: dict[str, str]) -> str:
    if words["cheeks"] == "freckles":
        return people.freckles(words["skin"], _LEFT, _RIGHT, pitch=2.1)
    return people.blush(_LEFT, _RIGHT, radius=2.4) if words["cheeks"] else ""
