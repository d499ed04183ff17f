"""Draws captions with a denoiser in training: to look at, between two checkpoints."""

from collections.abc import Sequence

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor
from transformers import CLIPTokenizer

from hypersd_core.pretrain.diffusion import Denoiser, token_ids
from hypersd_core.samplers import SAMPLERS, NoiseSchedule, initial_noise, start_latents


@torch.inference_mode()
def draw_captions(
    denoiser: Denoiser,
    vae: AutoencoderKL,
    tokenizer: CLIPTokenizer,
    captions: Sequence[str],
    *,
    scaling_factor: float,
    steps: int = 25,
    guidance: float = 5.0,
) -> NDArray[np.uint8]:
    """Pictures (N, H, W, 3) of ``captions`` by DDIM with classifier-free guidance."""
    shape, schedule, ddim = denoiser.shape, NoiseSchedule.scaled_linear(), SAMPLERS["ddim"]
    grid = ddim.grid(schedule, steps)
    text = denoiser.encode(*token_ids(captions, tokenizer))
    count = len(captions)
    ones, none = torch.ones(count), torch.zeros(count)
    seeds = range(count)
    latent_shape = (shape.latent_channels, shape.latent_px, shape.latent_px)
    noise = initial_noise(seeds, latent_shape, device=torch.device("cpu"))

    def denoise(x: Tensor, t: float) -> Tensor:
        times = torch.full((count,), int(t))
        given = denoiser(x, times, text, ones)
        free = denoiser(x, times, text, none)
        signal = schedule.alpha_bar_at(t)
        epsilon = free + guidance * (given - free)
        return (x - (1 - signal) ** 0.5 * epsilon) / signal**0.5

    start = start_latents(noise, grid)
    latents = ddim.sample(denoise, start, grid=grid, seeds=seeds, schedule=schedule, eta=0.0)
    picture = (vae.decode(latents / scaling_factor).sample.clamp(-1, 1) + 1) * 127.5
    return picture.round().byte().permute(0, 2, 3, 1).numpy()
