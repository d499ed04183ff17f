"""Hills under a sky: DiceBear's *Landscape* (CC0 1.0)."""

import random
from collections.abc import Mapping

from hypersd_core.pretrain.palette import BACKGROUNDS
from hypersd_core.pretrain.subjects import chance
from hypersd_core.pretrain.subjects.attributes import Attributes, Drawing

# Four layers of hills, from the far and pale to the near and dark.
HILLS: Mapping[str, tuple[str, str, str, str]] = {
    "green": ("#b0d2a0", "#7fb86e", "#4b8f47", "#25592f"),
    "blue": ("#a8c8ec", "#6f9fd8", "#3d6cb4", "#1f3f7c"),
    "purple": ("#cdb6e6", "#a583cf", "#7650a8", "#472a73"),
    "red": ("#eeb0a4", "#d97a6c", "#b04338", "#6f201c"),
    "orange": ("#f4cfa0", "#eba65a", "#c97a28", "#7f4712"),
    "gray": ("#cfcfd2", "#a4a4aa", "#737379", "#414147"),
}
TERRAINS = {"rolling hills": ("rolling", "gentle", "slope"), "mountains": ("rugged", "ridge")}
# The sun's words also say how it is drawn.
SUNS = {"yellow": "#f2c21a", "orange": "#f58220", "red": "#e0392b", "white": "#ffffff"}


def landscape(rng: random.Random) -> Drawing:
    """One landscape."""
    sun = chance.sometimes(rng, list(SUNS), 0.75)
    sky = rng.choice([name for name in BACKGROUNDS if name != (sun or "gray")])
    words = {
        "subject": "landscape",
        "terrain": chance.word(rng, TERRAINS),
        "colour": chance.word(rng, HILLS),
        "background": sky,
        "sun": f"{sun} sun" if sun else "",
    }
    layers = zip(range(1, 5), HILLS[words["colour"]], strict=True)
    options: dict[str, object] = {
        "backgroundColor": [BACKGROUNDS[sky]],
        "orbColor": [SUNS[sun or "yellow"]],
        **chance.part("orb", "sun" if sun else "", fallback="sun"),
        "animationVariant": ["none"],
    }
    for layer, colour in layers:
        options[f"hill{layer}Color"] = [colour]
        options[f"hill{layer}Variant"] = [rng.choice(TERRAINS[words["terrain"]])]
    return Drawing(attributes=Attributes(words), style="landscape", options=options)
