"""The colour votes are right on real drawings, and the program prints what it measured."""

import itertools
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hypersd_core.evals import attributes, colour_votes
from hypersd_core.pretrain.drawings import BACKGROUNDS, draw, is_held_out
from tests.tiny_model import NAME

DRAWN = [draw(seed, size_px=64) for seed in range(60)]


def share_right(name: str) -> float:
    read = {"hair_colour": colour_votes.hair}.get(name) or getattr(colour_votes, name)
    return float(np.mean([read(pixels) == getattr(labels, name) for pixels, labels in DRAWN]))


@pytest.mark.parametrize(("name", "least"), [("background", 1), ("skin", 1), ("hair_colour", 0.9)])
def test_votes_read_real_drawings(name: str, least: float) -> None:
    assert share_right(name) >= least


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_a_plain_picture_is_all_background(name: str) -> None:
    colour = [int(BACKGROUNDS[name][i : i + 2], 16) for i in (1, 3, 5)]
    assert colour_votes.background(np.full((64, 64, 3), colour, dtype=np.uint8)) == name


def test_captions_are_of_mixes_that_training_never_saw() -> None:
    wanted = itertools.islice(attributes._held_out(), 10)
    assert all(is_held_out(labels) for _, labels in wanted)


def test_the_program_prints_a_table_and_one_json_line(
    tiny_model_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HYPERSD_MODELS_DIR", str(tiny_model_folder.parent))
    monkeypatch.setenv("HYPERSD_MODEL", NAME)
    sheet = tmp_path / "sheet.png"
    arguments = ["--count", "3", "--steps", "1", "--sheet", str(sheet)]
    monkeypatch.setattr(sys, "argv", ["attributes", *arguments])
    attributes.main()
    *table, line = capsys.readouterr().out.splitlines()
    assert table[0].split() == ["attribute", "chance", "real", "drawings", NAME]
    result = json.loads(line)
    assert result["pictures"] == 3
    assert result["scores"]["chance"]["skin"] == 0.25
    assert set(result["scores"][NAME]) == {"hair_colour", "skin", "background"}
    with Image.open(sheet) as picture:
        assert picture.height == 64
