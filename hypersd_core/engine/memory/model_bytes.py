"""How much memory a model's weights take once loaded, told by the headers of its files."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from hypersd_core.engine.header import Header, TensorInfo, read_header
from hypersd_core.errors import ModelError
from hypersd_core.models import Kind, ModelSpec

# How the tensors of each part begin in a single file; folders have these names, too.
_TEXT_ENCODERS = ("conditioner.", "cond_stage_model.", "text_encoder.", "text_encoder_2.")
_UNET = ("model.diffusion_model.", "unet.")
_VAE = ("first_stage_model.", "vae.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelBytes:
    """The weights of one model's parts, in bytes, in the dtypes they are loaded in."""

    text_encoders: int
    unet: int
    vae: int

    @property
    def total(self) -> int:
        """All parts together."""
        return self.text_encoders + self.unet + self.vae


def model_bytes(spec: ModelSpec, *, dtype: torch.dtype, vae_dtype: torch.dtype) -> ModelBytes:
    """What loading ``spec`` will take; ``dtype`` is that of UNet and text encoders.

    Exact but for what a file holds without need. Raises ModelError for a file without a header.
    """
    rest = spec.file if spec.base is None else spec.base
    is_unet = spec.file.kind is Kind.UNET
    unet = _count(spec.file.path, ("",) if is_unet else _UNET)
    return ModelBytes(
        text_encoders=_count(rest.path, _TEXT_ENCODERS) * dtype.itemsize,
        unet=unet * dtype.itemsize,
        vae=_count(rest.path, _VAE) * vae_dtype.itemsize,
    )


def _count(path: Path, prefixes: tuple[str, ...]) -> int:
    """Numbers in the tensors below ``path`` whose names begin with one of ``prefixes``."""
    return sum(
        math.prod(info.shape)
        for tensors in _tables(path)
        for name, info in tensors.items()
        if name.startswith(prefixes)
    )


def _tables(path: Path) -> Iterator[Mapping[str, TensorInfo]]:
    """The tensors of a file; those of a folder's parts, each part's name in front."""
    if not path.is_dir():
        yield read_header(path).tensors
        return
    for file in path.glob("*/*.safetensors"):
        if "." not in file.stem:  # model.fp16.safetensors lies beside what is loaded
            tensors = _header_of_part(file).tensors
            yield {f"{file.parent.name}.{name}": info for name, info in tensors.items()}


def _header_of_part(file: Path) -> Header:
    """Every folder calls its files alike, so the folder is named, too."""
    try:
        return read_header(file)
    except ModelError as error:
        raise ModelError(
            f"{str(error).removesuffix('.')} (in the folder {file.parent})."
        ) from error
