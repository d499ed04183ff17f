"""Small draws that the subjects share."""

import random
from collections.abc import Mapping, Sequence


def word(rng: random.Random, names: Mapping[str, object]) -> str:
    """Any of the ``names``."""
    return rng.choice(list(names))


def mostly(rng: random.Random, favourite: str, names: Mapping[str, object], share: float) -> str:
    """Pick ``favourite`` with probability ``share``, else any name."""
    return favourite if rng.random() < share else word(rng, names)


def sometimes(rng: random.Random, words: Sequence[str], share: float) -> str:
    """Any of ``words`` with probability ``share``, else none."""
    return rng.choice(words) if rng.random() < share else ""


def part(name: str, variant: str, *, fallback: str) -> dict[str, object]:
    """DiceBear's options that show ``variant`` of an optional part, or nothing."""
    return {f"{name}Probability": 100 if variant else 0, f"{name}Variant": [variant or fallback]}
