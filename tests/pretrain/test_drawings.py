"""The training pictures: the same each time, with labels that are true."""

import hashlib
import itertools
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hypersd_core.pretrain.dataset import load_or_draw
from hypersd_core.pretrain.drawings import (
    BACKGROUNDS,
    HAIR_COLOURS,
    SHIRTS,
    SKINS,
    Labels,
    draw,
    is_held_out,
)
from tests.tiny_model import sample_labels

ROOT = Path(__file__).resolve().parents[2]
SEEDS = range(48)
PRINT_HASHES = """
import hashlib, sys
from hypersd_core.pretrain.drawings import draw
for seed in map(int, sys.argv[1:]):
    print(hashlib.sha256(draw(seed, size_px=64)[0].tobytes()).hexdigest())
"""


@pytest.fixture(scope="module")
def drawn() -> list[tuple[NDArray[np.uint8], Labels]]:
    return [draw(seed, size_px=64) for seed in SEEDS]


def count_pixels(picture: NDArray[np.uint8], colours: Sequence[str]) -> list[int]:
    """How many pixels have each of the ``#rrggbb``, up to rounding."""
    wanted = [np.array(list(bytes.fromhex(colour[1:]))) for colour in colours]
    distances = [np.abs(picture.astype(int) - colour).max(axis=-1) for colour in wanted]
    return [int((distance <= 4).sum()) for distance in distances]


def test_a_seed_draws_the_same_bytes_in_every_process() -> None:
    seeds = [0, 1]
    assert {draw(seed, size_px=64)[1].style for seed in seeds} == {"comic", "cartoon"}
    ours = [hashlib.sha256(draw(seed, size_px=64)[0].tobytes()).hexdigest() for seed in seeds]
    theirs = subprocess.run(
        [sys.executable, "-c", PRINT_HASHES, *map(str, seeds)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert theirs.stdout.split() == ours
    assert ours[0] != ours[1]


def test_pictures_have_the_size_that_was_asked() -> None:
    picture, _ = draw(3, size_px=40)
    assert picture.shape == (40, 40, 3)
    assert picture.dtype == np.uint8


def test_the_corners_have_the_background_that_the_label_says(
    drawn: list[tuple[NDArray[np.uint8], Labels]],
) -> None:
    for picture, labels in drawn:
        for corner in (picture[:1, :1], picture[:1, -1:]):
            assert count_pixels(corner, [BACKGROUNDS[labels.background]]) == [1], labels


def test_hair_skin_and_shirt_have_the_colours_that_the_labels_say(
    drawn: list[tuple[NDArray[np.uint8], Labels]],
) -> None:
    for picture, labels in drawn:
        hair = count_pixels(picture, HAIR_COLOURS[labels.hair_colour])
        # of a rainbow each colour is a thin line, which a small head may not show
        assert sum(n >= 1 for n in hair) >= (3 if labels.hair_colour == "rainbow" else 1), labels
        assert sum(hair) >= 8, labels
        assert count_pixels(picture, [SKINS[labels.skin]]) >= [20], labels
        if labels.shirt_colour:
            assert count_pixels(picture, [SHIRTS[labels.shirt_colour]]) >= [8], labels


def test_every_colour_is_drawn_sometimes(drawn: list[tuple[NDArray[np.uint8], Labels]]) -> None:
    for name, known in (
        ("hair_colour", HAIR_COLOURS),
        ("skin", SKINS),
        ("background", BACKGROUNDS),
    ):
        assert {getattr(labels, name) for _, labels in drawn} == set(known)


def test_about_one_mix_in_twelve_is_held_out_and_no_single_colour_is() -> None:
    labels = sample_labels()
    held_out = [entry for entry in labels if is_held_out(entry)]
    assert len(labels) == len(HAIR_COLOURS) * len(SKINS) * len(BACKGROUNDS)
    assert len(held_out) / len(labels) == pytest.approx(1 / 12, rel=0.2)
    kept = [entry for entry in labels if not is_held_out(entry)]
    for name in ("hair_colour", "skin", "background"):
        assert {getattr(entry, name) for entry in kept} == {getattr(e, name) for e in labels}


def test_only_hair_skin_and_background_decide_what_is_held_out() -> None:
    mixes = {(e.hair_colour, e.skin, e.background): is_held_out(e) for e in sample_labels()}
    for style, (hair, skin, background) in itertools.product(["other"], mixes):
        other = Labels(
            style=style,
            noun="man",
            hair_colour=hair,
            hair_cut="bald",
            skin=skin,
            expression="sad",
            background=background,
        )
        assert is_held_out(other) == mixes[hair, skin, background]


def test_a_data_set_is_the_first_seeds_without_what_is_held_out(
    tmp_path: Path, drawn: list[tuple[NDArray[np.uint8], Labels]]
) -> None:
    kept = [(picture, labels) for picture, labels in drawn if not is_held_out(labels)]
    count = len(drawn) - 8
    assert count <= len(kept) < len(drawn), "these seeds must hold both kinds"
    pictures = load_or_draw(tmp_path / "new", count=count, size_px=64)
    assert pictures.labels == [labels for _, labels in kept[:count]]
    assert np.array_equal(pictures.pixels, np.stack([picture for picture, _ in kept[:count]]))
    assert not any(map(is_held_out, pictures.labels))


def test_a_data_set_is_drawn_once(tmp_path: Path) -> None:
    first = load_or_draw(tmp_path, count=2, size_px=16)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = load_or_draw(tmp_path, count=2, size_px=16)
    assert again.labels == first.labels
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == times
    assert {path.name for path in times} == {"pixels.npy", "labels.json"}


def test_a_data_set_whose_drawing_was_interrupted_is_drawn_anew(tmp_path: Path) -> None:
    (tmp_path / "pixels.npy").write_bytes(b"half")
    pictures = load_or_draw(tmp_path, count=2, size_px=16)
    assert pictures.pixels.shape == (2, 16, 16, 3)
