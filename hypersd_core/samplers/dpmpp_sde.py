"""DPM-Solver++ (stochastic), of second order: k-diffusion's ``sample_dpmpp_sde`` with r = 1/2.

This is "DPM++ SDE" in A1111: DPM-Solver++(2S) of Lu et al. (2022), algorithm 1, with k-diffusion's
ancestral noise from one Brownian path. A step asks the model twice, at its start and at its
midpoint in log sigma, and at r = 1/2 moves by the second answer alone; the last step goes straight
to the clean estimate.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor

from hypersd_core.samplers.ancestral import ancestral_step
from hypersd_core.samplers.noise import NoiseBetween
from hypersd_core.samplers.schedule import Denoise, NoiseSchedule


def sample_dpmpp_sde(
    denoise: Denoise,
    x: Tensor,
    *,
    sigmas: Sequence[float],
    schedule: NoiseSchedule,
    noise: NoiseBetween,
    eta: float = 1.0,
    s_noise: float = 1.0,
) -> Tensor:
    """Sample with DPM++ SDE; 2n - 1 model calls for the n + 1 ``sigmas``.

    ``x``: VP latents (B, C, h, w) at ``sigmas[0]``. ``sigmas``: falling, the last one 0. ``eta``:
    share of ancestral noise, 0 is the deterministic solver; ``s_noise`` scales that noise. Returns
    clean latents.
    """
    assert len(sigmas) > 1, "sigmas must hold a noise level and the final 0"
    assert sigmas[-1] == 0, f"sigmas must end at 0, got {sigmas[-1]}"

    def estimate(x: Tensor, sigma: float) -> Tensor:
        return denoise(x / math.hypot(1, sigma), schedule.timestep(sigma))

    def move(x: Tensor, x0: Tensor, sigma: float, sigma_next: float) -> Tensor:
        down, up = ancestral_step(sigma, sigma_next, eta)
        x = (down / sigma) * x + (1 - down / sigma) * x0
        return x + noise(sigma, sigma_next) * (s_noise * up) if up > 0 else x

    x = x * math.hypot(1, sigmas[0])  # from here on x = x0 + sigma eps
    for sigma, sigma_next in pairwise(sigmas[:-1]):
        middle = math.sqrt(sigma * sigma_next)
        x_middle = move(x, estimate(x, sigma), sigma, middle)
        x = move(x, estimate(x_middle, middle), sigma, sigma_next)
    return estimate(x, sigmas[-2])  # an Euler step to sigma = 0 lands on the estimate itself
