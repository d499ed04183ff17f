"""The command line draws with whatever lies in the models folder, and says what it cannot use."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import safetensors.torch
import torch
from numpy.typing import NDArray
from PIL import Image

from hypersd_core import __main__
from hypersd_core.engine.catalog import inspect
from hypersd_core.engine.loader import load_model
from tests.engine.header_files import write_header_only
from tests.engine.model_files import read_states, write, write_checkpoint
from tests.lora_files import random_factors, write_diffusers, write_kohya, write_peft
from tests.tiny_sd15 import build_tiny_sd15

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "data" / "models" / "portrait-64"
PROMPT = "portrait of a lady, big smile, short rainbow hair"
SD15_RECIPE = """\
title = "Tiny"
about = "Random weights."
sampler = "ddim"
steps = 2
guidance = 2.0
width = 32
height = 32
max_side_px = 64
"""
SIDECAR = 'recipe = "hyper-sdxl-merged"\nconfig = "portrait-64"\nwidth = 64\nheight = 64\n'
LAYOUTS: dict[str, Callable[..., Any]] = {
    "kohya": write_kohya,
    "peft": write_peft,
    "diffusers": write_diffusers,
}


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped model in every form, LoRAs in every layout, SD1.5, and what cannot be used."""
    folder = tmp_path_factory.mktemp("models")
    shutil.copytree(SHIPPED, folder / "portrait-64")
    write_checkpoint(folder / "single.safetensors", SHIPPED)
    (folder / "single.toml").write_text(SIDECAR)
    write(folder / "bare-unet.safetensors", read_states(SHIPPED)["unet"])
    (folder / "bare-unet.toml").write_text(SIDECAR + 'base = "portrait-64"\n')
    model = load_model(inspect(SHIPPED), torch.device("cpu"))
    factors = random_factors(model, seed=0)
    for layout, write_lora in LAYOUTS.items():
        write_lora(folder / f"style-{layout}.safetensors", factors)
    build_tiny_sd15(folder / "tiny-sd15")
    (folder / "tiny-sd15" / "recipe.toml").write_text(SD15_RECIPE)
    write_wrong_files(folder)
    return folder


def write_wrong_files(folder: Path) -> None:
    whole = (folder / "single.safetensors").read_bytes()
    (folder / "cut-off.safetensors").write_bytes(whole[:-1000])
    (folder / "notes.safetensors").write_text("just some words")
    torch.save({"a": torch.zeros(1)}, folder / "old.ckpt")
    (folder / "disguised.safetensors").write_bytes((folder / "old.ckpt").read_bytes())
    (folder / "bomb.safetensors").write_bytes((2**62).to_bytes(8, "little") + b"{}")
    write_header_only(
        folder / "Hyper-FLUX.1-dev-8steps-lora.safetensors",
        {
            f"transformer.single_transformer_blocks.0.attn.to_k.{end}.weight": shape
            for end, shape in (("lora_A", (64, 3072)), ("lora_B", (3072, 64)))
        },
    )
    flux = {"double_blocks.0.img_attn.norm.key_norm.scale": (128,)}
    write_header_only(folder / "flux1-dev.safetensors", flux)


@pytest.fixture
def run(
    models: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Callable[..., Outcome]:
    for name in [name for name in os.environ if name.startswith("HYPERSD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HYPERSD_MODELS_DIR", str(models))
    monkeypatch.setenv("HYPERSD_LOCAL_DIR", str(tmp_path / "local"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["hypersd_core", *arguments])
        code = __main__.main()
        return Outcome(code, *capsys.readouterr())

    return run


@pytest.fixture
def draw(run: Callable[..., Outcome]) -> Callable[..., NDArray[np.uint8]]:
    def draw(*arguments: str, prompt: str = PROMPT) -> NDArray[np.uint8]:
        sampling = ("--seed", "7", "--steps", "2", "--sampler", "tcd")
        outcome = run("imagine", prompt, *sampling, "--out", "a.png", *arguments)
        assert outcome.code == 0, outcome.err
        with Image.open("a.png") as picture:
            return np.asarray(picture)

    return draw


# --- every form of a model ------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["single", "bare-unet"])
def test_a_model_draws_the_same_picture_from_every_form_of_its_file(draw: Any, form: str) -> None:
    as_folder = draw("--guidance", "2", "--eta", "0.3", "--recipe", "hyper-sdxl-merged")
    as_file = draw("--guidance", "2", "--eta", "0.3", "--model", form)
    assert as_folder.shape == (256, 256, 3)  # the folder's own recipe enlarges
    small = np.asarray(Image.fromarray(as_folder).resize((64, 64), Image.Resampling.BOX))
    assert np.corrcoef(small.ravel(), as_file.ravel())[0, 1] > 0.99


def test_the_single_file_and_the_bare_unet_draw_the_same_bytes(draw: Any) -> None:
    np.testing.assert_array_equal(draw("--model", "single"), draw("--model", "bare-unet"))


def test_an_sd15_model_is_drawn_with(draw: Any) -> None:
    picture = draw("--model", "tiny-sd15", "--negative", "sad man")
    assert picture.shape == (32, 32, 3)
    assert picture.std() > 0


def test_loras_of_every_layout_change_the_picture_alike(draw: Any) -> None:
    plain = draw()
    drawn = [draw(prompt=f"{PROMPT} <lora:style-{layout}:0.8>") for layout in LAYOUTS]
    assert np.abs(drawn[0].astype(int) - plain).max() > 10
    for other in drawn[1:]:
        assert np.abs(drawn[0].astype(int) - other).max() <= 1
    with Image.open("a.png") as picture:
        assert "<lora:style-diffusers:0.8>" in str(picture.info["parameters"])


def test_a_lora_of_weight_zero_changes_nothing_and_says_so(run: Any, draw: Any) -> None:
    np.testing.assert_array_equal(draw(), draw(prompt=f"{PROMPT} <lora:style-peft:0>"))
    outcome = run("imagine", f"{PROMPT} <lora:style-peft:0>", "--steps", "1", "--out", "b.png")
    assert "The LoRA style-peft does nothing: its weight is 0." in outcome.err


# --- everything else that is asked for ------------------------------------------------------------


def test_a_picture_is_redrawn_repaired_and_grown(draw: Any) -> None:
    photo = draw()
    Image.fromarray(photo).save("photo.png")
    Image.fromarray(np.eye(256, dtype=np.uint8) * 255).save("mask.png")
    np.testing.assert_array_equal(
        draw("--picture", "photo.png", "--strength", "0", "--size", "128x128").shape, (512, 512, 3)
    )
    repaired = draw("--picture", "photo.png", "--mask", "mask.png", "--strength", "1")
    assert np.abs(repaired.astype(int) - photo)[:50, -50:].mean() < 3
    grown = draw("--picture", "photo.png", "--outpaint", "128,0,128,0", "--strength", "1")
    height, width, _ = grown.shape
    assert width > 1.8 * height


def test_a_second_pass_a_variation_and_borders_that_meet(draw: Any) -> None:
    plain = draw()
    assert draw("--hires", "2", "--hires-strength", "0.5").shape == (512, 512, 3)
    assert (draw("--variation-seed", "5", "--variation-strength", "0.2") != plain).any()
    assert (draw("--tiling") != plain).any()
    assert (draw("--emphasis", "no_norm", prompt=f"({PROMPT}:1.3)") != plain).any()


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.jpg"])
def test_a_picture_is_drawn_again_from_the_text_inside_it(
    run: Any, name: str, tmp_path: Path
) -> None:
    changes = ("--steps", "3", "--size", "72x56", "--negative", "sad, man", "--sampler", "euler_a")
    first = run("imagine", PROMPT, *changes, "--seed", "11", "--out", name, "--json")
    again = run("imagine", "--from", name, "--out", f"again-{name}", "--json")
    assert again.code == 0, again.err
    requests = [json.loads(outcome.out)["request"] for outcome in (first, again)]
    assert requests[0] == requests[1]
    assert (tmp_path / name).read_bytes() == (tmp_path / f"again-{name}").read_bytes()


def test_options_win_over_the_text_of_an_earlier_picture(run: Any) -> None:
    Path("text.txt").write_text(f"{PROMPT}\nSteps: 2, Sampler: DDIM, Seed: 4, Size: 64x64")
    outcome = run("imagine", "--from", "text.txt", "--seed", "5", "--json")
    request = json.loads(outcome.out)["request"]
    assert (request["seed"], request["steps"], request["sampler"]) == (5, 2, "ddim")


def test_what_is_typed_wins_over_the_text_of_an_earlier_picture(run: Any) -> None:
    Path("text.txt").write_text("a fox\nSteps: 2, Sampler: DDIM, Seed: 4, Size: 64x64")
    outcome = run("imagine", "--steps 1 --no hat", "--from", "text.txt", "--json")
    assert outcome.code == 0, outcome.err
    request = json.loads(outcome.out)["request"]
    assert (request["prompt"], request["negative"]) == ("a fox", "hat")
    assert (request["steps"], request["seed"]) == (1, 4)
    outcome = run("imagine", "a hen --steps 1", "--from", "text.txt", "--json")
    assert json.loads(outcome.out)["request"]["prompt"] == "a hen"
    outcome = run("imagine", "a hen --steps 1", "--steps", "2", "--from", "text.txt")
    assert outcome.err == "steps is given twice: 2 as an option and 1 in the prompt.\n"


def test_a_prompt_of_others_is_drawn_as_they_wrote_it(run: Any) -> None:
    prompt = "a (fox, :) smile] --v 5 --steps many"
    Path("text.txt").write_text(
        f"{prompt}\nNegative prompt: ((hat\nSteps: 1, Sampler: DDIM, Seed: 4, Size: 64x64"
    )
    outcome = run("imagine", "--from", "text.txt", "--json")
    assert outcome.code == 0, outcome.err
    request = json.loads(outcome.out)["request"]
    assert (request["prompt"], request["negative"], request["steps"]) == (prompt, "((hat", 1)


def test_what_is_kept_of_a_grown_picture_is_kept_to_the_pixel(run: Any) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(photo).save("photo.png")
    Path("text.txt").write_text("a fox\nSteps: 1, Sampler: DDIM, Seed: 4, Size: 64x64")
    arguments = ("--picture", "photo.png", "--outpaint", "0,0,40,0", "--model", "single")
    outcome = run("imagine", "--from", "text.txt", *arguments, "--strength", "1", "--out", "a.png")
    assert outcome.code == 0, outcome.err
    with Image.open("a.png") as picture:
        drawn = np.asarray(picture)
    assert drawn.shape == (64, 104, 3)
    np.testing.assert_array_equal(drawn[:, :48], photo[:, :48])
    np.testing.assert_raises(AssertionError, np.testing.assert_array_equal, drawn[:, :64], photo)


def test_a_canvas_too_large_for_the_model_is_told(run: Any) -> None:
    Image.new("RGB", (256, 256)).save("photo.png")
    outcome = run("imagine", "a fox", "--picture", "photo.png", "--outpaint", "0,0,256,0")
    assert "The canvas has 512x256 pixels and the model at most 128 a side: " in outcome.err


def test_pictures_to_start_from_are_not_left_behind(run: Any, tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save("photo.png")
    run("imagine", "a fox", "--picture", "photo.png", "--steps", "1", "--out", "a.png")
    assert sorted(path.name for path in tmp_path.rglob("*.p*")) == ["a.png", "photo.png"]


REFUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "mask alone": (("--mask", "m.png"), "need --picture"),
    "no such picture": (("--picture", "none.png"), "none.png cannot be read (No such file"),
    "mask of other proportions": (
        ("--picture", "p.png", "--mask", "m.png"),
        "The mask has 64x32 pixels, the picture 64x64: they must have the same proportions.",
    ),
    "no picture at all": (("--picture", "words.txt"), "picture"),
    "strength alone": (("--strength", "0.5"), "strength needs a picture to start from."),
    "strength above 1": (("--picture", "p.png", "--strength", "2"), "strength must be from 0 to 1"),
    "margins in words": (("--picture", "p.png", "--outpaint", "much"), "LEFT,TOP,RIGHT,BOTTOM"),
    "unknown model": (("--model", "portrait-65"), "portrait-64"),
    "unknown recipe": (("--recipe", "hyper-sdxl-merge"), "hyper-sdxl-merged"),
    "unknown upscaler": (("--hires", "2", "--upscaler", "magic"), "magic"),
    "unknown ending": (("--out", "a.tiff"), "must end in one of .png, .webp, .jpg, .jpeg"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_done_is_refused_in_one_line(run: Any, name: str) -> None:
    Path("words.txt").write_text("no picture")
    Image.new("RGB", (64, 64)).save("p.png")
    Image.new("L", (64, 32)).save("m.png")
    arguments, sentence = REFUSED[name]
    outcome = run("imagine", PROMPT, *arguments)
    assert outcome.code == 2
    [line] = outcome.err.splitlines()
    assert sentence in line


# --- the list -------------------------------------------------------------------------------------

WRONG_FILES = {
    "cut-off": ("cut-off.safetensors", "cut off"),
    "notes": ("notes.safetensors", "text"),
    "old.ckpt": ("old.ckpt", "pickle"),
    "disguised": ("disguised.safetensors", "pickle"),
    "bomb": ("bomb.safetensors", "header"),
    "flux1-dev": ("flux1-dev.safetensors", "FLUX"),
}


@pytest.mark.parametrize("name", WRONG_FILES)
def test_each_wrong_file_gets_its_sentence(run: Any, models: Path, name: str) -> None:
    file, word = WRONG_FILES[name]
    detected = run("models", "detect", str(models / file))
    assert detected.code == 2
    [line] = [line for line in detected.out.splitlines() if line.startswith(f"{name}: ")]
    assert word in line
    drawn = run("imagine", PROMPT, "--model", name)
    assert drawn.code == 2
    assert len(drawn.err.splitlines()) == 1


def test_the_list_tells_kind_family_and_recipe_of_every_file(run: Any) -> None:
    outcome = run("models", "list", "--json")
    listed = {entry["name"]: entry for entry in json.loads(outcome.out)}
    assert set(WRONG_FILES) <= set(listed)
    told = {
        name: (listed[name]["kind"], listed[name]["family"], listed[name]["layout"])
        for name in ("portrait-64", "single", "bare-unet", "tiny-sd15", "style-kohya", "style-peft")
    }
    assert told == {
        "portrait-64": ("checkpoint", "sdxl", "diffusers"),
        "single": ("checkpoint", "sdxl", "ldm"),
        "bare-unet": ("unet", "sdxl", "diffusers"),
        "tiny-sd15": ("checkpoint", "sd15", "diffusers"),
        "style-kohya": ("lora", "sdxl", "kohya"),
        "style-peft": ("lora", "sdxl", "peft"),
    }
    assert (
        listed["single"]["drawn_with"]
        == "DPM++ SDE Karras \N{MIDDLE DOT} 4 steps \N{MIDDLE DOT} CFG 2"
    )


@pytest.mark.parametrize("command", ["list", "detect"])
def test_a_few_step_file_that_cannot_be_drawn_with_is_listed_with_its_recipe(
    run: Any, models: Path, command: str
) -> None:
    name = "Hyper-FLUX.1-dev-8steps-lora"
    arguments = ["models", command]
    if command == "detect":
        arguments.append(str(models / f"{name}.safetensors"))
    listed = {entry["name"]: entry for entry in json.loads(run(*arguments, "--json").out)}
    assert listed[name]["recipe"] == "hyper-flux-8"
    assert listed[name]["drawn_with"] is None
    sentence = f"{name} is recognised as Hyper-FLUX 8-step LoRA, but: FLUX is a "
    assert listed[name]["problem"].startswith(sentence)
    assert f": {sentence}" in run(*arguments).out


def test_the_list_is_a_table_for_people(run: Any) -> None:
    outcome = run("models")
    assert outcome.code == 0
    assert outcome.out.splitlines()[0].split() == [
        "NAME", "KIND", "FAMILY", "GB", "RECIPE", "DRAWN", "WITH",
    ]  # fmt: skip
    assert "hyper-sdxl-4" in run("models", "recipes").out


def test_a_hash_is_computed_once_and_then_written_into_pictures(
    run: Any, draw: Any, models: Path
) -> None:
    outcome = run("models", "hash", "single")
    sha256 = outcome.out.split()[0]
    assert run("models", "hash", str(models / "single.safetensors")).out.split()[0] == sha256
    draw("--model", "single")
    with Image.open("a.png") as picture:
        assert f"Model hash: {sha256[:10]}" in str(picture.info["parameters"])


def test_a_file_is_seen_without_a_restart(run: Any, models: Path) -> None:
    before = run("models", "list", "--json").out
    tensors = safetensors.torch.load_file(models / "style-peft.safetensors")
    write(models / "newcomer.safetensors", tensors)
    assert "newcomer" not in before
    assert "newcomer" in run("models", "list", "--json").out
    (models / "newcomer.safetensors").unlink()


def test_one_lora_under_two_names_is_refused(run: Any) -> None:
    twice = f"{PROMPT} <lora:style-peft> <lora:style-peft.safetensors>"
    outcome = run("imagine", twice)
    assert outcome.code == 2
    assert "The LoRA style-peft is named twice" in outcome.err


def test_a_list_that_nobody_reads_to_its_end_ends_quietly(models: Path) -> None:
    command = f"{sys.executable} -m hypersd_core models recipes | head -1"
    finished = subprocess.run(
        ["bash", "-c", command],
        cwd=ROOT,
        env=os.environ | {"HYPERSD_MODELS_DIR": str(models), "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (finished.stdout.split(), finished.stderr) == (["RECIPE", "DRAWN", "WITH"], "")
