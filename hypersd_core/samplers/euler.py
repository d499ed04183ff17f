"""Euler: first-order steps of the probability-flow ODE in sigma. Karras et al. (2022).

The sampler of SDXL-Lightning, on trailing timesteps. On the way it is DDIM; the two differ at the
end, which is sigma = 0 here and timestep 0 there.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor

from hypersd_core.samplers.affine import AffineStep, take_steps
from hypersd_core.samplers.schedule import Denoise, NoiseSchedule


def sample_euler(
    denoise: Denoise, x: Tensor, *, timesteps: Sequence[float], schedule: NoiseSchedule
) -> Tensor:
    """Sample with Euler; one model call per timestep.

    ``x``: VP latents (B, C, h, w) at ``timesteps[0]``. ``timesteps``: falling, at least one.
    Returns clean latents: k-diffusion's ``sample_euler``, diffusers' ``EulerDiscreteScheduler``.
    """
    sigmas = (*map(schedule.sigma, timesteps), 0.0)
    steps = [
        sigma_step(t, sigma=sigma, down=sigma_next, up=0.0)
        for t, (sigma, sigma_next) in zip(timesteps, pairwise(sigmas), strict=True)
    ]
    return take_steps(denoise, x, steps=steps)


def sigma_step(t: float, *, sigma: float, down: float, up: float) -> AffineStep:
    """Go from ``sigma``, that of ``t``, straight to ``down``, then add noise of level ``up``.

    In k-diffusion's scaling, X = x sqrt(1 + sigma^2), that is
    ``X_next = X + (down - sigma) (X - x0) / sigma + up z``. Here both ends are VP.
    """
    scale = math.hypot(1, down, up)  # of X_next, whose level is sqrt(down^2 + up^2)
    return AffineStep(
        t=t,
        keep=down / sigma * math.hypot(1, sigma) / scale,
        clean=(1 - down / sigma) / scale,
        noise=up / scale,
    )
