"""DDIM against diffusers, its own equation, and distributions that are known exactly."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from hypersd_core.samplers import Denoise, initial_noise
from hypersd_core.samplers.affine import no_noise
from hypersd_core.samplers.ddim import sample_ddim
from hypersd_core.samplers.noise import StepNoise
from tests.samplers.closed_forms import SCHEDULE, Gaussian, nonlinear
from tests.samplers.diffusers_reference import (
    SD_BETAS,
    DDIMScheduler,
    in_double_precision,
    noise_network,
    sample_with_diffusers,
)

CPU = torch.device("cpu")
SHAPE = (4, 8, 8)
SEEDS = [3, 11]
DIVISORS = [1, 2, 4, 5, 8, 10, 20, 25, 40, 50]  # of T: where diffusers' step goes to the next one


def start() -> Tensor:
    return initial_noise(SEEDS, SHAPE, device=CPU).double()


def sample(timesteps: Sequence[int], *, eta: float, denoise: Denoise = nonlinear) -> Tensor:
    return sample_ddim(
        denoise,
        start(),
        timesteps=timesteps,
        schedule=SCHEDULE,
        eta=eta,
        noise=StepNoise(SEEDS, SHAPE),
    )


def trailing_scheduler() -> Any:
    return DDIMScheduler(
        **SD_BETAS, timestep_spacing="trailing", clip_sample=False, set_alpha_to_one=False
    )


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("steps", DIVISORS)
def test_ddim_matches_diffusers_in_double_precision(steps: int, eta: float) -> None:
    scheduler = in_double_precision(trailing_scheduler())
    scheduler.set_timesteps(steps)
    expected = sample_with_diffusers(
        scheduler, noise_network(nonlinear), start(), seeds=SEEDS, eta=eta
    )
    ours = sample(SCHEDULE.trailing_timesteps(steps), eta=eta)
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("eta", [0.0, 1.0])
@pytest.mark.parametrize("steps", DIVISORS)
def test_ddim_matches_stock_diffusers_in_single_precision(steps: int, eta: float) -> None:
    scheduler = trailing_scheduler()
    scheduler.set_timesteps(steps)
    x = start().float()
    expected = sample_with_diffusers(scheduler, noise_network(nonlinear), x, seeds=SEEDS, eta=eta)
    ours = sample(SCHEDULE.trailing_timesteps(steps), eta=eta)
    assert float((ours - expected).norm() / expected.norm()) < 1e-4


def mend(scheduler: Any) -> None:
    """Make every step of diffusers end where the next begins, not T // n below (issue 11347)."""
    stock_step = scheduler.step

    def step(output: Tensor, t: int, x: Tensor, **options: Any) -> Any:
        timesteps = [*scheduler.timesteps.tolist(), -1]
        stride = t - timesteps[timesteps.index(t) + 1]
        scheduler.register_to_config(num_train_timesteps=stride * scheduler.num_inference_steps)
        return stock_step(output, t, x, **options)

    scheduler.step = step


@pytest.mark.parametrize("eta", [0.0, 0.3])
@pytest.mark.parametrize("steps", range(1, 51))
def test_every_number_of_steps_matches_diffusers_mended(steps: int, eta: float) -> None:
    scheduler = in_double_precision(trailing_scheduler())
    scheduler.set_timesteps(steps)
    mend(scheduler)
    expected = sample_with_diffusers(
        scheduler, noise_network(nonlinear), start(), seeds=SEEDS, eta=eta
    )
    ours = sample(SCHEDULE.trailing_timesteps(steps), eta=eta)
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("timesteps", [(800,), (999, 749, 499, 249), (700, 333, 20)])
def test_without_eta_each_step_is_song_equation_12(timesteps: tuple[int, ...]) -> None:
    expected = start()
    for t, t_next in pairwise((*timesteps, 0)):
        ab, ab_next = SCHEDULE.alpha_bar[t], SCHEDULE.alpha_bar[t_next]
        x0 = nonlinear(expected, float(t))
        eps = (expected - ab.sqrt() * x0) / (1 - ab).sqrt()
        expected = ab_next.sqrt() * x0 + (1 - ab_next).sqrt() * eps
    ours = sample_ddim(
        nonlinear, start(), timesteps=timesteps, schedule=SCHEDULE, eta=0.0, noise=no_noise
    )
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-9)


def test_estimates_outside_one_are_not_clipped() -> None:
    x = start()
    ours = sample((999,), eta=0.0, denoise=lambda x, t: torch.full_like(x, 7.0))
    ab, ab_end = SCHEDULE.alpha_bar[999], SCHEDULE.alpha_bar[0]
    eps = (x - ab.sqrt() * 7) / (1 - ab).sqrt()
    torch.testing.assert_close(ours, ab_end.sqrt() * 7 + (1 - ab_end).sqrt() * eps)


def test_the_last_timestep_itself_can_be_pinned() -> None:
    x = start()
    ours = sample((0,), eta=1.0)
    torch.testing.assert_close(ours, x, rtol=1e-12, atol=1e-12)


def test_many_ancestral_steps_with_a_perfect_diffusion_model_sample_the_data() -> None:
    data, shape = Gaussian(mean=0.7, std=0.5), (1, 200, 200)
    samples = sample_ddim(
        data.posterior_mean,
        data.noised(initial_noise([5], shape, device=CPU).double(), 999),
        timesteps=SCHEDULE.trailing_timesteps(500),
        schedule=SCHEDULE,
        eta=1.0,
        noise=StepNoise([5], shape),
    )
    assert float(samples.mean()) == pytest.approx(0.7, abs=0.01)
    assert float(samples.std()) == pytest.approx(0.5, rel=0.015)


def test_the_deterministic_error_falls_with_the_first_power_of_the_steps() -> None:
    data = Gaussian(mean=0.7, std=0.5)
    x = data.noised(start(), 999)
    exact = data.flow(x, 999, 0)

    def error(steps: int) -> float:
        ours = sample_ddim(
            data.posterior_mean,
            x,
            timesteps=SCHEDULE.trailing_timesteps(steps),
            schedule=SCHEDULE,
            eta=0.0,
            noise=no_noise,
        )
        return float((ours - exact).norm())

    assert error(100) / error(200) == pytest.approx(2, rel=0.2)


def test_one_step_lands_on_the_cleanest_timestep_of_training() -> None:
    """That is diffusers' set_alpha_to_one off: a trace of 3 % of the predicted noise stays."""
    data = Gaussian(mean=0.7, std=0.5)
    x = data.noised(start(), 999)
    ours = sample_ddim(
        data.consistency(t_end=0), x, timesteps=(999,), schedule=SCHEDULE, eta=0.0, noise=no_noise
    )
    torch.testing.assert_close(ours, data.flow(x, 999, 0), rtol=1e-9, atol=1e-9)
    assert math.sqrt(1 - SCHEDULE.alpha_bar_at(0)) == pytest.approx(0.029, abs=0.001)
