"""DPM-Solver++ (2M), stochastic: k-diffusion's ``sample_dpmpp_2m_sde`` with its midpoint solver.

This is "DPM++ 2M SDE" in A1111: SDE-DPM-Solver++(2M) of Lu et al. (2022). The second order comes
from the clean estimate of the step before, so a step asks the model once; the first step has none
before it and is of first order. The noise is the increment of one Brownian path.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from torch import Tensor

from hypersd_core.samplers.noise import NoiseBetween
from hypersd_core.samplers.schedule import Denoise, NoiseSchedule


class _Step(NamedTuple):
    """``x_next = keep x + clean x0 + correct (x0 - x0 before) + noise z``, x unscaled."""

    sigma: float
    sigma_next: float
    keep: float
    clean: float
    correct: float
    noise: float


def sample_dpmpp_2m_sde(
    denoise: Denoise,
    x: Tensor,
    *,
    sigmas: Sequence[float],
    schedule: NoiseSchedule,
    noise: NoiseBetween,
    eta: float = 1.0,
    s_noise: float = 1.0,
) -> Tensor:
    """Sample with DPM++ 2M SDE; one model call for each of the n + 1 ``sigmas`` but the last.

    ``x``: VP latents (B, C, h, w) at ``sigmas[0]``. ``sigmas``: falling, the last one 0. ``eta``:
    share of noise, 0 is the deterministic DPM++ 2M; ``s_noise`` scales that noise. Returns clean
    latents; one step is the clean estimate, where k-diffusion's own fails for want of a step.
    """
    assert len(sigmas) > 1, "sigmas must hold a noise level and the final 0"
    assert sigmas[-1] == 0, f"sigmas must end at 0, got {sigmas[-1]}"

    def estimate(x: Tensor, sigma: float) -> Tensor:
        return denoise(x / math.hypot(1, sigma), schedule.timestep(sigma))

    x = x * math.hypot(1, sigmas[0])  # from here on x = x0 + sigma eps
    before: Tensor | None = None
    for step in _steps(sigmas, eta=eta, s_noise=s_noise):
        x0 = estimate(x, step.sigma)
        x = step.keep * x + step.clean * x0
        if before is not None:
            x = x + step.correct * (x0 - before)
        if step.noise > 0:
            x = x + step.noise * noise(step.sigma, step.sigma_next)
        before = x0
    return estimate(x, sigmas[-2])  # the step to sigma = 0 lands on the estimate itself


def _steps(sigmas: Sequence[float], *, eta: float, s_noise: float) -> list[_Step]:
    """All steps but the last, as numbers. ``h`` is a step's length in log sigma."""
    steps = []
    h_before = math.inf  # before the first step there is none: its correction is 0
    for sigma, sigma_next in pairwise(sigmas[:-1]):
        h = math.log(sigma / sigma_next)
        clean = -math.expm1(-(1 + eta) * h)
        steps.append(
            _Step(
                sigma=sigma,
                sigma_next=sigma_next,
                keep=sigma_next / sigma * math.exp(-eta * h),
                clean=clean,
                correct=0.5 * clean * h / h_before,
                noise=s_noise * sigma_next * math.sqrt(-math.expm1(-2 * eta * h)),
            )
        )
        h_before = h
    return steps
