"""Names of real-size checkpoints, on the meta device, against diffusers' own converters."""

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.loaders import single_file_utils as diffusers_names
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

from hypersd_core.engine.detection.folder_layout import read_json
from hypersd_core.engine.loading.ldm_names import unet_names
from hypersd_core.models import Family
from tests import ldm_layout
from tests.engine import real_layouts

CONFIGS = Path(__file__).parents[2] / "data" / "configs"
FAMILIES = [Family.SDXL, Family.SD15]


def config(family: Family, part: str) -> dict[str, Any]:
    return read_json(CONFIGS / family / part / "config.json")


def test_an_sdxl_checkpoint_has_as_many_tensors_as_the_released_one() -> None:
    assert len(real_layouts.sdxl_checkpoint()) == 2515


@pytest.mark.parametrize(("family", "count"), [(Family.SDXL, 1680), (Family.SD15, 686)])
def test_a_unet_has_as_many_tensors_as_the_released_one(family: Family, count: int) -> None:
    assert len(real_layouts.state(family, "unet")) == count


@pytest.mark.parametrize("family", FAMILIES)
def test_diffusers_turns_our_names_of_a_unet_back(family: Family) -> None:
    ours = real_layouts.state(family, "unet")
    theirs = diffusers_names.convert_ldm_unet_checkpoint(
        ldm_layout.ldm_unet(ours), config(family, "unet")
    )
    assert theirs.keys() == ours.keys()
    assert all(theirs[name] is tensor for name, tensor in ours.items())


def test_diffusers_turns_our_names_of_a_vae_back() -> None:
    ours = real_layouts.state("sdxl", "vae")
    theirs = diffusers_names.convert_ldm_vae_checkpoint(
        ldm_layout.ldm_vae(ours), config(Family.SDXL, "vae")
    )
    assert real_layouts.shapes(theirs) == real_layouts.shapes(ours)
    kept = [name for name in ours if ".attentions." not in name]
    assert all(theirs[name] is ours[name] for name in kept)


def test_diffusers_turns_our_names_of_clip_back() -> None:
    ours = real_layouts.state("sdxl", "text_encoder")
    theirs = diffusers_names.convert_ldm_clip_checkpoint(ldm_layout.clip(ours))
    assert {name.removeprefix("text_model."): t for name, t in theirs.items()} == ours


def test_diffusers_splits_what_we_fuse_for_openclip() -> None:
    encoder = CLIPTextModelWithProjection(
        CLIPTextConfig(
            vocab_size=7,
            hidden_size=4,
            intermediate_size=8,
            projection_dim=4,
            num_hidden_layers=2,
            num_attention_heads=2,
            bos_token_id=0,
            eos_token_id=1,
            pad_token_id=1,
        )
    )
    ours = encoder.state_dict()
    theirs = diffusers_names.convert_open_clip_checkpoint(
        encoder, ldm_layout.open_clip(ours), prefix=ldm_layout.SDXL_OPEN_CLIP
    )
    assert theirs.keys() == ours.keys()
    for name, tensor in ours.items():
        assert torch.equal(theirs[name], tensor), name


def test_ldm_counts_blocks_through_all_levels() -> None:
    names = unet_names(real_layouts.state("sdxl", "unet"))
    assert names["down_blocks.1.attentions.0.transformer_blocks.1.attn2.to_k.weight"] == (
        "input_blocks.4.1.transformer_blocks.1.attn2.to_k.weight"
    )
    assert names["down_blocks.1.downsamplers.0.conv.bias"] == "input_blocks.6.0.op.bias"
    assert names["up_blocks.1.upsamplers.0.conv.bias"] == "output_blocks.5.2.conv.bias"
    assert names["mid_block.resnets.1.conv1.bias"] == "middle_block.2.in_layers.2.bias"
