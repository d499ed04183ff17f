"""The grid of a run: where its steps stand, its model calls, and the latents it starts from."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from hypersd_core.samplers.schedule import NoiseSchedule


class Levels(NamedTuple):
    """Where each step begins, noisiest first: its timestep, its sigma; after these the final 0."""

    timesteps: tuple[float, ...]
    sigmas: tuple[float, ...]


Spacing = Callable[[NoiseSchedule, int, int], Levels]
"""``spacing(schedule, steps, start)``: that many steps, the first at timestep ``start``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The steps of one run, noisiest first.

    ``timesteps``: where each step begins. ``sigmas``: their noise levels, and the final 0.
    ``noise_scale``: what unit noise is multiplied with to start from noise alone, a convention of
    each sampler.
    """

    timesteps: tuple[float, ...]
    sigmas: tuple[float, ...]
    noise_scale: float

    @property
    def steps(self) -> int:
        """How many steps are really taken."""
        return len(self.timesteps)

    @property
    def start_t(self) -> float:
        """The timestep at which the run begins."""
        return self.timesteps[0]


def start_latents(noise: Tensor, grid: Grid, clean: Tensor | None = None) -> Tensor:
    """VP latents (B, C, h, w) at the start of ``grid``, from unit ``noise`` of that shape.

    ``clean`` is the picture to start from, of the same shape or one for the whole batch: it becomes
    ``sqrt(alpha_bar) clean + sqrt(1 - alpha_bar) noise``. Without it the noise is all there is.
    """
    if clean is None:
        return noise * grid.noise_scale
    sigma = grid.sigmas[0]
    return clean * (1 / math.hypot(1, sigma)) + noise * noise_share(sigma)


def noise_share(sigma: float) -> float:
    """``sqrt(1 - alpha_bar)``: the noise in VP latents of this level."""
    return sigma / math.hypot(1, sigma)


def pinned(schedule: NoiseSchedule, timesteps: Sequence[float]) -> Levels:
    """Exactly these ``timesteps``."""
    return Levels(tuple(timesteps), (*map(schedule.sigma, timesteps), 0.0))


def trailing(schedule: NoiseSchedule, steps: int, start: int) -> Levels:
    """``NoiseSchedule.trailing_timesteps``."""
    return pinned(schedule, schedule.trailing_timesteps(steps, start=start))


def consistency(schedule: NoiseSchedule, steps: int, start: int) -> Levels:
    """``NoiseSchedule.consistency_timesteps``."""
    return pinned(schedule, schedule.consistency_timesteps(steps, start=start))


def karras(schedule: NoiseSchedule, steps: int, start: int) -> Levels:
    """``NoiseSchedule.karras_sigmas``."""
    sigmas = schedule.karras_sigmas(steps, start=start)
    return Levels(tuple(map(schedule.timestep, sigmas[:-1])), sigmas)


def uniform(schedule: NoiseSchedule, steps: int, start: int) -> Levels:
    """``NoiseSchedule.uniform_timesteps``."""
    return pinned(schedule, schedule.uniform_timesteps(steps, start=start))
