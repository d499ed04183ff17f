"""Euler and Euler ancestral against k-diffusion, diffusers, and distributions known exactly."""

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from hypersd_core.samplers import Denoise, initial_noise
from hypersd_core.samplers.affine import no_noise
from hypersd_core.samplers.ddim import sample_ddim
from hypersd_core.samplers.euler import sample_euler
from hypersd_core.samplers.euler_a import sample_euler_ancestral
from hypersd_core.samplers.noise import StepNoise
from tests.samplers.closed_forms import SCHEDULE, Gaussian, nonlinear
from tests.samplers.diffusers_reference import (
    SD_BETAS,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    noise_network,
    sample_with_diffusers,
)
from tests.samplers.k_diffusion_reference import k_denoise, sampling

CPU = torch.device("cpu")
SHAPE = (4, 8, 8)
SEEDS = [3, 11]
STEPS = range(1, 51)

# diffusers 0.42 calls np.array on tensors, which numpy 2.4 wants to see spelt otherwise.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)


def unit_noise() -> Tensor:
    return initial_noise(SEEDS, SHAPE, device=CPU).double()


def start(t: float = 999) -> Tensor:
    """The initial latents of k-diffusion and diffusers, in VP scaling."""
    return unit_noise() * math.sqrt(1 - SCHEDULE.alpha_bar_at(t))


def in_k_scaling(x: Tensor, t: float) -> Tensor:
    return x * math.hypot(1, SCHEDULE.sigma(t))


def levels(timesteps: Sequence[int]) -> Tensor:
    return torch.tensor([*map(SCHEDULE.sigma, timesteps), 0], dtype=torch.float64)


def ancestral(timesteps: Sequence[int], *, eta: float, denoise: Denoise = nonlinear) -> Tensor:
    return sample_euler_ancestral(
        denoise,
        start(timesteps[0]),
        timesteps=timesteps,
        schedule=SCHEDULE,
        eta=eta,
        noise=StepNoise(SEEDS, SHAPE),
    )


@pytest.mark.parametrize("steps", STEPS)
def test_euler_is_k_diffusions(steps: int) -> None:
    timesteps = SCHEDULE.trailing_timesteps(steps)
    ours = sample_euler(nonlinear, start(), timesteps=timesteps, schedule=SCHEDULE)
    expected = sampling.sample_euler(
        k_denoise, in_k_scaling(start(), 999), levels(timesteps), disable=True
    )
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("eta", [0.4, 1.0])
@pytest.mark.parametrize("steps", STEPS)
def test_euler_ancestral_is_k_diffusions(steps: int, eta: float) -> None:
    timesteps = SCHEDULE.trailing_timesteps(steps)
    x, noise = in_k_scaling(start(), 999), StepNoise(SEEDS, SHAPE)
    expected = sampling.sample_euler_ancestral(
        k_denoise, x, levels(timesteps), disable=True, eta=eta, noise_sampler=lambda *_: noise(x)
    )
    torch.testing.assert_close(ancestral(timesteps, eta=eta), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("steps", STEPS)
def test_euler_matches_diffusers(steps: int) -> None:
    """It computes in float32, whatever it is given."""
    scheduler = EulerDiscreteScheduler(**SD_BETAS, timestep_spacing="trailing")
    scheduler.set_timesteps(steps)
    expected = sample_with_diffusers(scheduler, noise_network(nonlinear), unit_noise(), seeds=SEEDS)
    timesteps = SCHEDULE.trailing_timesteps(steps)
    ours = sample_euler(nonlinear, start(), timesteps=timesteps, schedule=SCHEDULE)
    assert float((ours - expected).norm() / expected.norm()) < 2e-5


@pytest.mark.parametrize("steps", STEPS)
def test_euler_ancestral_matches_diffusers(steps: int) -> None:
    """It computes in float32, whatever it is given."""
    scheduler = EulerAncestralDiscreteScheduler(**SD_BETAS, timestep_spacing="trailing")
    scheduler.set_timesteps(steps)
    expected = sample_with_diffusers(scheduler, noise_network(nonlinear), unit_noise(), seeds=SEEDS)
    ours = ancestral(SCHEDULE.trailing_timesteps(steps), eta=1.0)
    assert float((ours - expected).norm() / expected.norm()) < 2e-5


@pytest.mark.parametrize("t", [999, 800])
def test_one_step_is_the_clean_estimate(t: int) -> None:
    x = start(t)
    expected = nonlinear(x, float(t))
    ours = sample_euler(nonlinear, x, timesteps=(t,), schedule=SCHEDULE)
    torch.testing.assert_close(ours, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ancestral((t,), eta=1.0), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("steps", [2, 4, 8, 50])
def test_euler_and_ddim_differ_in_the_last_step_alone(steps: int) -> None:
    timesteps = SCHEDULE.trailing_timesteps(steps)
    seen: list[Tensor] = []

    def denoise(x: Tensor, t: float) -> Tensor:
        seen.append(x)
        return nonlinear(x, t)

    euler = sample_euler(denoise, start(), timesteps=timesteps, schedule=SCHEDULE)
    ddim = sample_ddim(
        denoise, start(), timesteps=timesteps, schedule=SCHEDULE, eta=0.0, noise=no_noise
    )
    torch.testing.assert_close(seen[:steps], seen[steps:], rtol=1e-9, atol=1e-9)
    assert not torch.allclose(euler, ddim, atol=1e-3)


def test_without_eta_euler_ancestral_is_euler() -> None:
    timesteps = SCHEDULE.trailing_timesteps(8)
    euler = sample_euler(nonlinear, start(), timesteps=timesteps, schedule=SCHEDULE)
    ours = sample_euler_ancestral(
        nonlinear, start(), timesteps=timesteps, schedule=SCHEDULE, eta=0.0, noise=no_noise
    )
    assert torch.equal(ours, euler)


def test_the_error_of_euler_falls_with_the_first_power_of_the_steps() -> None:
    """Down to the last noise level, where the final step leaves the trajectory."""
    data = Gaussian(mean=0.7, std=0.5)
    x = data.noised(unit_noise(), 999)
    end = data.posterior_mean(data.flow(x, 999, 9), 9)

    def error(steps: int) -> float:
        timesteps = [*SCHEDULE.trailing_timesteps(steps)[:-1], 9]
        ours = sample_euler(data.posterior_mean, x, timesteps=timesteps, schedule=SCHEDULE)
        return float((ours - end).norm())

    assert error(50) / error(100) == pytest.approx(2, rel=0.2)


@pytest.mark.parametrize("eta", [0.5, 1.0])
def test_many_ancestral_steps_with_a_perfect_diffusion_model_sample_the_data(eta: float) -> None:
    data, shape = Gaussian(mean=0.7, std=0.5), (1, 200, 200)
    samples = sample_euler_ancestral(
        data.posterior_mean,
        data.noised(initial_noise([5], shape, device=CPU).double(), 999),
        timesteps=SCHEDULE.trailing_timesteps(500),
        schedule=SCHEDULE,
        eta=eta,
        noise=StepNoise([5], shape),
    )
    assert float(samples.mean()) == pytest.approx(0.7, abs=0.01)
    assert float(samples.std()) == pytest.approx(0.5, rel=0.025)
