"""Reads LoRA files: their low-rank factors, by the module of the model that they change.

Merging them into a model's weights is ``engine/lora.py``'s.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from hypersd_core.engine.header import printable, read_header
from hypersd_core.engine.lora_keys import (
    ModulePath,
    Role,
    module_names,
    split_key,
    weighted_modules,
)
from hypersd_core.engine.model import Model
from hypersd_core.errors import ModelError
from hypersd_core.i18n import say, say_again, say_all
from hypersd_core.models import Family, ModelFile

Modules = Mapping[ModulePath, nn.Linear | nn.Conv2d]
Places = dict[ModulePath, dict[Role, str]]

_KEY_CHARS = 120  # of a key in a sentence: the file decides how long it is
_ADAPTER_METADATA = "lora_adapter_metadata"  # where diffusers keeps the configuration of peft


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Factors:
    """The change of one module's weights, ``scale * up @ down``.

    ``down``: (rank, in) or (rank, in, height, width) for a convolution; ``up``: (out, rank), also
    with two axes of 1 behind.
    """

    down: Tensor
    up: Tensor
    scale: float

    @property
    def bytes(self) -> int:
        """Memory of both."""
        return self.down.nbytes + self.up.nbytes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lora:
    """One LoRA in memory, as its low-rank factors by the module that they change.

    Equal only to itself. The factors are on the processor, pinned for a model on a GPU.
    """

    name: str
    family: Family | None
    factors: Mapping[ModulePath, Factors]

    @property
    def bytes(self) -> int:
        """Memory of all factors."""
        return sum(factors.bytes for factors in self.factors.values())


def load_lora(file: ModelFile, model: Model) -> Lora:
    """Read ``file`` for ``model``; raises ModelError with one sentence where it does not fit."""
    if file.obstacle:
        raise ModelError(say_again(file.obstacle))
    _check_family(file.name, file.family, model)
    header = read_header(file.path)
    names = module_names(_parts(model))
    places = _places(file.name, header.tensors, names, model.name)
    config = _adapter_config(file.name, header.metadata)
    factors = {
        path: _factors(file.name, path, tensors, config.get(path[0], {}))
        for path, tensors in _read(file, places).items()
    }
    lora = Lora(name=file.name, family=file.family, factors=factors)
    check_fit(lora, model, lora_modules(model))
    return _pinned(lora) if model.device.type == "cuda" else lora


def _check_family(name: str, family: Family | None, model: Model) -> None:
    if family is not None and family != model.family:
        raise ModelError(
            say(
                "{lora} is a LoRA for {family}, {model} is {other}.",
                lora=name,
                family=family.label,
                model=model.name,
                other=model.family.label,
            )
        )


def _read(file: ModelFile, places: Places) -> dict[ModulePath, dict[Role, Tensor]]:
    try:
        # Not mapped, as is usual: who cuts a mapped file off ends the process that reads it.
        with safe_open(file.path, framework="pt", backend="pread") as opened:
            return {
                path: {role: opened.get_tensor(key) for role, key in keys.items()}
                for path, keys in places.items()
            }
    except (OSError, SafetensorError) as error:
        raise ModelError(
            say("The LoRA {lora} was changed while it was read.", lora=file.name)
        ) from error


def lora_modules(model: Model) -> Modules:
    """The modules of ``model`` that a LoRA can change."""
    return {
        (part, path): module
        for part, root in _parts(model).items()
        for path, module in weighted_modules(root).items()
    }


def check_fit(lora: Lora, model: Model, modules: Modules) -> None:
    """Raise ModelError, with one sentence, if ``lora`` is for another model than ``model``.

    ``modules`` are ``lora_modules(model)``.
    """
    _check_family(lora.name, lora.family, model)
    for path, factors in lora.factors.items():
        weight = modules[path].weight if path in modules else None
        if weight is None or not _fits(factors, weight):
            raise ModelError(
                say(
                    "The LoRA {lora} does not fit the model {model}: it changes {module} by {up} "
                    "and {down}, and the {there}.",
                    lora=lora.name,
                    model=model.name,
                    module=_dotted(path),
                    up=_times(factors.up),
                    down=_times(factors.down),
                    there=say("model has none")
                    if weight is None
                    else say("model has {shape} there", shape=_times(weight)),
                )
            )


def _fits(factors: Factors, weight: Tensor) -> bool:
    outputs, inputs = factors.up.shape[0], factors.down.shape[1]
    kernel, kernel_here = factors.down.shape[2:].numel(), weight.shape[2:].numel()
    return (outputs, inputs, kernel) == (*weight.shape[:2], kernel_here)


def _parts(model: Model) -> dict[str, nn.Module]:
    parts = {
        "unet": model.unet,
        "text_encoder": model.text_encoder,
        "text_encoder_2": model.text_encoder_2,
    }
    return {name: part for name, part in parts.items() if part is not None}


def _places(
    name: str, keys: Iterable[str], names: Mapping[str, ModulePath], model_name: str
) -> Places:
    """The key of each tensor, by its module and what it is to it."""
    places: Places = {}
    homeless = []
    for key in keys:
        flat, role = split_key(key) or ("", Role.ALPHA)
        if flat not in names:
            homeless.append(key)
        elif places.setdefault(names[flat], {}).setdefault(role, key) != key:
            raise ModelError(
                say(
                    "The LoRA {lora} is damaged: it changes {module} twice.",
                    lora=name,
                    module=_dotted(names[flat]),
                )
            )
    if homeless:
        raise ModelError(
            say(
                "The LoRA {lora} does not fit the model {model}, which has no place for {count} of "
                "its tensors, {tensor} first.",
                lora=name,
                model=model_name,
                count=len(homeless),
                tensor=printable(min(homeless))[:_KEY_CHARS],
            )
        )
    if not places:
        raise ModelError(say("The LoRA {lora} is empty.", lora=name))
    return places


def _factors(
    name: str, path: ModulePath, tensors: Mapping[Role, Tensor], config: Mapping[str, Any]
) -> Factors:
    if not {Role.DOWN, Role.UP} <= tensors.keys():
        roles = say_all(sorted(role.value for role in tensors))
        raise _damaged(name, path, say("only {roles}", roles=roles))
    down, up, alpha = tensors[Role.DOWN], tensors[Role.UP], tensors.get(Role.ALPHA)
    is_pair = min(down.ndim, up.ndim) >= 2 and down.shape[0] == up.shape[1] > 0
    if not is_pair or up.shape[2:].numel() != 1 or (alpha is not None and alpha.numel() != 1):
        matrices = say(
            "matrices of {down} and {up}, which are no LoRA", down=_times(down), up=_times(up)
        )
        raise _damaged(name, path, matrices)
    scale = _scale(path, down.shape[0], None if alpha is None else float(alpha), config)
    if not (math.isfinite(scale) and _is_finite(down) and _is_finite(up)):
        raise _damaged(name, path, say("numbers that are not finite"))
    return Factors(down=down, up=up, scale=scale)


def _damaged(name: str, path: ModulePath, what: str) -> ModelError:
    return ModelError(
        say(
            "The LoRA {lora} is damaged: for {module} it holds {what}.",
            lora=name,
            module=_dotted(path),
            what=what,
        )
    )


def _is_finite(tensor: Tensor) -> bool:
    return tensor.is_floating_point() and bool(torch.isfinite(tensor.float()).all())


def _adapter_config(name: str, metadata: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Peft's configuration of each part, as diffusers writes it into the file; empty without.

    In the file it is one flat object, ``{"unet.lora_alpha": 8, …}``.
    """
    try:
        flat = json.loads(metadata.get(_ADAPTER_METADATA, "{}"), parse_int=float)
        config: dict[str, dict[str, Any]] = {}
        for key, value in flat.items():
            part, _, option = key.partition(".")
            config.setdefault(part, {})[option] = value
    except (ValueError, AttributeError, RecursionError) as error:
        raise ModelError(
            say(
                "The LoRA {lora} is damaged: its {key} is not a JSON object.",
                lora=name,
                key=_ADAPTER_METADATA,
            )
        ) from error
    return config


def _scale(path: ModulePath, rank: int, alpha: float | None, config: Mapping[str, Any]) -> float:
    """``alpha / rank``, 1 without alpha: Hu et al. (2021), section 4.1.

    With peft's ``use_rslora`` it is alpha / sqrt(rank): Kalajdzievski (2023).
    """
    if alpha is not None:
        return alpha / rank
    alpha = config.get("lora_alpha")
    patterns = config.get("alpha_pattern")
    for pattern, value in patterns.items() if isinstance(patterns, dict) else ():
        if _is_end(path[1], of=pattern) or _is_end(pattern, of=path[1]):
            alpha = value
    if not isinstance(alpha, float):
        return 1.0
    return alpha / (math.sqrt(rank) if config.get("use_rslora") is True else rank)


def _is_end(end: str, *, of: str) -> bool:
    return f".{of}".endswith(f".{end}")


def _pinned(lora: Lora) -> Lora:
    """Copied to memory that a GPU can read by itself."""
    factors = {
        path: replace(pair, down=pair.down.pin_memory(), up=pair.up.pin_memory())
        for path, pair in lora.factors.items()
    }
    return replace(lora, factors=factors)


def _dotted(path: ModulePath) -> str:
    return ".".join(path)


def _times(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape))
