"""Merges LoRAs into a loaded model's weights, and takes them out again.

Nothing is added to the model (Hu et al. 2021, section 4.1): ``W = W0 + sum of weight * alpha / rank
* up @ down`` is written into the weights that are there, from a copy of ``W0``. So a picture with
LoRAs costs what one without does, and neither shapes nor addresses ever change.
"""

from collections import OrderedDict
from collections.abc import Collection, Sequence
from pathlib import Path

import torch
from torch import Tensor

from hypersd_core.engine.lora_file import Factors, Lora, check_fit, load_lora, lora_modules
from hypersd_core.engine.lora_keys import ModulePath
from hypersd_core.engine.memory.policy import free_memory_bytes
from hypersd_core.engine.model import Model
from hypersd_core.errors import ModelError, OutOfMemory
from hypersd_core.i18n import say
from hypersd_core.models import ModelFile

__all__ = ["Lora", "LoraCache", "LoraSwitch", "Weighted", "load_lora"]

Weighted = tuple[Lora, float, float]
"""A LoRA with its weight on the UNet and its weight on the text encoders."""
_HALF = 2  # bytes of a number in 16 bits
_CACHE_BYTES = 2 * 1024**3


class LoraSwitch:
    """Which LoRAs a model's weights hold. The only one for its model, and on the model's thread.

    A copy of the weights that a LoRA touches is kept from then on: in the model's own memory where
    at least as much stays free, since from there a switch takes milliseconds, else pinned on the
    processor.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._modules = lora_modules(model)
        self._pristine: dict[ModulePath, Tensor] = {}
        self._applied: tuple[Weighted, ...] = ()

    @torch.no_grad()
    def apply(self, loras: Sequence[Weighted]) -> None:
        """Make the weights those of the model with ``loras``, and with these alone.

        The same ``loras`` in the same order give the same bytes, whatever was applied before; none
        give the model's own. Raises ModelError, with nothing changed, if one is for another model.
        Should the device fail on the way, the weights are the model's own again.
        """
        wanted = tuple(entry for entry in loras if entry[1] or entry[2])
        if wanted == self._applied:
            return
        for lora in dict.fromkeys(entry[0] for entry in wanted):
            check_fit(lora, self._model, self._modules)
        old, new = _changes(self._applied), _changes(wanted)
        self._keep(new.keys() - self._pristine.keys())
        try:
            for path in old.keys() | new.keys():
                self._write(path, new.get(path, ()))
        except BaseException:
            for path in self._pristine:
                self._write(path, ())
            self._applied = ()
            raise
        self._applied = wanted

    def _keep(self, paths: Collection[ModulePath]) -> None:
        weights = {path: self._modules[path].weight for path in paths}
        _refuse_if_too_large(weights.values())
        copy = _copy_to_host if _is_tight(list(weights.values())) else _smallest_copy
        self._pristine |= {path: copy(weight) for path, weight in weights.items()}

    def _write(self, path: ModulePath, changes: Sequence[tuple[Factors, float]]) -> None:
        """Sums in float32, and rounds once: into the weight as it lies in memory."""
        weight, pristine = self._modules[path].weight, self._pristine[path]
        if not changes:
            weight.copy_(pristine)
            return
        device = self._model.device
        merged = pristine.to(device, torch.float32, non_blocking=True, copy=True).flatten(1)
        for factors, scale in changes:
            up, down = (
                tensor.to(device, non_blocking=True).float().flatten(1)
                for tensor in (factors.up, factors.down)
            )
            merged.addmm_(up, down, alpha=scale)
        # rounded where it was summed: only 16 bits a number travel to weights that rest elsewhere
        weight.copy_(merged.view(weight.shape).to(weight.dtype))


class LoraCache:
    """LoRAs that were used lately, so that switching back to one does not read its file again.

    Up to ``limit_bytes`` of them, and always the last. A file that has changed is read anew.
    """

    def __init__(self, limit_bytes: int = _CACHE_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._loaded: OrderedDict[tuple[Path, int, int], Lora] = OrderedDict()

    def get(self, file: ModelFile, model: Model) -> Lora:
        """The LoRA of ``file``; raises ModelError as ``load_lora`` does."""
        try:
            stat = file.path.stat()
        except OSError as error:
            raise ModelError(
                say(
                    "The LoRA {lora} is gone: {file} is missing.",
                    lora=file.name,
                    file=file.path.name,
                )
            ) from error
        key = (file.path, stat.st_mtime_ns, stat.st_size)
        lora = self._loaded.get(key) or load_lora(file, model)
        self._loaded[key] = lora
        self._loaded.move_to_end(key)
        while len(self._loaded) > 1 and self._bytes > self._limit_bytes:
            self._loaded.popitem(last=False)
        return lora

    @property
    def _bytes(self) -> int:
        return sum(lora.bytes for lora in self._loaded.values())


def _changes(loras: Sequence[Weighted]) -> dict[ModulePath, list[tuple[Factors, float]]]:
    """What is added to each module that is touched at all, in the order of ``loras``."""
    changes: dict[ModulePath, list[tuple[Factors, float]]] = {}
    for lora, unet_weight, text_weight in loras:
        for path, factors in lora.factors.items():
            weight = unet_weight if path[0] == "unet" else text_weight
            if weight:
                changes.setdefault(path, []).append((factors, weight * factors.scale))
    return changes


def _is_tight(weights: Collection[Tensor]) -> bool:
    """Whether copies beside the weights would leave less of a GPU free than they take."""
    on_gpu = [weight for weight in weights if weight.is_cuda]
    if not on_gpu:
        return False
    needed = 2 * sum(weight.nbytes for weight in on_gpu)
    return needed > free_memory_bytes(on_gpu[0].device)


def _refuse_if_too_large(weights: Collection[Tensor]) -> None:
    """Raise OutOfMemory where a processor's copies do not fit: the system would end the process."""
    resting = [weight for weight in weights if not weight.is_cuda]
    needed = sum(_HALF * weight.numel() for weight in resting)
    if resting and needed > free_memory_bytes(resting[0].device):
        raise OutOfMemory(
            say(
                "LoRAs on this model need {size:.1f} GB more memory than the model alone, which "
                "this machine does not have.",
                size=needed / 1e9,
            )
        )


def _smallest_copy(weight: Tensor) -> Tensor:
    """A copy that has the same numbers: in 16 bits where the file had no more of them."""
    if weight.dtype == torch.float32:
        for dtype in (torch.float16, torch.bfloat16):
            if torch.equal((half := weight.to(dtype)).float(), weight):
                return half
    return weight.clone()


def _copy_to_host(weight: Tensor) -> Tensor:
    """In memory that the GPU can read by itself."""
    return torch.empty_like(weight, device="cpu", pin_memory=True).copy_(weight)
