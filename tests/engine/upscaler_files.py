"""Small ESRGAN networks with random weights, under each of the names that people's files use."""

import re
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from hypersd_core.models import Kind, ModelFile

CHANNELS, GROWTH = 8, 4


def numbered_weights(
    *, doublings: int = 2, blocks: int = 2, inputs: int = 3, seed: int = 0
) -> dict[str, Tensor]:
    """Weights in the first naming, that of a sequence: ``model.1.sub.0.RDB1.conv1.0.weight``."""
    shapes = {"model.0": (inputs, CHANNELS), f"model.1.sub.{blocks}": (CHANNELS, CHANNELS)}
    for block in range(blocks):
        for dense in (1, 2, 3):
            for i in range(1, 6):
                outputs = CHANNELS if i == 5 else GROWTH
                name = f"model.1.sub.{block}.RDB{dense}.conv{i}.0"
                shapes[name] = (CHANNELS + (i - 1) * GROWTH, outputs)
    shapes |= {f"model.{3 * i}": (CHANNELS, CHANNELS) for i in range(1, doublings + 1)}
    shapes[f"model.{3 * doublings + 2}"] = (CHANNELS, CHANNELS)
    shapes[f"model.{3 * doublings + 4}"] = (CHANNELS, 3)
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, (before, after) in shapes.items():
        scale = (9 * before) ** -0.5
        weights[f"{name}.weight"] = torch.randn(after, before, 3, 3, generator=generator) * scale
        weights[f"{name}.bias"] = torch.rand(after, generator=generator) * 0.1
    weights[f"model.{3 * doublings + 4}.bias"] += 0.4  # mostly inside the range of pixels
    return weights


def real_esrgan_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same weights as BasicSR and Real-ESRGAN name them."""
    return _renamed(weights, "body.{}.rdb{}.conv{}.", "conv_body.", "conv_up{}.", "conv_hr.")


def revised_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same weights as ESRGAN's second release names them."""
    return _renamed(weights, "RRDB_trunk.{}.RDB{}.conv{}.", "trunk_conv.", "upconv{}.", "HRconv.")


def _renamed(
    weights: Mapping[str, Tensor], dense: str, body: str, up: str, hr: str
) -> dict[str, Tensor]:
    last = max(int(re.findall(r"\d+", name)[0]) for name in weights)
    named = {}
    for name, tensor in weights.items():
        numbers = re.findall(r"\d+", name)
        end = name.rpartition(".")[2]
        if ".conv" in name:
            prefix = dense.format(*numbers[1:4] if numbers[0] == "1" else numbers)
        elif ".sub." in name:
            prefix = body
        else:
            plain = {0: "conv_first.", last - 2: hr, last: "conv_last."}
            prefix = plain.get(int(numbers[0]), up.format(int(numbers[0]) // 3))
        named[prefix + end] = tensor
    return named


def upscaler_file(path: Path, tensors: Mapping[str, Tensor]) -> ModelFile:
    """Write ``tensors`` to ``path``."""
    safetensors.torch.save_file(dict(tensors), path)
    return ModelFile(name=path.stem, path=path, kind=Kind.UPSCALER, family=None, bytes=0)
