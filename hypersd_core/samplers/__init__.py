"""Noise to latents. A sampler is a function of (denoise, x, grid); ``SAMPLERS`` names them.

Torch only: no model, no text, no pictures. Gradients are the caller's choice; the engine samples
under ``torch.inference_mode``.
"""

from collections.abc import Mapping
from types import MappingProxyType

from hypersd_core.samplers.grid import Grid, consistency, karras, start_latents, trailing, uniform
from hypersd_core.samplers.noise import initial_noise, slerp
from hypersd_core.samplers.runs import (
    run_ddim,
    run_dpmpp_2m_sde,
    run_dpmpp_sde,
    run_euler,
    run_euler_ancestral,
    run_lcm,
    run_tcd,
)
from hypersd_core.samplers.sampler import Sampler
from hypersd_core.samplers.schedule import Denoise, NoiseSchedule

__all__ = [
    "SAMPLERS",
    "Denoise",
    "Grid",
    "NoiseSchedule",
    "Sampler",
    "initial_noise",
    "slerp",
    "start_latents",
]

_ALL = (
    # At t = 999 alpha_bar is 0.005; these three, like diffusers, take pure noise for it.
    Sampler(name="ddim", spacing=trailing, run=run_ddim, starts_from_unit_noise=True),
    Sampler(name="tcd", spacing=consistency, run=run_tcd, starts_from_unit_noise=True),
    Sampler(name="lcm", spacing=consistency, run=run_lcm, starts_from_unit_noise=True),
    # k-diffusion, A1111 and diffusers start these from sigma times unit noise, in their scaling.
    Sampler(name="euler", spacing=trailing, run=run_euler),
    Sampler(name="euler_a", spacing=trailing, run=run_euler_ancestral),
    Sampler(name="dpmpp_sde", spacing=karras, run=run_dpmpp_sde),
    Sampler(name="dpmpp_sde_uniform", spacing=uniform, run=run_dpmpp_sde),
    Sampler(name="dpmpp_2m_sde", spacing=karras, run=run_dpmpp_2m_sde),
    Sampler(name="dpmpp_2m_sde_uniform", spacing=uniform, run=run_dpmpp_2m_sde),
)

SAMPLERS: Mapping[str, Sampler] = MappingProxyType({sampler.name: sampler for sampler in _ALL})
"""One sampler for each name in ``hypersd_core.sampling``."""
