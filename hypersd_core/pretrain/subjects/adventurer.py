"""Comic portraits: DiceBear's *Adventurer* by Lisa Wischofsky (CC BY 4.0)."""

import random
from collections.abc import Mapping

from hypersd_core.pretrain.subjects import chance, people
from hypersd_core.pretrain.subjects.attributes import Attributes, Drawing

# The numbered variants were named by looking at each of them once.
HAIR: Mapping[str, tuple[str, ...]] = {
    "long": ("long01", "long05", "long07", "long09"),
    "long wavy": ("long06", "long17", "long22", "long24"),
    "long hair with flowers": ("long08",),
    "bob": ("long02", "long21", "long25"),
    "bun": ("long10", "long11", "short05"),
    "two buns": ("long13", "long23"),
    "pigtails": ("long14", "long15"),
    "ponytail": ("long19",),
    "braid": ("long16",),
    "short": ("short01", "short02", "short10", "short11", "short14"),
    "short curly": ("short03", "short07", "short17"),
    "mohawk": ("short15",),
    "spiky": ("short16", "short18"),
    "buzz cut": ("short04",),
    "bald": ("short19",),
}
MOUTH: Mapping[str, tuple[str, ...]] = {
    "big smile": ("01", "05", "22", "23", "26"),
    "laughing": ("27", "28", "30"),
    "smile": ("02", "29"),
    "surprised": ("03", "18"),
    "sad": ("04", "14"),
    "serious": ("09", "10"),
    "red lips": ("06", "08"),
    "tongue out": ("12", "16"),
}
EYES: Mapping[str, tuple[str, ...]] = {
    "": ("02", "03", "24", "25", "26"),
    "winking": ("21", "22"),
    "closed eyes": ("19", "20"),
    "sleepy eyes": ("16", "17", "18"),
    "sparkling eyes": ("23",),
}
GLASSES: Mapping[str, tuple[str, ...]] = {"sunglasses": ("01",), "glasses": ("02", "04", "05")}
_LEFT, _RIGHT = (224, 460), (460, 460)


def adventurer(rng: random.Random) -> Drawing:
    """One comic portrait."""
    cut = chance.word(rng, HAIR)
    beard = "moustache" if cut in {"short", "bald", "buzz cut"} and rng.random() < 0.4 else ""
    glasses = chance.sometimes(rng, ("glasses", "glasses", "sunglasses"), 0.24)
    words = people.looks(rng, cut, beard=beard) | {
        "subject": "portrait",
        "style": "comic",
        "expression": chance.mostly(rng, "big smile", MOUTH, 0.25),
        "eyes": "" if glasses == "sunglasses" else chance.mostly(rng, "", EYES, 0.6),
        "cheeks": people.cheeks(rng),
        "glasses": glasses,
        "beard": beard,
    }
    variants = {
        "hairVariant": [rng.choice(HAIR[cut])],
        "mouthVariant": [f"variant{rng.choice(MOUTH[words['expression']])}"],
        "eyesVariant": [f"variant{rng.choice(EYES[words['eyes']])}"],
        "eyebrowsVariant": [f"variant{rng.randint(3, 15):02}"],  # 01 and 02 look angry
        **chance.part("details", "mustache" if beard else "", fallback="mustache"),
        "glassesProbability": 100 if glasses else 0,
        "glassesVariant": [f"variant{rng.choice(GLASSES[glasses or 'glasses'])}"],
        "earringsProbability": 0,
    }
    return Drawing(
        attributes=Attributes(words),
        style="adventurer",
        options={"scale": 1.12, **people.colours(words), **variants},
        overlay=_cheeks(words),
    )


def _cheeks(words: dict[str, str]) -> str:
    if words["cheeks"] == "freckles":
        return people.freckles(words["skin"], _LEFT, _RIGHT, pitch=30)
    return people.blush(_LEFT, _RIGHT, radius=34) if words["cheeks"] else ""
