"""Which module of a model a LoRA's key speaks of, in every layout that is in use. Names only.

All layouts name the same modules. With dots read as underscores, a key is a part of the model, a
module of it and one of three tensors::

    kohya       lora_unet_ down_blocks_1_attentions_0_proj_in              .lora_down.weight
    kohya, LDM  lora_unet_ input_blocks_4_1_proj_in                        .lora_down.weight
    diffusers   unet.      down_blocks.1.attentions.0.proj_in              .lora.down.weight
    its first   unet.      down_blocks.1. … .attn1.processor.to_q          _lora.down.weight
    peft        unet.      down_blocks.1.attentions.0.proj_in              .lora_A.weight
    ComfyUI     diffusion_model. input_blocks.4.1.proj_in                  .lora_A.weight

So every name that a module can have is written down once, from the model's own module tree, and
looked up: nothing is taken apart by guessing which underscore was a dot.
"""

import enum
import re
from collections.abc import Collection, Iterator, Mapping

from torch import nn

from hypersd_core.engine.loading.ldm_names import unet_names

ModulePath = tuple[str, str]
"""The part's name in ``Model`` and the module's path inside it: ``("unet", "conv_in")``."""

_PREFIXES = {
    "unet": ("lora_unet_", "unet_", "diffusion_model_", ""),
    "text_encoder": ("lora_te_", "lora_te1_", "text_encoder_"),
    "text_encoder_2": ("lora_te2_", "text_encoder_2_"),
}
# What peft and diffusers' attention processors put between the part and the module's own name.
_WRAPPERS = re.compile(r"base_model\.model\.|(?<=\.)processor\.")


class Role(enum.Enum):
    """What a tensor is to its module."""

    DOWN = "down"
    UP = "up"
    ALPHA = "alpha"


_SUFFIXES = (
    (Role.DOWN, re.compile(r"(\.lora_|[._]lora\.|\.lora_linear_layer\.)down\.weight$")),
    (Role.UP, re.compile(r"(\.lora_|[._]lora\.|\.lora_linear_layer\.)up\.weight$")),
    (Role.DOWN, re.compile(r"\.lora_A(\.\w+)?\.weight$")),
    (Role.UP, re.compile(r"\.lora_B(\.\w+)?\.weight$")),
    (Role.ALPHA, re.compile(r"\.alpha$")),
)


def split_key(key: str) -> tuple[str, Role] | None:
    """A name to look up among ``module_names`` and the tensor's role; None if it has none.

    The name may be of a module that no model has.
    """
    for role, suffix in _SUFFIXES:
        if match := suffix.search(key):
            return _flat(_WRAPPERS.sub("", key[: match.start()])), role
    return None


def module_names(parts: Mapping[str, nn.Module]) -> dict[str, ModulePath]:
    """Every name that a LoRA can have for each linear layer and convolution of ``parts``.

    ``parts`` are a model's ``unet``, ``text_encoder`` and ``text_encoder_2``, those that it has.
    """
    names: dict[str, ModulePath] = {}
    for part, root in parts.items():
        aliases = _unet_aliases if part == "unet" else _text_aliases
        for alias, path in aliases(weighted_modules(root)):
            names |= {prefix + _flat(alias): (part, path) for prefix in _PREFIXES[part]}
    return names


def weighted_modules(root: nn.Module) -> dict[str, nn.Linear | nn.Conv2d]:
    """The modules below ``root`` that a LoRA can change, by path."""
    return {
        path: module
        for path, module in root.named_modules()
        if isinstance(module, (nn.Linear, nn.Conv2d))
    }


def _flat(name: str) -> str:
    return name.replace(".", "_")


def _unet_aliases(paths: Collection[str]) -> Iterator[tuple[str, str]]:
    """Diffusers' and LDM's names, each also with the name that processors had for ``to_out.0``."""
    ldm = unet_names(f"{path}.weight" for path in paths)
    for path in paths:
        for name in (path, ldm[f"{path}.weight"].removesuffix(".weight")):
            yield name, path
            yield re.sub(r"\.to_out\.0$", ".to_out", name), path


def _text_aliases(paths: Collection[str]) -> Iterator[tuple[str, str]]:
    """With and without ``text_model``: transformers 5.6 took it out of one class of the two.

    Diffusers' first LoRAs said ``to_q`` for CLIP's ``q_proj``, as in a UNet.
    """
    for path in paths:
        bare = path.removeprefix("text_model.")
        for name in (bare, re.sub(r"\.(q|k|v|out)_proj$", r".to_\1", bare)):
            yield name, path
            yield f"text_model.{name}", path
