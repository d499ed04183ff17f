"""Every key of a real-size LoRA finds its module, whatever the layout; diffusers is the measure."""

from collections.abc import Iterable
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.loaders import StableDiffusionXLLoraLoaderMixin
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from hypersd_core.engine.loading.ldm_names import unet_names
from hypersd_core.engine.lora_keys import Role, module_names, split_key, weighted_modules
from tests.lora_files import ldm_paths

SDXL: dict[str, Any] = {
    "cross_attention_dim": 2048,
    "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": (1, 2, 10),
    "attention_head_dim": (5, 10, 20),
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}
SD15: dict[str, Any] = {"cross_attention_dim": 768}
FAMILIES = {"sdxl": SDXL, "sd15": SD15}
# modules that Hyper-SD's and LCM's files change: reference sizes of the released files agree
COUNTS = {"sdxl": 788, "sd15": 278}
NOT_IN_FILES = ("conv_in", "conv_out", "time_embedding", "add_embedding")


@pytest.fixture(scope="module", params=list(FAMILIES))
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def unets() -> dict[str, Any]:
    """Of true size, without memory."""
    with torch.device("meta"):
        return {name: UNet2DConditionModel(**config) for name, config in FAMILIES.items()}


@pytest.fixture(scope="module")
def text_encoders() -> dict[str, nn.Module]:
    config = CLIPTextConfig(vocab_size=99, hidden_size=8, num_attention_heads=1)
    with torch.device("meta"):
        return {
            "text_encoder": CLIPTextModel(config),
            "text_encoder_2": CLIPTextModelWithProjection(config),
        }


@pytest.fixture(scope="module")
def sdxl_parts(unets: dict[str, Any], text_encoders: dict[str, nn.Module]) -> dict[str, nn.Module]:
    return {"unet": unets["sdxl"], **text_encoders}


def paths_in_files(unet: nn.Module) -> list[str]:
    return [path for path in weighted_modules(unet) if not path.startswith(NOT_IN_FILES)]


def kohya_keys(paths: Iterable[str]) -> list[str]:
    return [f"lora_unet_{path.replace('.', '_')}.lora_down.weight" for path in paths]


def place(names: dict[str, tuple[str, str]], key: str) -> tuple[str, str]:
    split = split_key(key)
    assert split is not None
    return names[split[0]]


def test_every_module_of_a_released_file_is_found_by_its_kohya_key(
    family: str, unets: dict[str, Any]
) -> None:
    paths = paths_in_files(unets[family])
    assert len(paths) == COUNTS[family]
    names = module_names({"unet": unets[family]})
    assert [place(names, key) for key in kohya_keys(paths)] == [("unet", path) for path in paths]


def as_diffusers_reads(keys: Iterable[str], unet: Any) -> list[str]:
    """Diffusers' own name for each of the kohya ``keys``; the values tell which is which."""
    keys = list(keys)
    state = {}
    for index, key in enumerate(keys):
        state[key] = torch.tensor(index)
        state[key.replace("lora_down", "lora_up")] = torch.tensor(-1)
    mixin: Any = StableDiffusionXLLoraLoaderMixin
    converted, _ = mixin.lora_state_dict(state, unet_config=unet.config)
    named = {int(value): key for key, value in converted.items() if value >= 0}
    return [named[index] for index in range(len(keys))]


def test_sgm_names_in_a_lora_mean_to_us_what_they_mean_to_diffusers(unets: dict[str, Any]) -> None:
    unet = unets["sdxl"]  # of SD1.5, diffusers mixes up input_blocks_1 and input_blocks_10
    paths = paths_in_files(unet)
    ldm = ldm_paths(("unet", path) for path in weighted_modules(unet))
    keys = kohya_keys(ldm[path] for path in paths)
    names = module_names({"unet": unet})
    assert [place(names, key) for key in keys] == [("unet", path) for path in paths]
    theirs = as_diffusers_reads(keys, unet)
    assert [place(names, key) for key in theirs] == [("unet", path) for path in paths]


def test_sgm_names_are_those_of_single_file_checkpoints(family: str, unets: dict[str, Any]) -> None:
    unet = unets[family]
    names = list(unet.state_dict())
    ldm = unet_names(names)
    state = {f"model.diffusion_model.{ldm[name]}": index for index, name in enumerate(names)}
    converted = convert_ldm_unet_checkpoint(state, unet.config)
    assert {names[index]: name for name, index in converted.items()} == {n: n for n in names}
    flat = module_names({"unet": unet})
    for path in weighted_modules(unet):
        key = f"lora_unet_{ldm[f'{path}.weight'].removesuffix('.weight').replace('.', '_')}.alpha"
        assert place(flat, key) == ("unet", path)


# names as they stand in files that people share
@pytest.mark.parametrize(
    ("key", "part", "path"),
    [
        (
            "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k.lora_down.weight",
            "unet", "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k",
        ),
        (
            "lora_unet_output_blocks_0_1_transformer_blocks_9_ff_net_0_proj.alpha",
            "unet", "up_blocks.0.attentions.0.transformer_blocks.9.ff.net.0.proj",
        ),
        ("lora_unet_input_blocks_3_0_op.alpha", "unet", "down_blocks.0.downsamplers.0.conv"),
        ("lora_unet_output_blocks_2_2_conv.alpha", "unet", "up_blocks.0.upsamplers.0.conv"),
        ("lora_unet_middle_block_1_proj_in.alpha", "unet", "mid_block.attentions.0.proj_in"),
        ("lora_unet_middle_block_2_out_layers_3.alpha", "unet", "mid_block.resnets.1.conv2"),
        (
            "lora_unet_input_blocks_1_0_emb_layers_1.alpha",
            "unet", "down_blocks.0.resnets.0.time_emb_proj",
        ),
        (
            "lora_unet_output_blocks_8_0_skip_connection.alpha",
            "unet", "up_blocks.2.resnets.2.conv_shortcut",
        ),
        ("lora_unet_input_blocks_0_0.alpha", "unet", "conv_in"),
        ("lora_unet_out_2.alpha", "unet", "conv_out"),
        ("lora_unet_time_embed_2.alpha", "unet", "time_embedding.linear_2"),
        ("lora_unet_label_emb_0_0.alpha", "unet", "add_embedding.linear_1"),
        (
            "unet.mid_block.attentions.0.transformer_blocks.0.attn1.processor.to_out_lora.up.weight",
            "unet", "mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0",
        ),
        (
            "base_model.model.mid_block.attentions.0.transformer_blocks.0.attn1.to_q.lora_B.weight",
            "unet", "mid_block.attentions.0.transformer_blocks.0.attn1.to_q",
        ),
        (
            "lora_te1_text_model_encoder_layers_11_mlp_fc1.alpha",
            "text_encoder", "encoder.layers.11.mlp.fc1",
        ),
        (
            "lora_te_text_model_encoder_layers_0_self_attn_q_proj.alpha",
            "text_encoder", "encoder.layers.0.self_attn.q_proj",
        ),
        (
            "text_encoder.text_model.encoder.layers.0.self_attn.to_out_lora.down.weight",
            "text_encoder", "encoder.layers.0.self_attn.out_proj",
        ),
        (
            "lora_te2_text_model_encoder_layers_3_self_attn_out_proj.lora_up.weight",
            "text_encoder_2", "text_model.encoder.layers.3.self_attn.out_proj",
        ),
        ("lora_te2_text_projection.lora_up.weight", "text_encoder_2", "text_projection"),
    ],
)  # fmt: skip
def test_a_published_key_names_its_module(
    key: str, part: str, path: str, sdxl_parts: dict[str, nn.Module]
) -> None:
    assert place(module_names(sdxl_parts), key) == (part, path)


@pytest.mark.parametrize(
    ("suffix", "role"),
    [
        (".lora_down.weight", Role.DOWN),
        (".lora_up.weight", Role.UP),
        ("_lora.down.weight", Role.DOWN),
        ("_lora.up.weight", Role.UP),
        (".lora.down.weight", Role.DOWN),
        (".lora.up.weight", Role.UP),
        (".lora_linear_layer.down.weight", Role.DOWN),
        (".lora_linear_layer.up.weight", Role.UP),
        (".lora_A.weight", Role.DOWN),
        (".lora_B.weight", Role.UP),
        (".lora_A.default.weight", Role.DOWN),
        (".lora_B.my_style.weight", Role.UP),
        (".alpha", Role.ALPHA),
    ],
)
def test_the_end_of_a_key_tells_what_the_tensor_is(suffix: str, role: Role) -> None:
    assert split_key(f"unet.mid_block.conv{suffix}") == ("unet_mid_block_conv", role)


@pytest.mark.parametrize(
    "key",
    ["", "alpha", "conv_in.weight", "unet.conv_in.bias", "x.lora_A", "x.diff", "lora_up.weight"],
)
def test_other_tensors_are_none_of_a_loras(key: str) -> None:
    assert split_key(key) is None


def test_no_two_modules_share_a_name(sdxl_parts: dict[str, nn.Module]) -> None:
    names = module_names(sdxl_parts)
    places = {(part, path) for part in sdxl_parts for path in weighted_modules(sdxl_parts[part])}
    assert set(names.values()) == places
    alone = [module_names({part: root}) for part, root in sdxl_parts.items()]
    assert sum(map(len, alone)) == len(names)


def test_an_encoder_has_the_same_names_with_text_model_and_without(
    text_encoders: dict[str, nn.Module],
) -> None:
    flat, nested = (module_names({"text_encoder": root}) for root in text_encoders.values())
    assert set(flat) == {name for name in nested if "text_projection" not in name}
