"""Models by name: loaded once, LoRAs switched in place, and nothing broken replaces what serves."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hypersd_core.engine.catalog import Catalogue
from hypersd_core.engine.engine import Engine
from hypersd_core.engine.model import Model
from hypersd_core.engine.shelf import Shelf
from hypersd_core.errors import ModelError, ModelNotFound
from hypersd_core.library import Library
from hypersd_core.prompt import LoraTag
from tests.engine.drawing import draw, make_request
from tests.engine.model_files import read_states, write, write_checkpoint
from tests.engine.upscaler_files import numbered_weights, real_esrgan_names
from tests.lora_files import random_factors, write_kohya
from tests.model_shelf import SHIPPED
from tests.tiny_model import NAME, UNET_WEIGHTS

CPU = torch.device("cpu")


@pytest.fixture
def models(tiny_model_folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(tiny_model_folder, tmp_path / "models" / NAME)
    return tmp_path / "models"


@pytest.fixture
def library(models: Path) -> Library:
    opened = Library(Catalogue(models), SHIPPED, default=NAME, sha256=lambda _: "")
    opened.refresh()
    return opened


@pytest.fixture
def shelf(library: Library) -> Shelf:
    return Shelf(library, CPU)


def ready(shelf: Shelf, **changes: Any) -> Model:
    return shelf.ready(make_request(**changes)).model


def weights(model: Model) -> Mapping[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.unet.state_dict().items()}


def put_lora(models: Path, model: Model, name: str, *, seed: int = 0) -> None:
    write_kohya(models / f"{name}.safetensors", random_factors(model, seed=seed))


def test_a_model_is_loaded_once_and_told_of(library: Library) -> None:
    told: list[tuple[str, str, float]] = []
    shelf = Shelf(library, CPU, on_load=lambda *progress: told.append(progress))
    shelf.load(NAME)
    first = ready(shelf)
    assert ready(shelf, seed=8, steps=1) is first
    assert {model for model, _, _ in told} == {NAME}
    assert told[-1][2] == 1


def test_loras_come_and_go_without_loading_the_model_again(
    models: Path, library: Library, shelf: Shelf
) -> None:
    model = ready(shelf)
    own, addresses = weights(model), [p.data_ptr() for p in model.unet.parameters()]
    for seed, name in enumerate(("a", "b")):
        put_lora(models, model, name, seed=seed)
    library.refresh()
    with_a = weights(ready(shelf, loras=(LoraTag(name="a"),)))
    with_both = weights(ready(shelf, loras=(LoraTag(name="a"), LoraTag(name="b", weight=0.5))))
    assert ready(shelf) is model
    assert [p.data_ptr() for p in model.unet.parameters()] == addresses
    assert all(torch.equal(tensor, own[name]) for name, tensor in weights(model).items())
    for changed in (with_a, with_both):
        assert any(not torch.equal(tensor, own[name]) for name, tensor in changed.items())


def test_drawing_with_a_lora_leaves_the_model_able_to_take_another(
    models: Path, library: Library, shelf: Shelf
) -> None:
    """The engine merges while it draws, where tensors are made for inference alone."""
    put_lora(models, ready(shelf), "a")
    library.refresh()
    engine = Engine(shelf)
    plain = draw(engine)
    styled = draw(engine, loras=(LoraTag(name="a", weight=0.7),))
    assert (plain[0] != styled[0]).any()
    np.testing.assert_array_equal(draw(engine), plain)


@pytest.mark.parametrize("damage", ["cut off", "gone"])
def test_a_broken_model_leaves_the_one_that_serves(
    models: Path, library: Library, shelf: Shelf, damage: str
) -> None:
    serving = ready(shelf)
    broken = models / "broken"
    shutil.copytree(models / NAME, broken)
    library.refresh()
    if damage == "cut off":
        data = (broken / UNET_WEIGHTS).read_bytes()
        (broken / UNET_WEIGHTS).write_bytes(data[: len(data) // 2])
    else:
        shutil.rmtree(broken)
    with pytest.raises(ModelError):
        ready(shelf, model="broken")
    assert ready(shelf) is serving


@pytest.mark.parametrize(
    "wish",
    [
        {"model": "nowhere"},
        {"loras": (LoraTag(name="nowhere"),)},
        {"vae": "nowhere"},
    ],
)
def test_what_is_not_there_is_refused_by_name(shelf: Shelf, wish: dict[str, Any]) -> None:
    with pytest.raises(ModelNotFound, match="nowhere"):
        ready(shelf, **wish)


def test_a_file_that_was_replaced_is_loaded_again(
    models: Path, library: Library, shelf: Shelf
) -> None:
    write_checkpoint(models / "single.safetensors", models / NAME)
    (models / "single.toml").write_text(f'recipe = "hyper-sdxl-merged"\nconfig = "{NAME}"\n')
    library.refresh()
    before = ready(shelf, model="single")
    assert ready(shelf, model="single") is before
    write_checkpoint(models / "single.safetensors", models / NAME)
    library.refresh()
    assert ready(shelf, model="single") is not before


def test_a_vae_is_exchanged_for_one_request(models: Path, library: Library, shelf: Shelf) -> None:
    vae = {name: tensor * 1.01 for name, tensor in read_states(models / NAME)["vae"].items()}
    write(models / "other-vae.safetensors", vae)
    library.refresh()
    own, other = ready(shelf), ready(shelf, vae="other-vae")
    assert other.vae is not own.vae
    assert other.unet is own.unet
    assert ready(shelf, vae="other-vae").vae is other.vae
    assert ready(shelf).vae is own.vae


def test_an_upscaler_is_loaded_once_and_lanczos_needs_none(
    models: Path, library: Library, shelf: Shelf
) -> None:
    write(models / "4x.safetensors", real_esrgan_names(numbered_weights()))
    library.refresh()
    assert shelf.upscaler("lanczos") is None
    network = shelf.upscaler("4x")
    assert network is not None
    assert shelf.upscaler("4x") is network
