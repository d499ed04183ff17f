"""What fits: where a model's weights stay, and whether the VAE works in tiles. Policy only.

Nothing is refused here. What does not fit in the leanest way runs out of memory at its own place,
where the sentence can name the picture's size.
"""

import enum

import psutil  # type: ignore[import-untyped]  # ships no types
import torch

from hypersd_core.engine.memory.model_bytes import ModelBytes

WORKING_BYTES = 2 * 1024**3
"""What must stay free beside the weights.

Either the UNet's tensors: 5,054 numbers a latent pixel for SDXL, so 0.15 GiB in bfloat16 for one
picture of 1024x1024 and 1.2 GiB for four with guidance. Or the decoding of one picture of that size
in bfloat16: 1.9 GiB. The UNet's are freed before the VAE begins.
"""
DECODE_NUMBERS_PER_PX = 768
"""Most numbers alive at once in the decoder of SDXL and SD1.5, for each pixel of the picture.

Its last block begins with 256 channels at full size, and three such tensors are alive there: the
block's input, which the shortcut needs, its normalised copy, and the activation of that. Encoding
takes 643.
"""
_DECODE_SLACK = 1.25  # what convolutions take for themselves, and gaps between blocks


class MemoryMode(enum.StrEnum):
    """Where the weights are while nobody needs them."""

    RESIDENT = "resident"
    """On the device, all of them."""
    OFFLOAD = "offload"
    """In main memory; text encoders, UNet and VAE take turns on the device."""


def resident_bytes(model: ModelBytes) -> int:
    """What must be free before ``model`` is loaded, so that it can stay on the device and work."""
    return model.total + WORKING_BYTES


def choose_mode(model: ModelBytes, *, device: torch.device, free_bytes: int) -> MemoryMode:
    """RESIDENT where the whole model fits and can still work, else OFFLOAD.

    ``free_bytes``: of ``device``, before the model is loaded. In 16 bits SDXL is 5.14 GB of UNet,
    1.64 GB of text encoders and 0.17 GB of VAE, so it stays on cards from 10 GB; on smaller ones
    its parts take turns, and the UNet with what it works on is the least that must fit: 6 GB.
    SD1.5 is 2.13 GB and stays on cards from 6 GB. Weights on a processor are where they belong.
    """
    if device.type == "cpu" or resident_bytes(model) <= free_bytes:
        return MemoryMode.RESIDENT
    return MemoryMode.OFFLOAD


def decode_bytes(width: int, height: int, *, dtype: torch.dtype) -> int:
    """The memory that decoding one picture takes: 1.9 GiB for 1024x1024 in bfloat16.

    Several at once take as many times this and are no faster: arithmetic is what takes the time.
    """
    return int(DECODE_NUMBERS_PER_PX * width * height * dtype.itemsize * _DECODE_SLACK)


def decode_in_tiles(width: int, height: int, *, free_bytes: int, dtype: torch.dtype) -> bool:
    """Whether one picture of this size, in pixels, must be decoded, or encoded, in tiles.

    ``free_bytes``: of the device, with the VAE on it; ``dtype``: the VAE's.
    """
    return decode_bytes(width, height, dtype=dtype) > free_bytes


def free_memory_bytes(device: torch.device) -> int:
    """What can still be allocated on ``device``.

    On a GPU with what torch holds unused; on a processor the memory that programs can get without
    swapping. A container's limit is not seen there.
    """
    if device.type == "cpu":
        return int(psutil.virtual_memory().available)
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + unused
