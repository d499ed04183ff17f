"""Cartoon portraits: DiceBear's *Toon Head* by Johan Melin (CC BY 4.0)."""

import random
from collections.abc import Mapping

from hypersd_core.pretrain.palette import SHIRTS
from hypersd_core.pretrain.subjects import chance, people
from hypersd_core.pretrain.subjects.attributes import Attributes, Drawing

# front hair, hair behind the head (None: no hair there)
HAIR: Mapping[str, tuple[tuple[str, str | None], ...]] = {
    "short": (("sideComed", None), ("undercut", None)),
    "spiky": (("spiky", None),),
    "bob": (("sideComed", "neckHigh"), ("undercut", "neckHigh")),
    "long": (("sideComed", "longStraight"), ("sideComed", "shoulderHigh")),
    "long wavy": (("sideComed", "longWavy"),),
    "bun": (("bun", None),),
}
# "sad" is left out: at this size it looks like "smile".
MOUTH = {"big smile": "laugh", "smile": "smile", "surprised": "agape"}
EYES = {"": ("wide", "happy"), "winking": ("wink",), "closed eyes": ("bow", "humble")}
CLOTHES = {
    "dress": "dress",
    "jacket": "openJacket",
    "shirt": "shirt",
    "t-shirt": "tShirt",
    "turtleneck": "turtleNeck",
}
BEARDS = {"beard": "fullBeard", "long beard": "longBeard", "moustache": "moustacheTwirl"}
_LEFT, _RIGHT = (305, 462), (463, 462)
_GLASSES = (
    '<g fill="none" stroke="#1c1a1a" stroke-width="13"><circle cx="310" cy="405" r="56"/>'
    '<circle cx="458" cy="405" r="56"/><path d="M366 398q18-14 36 0"/></g>'
)


def toon_head(rng: random.Random) -> Drawing:
    """One cartoon portrait."""
    cut = chance.word(rng, HAIR)
    front, rear = rng.choice(HAIR[cut])
    beard = chance.sometimes(rng, list(BEARDS), 0.45) if cut in {"short", "spiky"} else ""
    clothes = rng.choice([name for name in CLOTHES if not beard or name != "dress"])
    noun = "woman" if clothes == "dress" else ""
    words = people.looks(rng, cut, beard=beard, noun=noun) | {
        "subject": "portrait",
        "style": "cartoon",
        "expression": chance.mostly(rng, "big smile", MOUTH, 0.2),
        "eyes": chance.mostly(rng, "", EYES, 0.5),
        "cheeks": "" if "beard" in beard else people.cheeks(rng),
        "glasses": chance.sometimes(rng, ("glasses",), 0.2),
        "beard": beard,
        "clothes": clothes,
        "clothes_colour": chance.word(rng, SHIRTS),
    }
    variants = {
        "hairVariant": [front],
        **chance.part("rearHair", rear or "", fallback="neckHigh"),
        "mouthVariant": [MOUTH[words["expression"]]],
        "eyesVariant": [rng.choice(EYES[words["eyes"]])],
        "eyebrowsVariant": [rng.choice(["happy", "neutral", "raised"])],
        "clothesVariant": [CLOTHES[clothes]],
        "clothesColor": [SHIRTS[words["clothes_colour"]]],
        **chance.part("beard", BEARDS.get(beard, ""), fallback="chin"),
    }
    on_top = _cheeks(words) + (_GLASSES if words["glasses"] else "")
    return Drawing(
        attributes=Attributes(words),
        style="toon-head",
        options={"scale": 1.15, "translateY": -4, **people.colours(words), **variants},
        overlay=on_top,
    )


def _cheeks(words: dict[str, str]) -> str:
    if words["cheeks"] == "freckles":
        return people.freckles(words["skin"], _LEFT, _RIGHT, pitch=26)
    return people.blush(_LEFT, _RIGHT, radius=30) if words["cheeks"] else ""
