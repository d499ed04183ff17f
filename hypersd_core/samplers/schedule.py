"""The noise schedule, and the conventions that every sampler shares.

- A timestep ``t`` lies in [0, 1000): 0 is almost clean, 999 almost pure noise. Grids are whole
  numbers; DPM++ SDE also asks for fractions.
- ``alpha_bar`` is the cumulative product of (1 - beta); 1 is clean.
- Latents ``x`` (B, C, h, w) are variance preserving (VP):
  ``x_t = sqrt(alpha_bar) x0 + sqrt(1 - alpha_bar) eps``.
- ``sigma`` is k-diffusion's noise level, ``sqrt((1 - alpha_bar) / alpha_bar)``. Its latents,
  ``x0 + sigma eps``, are the VP ones times ``sqrt(1 + sigma^2)``.

Numbers only: nothing here touches a latent or a device.
"""

import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

import torch
from torch import Tensor

Denoise = Callable[[Tensor, float], Tensor]
"""``denoise(x, t) -> x0``: the model's clean estimate for VP latents ``x`` at timestep ``t``.

``t`` is a Python float, possibly fractional, the same for the whole batch; ``x0`` has the shape and
dtype of ``x``. Guidance, batching of its two branches and cancelling are the caller's, inside.
"""

TCD_TRAINING_STEPS = 50
"""Length of the grid that TCD students are distilled on (Zheng et al. 2024): 19, 39, … 999."""


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """How much of the image is left at each training timestep.

    ``alpha_bar``: float64 on the CPU, shape (T,), strictly falling inside (0, 1); T is 1000 for
    SD1.5 and SDXL.
    """

    alpha_bar: Tensor
    _log_sigmas: tuple[float, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        alpha_bar = self.alpha_bar
        assert alpha_bar.dtype == torch.float64, f"alpha_bar must be float64, got {alpha_bar.dtype}"
        assert alpha_bar.device.type == "cpu", (
            f"alpha_bar must be on the CPU, got {alpha_bar.device}"
        )
        log_sigmas = (0.5 * ((1 - alpha_bar) / alpha_bar).log()).tolist()
        object.__setattr__(self, "_log_sigmas", tuple(log_sigmas))

    @classmethod
    def from_betas(cls, betas: Tensor) -> Self:
        """Accumulate ``betas`` (T,), the variance added at each step, each in (0, 1)."""
        return cls((1 - betas.to("cpu", torch.float64)).cumprod(0))

    @classmethod
    def scaled_linear(
        cls,
        beta_start: float = 0.00085,
        beta_end: float = 0.012,
        num_train_timesteps: int = 1000,
    ) -> Self:
        """Return the schedule of latent diffusion: linear in sqrt(beta). SD1.5 and SDXL."""
        roots = torch.linspace(
            math.sqrt(beta_start), math.sqrt(beta_end), num_train_timesteps, dtype=torch.float64
        )
        return cls.from_betas(roots**2)

    @property
    def num_train_timesteps(self) -> int:
        """T: timesteps lie in [0, T)."""
        return len(self._log_sigmas)

    def sigma(self, t: float) -> float:
        """Noise level at ``t`` in [0, T - 1]; between whole timesteps linear in log sigma."""
        low = min(int(t), self.num_train_timesteps - 2)
        fraction = t - low
        log_low, log_high = self._log_sigmas[low : low + 2]
        return math.exp((1 - fraction) * log_low + fraction * log_high)

    def timestep(self, sigma: float) -> float:
        """Fractional timestep of a noise level: the inverse of ``sigma(t)``.

        Levels beyond either end get the end's timestep, as in k-diffusion's ``sigma_to_t``.
        """
        log_sigma = math.log(sigma)
        low = bisect_right(self._log_sigmas, log_sigma) - 1
        low = min(max(low, 0), self.num_train_timesteps - 2)
        log_low, log_high = self._log_sigmas[low : low + 2]
        fraction = (log_sigma - log_low) / (log_high - log_low)
        return low + min(max(fraction, 0.0), 1.0)

    def alpha_bar_at(self, t: float) -> float:
        """``alpha_bar`` at a possibly fractional ``t``, consistent with ``sigma(t)``."""
        return 1 / (1 + self.sigma(t) ** 2)

    def karras_sigmas(self, steps: int, rho: float = 7.0) -> tuple[float, ...]:
        """``steps`` falling noise levels and a final 0. Karras et al. (2022), eq. 5.

        They span the schedule's whole range, sigma(T - 1) to sigma(0), as in A1111. One step is
        sigma(T - 1) alone.
        """
        assert steps >= 1, f"steps must be at least 1, got {steps}"
        high = self.sigma(self.num_train_timesteps - 1) ** (1 / rho)
        low = self.sigma(0) ** (1 / rho)
        stride = (low - high) / max(steps - 1, 1)
        return (*((high + i * stride) ** rho for i in range(steps)), 0.0)

    def tcd_timesteps(self, steps: int) -> tuple[int, ...]:
        """Falling timesteps of TCD: evenly spread over the grid of its distillation.

        4 steps are 999, 759, 499, 259. Up to 50 steps this is the default of diffusers'
        ``TCDScheduler``, which refuses more; beyond, the steps are spread over all T timesteps,
        its ``original_inference_steps=T``.
        """
        total = self.num_train_timesteps
        assert 1 <= steps <= total, f"steps must be in 1..{total}, got {steps}"
        grid = TCD_TRAINING_STEPS if steps <= TCD_TRAINING_STEPS else total
        return tuple((grid - i * grid // steps) * (total // grid) - 1 for i in range(steps))

    def trailing_timesteps(self, steps: int) -> tuple[int, ...]:
        """Falling timesteps that start at T - 1: 4 steps are 999, 749, 499, 249.

        Lin et al. (2024), table 2, "trailing": the grid of Hyper-SD's 2, 4 and 8 step files.
        """
        total = self.num_train_timesteps
        assert 1 <= steps <= total, f"steps must be in 1..{total}, got {steps}"
        return tuple(round(total - i * total / steps) - 1 for i in range(steps))
