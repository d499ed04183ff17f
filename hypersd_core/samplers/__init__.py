"""Noise to latents. A sampler is a function of (denoise, x, grid); ``SAMPLERS`` names them.

Torch only: no model, no text, no pictures. Gradients are the caller's choice; the engine samples
under ``torch.inference_mode``.
"""

from collections.abc import Mapping
from types import MappingProxyType

from hypersd_core.samplers.ddim import sample_ddim
from hypersd_core.samplers.dpmpp_2m_sde import sample_dpmpp_2m_sde
from hypersd_core.samplers.dpmpp_sde import sample_dpmpp_sde
from hypersd_core.samplers.euler_a import sample_euler_ancestral
from hypersd_core.samplers.grid import Grid, consistency, karras, start_latents, trailing, uniform
from hypersd_core.samplers.noise import initial_noise, slerp
from hypersd_core.samplers.runs import brownian, run_euler, run_lcm, stepwise
from hypersd_core.samplers.sampler import Sampler
from hypersd_core.samplers.schedule import Denoise, NoiseSchedule
from hypersd_core.samplers.tcd import sample_tcd

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
    Sampler(name="ddim", spacing=trailing, run=stepwise(sample_ddim), starts_from_unit_noise=True),
    Sampler(name="tcd", spacing=consistency, run=stepwise(sample_tcd), starts_from_unit_noise=True),
    Sampler(name="lcm", spacing=consistency, run=run_lcm, starts_from_unit_noise=True),
    # k-diffusion, A1111 and diffusers start these from sigma times unit noise, in their scaling.
    Sampler(name="euler", spacing=trailing, run=run_euler),
    Sampler(name="euler_a", spacing=trailing, run=stepwise(sample_euler_ancestral)),
    Sampler(name="dpmpp_sde", spacing=karras, run=brownian(sample_dpmpp_sde)),
    Sampler(name="dpmpp_sde_uniform", spacing=uniform, run=brownian(sample_dpmpp_sde)),
    Sampler(name="dpmpp_2m_sde", spacing=karras, run=brownian(sample_dpmpp_2m_sde)),
    Sampler(name="dpmpp_2m_sde_uniform", spacing=uniform, run=brownian(sample_dpmpp_2m_sde)),
)

SAMPLERS: Mapping[str, Sampler] = MappingProxyType({sampler.name: sampler for sampler in _ALL})
"""One sampler for each name in ``hypersd_core.sampling``."""
