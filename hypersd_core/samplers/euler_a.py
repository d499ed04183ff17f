"""Euler ancestral, "Euler a" in A1111: Euler's step, but further down, and fresh noise back up.

The sampler of SDXL-Turbo, on trailing timesteps. ``eta`` is the share of that noise: 0 is Euler.
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor

from hypersd_core.samplers.affine import AffineStep, take_steps
from hypersd_core.samplers.ancestral import ancestral_step
from hypersd_core.samplers.euler import sigma_step
from hypersd_core.samplers.noise import NoiseLike
from hypersd_core.samplers.schedule import Denoise, NoiseSchedule


def sample_euler_ancestral(
    denoise: Denoise,
    x: Tensor,
    *,
    timesteps: Sequence[float],
    schedule: NoiseSchedule,
    eta: float,
    noise: NoiseLike,
) -> Tensor:
    """Sample with Euler ancestral; one model call per timestep.

    ``x``: VP latents (B, C, h, w) at ``timesteps[0]``. ``timesteps``: falling, at least one.
    ``eta`` in [0, 1]. Returns clean latents: k-diffusion's ``sample_euler_ancestral``, and with
    ``eta`` 1 diffusers' ``EulerAncestralDiscreteScheduler``.
    """

    def step(t: float, sigma: float, sigma_next: float) -> AffineStep:
        down, up = ancestral_step(sigma, sigma_next, eta)
        return sigma_step(t, sigma=sigma, down=down, up=up)

    sigmas = (*map(schedule.sigma, timesteps), 0.0)
    steps = [step(t, *ends) for t, ends in zip(timesteps, pairwise(sigmas), strict=True)]
    return take_steps(denoise, x, steps=steps, noise=noise)
