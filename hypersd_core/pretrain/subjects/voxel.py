"""People of blocks, from head to foot: DiceBear's *Voxel Art* (CC0 1.0)."""

import random
from collections.abc import Mapping

from hypersd_core.pretrain.palette import SHIRTS
from hypersd_core.pretrain.subjects import chance, people
from hypersd_core.pretrain.subjects.attributes import Attributes, Drawing

HAIR: Mapping[str, tuple[str, ...]] = {
    "short": ("short", "bowl"),
    "spiky": ("spiky",),
    "short curly": ("curly",),
    "mohawk": ("mohawk",),
    "bob": ("bob",),
    "two buns": ("buns",),
    "long": ("shoulderLength", "longStraight", "partedLong"),
    "long wavy": ("longWavy",),
    "pigtails": ("twinTails",),
}
MOUTH: Mapping[str, tuple[str, ...]] = {
    "big smile": ("bigSmile", "grin", "laugh"),
    "smile": ("smile", "wideSmile"),
    "surprised": ("ooh",),
    "sad": ("frown",),
    "serious": ("flat",),
}
EYES: Mapping[str, tuple[str, ...]] = {
    "": ("open", "soft", "wide"),
    "closed eyes": ("closed", "happy"),
    "sleepy eyes": ("sleepy",),
    "sparkling eyes": ("star",),
}
OUTFITS = {
    "t-shirt": "plain",
    "striped shirt": "stripes",
    "overalls": "overalls",
    "hoodie": "hoodie",
    "jacket": "coat",
    "dress": "dress",
}
_OVER_ALL = {"jacket", "dress"}  # these take the jacket's colour, the others the shirt's
BEARDS = {"beard": "full", "moustache": "mustache", "goatee": "goatee"}
GLASSES = {"glasses": ("round", "square", "cat"), "sunglasses": ("shades",)}


def voxel(rng: random.Random) -> Drawing:
    """One figure."""
    cut = chance.word(rng, HAIR)
    men = {"short", "spiky", "short curly", "mohawk"}
    beard = chance.sometimes(rng, list(BEARDS), 0.4) if cut in men else ""
    outfit = rng.choice([name for name in OUTFITS if not beard or name != "dress"])
    glasses = chance.sometimes(rng, ("glasses", "glasses", "sunglasses"), 0.2)
    noun = "woman" if outfit == "dress" else ""
    words = people.looks(rng, cut, beard=beard, noun=noun) | {
        "subject": "figure",
        "style": "voxel",
        "expression": chance.mostly(rng, "big smile", MOUTH, 0.2),
        "eyes": "" if glasses == "sunglasses" else chance.mostly(rng, "", EYES, 0.5),
        "cheeks": chance.sometimes(rng, ("freckles",), 0.25),
        "glasses": glasses,
        "beard": beard,
        "clothes": outfit,
        "clothes_colour": chance.word(rng, SHIRTS),
    }
    colour = SHIRTS[words["clothes_colour"]]
    variants = {
        **chance.part("top", rng.choice(HAIR[cut]), fallback="short"),
        "mouthVariant": [rng.choice(MOUTH[words["expression"]])],
        "eyesVariant": [rng.choice(EYES[words["eyes"]])],
        "outfitVariant": [OUTFITS[outfit]],
        ("jacketColor" if outfit in _OVER_ALL else "shirtColor"): [colour],
        **chance.part("cheeks", words["cheeks"], fallback="blush"),
        **chance.part("beard", BEARDS.get(beard, ""), fallback="full"),
        "glassesProbability": 100 if glasses else 0,
        "glassesVariant": [rng.choice(GLASSES[glasses or "glasses"])],
        "animationVariant": ["none"],
    }
    return Drawing(
        attributes=Attributes(words),
        style="voxel-art",
        options={**people.colours(words), **variants},
    )
