"""Tiles of the VAE show what the whole picture would, far closer than diffusers' own tiling."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from torch import Tensor

from hypersd_core.engine.model import Model
from hypersd_core.engine.pixels.overlapping_tiles import Tiles
from hypersd_core.engine.pixels.tiled_vae import decode_tiled, encode_tiled
from hypersd_core.engine.pixels.tiling import seamless
from tests.engine.live_bytes import full_size, numbers, peak_bytes

SHIPPED = Path(__file__).parents[2] / "data" / "models" / "portrait-64" / "vae"
ONE_TILE = Tiles(side=1000, overlap=16)
TILES = Tiles(side=32, overlap=8)


@pytest.fixture(scope="module")
def trained() -> Any:
    """The VAE that ships: what tiling does to the tones of noise would prove nothing."""
    return AutoencoderKL.from_pretrained(SHIPPED, local_files_only=True).eval()


@pytest.fixture(scope="module")
def attentive() -> Any:
    """With attention, as SDXL's, and 8 pixels a latent."""
    torch.manual_seed(0)
    return AutoencoderKL(
        block_out_channels=(8, 8, 16, 16),
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        norm_num_groups=4,
    ).eval()


def scene(height: int, width: int) -> Tensor:
    """(1, 3, height, width) in [-1, 1]: a dark disc on a sky that brightens to one corner."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    disc = (x - 0.3) ** 2 + (y - 0.4) ** 2 < 0.04
    channels = [x - 0.2, x * y, 0.8 - y]
    pixels = np.stack([np.where(disc, -0.6, channel) for channel in channels])
    return torch.from_numpy(pixels).float()[None]


def decibels(ours: Tensor, theirs: Tensor) -> float:
    """Peak signal-to-noise ratio, where ``theirs`` spans 2."""
    return float(-10 * torch.log10((ours - theirs).square().mean() / 4))


@torch.inference_mode()
def latents_of(vae: Any, pixels: Tensor) -> Tensor:
    latents: Tensor = vae.encode(pixels).latent_dist.mode()
    return latents


@pytest.mark.parametrize("name", ["trained", "attentive"])
@torch.inference_mode()
def test_one_tile_is_the_whole_picture(name: str, request: pytest.FixtureRequest) -> None:
    vae = request.getfixturevalue(name)
    pixels = torch.cat([scene(64, 96), scene(64, 96).flip(-1)])
    latents = latents_of(vae, pixels)
    torch.testing.assert_close(
        decode_tiled(vae, latents, tiles=ONE_TILE), vae.decode(latents).sample, atol=1e-4, rtol=0
    )
    torch.testing.assert_close(
        encode_tiled(vae, pixels, tiles=ONE_TILE), latents, atol=1e-4, rtol=1e-4
    )


@torch.inference_mode()
def test_tiles_are_10_decibels_closer_to_the_whole_picture_than_those_of_diffusers(
    trained: Any,
) -> None:
    latents = latents_of(trained, scene(256, 384))
    whole = trained.decode(latents).sample
    trained.tile_latent_min_size, trained.tile_sample_min_size = 32, 128
    theirs = trained.tiled_decode(latents).sample
    ours = decode_tiled(trained, latents, tiles=TILES)
    assert ours.shape == whole.shape
    assert decibels(ours, whole) > max(30, decibels(theirs, whole) + 10)


@torch.inference_mode()
def test_encoding_in_tiles_comes_close_to_the_whole_picture(trained: Any) -> None:
    pixels = scene(256, 384)
    latents = latents_of(trained, pixels)
    tiled = encode_tiled(trained, pixels, tiles=TILES)
    assert tiled.shape == latents.shape
    assert decibels(tiled / latents.std(), latents / latents.std()) > 30


@torch.inference_mode()
def test_layers_above_latent_size_never_see_more_than_a_tile(attentive: Any) -> None:
    widths: list[int] = []
    hook = attentive.decoder.up_blocks[-1].register_forward_pre_hook(
        lambda _, args: widths.append(args[0].shape[-1])
    )
    decode_tiled(attentive, torch.randn(1, 4, 40, 70), tiles=TILES)
    hook.remove()
    assert set(widths) == {32 * 8}


def test_a_megapixel_of_sdxl_takes_less_than_half_in_tiles() -> None:
    vae = full_size("vae")
    latents = numbers(1, 4, 128, 128)
    assert peak_bytes(lambda: decode_tiled(vae, latents)) < 0.7 * 1024**3
    assert peak_bytes(lambda: vae.decode(latents)) >= 1.5 * 1024**3


@pytest.mark.parametrize("draw", [decode_tiled, encode_tiled])
@torch.inference_mode()
def test_nothing_is_left_on_the_vae(draw: Callable[..., Tensor], attentive: Any) -> None:
    latents, pixels = torch.randn(1, 4, 12, 12), torch.randn(1, 3, 96, 96)
    before = attentive.decode(latents).sample
    draw(attentive, latents if draw is decode_tiled else pixels, tiles=TILES)
    attentive.decoder.conv_out.register_forward_hook(_fail)
    with pytest.raises(KeyError):
        decode_tiled(attentive, latents, tiles=TILES)
    attentive.decoder.conv_out._forward_hooks.clear()
    assert torch.equal(attentive.decode(latents).sample, before)


def _fail(*_: object) -> None:
    raise KeyError


@torch.inference_mode()
def test_seamless_tiles_close_across_the_border(own_model: Model, trained: Any) -> None:
    model = dataclasses.replace(own_model, vae=trained)
    pixels = scene(192, 256)
    with seamless(model):
        latents = latents_of(trained, pixels)
        whole = trained.decode(latents).sample
        closed = decode_tiled(trained, latents, is_seamless=True, tiles=TILES)
        open_ = decode_tiled(trained, latents, tiles=TILES)
        encoded = encode_tiled(trained, pixels, is_seamless=True, tiles=TILES)

    def at_the_border(picture: Tensor) -> Tensor:
        return torch.cat([picture[..., :8], picture[..., -8:]], dim=-1)

    assert closed.shape == whole.shape
    found = decibels(at_the_border(closed), at_the_border(whole))
    assert found > 30
    assert found > decibels(at_the_border(open_), at_the_border(whole)) + 6
    assert decibels(encoded / latents.std(), latents / latents.std()) > 30
