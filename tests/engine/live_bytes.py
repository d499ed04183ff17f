"""Counts the bytes of tensors that are alive. On "meta" a model of full size costs none of them."""

import functools
import json
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

CONFIGS = Path(__file__).parents[2] / "data" / "configs"


class _LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's is untyped
    """``peak`` is the most that tensors made inside the block took at one moment."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = 0
        self._sizes: dict[int, int] = {}

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(output):
            if isinstance(tensor, torch.Tensor):
                self._watch(tensor.untyped_storage())
        return output

    def _watch(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key not in self._sizes:
            self._sizes[key] = storage.nbytes()
            self.peak = max(self.peak, sum(self._sizes.values()))
            weakref.finalize(storage, self._sizes.pop, key, None)


@functools.cache
def full_size(part: str) -> Any:
    """Part of SDXL as released, in bfloat16 and without memory for its weights."""
    cls = {"unet": UNet2DConditionModel, "vae": AutoencoderKL}[part]
    config = json.loads((CONFIGS / "sdxl" / part / "config.json").read_text("utf-8"))
    with torch.device("meta"):
        module = cls.from_config(config)
    for parameter in module.parameters():
        parameter.data = parameter.data.bfloat16()
    return module.eval().requires_grad_(False)


def numbers(*shape: int) -> torch.Tensor:
    return torch.empty(shape, dtype=torch.bfloat16, device="meta")


@torch.inference_mode()
def peak_bytes(run: Callable[[], object]) -> int:
    """The most that the tensors that ``run`` makes take at one moment."""
    live = _LiveBytes()
    with live:
        run()
    return live.peak
