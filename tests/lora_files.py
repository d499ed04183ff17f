"""LoRA files of one set of factors, in every layout, for any model that is loaded."""

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from hypersd_core.engine.loader import Model
from hypersd_core.engine.loading.ldm_names import unet_names
from hypersd_core.models import Family, Kind, ModelFile

FactorSet = dict[tuple[str, str], tuple[Tensor, Tensor]]
"""(down, up) by part and module: (rank, in, kernel) and (out, rank, 1s for the kernel)."""

# What the released Hyper-SD and LCM files leave alone.
_UNTOUCHED = ("conv_in", "conv_out", "time_embedding", "add_embedding", "text_projection")
_OLD_PROJECTIONS = ("to_q", "to_k", "to_v", "to_out.0")
_OLD_TEXT = {"q_proj": "to_q", "k_proj": "to_k", "v_proj": "to_v", "out_proj": "to_out"}


def random_factors(
    model: Model,
    *,
    rank: int = 4,
    seed: int = 0,
    parts: Iterable[str] = ("unet", "text_encoder", "text_encoder_2"),
) -> FactorSet:
    """Factors for the modules that Hyper-SD's files touch, and for the text encoders' layers.

    Their product is about half as large as the weights of a fresh layer.
    """
    generator = torch.Generator().manual_seed(seed)
    return {
        (part, path): _random_pair(module, rank, generator)
        for part in parts
        if (root := getattr(model, part)) is not None
        for path, module in root.named_modules()
        if isinstance(module, (nn.Linear, nn.Conv2d)) and not path.startswith(_UNTOUCHED)
    }


def _random_pair(
    module: nn.Linear | nn.Conv2d, rank: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    outputs, *inputs = module.weight.shape
    down = torch.randn(rank, *inputs, generator=generator) / math.sqrt(math.prod(inputs) * rank)
    ones = [1] * (len(inputs) - 1)
    return down, 0.3 * torch.randn(outputs, rank, *ones, generator=generator)


def write_kohya(
    path: Path,
    factors: FactorSet,
    *,
    alpha: float | None = None,
    ldm: bool = False,
    family: Family | None = None,
) -> ModelFile:
    """``lora_unet_….lora_down.weight``.

    ``ldm``: the UNet's modules in sgm's names, which are counted over all of its layers: the
    factors must be of every one.
    """
    names = ldm_paths(factors) if ldm else {}
    is_sdxl = any(part == "text_encoder_2" for part, _ in factors)
    tensors: dict[str, Tensor] = {}
    for (part, module), (down, up) in factors.items():
        if part == "unet":
            name = f"lora_unet.{names.get(module, module)}"
        else:
            encoder = (
                "lora_te2" if part == "text_encoder_2" else "lora_te1" if is_sdxl else "lora_te"
            )
            name = f"{encoder}.{_text_model(module)}"
        flat = name.replace(".", "_")
        tensors |= {f"{flat}.lora_down.weight": down, f"{flat}.lora_up.weight": up}
        if alpha is not None:
            tensors[f"{flat}.alpha"] = torch.tensor(alpha)
    return write_lora(path, tensors, layout="kohya", family=family)


def ldm_paths(modules: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The LDM path of each module of the UNet, by its path in diffusers."""
    names = unet_names(f"{module}.weight" for part, module in modules if part == "unet")
    return {
        name.removesuffix(".weight"): ldm.removesuffix(".weight") for name, ldm in names.items()
    }


def write_peft(
    path: Path, factors: FactorSet, *, alpha: float | None = None, family: Family | None = None
) -> ModelFile:
    """``unet.….lora_A.weight``, with alpha in the metadata, as diffusers saves it since 0.35."""
    tensors: dict[str, Tensor] = {}
    config: dict[str, object] = {}
    for (part, module), (down, up) in factors.items():
        inner = module if part == "unet" else _text_model(module)
        tensors |= {f"{part}.{inner}.lora_A.weight": down, f"{part}.{inner}.lora_B.weight": up}
        targets = config.setdefault(f"{part}.target_modules", [])
        assert isinstance(targets, list)
        targets.append(module)
        config |= {f"{part}.r": len(down), f"{part}.lora_alpha": alpha}
    metadata = {} if alpha is None else {"lora_adapter_metadata": json.dumps(config)}
    return write_lora(path, tensors, layout="peft", family=family, metadata=metadata)


def write_diffusers(path: Path, factors: FactorSet, *, family: Family | None = None) -> ModelFile:
    """The layouts before peft: ``….processor.to_q_lora.down.weight`` and ``….lora.down.weight``.

    They know no alpha.
    """
    tensors: dict[str, Tensor] = {}
    for (part, module), (down, up) in factors.items():
        stem = _old_unet_stem(module) if part == "unet" else _old_text_stem(module)
        tensors |= {f"{part}.{stem}.down.weight": down, f"{part}.{stem}.up.weight": up}
    return write_lora(path, tensors, layout="diffusers", family=family)


def _old_unet_stem(module: str) -> str:
    parent, dot, leaf = module.partition(".to_")
    if f"to_{leaf}" in _OLD_PROJECTIONS:
        return f"{parent}.processor{dot}{leaf.removesuffix('.0')}_lora"
    return f"{module}.lora"


def _old_text_stem(module: str) -> str:
    parent, _, leaf = _text_model(module).rpartition(".")
    if leaf in _OLD_TEXT:
        return f"{parent}.{_OLD_TEXT[leaf]}_lora"
    return f"{parent}.{leaf}.lora_linear_layer"


def _text_model(module: str) -> str:
    """As transformers before 5.6 named the modules of both encoders, and trainers still do."""
    return f"text_model.{module.removeprefix('text_model.')}"


def write_lora(
    path: Path,
    tensors: Mapping[str, Tensor],
    *,
    layout: str = "",
    family: Family | None = None,
    metadata: Mapping[str, str] | None = None,
) -> ModelFile:
    """Any tensors, as a LoRA file."""
    data = safetensors.torch.save(
        {key: tensor.contiguous() for key, tensor in tensors.items()},
        {"format": "pt"} | dict(metadata or {}),
    )
    path.write_bytes(data)
    return lora_file(path, layout=layout, family=family)


def lora_file(path: Path, *, layout: str = "", family: Family | None = None) -> ModelFile:
    """What is known of a LoRA file without reading it."""
    return ModelFile(
        name=path.stem,
        path=path,
        kind=Kind.LORA,
        family=family,
        layout=layout,
        bytes=path.stat().st_size if path.exists() else 0,
    )
