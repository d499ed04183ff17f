"""Models by name: loaded once, LoRAs switched in place, and nothing broken replaces what serves."""

import gc
import shutil
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hypersd_core.engine import shelf as shelf_module
from hypersd_core.engine.catalog import Catalogue
from hypersd_core.engine.engine import Engine
from hypersd_core.engine.memory.policy import WORKING_BYTES
from hypersd_core.engine.model import Model
from hypersd_core.engine.shelf import Shelf
from hypersd_core.errors import Cancelled, ModelError, ModelNotFound, OutOfMemory
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


def put_single(models: Path) -> None:
    """Write the tiny model as one file, over the one that is there."""
    write_checkpoint(models / "single.safetensors", models / NAME)
    (models / "single.toml").write_text(f'recipe = "hyper-sdxl-merged"\nconfig = "{NAME}"\n')


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
    put_single(models)
    library.refresh()
    before = ready(shelf, model="single")
    assert ready(shelf, model="single") is before
    put_single(models)
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


def second_model(models: Path, library: Library) -> None:
    shutil.copytree(models / NAME, models / "second")
    library.refresh()


def fill(shelf: Shelf, models: Path, library: Library) -> list[weakref.ref[Any]]:
    """Have a second model and a network in memory, which are not kept alive here."""
    write(models / "4x.safetensors", real_esrgan_names(numbered_weights()))
    second_model(models, library)
    network = shelf.upscaler("4x")
    assert network is not None
    return [weakref.ref(network.network), weakref.ref(ready(shelf, model="second").unet)]


def test_a_broken_model_is_known_before_room_is_made_for_it(
    models: Path, library: Library, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving = ready(shelf)
    second_model(models, library)
    (models / "second" / "text_encoder" / "config.json").unlink()
    monkeypatch.setattr(shelf_module, "free_memory_bytes", lambda _: 0)
    with pytest.raises(ModelError):
        ready(shelf, model="second")
    assert ready(shelf) is serving


def test_a_folder_of_half_precision_alone_makes_others_go_where_it_must(
    models: Path, library: Library, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = weakref.ref(ready(shelf).unet)
    second_model(models, library)
    for path in list((models / "second").glob("*/*.safetensors")):
        path.rename(path.with_name(f"{path.stem}.fp16.safetensors"))
    library.refresh()
    monkeypatch.setattr(shelf_module, "free_memory_bytes", lambda _: WORKING_BYTES + 1)
    ready(shelf, model="second")
    assert first() is None


def test_of_a_file_that_was_replaced_the_old_model_goes(
    models: Path, library: Library, shelf: Shelf
) -> None:
    put_single(models)
    library.refresh()
    old = weakref.ref(ready(shelf, model="single").unet)
    put_single(models)
    library.refresh()
    ready(shelf, model="single")
    assert old() is None


def test_of_a_vae_and_an_upscaler_that_were_replaced_the_old_ones_go(
    models: Path, library: Library, shelf: Shelf
) -> None:
    def put(factor: float) -> list[weakref.ref[Any]]:
        vae = {n: tensor * factor for n, tensor in read_states(models / NAME)["vae"].items()}
        write(models / "other-vae.safetensors", vae)
        write(models / "4x.safetensors", real_esrgan_names(numbered_weights()))
        library.refresh()
        network = shelf.upscaler("4x")
        assert network is not None
        return [weakref.ref(ready(shelf, vae="other-vae").vae), weakref.ref(network.network)]

    old, new = put(1.01), put(1.02)
    gc.collect()
    assert [part() for part in old] == [None, None]
    assert None not in [part() for part in new]


def test_room_is_made_of_all_but_the_requests_own_model(
    models: Path, library: Library, shelf: Shelf
) -> None:
    model = ready(shelf)
    others = fill(shelf, models, library)
    assert None not in [other() for other in others]
    shelf.make_room(make_request())
    assert [other() for other in others] == [None, None]
    assert ready(shelf) is model


def test_drawing_that_runs_out_of_memory_makes_room_before_it_tries_again(
    models: Path, library: Library, shelf: Shelf
) -> None:
    model = ready(shelf)
    others = fill(shelf, models, library)
    seen: list[list[Any]] = []

    def run_out_while_others_are_there(*_: object) -> None:
        seen.append([other() is None for other in others])
        if not all(seen[-1]):
            raise torch.OutOfMemoryError("CUDA out of memory.")

    model.unet.register_forward_pre_hook(run_out_while_others_are_there)
    [picture] = draw(Engine(shelf), steps=1)
    assert picture.std() > 0
    assert seen == [[False, False], [True, True]]


def test_loading_that_runs_out_of_memory_makes_room_and_tries_once_more(
    models: Path, library: Library, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = fill(shelf, models, library)
    empty = torch.empty
    refused: list[bool] = []

    def allocate(*size: Any, **options: Any) -> torch.Tensor:
        if options.get("device") == CPU and any(other() is not None for other in others):
            refused.append(True)
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return empty(*size, **options)

    monkeypatch.setattr(torch, "empty", allocate)
    assert ready(shelf).name == NAME
    assert refused == [True]


def test_a_model_too_large_for_the_device_alone_is_refused(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = torch.empty

    def allocate(*size: Any, **options: Any) -> torch.Tensor:
        if options.get("device") == CPU:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return empty(*size, **options)

    monkeypatch.setattr(torch, "empty", allocate)
    with pytest.raises(OutOfMemory, match="needs more memory than this device has"):
        ready(shelf)


def test_who_stops_waiting_ends_the_loading_and_nothing_else_goes(
    models: Path, library: Library
) -> None:
    told: list[float] = []
    shelf = Shelf(library, CPU, on_load=lambda _model, _part, share: told.append(share))
    serving = ready(shelf)
    second_model(models, library)
    told.clear()
    with pytest.raises(Cancelled):
        draw(Engine(shelf), model="second", should_stop=lambda: len(told) == 3)
    assert len(told) == 3
    assert ready(shelf) is serving
    assert ready(shelf, model="second").name == "second"


def test_a_model_larger_than_main_memory_is_refused_and_the_other_one_serves(
    models: Path, library: Library, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving = ready(shelf)
    shutil.copytree(models / NAME, models / "large")
    library.refresh()
    with monkeypatch.context() as patch:
        patch.setattr(shelf_module, "free_memory_bytes", lambda _: 1000)
        with pytest.raises(OutOfMemory, match=r"^large needs 0\.1 GB of main memory"):
            ready(shelf, model="large")
    assert ready(shelf).unet.config == serving.unet.config
