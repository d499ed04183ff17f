"""Every solver with its part of the grid, and with noise from the seeds of the images."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from torch import Tensor

from hypersd_core.samplers.ddim import sample_ddim
from hypersd_core.samplers.dpmpp_2m_sde import sample_dpmpp_2m_sde
from hypersd_core.samplers.dpmpp_sde import sample_dpmpp_sde
from hypersd_core.samplers.euler import sample_euler
from hypersd_core.samplers.euler_a import sample_euler_ancestral
from hypersd_core.samplers.grid import Grid
from hypersd_core.samplers.lcm import sample_lcm
from hypersd_core.samplers.noise import BrownianNoise, StepNoise
from hypersd_core.samplers.schedule import Denoise, NoiseSchedule
from hypersd_core.samplers.tcd import sample_tcd


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


def run_ddim(denoise: Denoise, x: Tensor, course: Course) -> Tensor:
    """``sample_ddim``."""
    return sample_ddim(
        denoise,
        x,
        timesteps=course.grid.timesteps,
        schedule=course.schedule,
        eta=course.eta,
        noise=course.step_noise(x),
    )


def run_tcd(denoise: Denoise, x: Tensor, course: Course) -> Tensor:
    """``sample_tcd``."""
    return sample_tcd(
        denoise,
        x,
        timesteps=course.grid.timesteps,
        schedule=course.schedule,
        eta=course.eta,
        noise=course.step_noise(x),
    )


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


def run_euler_ancestral(denoise: Denoise, x: Tensor, course: Course) -> Tensor:
    """``sample_euler_ancestral``."""
    return sample_euler_ancestral(
        denoise,
        x,
        timesteps=course.grid.timesteps,
        schedule=course.schedule,
        eta=course.eta,
        noise=course.step_noise(x),
    )


def run_dpmpp_sde(denoise: Denoise, x: Tensor, course: Course) -> Tensor:
    """``sample_dpmpp_sde``."""
    return sample_dpmpp_sde(
        denoise,
        x,
        sigmas=course.grid.sigmas,
        schedule=course.schedule,
        eta=course.eta,
        noise=course.brownian_noise(x),
    )


def run_dpmpp_2m_sde(denoise: Denoise, x: Tensor, course: Course) -> Tensor:
    """``sample_dpmpp_2m_sde``."""
    return sample_dpmpp_2m_sde(
        denoise,
        x,
        sigmas=course.grid.sigmas,
        schedule=course.schedule,
        eta=course.eta,
        noise=course.brownian_noise(x),
    )
