"""Noise to latents. A sampler is a function of (denoise, x, grid); ``SAMPLERS`` names them.

Torch only: no model, no text, no pictures. Gradients are the caller's choice; the engine samples
under ``torch.inference_mode``.
"""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from torch import Tensor

from hypersd_core.samplers.dpmpp_sde import sample_dpmpp_sde
from hypersd_core.samplers.noise import BrownianNoise, StepNoise, initial_noise
from hypersd_core.samplers.schedule import Denoise, NoiseSchedule
from hypersd_core.samplers.tcd import sample_tcd

__all__ = [
    "SAMPLERS",
    "Denoise",
    "NoiseSchedule",
    "Run",
    "initial_noise",
]


class Run(Protocol):
    """Draw from unit noise: the same call for every sampler."""

    def __call__(
        self,
        denoise: Denoise,
        x: Tensor,
        *,
        steps: int,
        seeds: Sequence[int],
        schedule: NoiseSchedule,
        eta: float,
    ) -> Tensor:
        """Turn unit-normal ``x`` (B, C, h, w), one image per seed, into latents of its shape.

        ``seeds`` also fix the noise added on the way; ``eta`` in [0, 1] is the share of it.
        """


def _run_tcd(
    denoise: Denoise,
    x: Tensor,
    *,
    steps: int,
    seeds: Sequence[int],
    schedule: NoiseSchedule,
    eta: float,
) -> Tensor:
    # At t = 999 alpha_bar is 0.005; TCD, like diffusers, takes pure noise for it.
    return sample_tcd(
        denoise,
        x,
        timesteps=schedule.tcd_timesteps(steps),
        schedule=schedule,
        eta=eta,
        noise=StepNoise(seeds, x.shape[1:]),
    )


def _run_dpmpp_sde(
    denoise: Denoise,
    x: Tensor,
    *,
    steps: int,
    seeds: Sequence[int],
    schedule: NoiseSchedule,
    eta: float,
) -> Tensor:
    sigmas = schedule.karras_sigmas(steps)
    noise = BrownianNoise(
        seeds,
        x.shape[1:],
        sigma_min=sigmas[-2],
        sigma_max=sigmas[0],
        device=x.device,
        dtype=x.dtype,
    )
    # k-diffusion and A1111 start from sigma_max times unit noise, in their scaling.
    x = x * (sigmas[0] / math.hypot(1, sigmas[0]))
    return sample_dpmpp_sde(denoise, x, sigmas=sigmas, schedule=schedule, noise=noise, eta=eta)


SAMPLERS: Mapping[str, Run] = MappingProxyType({"tcd": _run_tcd, "dpmpp_sde": _run_dpmpp_sde})
"""One function for each name in ``hypersd_core.sampling``."""
