"""One model, however its file is written: the same weights, bit by bit, and the same picture."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import pytest
import safetensors.torch
import torch
from torch import Tensor

from hypersd_core.engine.catalog import inspect
from hypersd_core.engine.detection.folder_layout import PARTS
from hypersd_core.engine.loader import Model, load_model, load_vae
from hypersd_core.engine.loading.single_file import find_checkpoint
from hypersd_core.errors import ModelError
from hypersd_core.models import Family, Kind, ModelFile
from tests import ldm_layout
from tests.engine import real_layouts
from tests.engine.header_files import write_header_only
from tests.engine.model_files import (
    assert_same_weights,
    folder_file,
    model_file,
    modules,
    one_step,
    read_states,
    write,
    write_checkpoint,
)

CPU = torch.device("cpu")
State = dict[str, Tensor]
pytestmark = pytest.mark.usefixtures("no_network")


@pytest.fixture(scope="module")
def sd15_model(tiny_sd15_folder: Path) -> Model:
    return load_model(folder_file(tiny_sd15_folder), CPU)


@pytest.fixture(scope="module")
def states(tiny_model_folder: Path) -> dict[str, State]:
    return read_states(tiny_model_folder)


@pytest.fixture
def checkpoint(tiny_model_folder: Path, tmp_path: Path) -> ModelFile:
    return model_file(write_checkpoint(tmp_path / "whole.safetensors", tiny_model_folder))


@pytest.fixture
def base(tiny_model_folder: Path) -> ModelFile:
    return folder_file(tiny_model_folder)


def unet_file(path: Path, tensors: State, **changes: Any) -> ModelFile:
    return model_file(write(path, tensors), kind=Kind.UNET, **changes)


def vae_file(path: Path, **changes: Any) -> ModelFile:
    return model_file(path, kind=Kind.VAE, family=None, **changes)


def edit(file: ModelFile, change: Callable[[State], object]) -> None:
    tensors = safetensors.torch.load_file(file.path)
    change(tensors)
    write(file.path, tensors)


def assert_same(ours: Model, theirs: Model) -> None:
    assert ours.family is theirs.family
    assert modules(ours).keys() == modules(theirs).keys()
    for name, part in modules(ours).items():
        assert_same_weights(part, modules(theirs)[name])
    assert torch.equal(one_step(ours), one_step(theirs))


def test_an_sdxl_checkpoint_is_the_folder_it_was_made_of(
    checkpoint: ModelFile, tiny_model_folder: Path, model: Model
) -> None:
    loaded = load_model(checkpoint, CPU, config=tiny_model_folder)
    assert (loaded.name, loaded.prediction) == ("whole", "epsilon")
    assert torch.equal(loaded.schedule.alpha_bar, model.schedule.alpha_bar)
    assert_same(loaded, model)


def test_an_sd15_checkpoint_is_the_folder_it_was_made_of(
    tiny_sd15_folder: Path, sd15_model: Model, tmp_path: Path
) -> None:
    path = write_checkpoint(tmp_path / "old.safetensors", tiny_sd15_folder)
    loaded = load_model(model_file(path, family=Family.SD15), CPU, config=tiny_sd15_folder)
    assert (loaded.family, loaded.text_encoder_2, loaded.tokenizer_2) == (Family.SD15, None, None)
    assert_same(loaded, sd15_model)


def test_weights_are_the_same_ordinary_tensors_whoever_loads_them(
    checkpoint: ModelFile, tiny_model_folder: Path, model: Model
) -> None:
    with torch.inference_mode():
        loaded = load_model(checkpoint, CPU, config=tiny_model_folder)
        vae = load_vae(vae_file(tiny_model_folder / "vae"), loaded)
        assert torch.is_inference_mode_enabled()
    for part in (*modules(loaded).values(), vae):
        assert not any(weight.is_inference() for weight in (*part.parameters(), *part.buffers()))
        assert not any(weight.requires_grad for weight in part.parameters())
    assert_same(loaded, model)
    weight = loaded.unet.conv_in.weight
    weight.copy_(torch.zeros_like(weight))
    assert not weight.any()


def test_text_encoders_of_the_first_sd15_files_have_shorter_names(
    tiny_sd15_folder: Path, sd15_model: Model, tmp_path: Path
) -> None:
    path = write_checkpoint(tmp_path / "older.safetensors", tiny_sd15_folder)
    file = model_file(path, family=Family.SD15)
    tensors = safetensors.torch.load_file(path)
    write(path, {name.replace("transformer.text_model.", "transformer."): t
                 for name, t in tensors.items()})  # fmt: skip
    assert_same(load_model(file, CPU, config=tiny_sd15_folder), sd15_model)


def test_what_the_catalogue_finds_is_loaded_as_it_says(
    tiny_model_folder: Path, tiny_sd15_folder: Path, model: Model, tmp_path: Path
) -> None:
    folders = {Family.SDXL: tiny_model_folder, Family.SD15: tiny_sd15_folder}
    for family, folder in folders.items():
        whole = inspect(write_checkpoint(tmp_path / f"{family}.safetensors", folder))
        states = read_states(folder)
        unet = inspect(write(tmp_path / "unet.safetensors", states["unet"]))
        vae = inspect(write(tmp_path / "vae.safetensors", ldm_layout.ldm_vae(states["vae"])))
        loaded = load_model(unet, CPU, base=inspect(folder), config=folder)
        assert_same(load_model(whole, CPU, config=folder), loaded)
        assert_same_weights(load_vae(vae, loaded), loaded.vae)


@pytest.mark.parametrize("family", [Family.SDXL, Family.SD15])
def test_diffusers_loads_the_same_weights_from_the_file(
    family: Family, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    is_xl = family is Family.SDXL
    folder = request.getfixturevalue("tiny_model_folder" if is_xl else "tiny_sd15_folder")
    path = write_checkpoint(tmp_path / "whole.safetensors", folder)
    loaded = load_model(model_file(path, family=family), CPU, config=folder)
    cls = diffusers.StableDiffusionXLPipeline if is_xl else diffusers.StableDiffusionPipeline
    options = {"add_watermarker": False} if is_xl else {"safety_checker": None}
    pipeline = cls.from_single_file(
        str(path), config=str(folder), local_files_only=True, dtype=torch.float32, **options
    )
    for name, part in modules(loaded).items():
        assert_same_weights(part, getattr(pipeline, name))


@pytest.mark.parametrize("prefix", [ldm_layout.UNET, ""])
def test_a_unet_in_ldm_keys_takes_the_rest_from_its_base(
    prefix: str, states: dict[str, State], base: ModelFile, model: Model, tmp_path: Path
) -> None:
    tensors = ldm_layout.ldm_unet(states["unet"], prefix=prefix)
    file = unet_file(tmp_path / "unet.safetensors", tensors)
    assert_same(load_model(file, CPU, base=base), model)


def test_a_unet_in_diffusers_keys_takes_the_rest_from_its_base(
    states: dict[str, State], base: ModelFile, model: Model, tmp_path: Path
) -> None:
    file = unet_file(tmp_path / "unet.safetensors", states["unet"])
    assert_same(load_model(file, CPU, base=base), model)


def test_a_single_file_may_be_the_base(
    states: dict[str, State],
    checkpoint: ModelFile,
    tiny_model_folder: Path,
    model: Model,
    tmp_path: Path,
) -> None:
    edit(checkpoint, lambda t: t[f"{ldm_layout.UNET}out.2.bias"].fill_(9.0))
    file = unet_file(tmp_path / "unet.safetensors", states["unet"])
    assert_same(load_model(file, CPU, base=checkpoint, config=tiny_model_folder), model)


def test_a_vae_beside_the_unet_wins_over_the_one_of_the_base(
    states: dict[str, State], base: ModelFile, tmp_path: Path
) -> None:
    vae = {name: tensor * 0.5 for name, tensor in states["vae"].items()}
    tensors = ldm_layout.ldm_unet(states["unet"]) | ldm_layout.ldm_vae(vae)
    loaded = load_model(unet_file(tmp_path / "no-text.safetensors", tensors), CPU, base=base)
    assert torch.equal(loaded.vae.decoder.conv_in.bias, vae["decoder.conv_in.bias"].float())


@pytest.mark.parametrize(
    ("says", "overrides", "expected"),
    [
        ("epsilon", None, "epsilon"),
        ("v_prediction", None, "v_prediction"),
        ("epsilon", "sample", "sample"),
        ("v_prediction", "epsilon", "epsilon"),
    ],
)
def test_what_a_unet_predicts_is_its_own_affair(
    says: str,
    overrides: str | None,
    expected: str,
    states: dict[str, State],
    base: ModelFile,
    tmp_path: Path,
) -> None:
    file = unet_file(tmp_path / "unet.safetensors", states["unet"], prediction=says)
    assert load_model(file, CPU, base=base, prediction=overrides).prediction == expected


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float8_e4m3fn])
def test_every_float_format_is_read(
    dtype: torch.dtype, states: dict[str, State], base: ModelFile, tmp_path: Path
) -> None:
    tensors = {name: tensor.to(dtype) for name, tensor in states["unet"].items()}
    loaded = load_model(unet_file(tmp_path / "unet.safetensors", tensors), CPU, base=base)
    for name, tensor in loaded.unet.state_dict().items():
        assert torch.equal(tensor, tensors[name].float()), name


def test_a_checkpoint_that_says_so_ends_in_pure_noise(
    checkpoint: ModelFile, tiny_model_folder: Path
) -> None:
    file = model_file(checkpoint.path, zero_terminal_snr=True, prediction="v_prediction")
    loaded = load_model(file, CPU, config=tiny_model_folder)
    assert loaded.prediction == "v_prediction"
    assert float(loaded.schedule.alpha_bar[-1]) < 1e-6


EXTRAS = {
    *ldm_layout.SDXL_EXTRAS,
    *ldm_layout.SD15_EXTRAS,
    "model_ema.diffusion_modelinput_blocks00weight",
    "conditioner.embedders.0.logit_scale",
    "conditioner.embedders.0.transformer.text_projection.weight",
    "first_stage_model.loss.logvar",
    "denoiser.sigmas",
    "v_pred",
    "ztsnr",
}


def test_tensors_that_change_no_picture_are_passed_over(
    checkpoint: ModelFile, tiny_model_folder: Path, model: Model
) -> None:
    edit(checkpoint, lambda tensors: tensors.update({n: torch.zeros(3) for n in EXTRAS}))
    assert_same(load_model(checkpoint, CPU, config=tiny_model_folder), model)


@pytest.mark.parametrize("family", [Family.SDXL, Family.SD15])
def test_every_tensor_of_a_released_checkpoint_has_its_place(
    family: Family, tmp_path: Path
) -> None:
    whole = {
        Family.SDXL: real_layouts.sdxl_checkpoint,
        Family.SD15: real_layouts.sd15_checkpoint,
    }
    path = write_header_only(tmp_path / "x.safetensors", whole[family]())
    found = find_checkpoint(path, family, config=None)  # would refuse a surplus
    assert tuple(found.parts) == PARTS[family]
    for name, part in found.parts.items():
        assert part.stored.keys() == real_layouts.state(family, name).keys()


def test_a_released_checkpoint_may_lose_no_tensor(tmp_path: Path) -> None:
    shapes = real_layouts.sdxl_checkpoint()
    lost = "conditioner.embedders.1.model.transformer.resblocks.31.attn.in_proj_bias"
    del shapes[lost]
    path = write_header_only(tmp_path / "x.safetensors", shapes)
    with pytest.raises(ModelError, match="in_proj_bias"):
        find_checkpoint(path, Family.SDXL, config=None)


@pytest.mark.parametrize("layout", ["ldm", "ldm in a checkpoint's place", "diffusers"])
def test_a_vae_file_is_the_vae_it_was_made_of(
    layout: str, sd15_model: Model, tiny_sd15_folder: Path, tmp_path: Path
) -> None:
    state = read_states(tiny_sd15_folder)["vae"]
    tensors = {
        "ldm": ldm_layout.ldm_vae(state, prefix=""),
        "ldm in a checkpoint's place": ldm_layout.ldm_vae(state),
        "diffusers": state,
    }[layout]
    vae = load_vae(vae_file(write(tmp_path / "vae.safetensors", tensors)), sd15_model)
    assert_same_weights(vae, sd15_model.vae)
    assert vae.config.scaling_factor == sd15_model.vae.config.scaling_factor
    assert not vae.training


def test_a_vae_folder_brings_its_own_scale(tiny_model_folder: Path, model: Model) -> None:
    vae = load_vae(vae_file(tiny_model_folder / "vae"), model)
    assert_same_weights(vae, model.vae)
    assert vae.config.scaling_factor == pytest.approx(0.7)


def test_a_vae_of_another_depth_does_not_fit(
    tiny_sd15_folder: Path, model: Model, sd15_model: Model, tmp_path: Path
) -> None:
    path = write(tmp_path / "vae.safetensors", read_states(tiny_sd15_folder)["vae"])
    with pytest.raises(ModelError, match=r"vae\.safetensors .*"):
        load_vae(vae_file(path), model)
    shallow = tmp_path / "shallow"
    diffusers.AutoencoderKL(norm_num_groups=8, block_out_channels=(8,)).save_pretrained(shallow)
    with pytest.raises(ModelError, match=r"4 channels for 1 pixels, .* 4 channels for 4 pixels"):
        load_vae(vae_file(shallow), sd15_model)


def test_a_vae_for_another_family_does_not_fit(tiny_model_folder: Path, model: Model) -> None:
    file = model_file(tiny_model_folder / "vae", kind=Kind.VAE, family=Family.SD15)
    with pytest.raises(ModelError, match=r"for SD1\.5, not for SDXL"):
        load_vae(file, model)
