"""Keeps a model's weights in main memory, and on the device only the part that is at work.

What rests in main memory is the truth; the device gets a copy that is thrown away. So a part comes
back at no cost, and its tensors at rest never change their address. Whoever changes weights, as a
LoRA does, changes those at rest: outside ``placed``, where they can be reached. A change made
inside is lost with the copy.
"""

import contextlib
import enum
from collections.abc import Iterator

import torch
from torch import nn

from hypersd_core.engine.memory.policy import MemoryMode
from hypersd_core.engine.model import Model


class Part(enum.Enum):
    """What works at the same time."""

    TEXT_ENCODERS = enum.auto()
    UNET = enum.auto()
    VAE = enum.auto()


@contextlib.contextmanager
def placed(model: Model, part: Part, *, mode: MemoryMode) -> Iterator[None]:
    """Have ``part`` on ``model.device`` inside the block. A resident model is there already."""
    if mode is MemoryMode.RESIDENT:
        yield
        return
    resting = [
        (owner, name, tensor)
        for module in modules_of(model, part)
        for owner in module.modules()
        for name, tensor in _own_tensors(owner)
    ]
    try:
        for owner, name, tensor in resting:
            setattr(owner, name, _on(tensor, model.device))
        yield
    finally:
        for owner, name, tensor in resting:
            setattr(owner, name, tensor)
        if model.device.type == "cuda":
            torch.cuda.empty_cache()  # the next part may need larger blocks than these


def modules_of(model: Model, part: Part) -> list[nn.Module]:
    """The modules of ``part``; SD1.5 has one text encoder."""
    modules = {
        Part.TEXT_ENCODERS: [model.text_encoder, model.text_encoder_2],
        Part.UNET: [model.unet],
        Part.VAE: [model.vae],
    }[part]
    return [module for module in modules if module is not None]


def _own_tensors(module: nn.Module) -> list[tuple[str, torch.Tensor]]:
    """Parameters and buffers of ``module`` itself."""
    return [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]


def _on(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    moved = tensor.to(device)
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(moved, requires_grad=tensor.requires_grad)
    return moved
