"""Names and shapes of the tensors in real files, without the files.

They come from diffusers' and transformers' classes on the meta device, in the configurations of the
released models.
"""

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    FluxTransformer2DModel,
    SD3Transformer2DModel,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from tests import ldm_layout
from tests.engine.header_files import Shape, Shapes

_CONFIGS = Path(__file__).parents[2] / "data" / "configs"
_CLASSES: dict[str, Any] = {"unet": UNet2DConditionModel, "vae": AutoencoderKL}
# What a LoRA of Hyper-SD leaves alone in a UNet.
_NOT_ADAPTED = ("conv_in.", "conv_out.", "time_embedding.", "add_embedding.")
# How configurations differ from those of SDXL and SD1.5.
REFINER: dict[str, Any] = {
    "block_out_channels": (384, 768, 1536, 1536),
    "down_block_types": (
        "DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D",
    ),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": 4,
    "attention_head_dim": (6, 12, 24, 24),
    "cross_attention_dim": 1280,
    "projection_class_embeddings_input_dim": 2560,
}  # fmt: skip
SD2: dict[str, Any] = {
    "cross_attention_dim": 1024,
    "attention_head_dim": (5, 10, 20, 20),
    "use_linear_projection": True,
}
# Not released: as small as the models that ship and that tests build.
SMALL_SDXL: dict[str, Any] = {
    "block_out_channels": (96, 128, 192),
    "attention_head_dim": (3, 4, 6),
    "layers_per_block": 1,
    "transformer_layers_per_block": 1,
    "cross_attention_dim": 320,
    "addition_time_embed_dim": 32,
    "projection_class_embeddings_input_dim": 384,
}
SMALL_SD15: dict[str, Any] = {
    "block_out_channels": (32, 64, 64, 64),
    "layers_per_block": 1,
    "cross_attention_dim": 48,
}
_SD3: dict[str, Any] = {
    "sample_size": 128, "patch_size": 2, "in_channels": 16, "out_channels": 16, "num_layers": 24,
    "attention_head_dim": 64, "num_attention_heads": 24, "joint_attention_dim": 4096,
    "caption_projection_dim": 1536, "pooled_projection_dim": 2048, "pos_embed_max_size": 192,
}  # fmt: skip


@functools.cache
def state(family: str, part: str, **changes: Any) -> dict[str, torch.Tensor]:
    """The state dict of one part of ``family`` (``sdxl``, ``sd15``) on the meta device."""
    config = json.loads((_CONFIGS / family / part / "config.json").read_text("utf-8")) | changes
    with torch.device("meta"):
        if part in _CLASSES:
            model = _CLASSES[part].from_config(config)
        elif part == "text_encoder_2":
            model = CLIPTextModelWithProjection(CLIPTextConfig(**config))
        else:
            model = CLIPTextModel(CLIPTextConfig(**config))
    return dict(model.state_dict())


def shapes(tensors: Mapping[str, torch.Tensor]) -> dict[str, Shape]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def flux() -> dict[str, Shape]:
    """FLUX.1-dev's transformer under diffusers' names."""
    with torch.device("meta"):
        return shapes(FluxTransformer2DModel(guidance_embeds=True).state_dict())


def sd3() -> dict[str, Shape]:
    """SD3-medium's transformer under diffusers' names."""
    with torch.device("meta"):
        return shapes(SD3Transformer2DModel(**_SD3).state_dict())


def unet(family: str, **changes: Any) -> dict[str, Shape]:
    """A UNet alone under diffusers' names."""
    return shapes(state(family, "unet", **changes))


def ldm_unet(family: str, *, prefix: str = ldm_layout.UNET, **changes: Any) -> dict[str, Shape]:
    return shapes(ldm_layout.ldm_unet(state(family, "unet", **changes), prefix=prefix))


def vae(family: str, *, layout: str, prefix: str = "") -> dict[str, Shape]:
    tensors = state(family, "vae")
    return shapes(tensors if layout == "diffusers" else ldm_layout.ldm_vae(tensors, prefix=prefix))


def sdxl_checkpoint(**changes: Any) -> dict[str, Shape]:
    """A whole SDXL checkpoint as released; ``changes`` are to its UNet's configuration."""
    whole = ldm_layout.ldm_sdxl(
        unet=state("sdxl", "unet", **changes),
        vae=state("sdxl", "vae"),
        text_encoder=state("sdxl", "text_encoder"),
        text_encoder_2=state("sdxl", "text_encoder_2"),
    )
    return shapes(whole) | dict.fromkeys(ldm_layout.SDXL_EXTRAS, ())


def sd15_checkpoint(**changes: Any) -> dict[str, Shape]:
    """A whole SD1.5 checkpoint as released; ``changes`` are to its UNet's configuration."""
    whole = ldm_layout.ldm_sd15(
        unet=state("sd15", "unet", **changes),
        vae=state("sd15", "vae"),
        text_encoder=state("sd15", "text_encoder"),
    )
    return shapes(whole) | dict.fromkeys(ldm_layout.SD15_EXTRAS, ())


def adapted(shapes: Shapes) -> dict[str, Shape]:
    """The modules that a LoRA changes and their weights' shapes: all matrices and convolutions."""
    return {
        name.removesuffix(".weight"): shape
        for name, shape in shapes.items()
        if name.endswith(".weight")
        and len(shape) > 1
        and not name.startswith(_NOT_ADAPTED)
        and "embeddings." not in name
    }


def lora(modules: Shapes, *, layout: str, part: str = "unet", rank: int = 64) -> dict[str, Shape]:
    """A LoRA for ``modules`` of one part of a model.

    ``layout``: ``kohya``, ``diffusers``, ``processors`` (diffusers' first), ``peft``.
    ``part``: ``unet``, ``te``, ``te1``, ``te2`` for kohya, else as diffusers names it.
    """
    named: dict[str, Shape] = {}
    for module, (outputs, inputs, *kernel) in modules.items():
        down, up, alpha = _lora_names(module, layout, part)
        named[down] = (rank, inputs, *kernel)
        named[up] = (outputs, rank, *(1 for _ in kernel))
        if alpha:
            named[alpha] = ()
    return named


def _lora_names(module: str, layout: str, part: str) -> tuple[str, str, str]:
    if layout == "kohya":
        name = f"lora_{part}_{module.replace('.', '_')}"
        return f"{name}.lora_down.weight", f"{name}.lora_up.weight", f"{name}.alpha"
    if layout == "peft":
        return f"{part}.{module}.lora_A.weight", f"{part}.{module}.lora_B.weight", ""
    name = f"{part}.{module}.lora"
    if layout == "processors":
        block, _, projection = module.removesuffix(".0").rpartition(".")
        name = f"{part}.{block}.processor.{projection}_lora"
    return f"{name}.down.weight", f"{name}.up.weight", ""


def cross_attention(modules: Shapes) -> dict[str, Shape]:
    """Only what diffusers' first LoRAs changed."""
    return {name: shape for name, shape in modules.items() if ".attn2.to_" in name}
