"""The pictures of every subject: the same each time, with attributes that are true."""

import hashlib
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hypersd_core.pretrain import palette
from hypersd_core.pretrain.subjects import (
    DRAWERS,
    MIXES,
    NAMES,
    Attributes,
    Drawing,
    draw,
    is_held_out,
    plan,
)
from hypersd_core.pretrain.subjects.render import render

ROOT = Path(__file__).resolve().parents[2]
PLANS = [plan(seed) for seed in range(3_000)]
PRINT_HASHES = """
import hashlib, sys
from hypersd_core.pretrain.subjects import draw
for seed in map(int, sys.argv[1:]):
    print(hashlib.sha256(draw(seed, size_px=32)[0].tobytes()).hexdigest())
"""
Drawer = Callable[[random.Random], Drawing]


@pytest.fixture(params=DRAWERS, ids=lambda drawer: drawer.__name__)
def drawer(request: pytest.FixtureRequest) -> Drawer:
    chosen: Drawer = request.param
    return chosen


def seed_of(subject: str) -> int:
    return next(i for i, p in enumerate(PLANS) if p.attributes["subject"] == subject)


def colour_share(picture: NDArray[np.uint8], colour: str) -> float:
    """The share of pixels that are ``#rrggbb``, up to rounding."""
    wanted = np.array(list(bytes.fromhex(colour[1:])))
    return float((np.abs(picture.astype(int) - wanted).max(axis=-1) <= 4).mean())


def drawn(drawer: Drawer, count: int = 12) -> list[tuple[NDArray[np.uint8], Attributes]]:
    drawings = [drawer(random.Random(seed)) for seed in range(count)]
    return [(render(d, seed=i, size_px=64), d.attributes) for i, d in enumerate(drawings)]


def test_a_seed_draws_the_same_bytes_in_every_process() -> None:
    seeds = [seed_of(subject) for subject in MIXES]
    ours = [hashlib.sha256(draw(seed, size_px=32)[0].tobytes()).hexdigest() for seed in seeds]
    theirs = subprocess.run(
        [sys.executable, "-c", PRINT_HASHES, *map(str, seeds)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert theirs.stdout.split() == ours
    assert len(set(ours)) == len(ours)


def test_a_plan_and_its_drawing_have_the_same_attributes() -> None:
    assert draw(3, size_px=16)[1] == plan(3).attributes


def test_the_background_is_in_every_picture_of_every_subject(drawer: Drawer) -> None:
    grounds = {**palette.NIGHTS, **palette.BACKGROUNDS}
    for picture, attributes in drawn(drawer):
        assert colour_share(picture, grounds[attributes["background"]]) > 0.05


@pytest.mark.parametrize("name", ["toon_head", "personas", "voxel"])
def test_clothes_have_the_colour_that_is_named(name: str) -> None:
    drawer = next(d for d in DRAWERS if getattr(d, "__name__", "") == name)
    for picture, attributes in drawn(drawer):
        assert colour_share(picture, palette.SHIRTS[attributes["clothes_colour"]]) > 0.008


def test_planets_and_pots_and_monsters_have_the_colour_that_is_named() -> None:
    for subject, attribute in (("monster", "colour"), ("plant", "pot_colour")):
        picture, attributes = draw(seed_of(subject), size_px=64)
        assert colour_share(picture, palette.STRONG[attributes[attribute]]) > 0.03


@pytest.mark.parametrize("attribute", ["cheeks", "glasses", "beard"])
def test_what_is_hard_to_learn_is_in_a_tenth_of_the_faces(attribute: str) -> None:
    faces = [p.attributes for p in PLANS if p.attributes["subject"] == "portrait"]
    assert sum(bool(face[attribute]) for face in faces) / len(faces) > 0.09


def test_most_pictures_are_faces_and_every_subject_is_there() -> None:
    subjects = [p.attributes["subject"] for p in PLANS]
    assert 0.58 < subjects.count("portrait") / len(subjects) < 0.68
    assert set(subjects) == set(MIXES)


def test_freckles_change_the_picture_where_cheeks_are() -> None:
    seed = next(i for i, p in enumerate(PLANS) if p.attributes["cheeks"] == "freckles")
    freckled = PLANS[seed]
    plain = Drawing(attributes=freckled.attributes, style=freckled.style, options=freckled.options)
    pictures = [render(d, seed=seed, size_px=128).astype(int) for d in (freckled, plain)]
    changed = np.abs(pictures[0] - pictures[1]).max(axis=-1) > 40
    rows = np.flatnonzero(changed.any(axis=1))
    assert 10 < changed.sum() < 400
    assert rows.min() > 50
    assert rows.max() < 100


@pytest.mark.parametrize("subject", MIXES)
def test_about_one_mix_in_twelve_is_held_out(subject: str) -> None:
    mixes = {
        tuple(p.attributes[name] for name in MIXES[subject]): is_held_out(p.attributes)
        for p in PLANS
        if p.attributes["subject"] == subject
    }
    assert 0.03 < sum(mixes.values()) / len(mixes) < 0.16


def test_whether_a_mix_is_held_out_depends_on_nothing_else() -> None:
    attributes = PLANS[seed_of("plant")].attributes
    held = is_held_out(attributes)
    for mouth in ("smile", "sad", "surprised"):
        assert is_held_out(Attributes({**attributes.words, "expression": mouth})) is held


def test_attributes_are_frozen_and_know_their_names() -> None:
    attributes = Attributes({"subject": "plant", "plant": "cactus", "eyes": ""})
    assert attributes["eyes"] == attributes["beard"] == ""
    assert set(attributes.words) == {"subject", "plant"} <= set(NAMES)
    assert attributes.without(["plant"]) == Attributes({"subject": "plant"})
    with pytest.raises(TypeError):
        attributes.words["plant"] = "rose"  # type: ignore[index]
    with pytest.raises(ValueError, match="wings"):
        Attributes({"wings": "two"})
