"""Reads hair, skin and background colour back from a portrait by counting pixels. No model.

It knows the colours that the drawings are made with and where things are in a portrait. It is
right on most real drawings, not on all: scores are to be read beside those of real drawings.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hypersd_core.pretrain.drawings import BACKGROUNDS, HAIR_COLOURS, SKINS

Pixels = NDArray[np.uint8]

_NEAR = 60.0  # RGB distance within which a pixel counts as a colour
_RAINBOW_HUES = 4  # so many of its colours must show for hair to be rainbow
_HUE_SHARE = 0.07


def background(picture: Pixels) -> str:
    """The background of a square (H, W, 3) portrait: what most pixels of its upper rim are."""
    size = len(picture)
    rim = np.concatenate([picture[: size // 16].reshape(-1, 3), picture[: size // 3, 0]])
    return _winner(_votes(rim, BACKGROUNDS))


def skin(picture: Pixels) -> str:
    """The skin tone: what most pixels around nose and cheeks are."""
    size = len(picture)
    face = picture[size * 9 // 20 : size * 15 // 20, size * 3 // 10 : size * 7 // 10]
    return _winner(_votes(face.reshape(-1, 3), SKINS))


def hair(picture: Pixels) -> str:
    """The hair colour: what most pixels of the upper half are that are not background or skin."""
    size = len(picture)
    top = picture[: size * 9 // 20, size // 5 : size * 4 // 5].reshape(-1, 3)
    others = [BACKGROUNDS[background(picture)], SKINS[skin(picture)]]
    kept = top[np.min([_distances(top, colour) for colour in others], axis=0) > _NEAR / 2]
    if _is_rainbow(kept):
        return "rainbow"
    plain = {name: colours[0] for name, colours in HAIR_COLOURS.items() if len(colours) == 1}
    return _winner(_votes(kept, plain))


def _is_rainbow(pixels: Pixels) -> bool:
    hues = {colour: colour for colour in HAIR_COLOURS["rainbow"]}
    votes = _votes(pixels, hues)
    return sum(share > _HUE_SHARE for share in votes.values()) >= _RAINBOW_HUES


def _votes(pixels: Pixels, palette: Mapping[str, str]) -> dict[str, float]:
    """The share of ``pixels`` (N, 3) that is nearest to each colour, and near enough."""
    distances = np.stack([_distances(pixels, colour) for colour in palette.values()])
    nearest = np.where(distances.min(axis=0) < _NEAR, distances.argmin(axis=0), -1)
    total = max(1, len(pixels))
    return {name: float((nearest == i).sum() / total) for i, name in enumerate(palette)}


def _winner(votes: Mapping[str, float]) -> str:
    return max(votes, key=lambda name: votes[name])


def _distances(pixels: Pixels, colour: str) -> NDArray[np.float64]:
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], dtype=np.float64)
    distances: NDArray[np.float64] = np.linalg.norm(pixels.astype(np.float64) - rgb, axis=1)
    return distances
