"""What there is to compute on, in which number format, and how it says that memory ran out."""

import torch

_OUT_OF_MEMORY = (
    "DefaultCPUAllocator: can't allocate memory",
    "CUDA error: out of memory",  # what is allocated past torch's own allocator
    "_STATUS_ALLOC_FAILED",  # cuBLAS, cuDNN and their kin
)


def best_device() -> torch.device:
    """The first GPU where there is one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def network_dtype(device: torch.device) -> torch.dtype:
    """The dtype of UNet and text encoders: half precision where the device is quick at it."""
    if device.type == "cpu":
        return torch.float32
    return torch.bfloat16 if _has_bfloat16() else torch.float16


def vae_dtype(device: torch.device, *, overflows: bool) -> torch.dtype:
    """The dtype of a VAE.

    SDXL's own ``overflows`` in float16 to a black picture (its config calls that
    ``force_upcast``); bfloat16 has float32's range.
    """
    dtype = network_dtype(device)
    return torch.float32 if overflows and dtype == torch.float16 else dtype


def _has_bfloat16() -> bool:
    return torch.cuda.is_bf16_supported(including_emulation=False)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: torch has a class for its own allocator on a GPU, else sentences."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(part in str(error) for part in _OUT_OF_MEMORY)
