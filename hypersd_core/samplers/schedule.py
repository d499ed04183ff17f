"""The noise schedule, and the conventions that every sampler shares.

- A timestep ``t`` lies in [0, 1000): 0 is almost clean, 999 almost pure noise. Grids are whole
  numbers but for the DPM++ samplers, which also ask for fractions.
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

from hypersd_core.sampling import CONSISTENCY_LEVELS

Denoise = Callable[[Tensor, float], Tensor]
"""``denoise(x, t) -> x0``: the model's clean estimate for VP latents ``x`` at timestep ``t``.

``t`` is a Python float, possibly fractional, the same for the whole batch; ``x0`` has the shape and
dtype of ``x``. Guidance, batching of its two branches and cancelling are the caller's, inside.
"""

_LEAST_ALPHA_BAR = 2.0**-24  # the floor of diffusers: the smallest subnormal of float16


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

    def rescaled_to_zero_terminal_snr(self) -> Self:
        """Return the schedule that ends in pure noise: Lin et al. (2024), algorithm 1.

        ``sqrt(alpha_bar)`` is shifted and scaled so that it is 0 at T - 1 and unchanged at 0; like
        diffusers, the end is then raised to 2^-24, so that its sigma, 4096, stays finite.
        """
        roots = self.alpha_bar.sqrt()
        rescaled = (roots - roots[-1]) * (roots[0] / (roots[0] - roots[-1]))
        return type(self)((rescaled**2).clamp(min=_LEAST_ALPHA_BAR))

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

    def karras_sigmas(
        self, steps: int, *, start: float | None = None, rho: float = 7.0
    ) -> tuple[float, ...]:
        """``steps`` falling noise levels and a final 0. Karras et al. (2022), eq. 5.

        They span sigma(``start``) to sigma(0); without ``start``, which is a timestep, the
        schedule's whole range, as in A1111. One step is the highest level alone.
        """
        assert steps >= 1, f"steps must be at least 1, got {steps}"
        high = self.sigma(self._last if start is None else start) ** (1 / rho)
        low = self.sigma(0) ** (1 / rho)
        stride = (low - high) / max(steps - 1, 1)
        return (*((high + i * stride) ** rho for i in range(steps)), 0.0)

    def uniform_timesteps(self, steps: int, *, start: float | None = None) -> tuple[float, ...]:
        """``steps`` falling timesteps, even strides from ``start`` (T - 1 without it) to 0.

        A1111's "SGM Uniform": 0 itself is left out. 4 steps are 999, 749.25, 499.5, 249.75.
        """
        assert steps >= 1, f"steps must be at least 1, got {steps}"
        high = self._last if start is None else start
        return tuple(high * (1 - i / steps) for i in range(steps))

    def trailing_timesteps(self, steps: int, *, start: int | None = None) -> tuple[int, ...]:
        """Falling timesteps from ``start``, T - 1 without it: 4 steps are 999, 749, 499, 249.

        Lin et al. (2024), table 2, "trailing": the grid of Hyper-SD's 2, 4 and 8 step files.
        """
        span = (self._last if start is None else start) + 1
        assert 1 <= steps <= span, f"steps must be in 1..{span}, got {steps}"
        # Rounded as numpy's arange rounds its stride: 48 steps then break ties as in diffusers.
        stride = (span - span / steps) - span
        return tuple(round(span + i * stride) - 1 for i in range(steps))

    def consistency_timesteps(self, steps: int, *, start: int | None = None) -> tuple[int, ...]:
        """Falling timesteps of TCD and LCM, evenly spread over the grid of their distillation.

        They go from ``start``, a point of that grid, or T - 1 without it: 4 steps are 999, 759,
        499, 259. Up to 50 steps this is the default of diffusers' ``TCDScheduler`` and
        ``LCMScheduler``, which refuse more; beyond, the steps are spread over all T timesteps,
        their ``original_inference_steps=T``.
        """
        total = self.num_train_timesteps
        assert 1 <= steps <= total, f"steps must be in 1..{total}, got {steps}"
        stride = total // CONSISTENCY_LEVELS if steps <= CONSISTENCY_LEVELS else 1
        levels = ((self._last if start is None else start) + 1) // stride
        assert steps <= levels, f"steps must be in 1..{levels}, got {steps}"
        return tuple((levels - i * levels // steps) * stride - 1 for i in range(steps))

    @property
    def _last(self) -> int:
        return self.num_train_timesteps - 1
