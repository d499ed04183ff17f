"""LCM against diffusers, its boundary condition, and a distribution that is known exactly."""

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from hypersd_core.samplers import Denoise, initial_noise
from hypersd_core.samplers.affine import no_noise
from hypersd_core.samplers.lcm import sample_lcm
from hypersd_core.samplers.noise import StepNoise
from tests.samplers.closed_forms import SCHEDULE, Gaussian, nonlinear
from tests.samplers.diffusers_reference import (
    SD_BETAS,
    LCMScheduler,
    in_double_precision,
    noise_network,
    sample_with_diffusers,
)

CPU = torch.device("cpu")
SHAPE = (4, 8, 8)
SEEDS = [3, 11]
PINNED = [(800,), (399,), (999, 749, 499, 249), (999, 500, 3)]


def start() -> Tensor:
    return initial_noise(SEEDS, SHAPE, device=CPU).double()


def sample(timesteps: Sequence[int], x: Tensor) -> Tensor:
    return sample_lcm(
        nonlinear, x, timesteps=timesteps, schedule=SCHEDULE, noise=StepNoise(SEEDS, SHAPE)
    )


@pytest.mark.parametrize("steps", range(1, 51))
def test_lcm_matches_diffusers_in_double_precision(steps: int) -> None:
    scheduler = in_double_precision(LCMScheduler(**SD_BETAS))
    scheduler.set_timesteps(steps)
    expected = sample_with_diffusers(scheduler, noise_network(nonlinear), start(), seeds=SEEDS)
    ours = sample(SCHEDULE.consistency_timesteps(steps), start())
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("timesteps", PINNED)
def test_pinned_timesteps_match_diffusers_in_double_precision(timesteps: tuple[int, ...]) -> None:
    scheduler = in_double_precision(LCMScheduler(**SD_BETAS))
    scheduler.set_timesteps(timesteps=list(timesteps))
    expected = sample_with_diffusers(scheduler, noise_network(nonlinear), start(), seeds=SEEDS)
    torch.testing.assert_close(sample(timesteps, start()), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("steps", [1, 2, 4, 8, 50])
def test_lcm_matches_stock_diffusers_in_single_precision(steps: int) -> None:
    scheduler = LCMScheduler(**SD_BETAS)
    scheduler.set_timesteps(steps)
    x = start().float()
    expected = sample_with_diffusers(scheduler, noise_network(nonlinear), x, seeds=SEEDS)
    ours = sample(SCHEDULE.consistency_timesteps(steps), x)
    assert float((ours - expected).norm() / expected.norm()) < 1e-4


@pytest.mark.parametrize("t", [800, 399, 999])
def test_one_step_is_the_clean_estimate(t: int) -> None:
    """c_out is 1 to 2e-9 at t = 800, and c_skip 4e-9: Hyper-SD's one-step UNet needs no more."""
    x = start()
    ours = sample_lcm(nonlinear, x, timesteps=(t,), schedule=SCHEDULE, noise=no_noise)
    torch.testing.assert_close(ours, nonlinear(x, float(t)), rtol=1e-7, atol=1e-7)


def test_at_timestep_0_nothing_changes() -> None:
    x = start()
    ours = sample_lcm(nonlinear, x, timesteps=(0,), schedule=SCHEDULE, noise=no_noise)
    assert torch.equal(ours, x)


@pytest.mark.parametrize("timesteps", [(800,), (999, 749, 499, 249)])
def test_lcm_asks_at_exactly_the_pinned_timesteps(timesteps: tuple[int, ...]) -> None:
    asked: list[float] = []

    def denoise(x: Tensor, t: float) -> Tensor:
        asked.append(t)
        return nonlinear(x, t)

    sample_lcm(
        denoise, start(), timesteps=timesteps, schedule=SCHEDULE, noise=StepNoise(SEEDS, SHAPE)
    )
    assert asked == list(timesteps)


def perfect_consistency(data: Gaussian) -> Denoise:
    """Follow the probability flow all the way to clean data."""

    def denoise(x: Tensor, t: float) -> Tensor:
        alpha = math.sqrt(SCHEDULE.alpha_bar_at(t))
        return data.mean + data.std / data.spread_at(t) * (x - alpha * data.mean)

    return denoise


@pytest.mark.parametrize("timesteps", [(800,), (999, 749, 499, 249), tuple(range(999, 0, -40))])
def test_a_perfect_consistency_model_samples_the_data_in_any_number_of_steps(
    timesteps: tuple[int, ...],
) -> None:
    data, shape = Gaussian(mean=0.7, std=0.5), (1, 200, 200)
    samples = sample_lcm(
        perfect_consistency(data),
        data.noised(initial_noise([5], shape, device=CPU).double(), timesteps[0]),
        timesteps=timesteps,
        schedule=SCHEDULE,
        noise=StepNoise([5], shape),
    )
    assert float(samples.mean()) == pytest.approx(0.7, abs=0.01)
    assert float(samples.std()) == pytest.approx(0.5, rel=0.015)
