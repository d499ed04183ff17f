"""What is in one picture, as a frozen mapping of attribute to word."""

import dataclasses
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

# Every attribute that a drawing can have. What each subject uses is in its own module.
NAMES = (
    "subject",
    "style",
    "noun",
    "hair_colour",
    "hair_cut",
    "skin",
    "expression",
    "eyes",
    "cheeks",
    "glasses",
    "beard",
    "clothes_colour",
    "clothes",
    "background",
    "colour",
    "surface",
    "ring",
    "moon",
    "stars",
    "terrain",
    "sun",
    "plant",
    "bloom_colour",
    "pot_colour",
    "top",
)


@dataclasses.dataclass(frozen=True, slots=True)
class Attributes:
    """``words``: attribute -> word, without empty words; reading a missing one gives ``""``."""

    words: Mapping[str, str]

    def __post_init__(self) -> None:
        if unknown := set(self.words) - set(NAMES):
            raise ValueError(f"unknown attributes: {sorted(unknown)}")
        words = {name: self.words[name] for name in NAMES if self.words.get(name)}
        object.__setattr__(self, "words", MappingProxyType(words))

    def __getitem__(self, name: str) -> str:
        return self.words.get(name, "")

    def without(self, names: Iterable[str]) -> "Attributes":
        """A copy that lacks ``names``."""
        gone = set(names)
        return Attributes({name: word for name, word in self.words.items() if name not in gone})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A picture before it is drawn: DiceBear style and options, and SVG laid on top."""

    attributes: Attributes
    style: str
    options: Mapping[str, Any]
    overlay: str = ""
