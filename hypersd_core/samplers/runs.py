"""How a solver is run: with its part of the grid, and with noise from the seeds of the images."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from torch import Tensor

from hypersd_core.samplers.euler import sample_euler
from hypersd_core.samplers.grid import Grid
from hypersd_core.samplers.lcm import sample_lcm
from hypersd_core.samplers.noise import BrownianNoise, NoiseBetween, NoiseLike, StepNoise
from hypersd_core.samplers.schedule import Denoise, NoiseSchedule


class Course(NamedTuple):
    """All that one run goes by; ``Sampler.sample`` says what each is."""

    grid: Grid
    seeds: Sequence[int]
    schedule: NoiseSchedule
    eta: float

    def step_noise(self, x: Tensor) -> StepNoise:
        """Fresh noise for every step that asks for it."""
        return StepNoise(self.seeds, x.shape[1:])

    def brownian_noise(self, x: Tensor) -> BrownianNoise:
        """Noise from one path over all levels of the grid but the final 0."""
        return BrownianNoise(
            self.seeds,
            x.shape[1:],
            sigma_min=self.grid.sigmas[-2],
            sigma_max=self.grid.sigmas[0],
            device=x.device,
            dtype=x.dtype,
        )


Run = Callable[[Denoise, Tensor, Course], Tensor]
"""``run(denoise, x, course)``: clean latents for VP latents ``x`` at the start of the course."""


class _Stepwise(Protocol):
    def __call__(
        self,
        denoise: Denoise,
        x: Tensor,
        *,
        timesteps: Sequence[float],
        schedule: NoiseSchedule,
        eta: float,
        noise: NoiseLike,
    ) -> Tensor: ...


class _Brownian(Protocol):
    def __call__(
        self,
        denoise: Denoise,
        x: Tensor,
        *,
        sigmas: Sequence[float],
        schedule: NoiseSchedule,
        eta: float,
        noise: NoiseBetween,
    ) -> Tensor: ...


def stepwise(sample: _Stepwise) -> Run:
    """Run ``sample`` along timesteps, with fresh noise at each."""

    def run(denoise: Denoise, x: Tensor, course: Course) -> Tensor:
        return sample(
            denoise,
            x,
            timesteps=course.grid.timesteps,
            schedule=course.schedule,
            eta=course.eta,
            noise=course.step_noise(x),
        )

    return run


def brownian(sample: _Brownian) -> Run:
    """Run ``sample`` along sigmas, with noise from one path."""

    def run(denoise: Denoise, x: Tensor, course: Course) -> Tensor:
        return sample(
            denoise,
            x,
            sigmas=course.grid.sigmas,
            schedule=course.schedule,
            eta=course.eta,
            noise=course.brownian_noise(x),
        )

    return run


def run_lcm(denoise: Denoise, x: Tensor, course: Course) -> Tensor:
    """``sample_lcm``, which knows no eta."""
    return sample_lcm(
        denoise,
        x,
        timesteps=course.grid.timesteps,
        schedule=course.schedule,
        noise=course.step_noise(x),
    )


def run_euler(denoise: Denoise, x: Tensor, course: Course) -> Tensor:
    """``sample_euler``, which knows no eta and no noise."""
    return sample_euler(denoise, x, timesteps=course.grid.timesteps, schedule=course.schedule)
