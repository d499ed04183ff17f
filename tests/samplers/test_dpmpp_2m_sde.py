"""DPM++ 2M SDE against k-diffusion, diffusers, and distributions that are known exactly."""

import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from hypersd_core.samplers import Denoise, initial_noise
from hypersd_core.samplers.dpmpp_2m_sde import sample_dpmpp_2m_sde
from hypersd_core.samplers.noise import BrownianNoise, NoiseBetween
from tests.samplers.closed_forms import SCHEDULE, Gaussian, nonlinear
from tests.samplers.diffusers_reference import (
    SD_BETAS,
    DPMSolverMultistepScheduler,
)
from tests.samplers.k_diffusion_reference import k_denoise, sampling

CPU = torch.device("cpu")
SHAPE = (4, 8, 8)
SEEDS = [3, 2**32 - 1]

pytestmark = [
    # diffusers 0.42 calls np.array on tensors, which numpy 2.4 wants to see spelt otherwise.
    pytest.mark.filterwarnings(
        "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
    ),
    # k-diffusion asks torchsde at points that rounding put beyond the ends of its range.
    pytest.mark.filterwarnings("ignore:Should have t[ab]:UserWarning"),
]


def uniform_sigmas(steps: int) -> tuple[float, ...]:
    return (*map(SCHEDULE.sigma, SCHEDULE.uniform_timesteps(steps)), 0.0)


SPACINGS = {"karras": SCHEDULE.karras_sigmas, "uniform": uniform_sigmas}


def start(sigma: float) -> Tensor:
    """k-diffusion's initial latents in VP scaling."""
    unit = initial_noise(SEEDS, SHAPE, device=CPU).double()
    return unit * sigma / math.hypot(1, sigma)


def brownian(sigmas: Sequence[float]) -> BrownianNoise:
    return BrownianNoise(
        SEEDS,
        SHAPE,
        sigma_min=sigmas[-2],
        sigma_max=sigmas[0],
        device=CPU,
        dtype=torch.float64,
    )


def no_noise_between(sigma: float, sigma_next: float) -> Tensor:
    raise AssertionError("this run must not draw noise")


def sample(
    sigmas: Sequence[float],
    *,
    noise: NoiseBetween,
    denoise: Denoise = nonlinear,
    eta: float = 1.0,
    s_noise: float = 1.0,
) -> Tensor:
    return sample_dpmpp_2m_sde(
        denoise,
        start(sigmas[0]),
        sigmas=sigmas,
        schedule=SCHEDULE,
        noise=noise,
        eta=eta,
        s_noise=s_noise,
    )


# One step is left out: k-diffusion's own ends in UnboundLocalError there.
@pytest.mark.parametrize(
    ("eta", "s_noise", "steps"),
    [
        *((1.0, 1.0, steps) for steps in range(2, 51)),
        *((eta, s_noise, 8) for eta, s_noise in [(0.0, 1.0), (0.4, 1.0), (1.0, 1.003)]),
    ],
)
@pytest.mark.parametrize("spacing", SPACINGS)
def test_the_solver_is_k_diffusions(spacing: str, steps: int, eta: float, s_noise: float) -> None:
    sigmas = SPACINGS[spacing](steps)
    generator = torch.Generator().manual_seed(1)
    draws = torch.randn(steps, len(SEEDS), *SHAPE, generator=generator, dtype=torch.float64)
    ours_noise, their_noise = iter(draws), iter(draws)
    ours = sample(sigmas, noise=lambda *_: next(ours_noise), eta=eta, s_noise=s_noise)
    expected = sampling.sample_dpmpp_2m_sde(
        k_denoise,
        start(sigmas[0]) * math.hypot(1, sigmas[0]),
        torch.tensor(sigmas, dtype=torch.float64),
        disable=True,
        eta=eta,
        s_noise=s_noise,
        noise_sampler=lambda *_: next(their_noise),
    )
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("steps", [2, 4, 8, 50])
@pytest.mark.parametrize("spacing", SPACINGS)
def test_the_whole_sampler_is_k_diffusions(spacing: str, steps: int) -> None:
    """Also its noise, all of it in double precision."""
    sigmas = SPACINGS[spacing](steps)
    x = start(sigmas[0]) * math.hypot(1, sigmas[0])
    theirs = torch.tensor(sigmas, dtype=torch.float64)
    expected = sampling.sample_dpmpp_2m_sde(
        k_denoise,
        x,
        theirs,
        disable=True,
        noise_sampler=sampling.BrownianTreeNoiseSampler(
            x.float(), theirs[-2], theirs[0], seed=SEEDS
        ),
    )
    ours = sample(sigmas, noise=brownian(sigmas))
    assert float((ours - expected).norm() / expected.norm()) < 1e-4


# At one step diffusers' Karras grid starts at sigma(0) = 0.03 instead of sigma(999) = 14.6.
@pytest.mark.parametrize("steps", [2, 4, 8, 14, 15, 30])
def test_the_solver_is_diffusers(steps: int) -> None:
    """Its timesteps are rounded, so the network that both ask depends on the sigma alone."""
    generator = torch.Generator().manual_seed(1)
    draws = torch.randn(steps, len(SEEDS), *SHAPE, generator=generator, dtype=torch.float64)
    scheduler: Any = DPMSolverMultistepScheduler(
        **SD_BETAS, algorithm_type="sde-dpmsolver++", use_karras_sigmas=True
    )
    scheduler.set_timesteps(steps)
    x = initial_noise(SEEDS, SHAPE, device=CPU).double() * float(scheduler.init_noise_sigma)
    for t, sigma, noise in zip(scheduler.timesteps, scheduler.sigmas, draws, strict=False):
        x0 = nonlinear(x, 500.0)
        signal, spread = 1 / math.hypot(1, sigma), sigma / math.hypot(1, sigma)
        eps = (x - signal * x0) / spread
        x = scheduler.step(eps, t, x, variance_noise=noise).prev_sample
    ours_noise = iter(draws)
    sigmas = SCHEDULE.karras_sigmas(steps)
    ours = sample_dpmpp_2m_sde(
        lambda x, _: nonlinear(x, 500.0),
        initial_noise(SEEDS, SHAPE, device=CPU).double(),
        sigmas=sigmas,
        schedule=SCHEDULE,
        noise=lambda *_: next(ours_noise),
    )
    assert float((ours - x).norm() / x.norm()) < 1e-4


@pytest.mark.parametrize("spacing", SPACINGS)
def test_one_step_is_the_clean_estimate(spacing: str) -> None:
    sigmas = SPACINGS[spacing](1)
    ours = sample(sigmas, noise=no_noise_between)
    expected = nonlinear(start(sigmas[0]), 999.0)
    torch.testing.assert_close(ours, expected, rtol=1e-12, atol=1e-12)


def test_without_eta_no_noise_is_drawn() -> None:
    ours = sample(SCHEDULE.karras_sigmas(4), noise=no_noise_between, eta=0.0)
    assert bool(ours.isfinite().all())


@pytest.mark.parametrize("steps", [1, 2, 4, 50])
def test_the_model_is_asked_once_a_step(steps: int) -> None:
    asked: list[float] = []

    def denoise(x: Tensor, t: float) -> Tensor:
        asked.append(t)
        return nonlinear(x, t)

    sample(uniform_sigmas(steps), noise=no_noise_between, denoise=denoise, eta=0.0)
    assert asked == pytest.approx(SCHEDULE.uniform_timesteps(steps), abs=1e-9)


def test_sigmas_that_do_not_end_clean_are_our_own_mistake() -> None:
    with pytest.raises(AssertionError, match="end at 0"):
        sample((14.0, 1.0), noise=no_noise_between)


@pytest.mark.parametrize("eta", [0.5, 1.0])
def test_many_steps_with_a_perfect_diffusion_model_sample_the_data(eta: float) -> None:
    data, shape = Gaussian(mean=0.7, std=0.5), (1, 120, 120)
    sigmas = SCHEDULE.karras_sigmas(50)
    noise = BrownianNoise(
        [5], shape, sigma_min=sigmas[-2], sigma_max=sigmas[0], device=CPU, dtype=torch.float64
    )
    samples = sample_dpmpp_2m_sde(
        data.posterior_mean,
        data.noised(initial_noise([5], shape, device=CPU).double(), 999),
        sigmas=sigmas,
        schedule=SCHEDULE,
        noise=noise,
        eta=eta,
    )
    assert float(samples.mean()) == pytest.approx(0.7, abs=0.015)
    assert float(samples.std()) == pytest.approx(0.5, rel=0.03)


def test_the_deterministic_error_falls_with_the_second_power_of_the_steps() -> None:
    """Down to the last noise level, where the final step leaves the trajectory."""
    data = Gaussian(mean=0.7, std=0.5)
    x = data.noised(initial_noise(SEEDS, SHAPE, device=CPU).double(), 999)
    end = data.posterior_mean(data.flow(x, 999, 0), 0)

    def error(steps: int) -> float:
        ours = sample_dpmpp_2m_sde(
            data.posterior_mean,
            x,
            sigmas=SCHEDULE.karras_sigmas(steps),
            schedule=SCHEDULE,
            noise=no_noise_between,
            eta=0.0,
        )
        return float((ours - end).norm())

    assert error(25) / error(50) == pytest.approx(4, rel=0.25)
