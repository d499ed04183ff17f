"""A small model folder with the classes of the real SDXL and random weights, always the same."""

import itertools
from pathlib import Path

import torch

from hypersd_core.pretrain import models
from hypersd_core.pretrain.diffusion import Denoiser
from hypersd_core.pretrain.drawings import BACKGROUNDS, HAIR_COLOURS, SKINS, Labels
from hypersd_core.pretrain.export import export

NAME = "tiny"
SIZE_PX = models.SIZE_PX
PIXELS_PER_LATENT = models.SIZE_PX // models.LATENT_PX
UNET_WEIGHTS = Path("unet", "diffusion_pytorch_model.safetensors")
RECIPE = f"""\
title = "Tiny"
about = "Random weights."
sampler = "tcd"
steps = 2
guidance = 2.0
eta = 0.3
width = {SIZE_PX}
height = {SIZE_PX}
max_side_px = {2 * SIZE_PX}
"""
_TEXT_GAIN = 3.0  # as it is initialised, a UNet hardly listens to the text


def build_tiny_model(folder: Path) -> None:
    """Write the model to ``folder``, with a recipe."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tokenizer = models.train_tokenizer(sample_labels(), seed=0)
        denoiser = Denoiser(tokenizer)
        vae = models.autoencoder()
    _listen_to_text(denoiser.unet)
    export(folder, tokenizer, denoiser, vae, scaling_factor=0.7)
    (folder / "recipe.toml").write_text(RECIPE, "utf-8")


def sample_labels() -> list[Labels]:
    """A few hundred labels, made up without drawing them."""
    mixes = itertools.product(HAIR_COLOURS, SKINS, BACKGROUNDS)
    return [
        Labels(
            style=("comic", "cartoon")[i % 2],
            noun=("woman", "man")[i % 2],
            hair_colour=hair,
            hair_cut=("long", "short", "bob", "mohawk", "long hair with flowers")[i % 5],
            skin=skin,
            expression=("big smile", "sad", "tongue out")[i % 3],
            background=background,
            details=("freckles", "", "")[i % 3],
            glasses=("", "glasses")[i % 2],
        )
        for i, (hair, skin, background) in enumerate(mixes)
    ]


@torch.no_grad()
def _listen_to_text(unet: torch.nn.Module) -> None:
    """Without this a mistake in the text would move no pixel by more than rounding does."""
    for name, parameter in unet.named_parameters():
        if "attn2.to_out" in name or name.startswith("add_embedding"):
            parameter.mul_(_TEXT_GAIN)
