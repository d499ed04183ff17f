"""Sizes told by headers are those of what gets loaded."""

from pathlib import Path

import pytest
import torch

from hypersd_core.engine.memory.model_bytes import ModelBytes, model_bytes
from hypersd_core.engine.model import Model
from hypersd_core.errors import ModelError
from hypersd_core.models import Kind, ModelSpec
from tests.engine import real_layouts
from tests.engine.header_files import write_header_only
from tests.engine.model_files import model_file, write_checkpoint

HALF, FULL = torch.bfloat16, torch.float32
SDXL_UNET, SDXL_VAE, SD15_UNET = 2_567_463_684, 83_653_863, 859_520_964


def loaded(model: Model) -> ModelBytes:
    def nbytes(module: torch.nn.Module | None) -> int:
        return 0 if module is None else sum(p.nbytes for p in module.parameters())

    return ModelBytes(
        text_encoders=nbytes(model.text_encoder) + nbytes(model.text_encoder_2),
        unet=nbytes(model.unet),
        vae=nbytes(model.vae),
    )


@pytest.mark.parametrize("is_folder", [True, False])
def test_a_models_size_is_that_of_its_weights_once_loaded(
    tiny_model_folder: Path, model: Model, tmp_path: Path, is_folder: bool
) -> None:
    path = tiny_model_folder
    if not is_folder:
        path = write_checkpoint(tmp_path / "tiny.safetensors", tiny_model_folder)
    told = model_bytes(ModelSpec(file=model_file(path)), dtype=FULL, vae_dtype=FULL)
    truth = loaded(model)
    assert told.unet == truth.unet
    assert told.vae == truth.vae
    assert told.text_encoders == pytest.approx(truth.text_encoders, rel=0.01)  # surplus positions
    assert told.total == told.text_encoders + told.unet + told.vae


def test_released_checkpoints_have_their_published_sizes(tmp_path: Path) -> None:
    path = write_header_only(tmp_path / "sdxl.safetensors", real_layouts.sdxl_checkpoint())
    told = model_bytes(ModelSpec(file=model_file(path)), dtype=HALF, vae_dtype=FULL)
    assert told.unet == 2 * SDXL_UNET
    assert told.vae == 4 * SDXL_VAE
    assert told.text_encoders == pytest.approx(1.635e9, rel=0.01)


def test_what_the_file_is_stored_in_makes_no_difference(tmp_path: Path) -> None:
    shapes = real_layouts.sd15_checkpoint()
    told = [
        model_bytes(
            ModelSpec(file=model_file(write_header_only(tmp_path / dtype, shapes, dtype=dtype))),
            dtype=HALF,
            vae_dtype=HALF,
        )
        for dtype in ("F8_E4M3", "F16", "F32")
    ]
    assert told[0] == told[1] == told[2]
    assert told[0].unet == 2 * SD15_UNET


@pytest.mark.parametrize("layout", ["diffusers", "ldm", "ldm without a prefix"])
def test_a_unet_takes_the_rest_from_its_base(layout: str, tmp_path: Path) -> None:
    shapes = {
        "diffusers": real_layouts.unet("sdxl"),
        "ldm": real_layouts.ldm_unet("sdxl"),
        "ldm without a prefix": real_layouts.ldm_unet("sdxl", prefix=""),
    }[layout]
    unet = model_file(write_header_only(tmp_path / "unet", shapes), kind=Kind.UNET)
    base = model_file(write_header_only(tmp_path / "base", real_layouts.sdxl_checkpoint()))
    told = model_bytes(ModelSpec(file=unet, base=base), dtype=HALF, vae_dtype=HALF)
    assert told == model_bytes(ModelSpec(file=base), dtype=HALF, vae_dtype=HALF)


def test_a_file_that_is_gone_is_an_error_with_its_name(tmp_path: Path) -> None:
    spec = ModelSpec(file=model_file(tmp_path / "gone.safetensors"))
    with pytest.raises(ModelError, match=r"^gone\.safetensors cannot be read"):
        model_bytes(spec, dtype=HALF, vae_dtype=HALF)
