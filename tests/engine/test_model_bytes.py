"""Sizes told before a weight is read are those of what gets loaded."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from hypersd_core.engine.loader import find_model
from hypersd_core.engine.memory.model_bytes import ModelBytes, model_bytes
from hypersd_core.engine.model import Model
from hypersd_core.models import Family, Kind, ModelFile
from tests.engine import real_layouts
from tests.engine.header_files import write_header_only
from tests.engine.model_files import folder_file, model_file, write_checkpoint

CPU = torch.device("cpu")
HALF, FULL = torch.bfloat16, torch.float32
SDXL_UNET, SDXL_VAE, SD15_UNET = 2_567_463_684, 83_653_863, 859_520_964
SDXL_TEXT_ENCODERS = 123_060_480 + 694_659_840


def told(file: ModelFile, dtype: torch.dtype, **others: Any) -> ModelBytes:
    parts = find_model(file, CPU, **others).found.parts
    return model_bytes(parts, dict.fromkeys(parts, dtype))


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
    if is_folder:
        size = told(folder_file(tiny_model_folder), FULL)
    else:
        path = write_checkpoint(tmp_path / "tiny.safetensors", tiny_model_folder)
        size = told(model_file(path), FULL, config=tiny_model_folder)
    assert size == loaded(model)
    assert size.total == size.text_encoders + size.unet + size.vae


def test_a_folder_of_half_precision_alone_has_its_whole_size(
    tiny_model_folder: Path, model: Model, tmp_path: Path
) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(tiny_model_folder, folder)
    for path in list(folder.glob("*/*.safetensors")):
        path.rename(path.with_name(f"{path.stem}.fp16.safetensors"))
    assert told(folder_file(folder), FULL) == loaded(model)


def test_each_part_counts_in_its_own_dtype(tiny_model_folder: Path, model: Model) -> None:
    parts = find_model(folder_file(tiny_model_folder), CPU).found.parts
    size = model_bytes(parts, dict.fromkeys(parts, HALF) | {"vae": FULL})
    full = loaded(model)
    assert (size.unet, size.text_encoders, size.vae) == (
        full.unet // 2,
        full.text_encoders // 2,
        full.vae,
    )


def test_released_checkpoints_have_their_published_sizes(tmp_path: Path) -> None:
    path = write_header_only(tmp_path / "sdxl.safetensors", real_layouts.sdxl_checkpoint())
    assert told(model_file(path), HALF) == ModelBytes(
        text_encoders=2 * SDXL_TEXT_ENCODERS, unet=2 * SDXL_UNET, vae=2 * SDXL_VAE
    )


def test_what_the_file_is_stored_in_makes_no_difference(tmp_path: Path) -> None:
    shapes = real_layouts.sd15_checkpoint()
    sizes = [
        told(
            model_file(
                write_header_only(tmp_path / dtype, shapes, dtype=dtype), family=Family.SD15
            ),
            HALF,
        )
        for dtype in ("F8_E4M3", "F32")
    ]
    assert sizes[0] == sizes[1]
    assert sizes[0].unet == 2 * SD15_UNET


@pytest.mark.parametrize("layout", ["diffusers", "ldm"])
def test_a_unet_takes_the_rest_from_its_base(layout: str, tmp_path: Path) -> None:
    shapes = real_layouts.unet("sdxl") if layout == "diffusers" else real_layouts.ldm_unet("sdxl")
    unet = model_file(write_header_only(tmp_path / "unet", shapes), kind=Kind.UNET)
    base = model_file(write_header_only(tmp_path / "base", real_layouts.sdxl_checkpoint()))
    assert told(unet, HALF, base=base) == told(base, HALF)
