"""Denoisers whose answer is known, for the tests of the samplers."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from hypersd_core.samplers import NoiseSchedule

SCHEDULE = NoiseSchedule.scaled_linear()


def nonlinear(x: Tensor, t: float) -> Tensor:
    """An arbitrary smooth elementwise denoiser that depends on both arguments."""
    return torch.tanh(1.3 * x + math.sin(t / 150)) + 0.2 * x * math.cos(t / 90)


@dataclass(frozen=True)
class Gaussian:
    """Data N(mean, std^2) in every pixel: posterior and trajectories are closed forms."""

    mean: float
    std: float

    def spread_at(self, t: float) -> float:
        """Standard deviation of the VP marginal at ``t``."""
        alpha_bar = SCHEDULE.alpha_bar_at(t)
        return math.sqrt(alpha_bar * self.std**2 + 1 - alpha_bar)

    def noised(self, unit_noise: Tensor, t: float) -> Tensor:
        """Draw from the VP marginal at ``t``."""
        return math.sqrt(SCHEDULE.alpha_bar_at(t)) * self.mean + self.spread_at(t) * unit_noise

    def posterior_mean(self, x: Tensor, t: float) -> Tensor:
        """E[x0 | x_t]: what a perfect diffusion model answers."""
        alpha = math.sqrt(SCHEDULE.alpha_bar_at(t))
        return self.mean + alpha * (self.std / self.spread_at(t)) ** 2 * (x - alpha * self.mean)

    def flow(self, x: Tensor, t: float, t_end: float) -> Tensor:
        """Follow the probability-flow ODE from ``t`` to ``t_end``."""
        alpha, alpha_end = (math.sqrt(SCHEDULE.alpha_bar_at(time)) for time in (t, t_end))
        scale = self.spread_at(t_end) / self.spread_at(t)
        return alpha_end * self.mean + scale * (x - alpha * self.mean)

    def consistency(self, t_end: float) -> Callable[[Tensor, float], Tensor]:
        """Return a perfect consistency model: its DDIM jump to ``t_end`` lands on the ODE."""
        ab_end = SCHEDULE.alpha_bar_at(t_end)

        def denoise(x: Tensor, t: float) -> Tensor:
            alpha_bar = SCHEDULE.alpha_bar_at(t)
            ratio = math.sqrt((1 - ab_end) / (1 - alpha_bar))
            target = self.flow(x, t, t_end)
            return (target - ratio * x) / (math.sqrt(ab_end) - ratio * math.sqrt(alpha_bar))

        return denoise
