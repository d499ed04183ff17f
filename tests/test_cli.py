"""``python -m hypersd_core imagine``: files for what can be drawn, one sentence for what cannot."""

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image

from hypersd_core import __main__
from hypersd_core.request import GenerationRequest
from tests.tiny_model import NAME, RECIPE, SIZE_PX, UNET_WEIGHTS

ROOT = Path(__file__).resolve().parents[1]


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def environment(tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The tiny model, an empty current folder, and no other setting."""
    for name in [name for name in os.environ if name.startswith("HYPERSD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HYPERSD_MODELS_DIR", str(tiny_model_folder.parent))
    monkeypatch.setenv("HYPERSD_MODEL", NAME)
    monkeypatch.setenv("HYPERSD_LOCAL_DIR", str(tmp_path / "local"))
    monkeypatch.chdir(tmp_path)


pytestmark = pytest.mark.usefixtures("environment")


def run(*arguments: str, python: tuple[str, ...] = ()) -> Outcome:
    """In a process of its own, in the current folder."""
    finished = subprocess.run(
        [sys.executable, *python, "-m", "hypersd_core", "imagine", *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    return Outcome(finished.returncode, finished.stdout, finished.stderr)


@pytest.fixture
def run_here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """The same in this process: quicker, for what needs no model."""

    def run_here(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["hypersd_core", "imagine", *arguments])
        code = __main__.main()
        return Outcome(code, *capsys.readouterr())

    return run_here


def png_size(path: Path) -> tuple[int, int]:
    with Image.open(io.BytesIO(path.read_bytes()), formats=["PNG"]) as image:
        return image.size


def assert_refused(outcome: Outcome, sentence: str) -> None:
    assert outcome.code == 2
    assert outcome.out == ""
    [line] = outcome.err.splitlines()
    assert sentence in line
    assert not list(Path().rglob("*.p*"))  # neither pictures nor parts of one


def test_pictures_are_written_and_the_last_line_is_json() -> None:
    outcome = run("一位女士 --steps 1", "--count", "2", "--seed", "9", "--out", "a.png", "--json")
    assert outcome.code == 0, outcome.err
    report = json.loads(outcome.out.splitlines()[-1])
    assert report["files"] == ["a-1.png", "a-2.png"]
    request = GenerationRequest.from_json(report["request"])
    assert (request.prompt, request.steps, request.seeds) == ("一位女士", 1, (9, 10))
    for file in report["files"]:
        assert png_size(Path(file)) == (SIZE_PX, SIZE_PX)
    assert Path("a-1.png").read_bytes() != Path("a-2.png").read_bytes()
    assert sorted(path.name for path in Path().iterdir()) == ["a-1.png", "a-2.png"]
    assert "Traceback" not in outcome.err


def test_a_picture_is_named_after_its_seed(run_here: Any) -> None:
    outcome = run_here("lady", "--seed", "5", "--size", "72x56")
    assert (outcome.code, outcome.out) == (0, "picture-5.png\n")
    assert png_size(Path("picture-5.png")) == (72, 56)
    with Image.open("picture-5.png") as image:
        assert str(image.info["parameters"]).startswith("lady\nSteps: 2, Sampler: TCD, ")
    assert "model call 2/2\n" in outcome.err


def test_the_same_seed_writes_the_same_file(run_here: Any) -> None:
    for name in ("a.png", "b.png"):
        assert run_here("lady", "--seed", "5", "--out", name).code == 0
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


REFUSALS: dict[str, tuple[list[str], str]] = {
    "empty prompt": ([""], "The prompt is empty"),
    "flags alone": (["--steps 2"], "The prompt is empty"),
    "said twice": (["lady --steps 4", "--steps", "2"], "steps is given twice"),
    "long prompt": (["x" * 6_000], "The prompt has 6,000 characters; at most 2,000 are allowed."),
    "long negative prompt": (["fox", "--negative", "x" * 2_001], "has 2,001 characters"),
    "open bracket": (["a (fox"], "The ( at character 3 of the prompt is never closed"),
    "seed below 0": (["fox", "--seed", "-2"], "seed must be from 0 to 4,294,967,295, got -2."),
    "seed too large": (["fox", "--seed", str(2**32)], "got 4294967296."),
    "odd size": (["fox", "--size", "100x100"], "width must be divisible by 8, got 100: try 96."),
    "large size": (["fox", "--size", "4096x4096"], "at most 128 pixels a side are allowed."),
    "size in words": (["fox", "--size", "big"], "got 'big'."),
    "unknown sampler": (
        ["fox", "--sampler", "magic"],
        "there are ddim, tcd, lcm, euler, euler_a, dpmpp_sde, ",
    ),
    "unknown flag": (["fox --stpes 4"], "--stpes (character 5) is unknown: did you mean --steps?"),
    "wrong flag": (["fox --steps many"], 'needs a whole number, not "many"'),
    "no steps": (["fox", "--steps", "0"], "steps must be from 1 to 50, got 0."),
    "guidance is no number": (["fox", "--guidance", "nan"], "guidance must be from 0 to 30"),
    "too many": (["fox", "--count", "5"], "count must be from 1 to 4, got 5."),
    "no folder": (["fox", "--out", "none/a.png"], "none/a.png cannot be written (No such file"),
    "out is a folder": (["fox", "--out", "."], "cannot be written (it is a folder)"),
    "name too long": (["fox", "--out", "a" * 250], "(File name too long)"),
    "half a character": (["fox \udcff"], "The prompt is not valid text"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_cannot_be_drawn_is_refused_in_one_line(run_here: Any, name: str) -> None:
    arguments, sentence = REFUSALS[name]
    assert_refused(run_here(*arguments), sentence)


def test_a_wrong_setting_is_refused_by_name(run_here: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("HYPERSD_SANDBOX_PORT", "many")
    assert_refused(run_here("fox"), "The setting HYPERSD_SANDBOX_PORT is wrong: ")


def test_a_missing_model_is_refused_by_name(run_here: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("HYPERSD_MODEL", "nowhere")
    assert_refused(run_here("fox"), "There is no model 'nowhere'")


def test_a_refusal_does_not_wait_for_torch() -> None:
    outcome = run("fox", "--seed", "-2", python=("-X", "importtime"))
    imported = {line.rsplit("|", 1)[-1].strip() for line in outcome.err.splitlines()[:-1]}
    assert outcome.code == 2
    assert outcome.err.splitlines()[-1].startswith("seed must be from 0")
    assert "hypersd_core.recipes" in imported
    assert not {"torch", "diffusers", "transformers"} & imported


def test_a_damaged_model_is_refused_in_one_line(
    tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "models" / NAME
    shutil.copytree(tiny_model_folder, folder, copy_function=os.link)
    (folder / UNET_WEIGHTS).unlink()
    (folder / UNET_WEIGHTS).write_bytes(b"\0" * 1000)
    monkeypatch.setenv("HYPERSD_MODELS_DIR", str(folder.parent))
    assert_refused(run("fox"), f"In {NAME}/unet, ")


def test_a_wrong_recipe_is_refused_by_the_name_of_its_file(
    run_here: Any, tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "models" / NAME
    shutil.copytree(tiny_model_folder, folder, copy_function=os.link)
    (folder / "recipe.toml").unlink()
    (folder / "recipe.toml").write_text(RECIPE.replace("steps = 2", "steps = 99"), "utf-8")
    monkeypatch.setenv("HYPERSD_MODELS_DIR", str(folder.parent))
    outcome = run_here("fox")
    sentence = f"The recipe recipe.toml of {NAME} cannot be drawn with: steps must be from 1 to 50"
    assert_refused(outcome._replace(err=outcome.err.splitlines()[-1]), sentence)


def test_a_file_that_was_there_survives_a_refusal(run_here: Any) -> None:
    Path("kept.jpg").write_bytes(b"old")
    assert run_here("fox (", "--out", "kept.jpg").code == 2
    assert Path("kept.jpg").read_bytes() == b"old"
