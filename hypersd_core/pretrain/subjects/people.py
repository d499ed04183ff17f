"""What all styles of people share: hair, skin and background colours, cheeks and glasses."""

import random
from typing import Any

from hypersd_core.pretrain.palette import BACKGROUNDS, HAIR_COLOURS, SKINS, fill
from hypersd_core.pretrain.subjects import chance
from hypersd_core.pretrain.subjects.render import dots

# Cuts of which both women and men are drawn; of the others, women only.
_EITHER = {"short", "short curly", "spiky", "mohawk", "buzz cut", "bald"}
FRECKLE = {"pale": "#a8613a", "tan": "#8a4a20", "brown": "#54290e", "dark": "#2e1405"}


def looks(rng: random.Random, cut: str, *, beard: str = "", noun: str = "") -> dict[str, str]:
    """Noun, hair, skin and background of one person; ``noun`` is drawn unless given."""
    woman = not beard and (cut not in _EITHER or rng.random() < 0.3)
    return {
        "noun": noun or ("woman" if woman else "man"),
        "hair_cut": cut,
        "hair_colour": "" if cut == "bald" else chance.word(rng, HAIR_COLOURS),
        "skin": chance.word(rng, SKINS),
        "background": chance.word(rng, BACKGROUNDS),
    }


def colours(words: dict[str, str]) -> dict[str, Any]:
    """DiceBear's options for the colours in ``words``."""
    return {
        **fill("hair", HAIR_COLOURS[words["hair_colour"] or "brown"]),
        "skinColor": [SKINS[words["skin"]]],
        "backgroundColor": [BACKGROUNDS[words["background"]]],
    }


def cheeks(rng: random.Random) -> str:
    """Freckles often, since they are small and hard to learn; blush now and then."""
    return chance.sometimes(rng, ("freckles",) * 3 + ("blush",), 0.34)


def freckles(
    skin: str, left: tuple[float, float], right: tuple[float, float], *, pitch: float
) -> str:
    """Five dots around the middle of each cheek, ``pitch`` apart, in canvas coordinates."""
    pattern = ((-1.0, -0.4), (0.0, -0.7), (1.0, -0.3), (-0.5, 0.5), (0.6, 0.6))
    centres = [(x + pitch * dx, y + pitch * dy) for x, y in (left, right) for dx, dy in pattern]
    return dots(centres, radius=0.24 * pitch, colour=FRECKLE[skin])


def blush(left: tuple[float, float], right: tuple[float, float], *, radius: float) -> str:
    """A pink spot on each cheek."""
    return f'<g opacity="0.6">{dots([left, right], radius=radius, colour="#f0526e")}</g>'
