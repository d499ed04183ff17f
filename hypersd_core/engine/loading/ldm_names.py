"""Names of tensors in the latent-diffusion (LDM) layout, the one of single-file checkpoints.

Diffusers' names come in, because our modules have them; the block structure is read off the names
themselves, so that any width and depth is served. Names only: no tensor and no prefix of a part.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_UNET_ENDS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_UNET_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_VAE_ATTENTION = {
    "group_norm": "norm",
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "to_out.0": "proj_out",
}
_OPEN_CLIP = {
    "embeddings.token_embedding.weight": "token_embedding.weight",
    "embeddings.position_embedding.weight": "positional_embedding",
    "final_layer_norm.weight": "ln_final.weight",
    "final_layer_norm.bias": "ln_final.bias",
}
_OPEN_CLIP_LAYER = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}
_BLOCK = re.compile(r"(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.")


@dataclass(frozen=True, slots=True)
class Stored:
    """How one of our tensors lies in a file.

    ``third``: 0, 1 or 2 where it is that third of a fused tensor, along the first axis.
    ``transposed``: whether the file keeps the matrix the other way round.
    """

    name: str
    third: int | None = None
    transposed: bool = False


def unet_names(names: Iterable[str]) -> dict[str, str]:
    """LDM's name of each tensor of a UNet2DConditionModel, below ``model.diffusion_model.``."""
    names = list(names)
    blocks = _unet_blocks(names)
    return {name: _unet_name(name, blocks) for name in names}


def vae_names(names: Iterable[str]) -> dict[str, str]:
    """LDM's name of each tensor of an AutoencoderKL, below ``first_stage_model.``.

    There the attention's matrices are 1×1 convolutions, and the decoder's blocks count upwards
    from the picture.
    """
    names = list(names)
    levels = _count(names, "decoder.up_blocks")
    return {name: _vae_name(name, levels) for name in names}


def open_clip_names(names: Iterable[str]) -> dict[str, Stored]:
    """OpenCLIP's name of each tensor of a CLIP text model with or without projection."""
    return {name: _open_clip_name(name.removeprefix("text_model.")) for name in names}


def _unet_blocks(names: Iterable[str]) -> dict[str, str]:
    """LDM's place of each resnet, attention and sampler, by diffusers' place.

    LDM counts resnets through all levels. Going down a sampler is a block of its own; going up it
    is the last module of the level's last block.
    """
    found = {match[0].removesuffix(".") for name in names if (match := _BLOCK.match(name))}
    table = {}
    index = 1
    for level in range(_count(found, "down_blocks")):
        block = f"down_blocks.{level}"
        for layer in range(_count(found, f"{block}.resnets")):
            table[f"{block}.resnets.{layer}"] = f"input_blocks.{index}.0"
            table[f"{block}.attentions.{layer}"] = f"input_blocks.{index}.1"
            index += 1
        if f"{block}.downsamplers.0" in found:
            table[f"{block}.downsamplers.0"] = f"input_blocks.{index}.0"
            index += 1
    index = 0
    for level in range(_count(found, "up_blocks")):
        block = f"up_blocks.{level}"
        for layer in range(_count(found, f"{block}.resnets")):
            table[f"{block}.resnets.{layer}"] = f"output_blocks.{index}.0"
            table[f"{block}.attentions.{layer}"] = f"output_blocks.{index}.1"
            index += 1
        sampler = 2 if f"{block}.attentions.0" in found else 1
        table[f"{block}.upsamplers.0"] = f"output_blocks.{index - 1}.{sampler}"
    return table


def _count(found: Iterable[str], start: str) -> int:
    """How many modules are numbered right after ``start``."""
    return len({name[len(start) + 1 :].split(".")[0] for name in found if name.startswith(start)})


def _unet_name(name: str, blocks: dict[str, str]) -> str:
    module, _, leaf = name.rpartition(".")
    if module in _UNET_ENDS:
        return f"{_UNET_ENDS[module]}.{leaf}"
    if match := re.match(r"mid_block\.(resnets|attentions)\.(\d+)\.(.+)", name):
        kind, index, rest = match[1], int(match[2]), match[3]
        place = f"middle_block.{2 * index + (kind == 'attentions')}"
    elif match := _BLOCK.match(name):
        kind, rest = match[3], name[match.end() :]
        place = blocks[match[0].removesuffix(".")]
    else:
        return name
    if kind == "resnets":
        part, _, leaf = rest.rpartition(".")
        rest = f"{_UNET_RESNET.get(part, part)}.{leaf}"
    elif kind == "downsamplers":
        rest = rest.replace("conv.", "op.", 1)
    return f"{place}.{rest}"


def _vae_name(name: str, levels: int) -> str:
    name = name.replace("conv_norm_out.", "norm_out.").replace("conv_shortcut.", "nin_shortcut.")
    if match := re.match(r"(.+)\.mid_block\.attentions\.0\.(.+)\.(weight|bias)$", name):
        return f"{match[1]}.mid.attn_1.{_VAE_ATTENTION.get(match[2], match[2])}.{match[3]}"
    if match := re.match(r"(.+)\.mid_block\.resnets\.(\d+)\.(.+)", name):
        return f"{match[1]}.mid.block_{int(match[2]) + 1}.{match[3]}"
    if match := re.match(r"(.+)\.(down|up)_blocks\.(\d+)\.(\w+?)\.(.+)", name):
        coder, way, level, kind, rest = match.groups()
        number = int(level) if way == "down" else levels - 1 - int(level)
        if kind == "resnets":
            return f"{coder}.{way}.{number}.block.{rest}"
        return f"{coder}.{way}.{number}.{way}sample.{rest.removeprefix('0.')}"
    return name


def _open_clip_name(name: str) -> Stored:
    if name == "text_projection.weight":
        return Stored("text_projection", transposed=True)
    match = re.match(r"encoder\.layers\.(\d+)\.(.+)\.(weight|bias)$", name)
    if match is None:
        return Stored(_OPEN_CLIP.get(name, name))
    layer, module, leaf = match.groups()
    block = f"transformer.resblocks.{layer}"
    if fused := re.fullmatch(r"self_attn\.([qkv])_proj", module):
        return Stored(f"{block}.attn.in_proj_{leaf}", third="qkv".index(fused[1]))
    return Stored(f"{block}.{_OPEN_CLIP_LAYER.get(module, module)}.{leaf}")
