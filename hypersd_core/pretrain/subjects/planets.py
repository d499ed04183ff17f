"""Planets in the night sky: DiceBear's *Planets* (CC0 1.0)."""

import random
from collections.abc import Mapping

from hypersd_core.pretrain.palette import NIGHTS, STRONG
from hypersd_core.pretrain.subjects import chance
from hypersd_core.pretrain.subjects.attributes import Attributes, Drawing

SURFACES: Mapping[str, tuple[str, ...]] = {
    "striped": ("banded", "belted"),
    "cratered": ("cratered",),
    "cracked": ("cracked",),
    "cloudy": ("marbled", "swirl"),
    "with continents": ("terra",),
}
RINGS = {"ring": ("thin", "bold"), "double ring": ("double",)}
STARS = {"stars": ("medium", "large"), "sparkling stars": ("sparkle",)}


def planet(rng: random.Random) -> Drawing:
    """One planet."""
    words = {
        "subject": "planet",
        "colour": chance.word(rng, STRONG),
        "background": chance.word(rng, NIGHTS),
        "surface": chance.sometimes(rng, list(SURFACES), 0.85),
        "ring": chance.sometimes(rng, ("ring", "ring", "double ring"), 0.5),
        "moon": chance.sometimes(rng, ("moon",), 0.5),
        "stars": chance.sometimes(rng, list(STARS), 0.8),
    }
    options = {
        "planetColor": [STRONG[words["colour"]]],
        "backgroundColor": [NIGHTS[words["background"]]],
        "moonColor": ["#d3d7e2"],
        **_any(rng, "surface", SURFACES, words["surface"]),
        **_any(rng, "ring", RINGS, words["ring"]),
        **_any(rng, "star", STARS, words["stars"]),
        **chance.part("moons", "one" if words["moon"] else "", fallback="one"),
        "animationVariant": ["none"],
    }
    return Drawing(attributes=Attributes(words), style="planets", options=options)


def _any(
    rng: random.Random, part: str, variants: Mapping[str, tuple[str, ...]], word: str
) -> dict[str, object]:
    fallback = next(iter(variants.values()))
    variant = rng.choice(variants.get(word, fallback))
    return chance.part(part, variant if word else "", fallback=fallback[0])
