"""TCD against diffusers, DDIM's closed form, and distributions that are known exactly."""

import math
from itertools import pairwise, product

import pytest
import torch
from torch import Tensor

from hypersd_core.samplers import initial_noise
from hypersd_core.samplers.noise import StepNoise
from hypersd_core.samplers.schedule import Denoise
from hypersd_core.samplers.tcd import sample_tcd
from tests.samplers.closed_forms import SCHEDULE, Gaussian, nonlinear
from tests.samplers.diffusers_reference import (
    SD_BETAS,
    TCDScheduler,
    in_double_precision,
    noise_network,
    sample_with_diffusers,
)

CPU = torch.device("cpu")
SHAPE = (4, 8, 8)
SEEDS = [3, 11]
STEPS = [1, 2, 3, 4, 5, 6, 8, 12, 25, 50]
ANY_STEPS_AND_ETA = [*product((0.3,), range(1, 51)), *product((0.0, 1.0), STEPS)]


def start() -> Tensor:
    return initial_noise(SEEDS, SHAPE, device=CPU).double()


def no_noise(x: Tensor) -> Tensor:
    raise AssertionError("this run must not draw noise")


def constant(x: Tensor, t: float) -> Tensor:
    return torch.full_like(x, 0.4)


@pytest.mark.parametrize(("eta", "steps"), ANY_STEPS_AND_ETA)
def test_tcd_matches_diffusers_in_double_precision(steps: int, eta: float) -> None:
    scheduler = in_double_precision(TCDScheduler(**SD_BETAS))
    scheduler.set_timesteps(steps)
    network = noise_network(nonlinear)
    expected = sample_with_diffusers(scheduler, network, start(), seeds=SEEDS, eta=eta)
    ours = sample_tcd(
        nonlinear,
        start(),
        timesteps=SCHEDULE.consistency_timesteps(steps),
        schedule=SCHEDULE,
        eta=eta,
        noise=StepNoise(SEEDS, SHAPE),
    )
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("steps", [1, 4, 8, 50])
def test_tcd_matches_stock_diffusers_in_single_precision(steps: int, eta: float) -> None:
    scheduler = TCDScheduler(**SD_BETAS)
    scheduler.set_timesteps(steps)
    x = start().float()
    expected = sample_with_diffusers(scheduler, noise_network(nonlinear), x, seeds=SEEDS, eta=eta)
    ours = sample_tcd(
        nonlinear,
        x,
        timesteps=SCHEDULE.consistency_timesteps(steps),
        schedule=SCHEDULE,
        eta=eta,
        noise=StepNoise(SEEDS, SHAPE),
    )
    assert float((ours - expected).norm() / expected.norm()) < 1e-4


@pytest.mark.parametrize("eta", [0.1, 0.2, 0.5, 0.9])
def test_round_timesteps_land_on_the_same_jump_as_in_diffusers(eta: float) -> None:
    timesteps = [999, 800, 500, 250, 100]  # (1 - 0.9) * 500 is 49.99… in double precision
    scheduler = in_double_precision(TCDScheduler(**SD_BETAS))
    scheduler.set_timesteps(timesteps=timesteps)
    network = noise_network(nonlinear)
    expected = sample_with_diffusers(scheduler, network, start(), seeds=SEEDS, eta=eta)
    ours = sample_tcd(
        nonlinear,
        start(),
        timesteps=timesteps,
        schedule=SCHEDULE,
        eta=eta,
        noise=StepNoise(SEEDS, SHAPE),
    )
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("steps", STEPS)
def test_without_eta_tcd_is_ddim(steps: int) -> None:
    x = expected = start()
    timesteps = SCHEDULE.consistency_timesteps(steps)
    for t, t_next in pairwise((*timesteps, 0)):
        ab, ab_next = SCHEDULE.alpha_bar[t], SCHEDULE.alpha_bar[t_next]
        x0 = nonlinear(expected, float(t))
        eps = (expected - ab.sqrt() * x0) / (1 - ab).sqrt()
        expected = ab_next.sqrt() * x0 + (1 - ab_next).sqrt() * eps
    ours = sample_tcd(nonlinear, x, timesteps=timesteps, schedule=SCHEDULE, eta=0.0, noise=no_noise)
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("steps", [1, 2, 4, 8, 50])
def test_a_constant_answer_makes_every_number_of_steps_one_jump(steps: int) -> None:
    x = start()
    ours = sample_tcd(
        constant,
        x,
        timesteps=SCHEDULE.consistency_timesteps(steps),
        schedule=SCHEDULE,
        eta=0.0,
        noise=no_noise,
    )
    ab, ab_end = SCHEDULE.alpha_bar[999], SCHEDULE.alpha_bar[0]
    eps = (x - ab.sqrt() * 0.4) / (1 - ab).sqrt()
    expected = ab_end.sqrt() * 0.4 + (1 - ab_end).sqrt() * eps
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_one_step_draws_no_noise(eta: float) -> None:
    ours = sample_tcd(
        nonlinear, start(), timesteps=(999,), schedule=SCHEDULE, eta=eta, noise=no_noise
    )
    assert ours.shape == start().shape


@pytest.mark.parametrize("steps", STEPS)
def test_tcd_asks_once_per_timestep_and_in_order(steps: int) -> None:
    asked: list[float] = []

    def denoise(x: Tensor, t: float) -> Tensor:
        asked.append(t)
        return nonlinear(x, t)

    timesteps = SCHEDULE.consistency_timesteps(steps)
    sample_tcd(
        denoise,
        start(),
        timesteps=timesteps,
        schedule=SCHEDULE,
        eta=0.3,
        noise=StepNoise(SEEDS, SHAPE),
    )
    assert asked == list(timesteps)
    assert all(type(t) is float for t in asked)


def sample_gaussian(denoise: Denoise, data: Gaussian, *, steps: int, eta: float) -> Tensor:
    shape = (1, 200, 200)
    unit = initial_noise([5], shape, device=CPU).double()
    return sample_tcd(
        denoise,
        data.noised(unit, 999),
        timesteps=SCHEDULE.consistency_timesteps(steps),
        schedule=SCHEDULE,
        eta=eta,
        noise=StepNoise([5], shape),
    )


@pytest.mark.parametrize("steps", [1, 2, 4, 8])
def test_a_perfect_consistency_model_samples_the_data_in_any_number_of_steps(steps: int) -> None:
    data = Gaussian(mean=0.7, std=0.5)
    samples = sample_gaussian(data.consistency(t_end=0), data, steps=steps, eta=1.0)
    alpha_end = math.sqrt(SCHEDULE.alpha_bar_at(0))
    assert float(samples.mean()) == pytest.approx(alpha_end * 0.7, abs=0.01)
    assert float(samples.std()) == pytest.approx(data.spread_at(0), rel=0.015)


def test_many_steps_with_a_perfect_diffusion_model_sample_the_data() -> None:
    data = Gaussian(mean=0.7, std=0.5)
    samples = sample_gaussian(data.posterior_mean, data, steps=500, eta=0.0)
    assert float(samples.mean()) == pytest.approx(0.7, abs=0.01)
    assert float(samples.std()) == pytest.approx(0.5, rel=0.015)


def test_the_deterministic_error_falls_with_the_first_power_of_the_steps() -> None:
    data = Gaussian(mean=0.7, std=0.5)
    x = data.noised(start(), 999)
    exact = data.flow(x, 999, 0)

    def error(steps: int) -> float:
        ours = sample_tcd(
            data.posterior_mean,
            x,
            timesteps=SCHEDULE.consistency_timesteps(steps),
            schedule=SCHEDULE,
            eta=0.0,
            noise=no_noise,
        )
        return float((ours - exact).norm())

    assert error(100) / error(200) == pytest.approx(2, rel=0.2)
