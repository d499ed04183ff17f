"""DPM++ SDE against k-diffusion, diffusers, and distributions that are known exactly."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from hypersd_core.samplers import initial_noise
from hypersd_core.samplers.dpmpp_sde import sample_dpmpp_sde
from hypersd_core.samplers.noise import BrownianNoise
from tests.samplers.closed_forms import SCHEDULE, Gaussian, nonlinear
from tests.samplers.diffusers_reference import SD_BETAS, DPMSolverSDEScheduler
from tests.samplers.k_diffusion_reference import k_denoise, sampling

CPU = torch.device("cpu")
SHAPE = (4, 8, 8)
SEEDS = [3, 2**32 - 1]

pytestmark = [
    # diffusers 0.42 calls np.array on tensors, which numpy 2.4 wants to see spelt otherwise.
    pytest.mark.filterwarnings(
        "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
    ),
    # Both references ask torchsde at points that rounding put beyond the ends of its range.
    pytest.mark.filterwarnings("ignore:Should have t[ab]:UserWarning"),
]


def start(sigma: float) -> Tensor:
    """k-diffusion's initial latents in VP scaling."""
    unit = initial_noise(SEEDS, SHAPE, device=CPU).double()
    return unit * sigma / math.hypot(1, sigma)


def brownian(sigmas: Sequence[float], seeds: list[int] = SEEDS) -> BrownianNoise:
    return BrownianNoise(
        seeds,
        SHAPE,
        sigma_min=sigmas[-2],
        sigma_max=sigmas[0],
        device=CPU,
        dtype=torch.float64,
    )


def no_noise(sigma: float, sigma_next: float) -> Tensor:
    raise AssertionError("this run must not draw noise")


def uniform_sigmas(steps: int) -> tuple[float, ...]:
    return (*map(SCHEDULE.sigma, SCHEDULE.uniform_timesteps(steps)), 0.0)


SPACINGS = {"karras": SCHEDULE.karras_sigmas, "uniform": uniform_sigmas}


@pytest.mark.parametrize("steps", range(1, 51))
@pytest.mark.parametrize("spacing", SPACINGS)
def test_every_number_of_steps_is_k_diffusions(spacing: str, steps: int) -> None:
    sigmas = SPACINGS[spacing](steps)
    generator = torch.Generator().manual_seed(1)
    draws = torch.randn(2 * steps, len(SEEDS), *SHAPE, generator=generator, dtype=torch.float64)
    ours_noise, their_noise = iter(draws), iter(draws)
    ours = sample_dpmpp_sde(
        nonlinear,
        start(sigmas[0]),
        sigmas=sigmas,
        schedule=SCHEDULE,
        noise=lambda *_: next(ours_noise),
    )
    expected = sampling.sample_dpmpp_sde(
        k_denoise,
        start(sigmas[0]) * math.hypot(1, sigmas[0]),
        torch.tensor(sigmas, dtype=torch.float64),
        disable=True,
        noise_sampler=lambda *_: next(their_noise),
    )
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("eta", "s_noise"), [(1.0, 1.0), (0.0, 1.0), (0.4, 1.0), (1.0, 1.003)])
@pytest.mark.parametrize("steps", [1, 2, 4, 8])
def test_the_solver_is_k_diffusions(steps: int, eta: float, s_noise: float) -> None:
    sigmas = SCHEDULE.karras_sigmas(steps)
    ours = sample_dpmpp_sde(
        nonlinear,
        start(sigmas[0]),
        sigmas=sigmas,
        schedule=SCHEDULE,
        noise=brownian(sigmas),
        eta=eta,
        s_noise=s_noise,
    )
    noise = brownian(sigmas)
    expected = sampling.sample_dpmpp_sde(
        k_denoise,
        start(sigmas[0]) * math.hypot(1, sigmas[0]),
        torch.tensor(sigmas, dtype=torch.float64),
        disable=True,
        eta=eta,
        s_noise=s_noise,
        noise_sampler=lambda sigma, sigma_next: noise(float(sigma), float(sigma_next)),
    )
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("steps", [1, 2, 4, 8])
def test_the_whole_sampler_is_k_diffusions(steps: int) -> None:
    """Also its noise and sigmas, all in single precision as A1111 runs it.

    The tolerance is the tree's: a sigma that is off by 1e-6 moves its path by about 1e-3.
    """
    sigmas = SCHEDULE.karras_sigmas(steps)
    ours = sample_dpmpp_sde(
        nonlinear, start(sigmas[0]), sigmas=sigmas, schedule=SCHEDULE, noise=brownian(sigmas)
    )
    theirs = sampling.get_sigmas_karras(steps, SCHEDULE.sigma(0), SCHEDULE.sigma(999))
    x = (start(sigmas[0]) * math.hypot(1, sigmas[0])).float()
    expected = sampling.sample_dpmpp_sde(
        k_denoise,
        x,
        theirs,
        disable=True,
        noise_sampler=sampling.BrownianTreeNoiseSampler(
            x, theirs[theirs > 0].min(), theirs.max(), seed=SEEDS
        ),
    )
    assert float((ours - expected).norm() / expected.norm()) < 5e-3


def sample_with_diffusers(
    x: Tensor, *, steps: int, noise: Callable[[Tensor, Tensor], Tensor] | None = None
) -> Tensor:
    """Run the scheduler from unit noise ``x``; with ``noise`` instead of its own Brownian path."""
    scheduler: Any = DPMSolverSDEScheduler(
        **SD_BETAS,
        use_karras_sigmas=True,
        timestep_spacing="linspace",
        noise_sampler_seed=SEEDS,
    )
    scheduler.set_timesteps(steps)
    scheduler.noise_sampler = noise
    x = x * scheduler.init_noise_sigma
    for t in scheduler.timesteps:
        vp = scheduler.scale_model_input(x, t)
        alpha_bar = SCHEDULE.alpha_bar_at(float(t))
        eps = (vp - math.sqrt(alpha_bar) * nonlinear(vp, float(t))) / math.sqrt(1 - alpha_bar)
        x = scheduler.step(eps, t, x).prev_sample
    return x


# One step is left out: diffusers then starts at sigma(0) = 0.03 instead of sigma(999) = 14.6.
@pytest.mark.parametrize("steps", [2, 4, 8])
def test_the_solver_is_diffusers(steps: int) -> None:
    generator = torch.Generator().manual_seed(1)
    draws = [torch.randn(len(SEEDS), *SHAPE, generator=generator) for _ in range(2 * steps - 2)]
    sigmas = SCHEDULE.karras_sigmas(steps)
    ours_noise, their_noise = iter(draws), iter(draws)
    ours = sample_dpmpp_sde(
        nonlinear,
        start(sigmas[0]),
        sigmas=sigmas,
        schedule=SCHEDULE,
        noise=lambda *_: next(ours_noise),
    )
    x = initial_noise(SEEDS, SHAPE, device=CPU)
    expected = sample_with_diffusers(x, steps=steps, noise=lambda *_: next(their_noise))
    assert float((ours - expected).norm() / expected.norm()) < 1e-4


@pytest.mark.parametrize("steps", [2, 4, 8])
def test_the_whole_sampler_is_diffusers(steps: int) -> None:
    sigmas = SCHEDULE.karras_sigmas(steps)
    ours = sample_dpmpp_sde(
        nonlinear, start(sigmas[0]), sigmas=sigmas, schedule=SCHEDULE, noise=brownian(sigmas)
    )
    expected = sample_with_diffusers(initial_noise(SEEDS, SHAPE, device=CPU), steps=steps)
    assert float((ours - expected).norm() / expected.norm()) < 5e-3


def test_one_step_is_the_models_own_estimate() -> None:
    sigmas = SCHEDULE.karras_sigmas(1)
    x = start(sigmas[0])
    ours = sample_dpmpp_sde(nonlinear, x, sigmas=sigmas, schedule=SCHEDULE, noise=no_noise)
    torch.testing.assert_close(ours, nonlinear(x, 999.0), rtol=1e-12, atol=1e-12)


def test_without_eta_no_noise_is_drawn() -> None:
    sigmas = SCHEDULE.karras_sigmas(4)
    ours = sample_dpmpp_sde(
        nonlinear, start(sigmas[0]), sigmas=sigmas, schedule=SCHEDULE, noise=no_noise, eta=0.0
    )
    assert bool(ours.isfinite().all())


def test_four_steps_ask_at_the_known_timesteps() -> None:
    asked: list[float] = []

    def denoise(x: Tensor, t: float) -> Tensor:
        asked.append(t)
        return nonlinear(x, t)

    sigmas = SCHEDULE.karras_sigmas(4)
    sample_dpmpp_sde(
        denoise, start(sigmas[0]), sigmas=sigmas, schedule=SCHEDULE, noise=brownian(sigmas)
    )
    assert asked == pytest.approx([999, 860.1, 687.2, 406.6, 145.9, 13.7, 0], abs=0.05)
    assert all(type(t) is float for t in asked)


def test_sigmas_that_do_not_end_clean_are_our_own_mistake() -> None:
    with pytest.raises(AssertionError, match="end at 0"):
        sample_dpmpp_sde(
            nonlinear, start(14.0), sigmas=(14.0, 1.0), schedule=SCHEDULE, noise=no_noise
        )


@pytest.mark.parametrize("eta", [0.5, 1.0])
def test_many_steps_with_a_perfect_diffusion_model_sample_the_data(eta: float) -> None:
    data = Gaussian(mean=0.7, std=0.5)
    shape = (1, 120, 120)
    sigmas = SCHEDULE.karras_sigmas(25)
    noise = BrownianNoise(
        [5], shape, sigma_min=sigmas[-2], sigma_max=sigmas[0], device=CPU, dtype=torch.float64
    )
    samples = sample_dpmpp_sde(
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
    """Down to the last noise level, where the final Euler step leaves the trajectory."""
    data = Gaussian(mean=0.7, std=0.5)
    x = data.noised(initial_noise(SEEDS, SHAPE, device=CPU).double(), 999)
    end = data.flow(x, 999, 0)

    def error(steps: int) -> float:
        ours = sample_dpmpp_sde(
            data.posterior_mean,
            x,
            sigmas=SCHEDULE.karras_sigmas(steps),
            schedule=SCHEDULE,
            noise=no_noise,
            eta=0.0,
        )
        return float((ours - data.posterior_mean(end, 0)).norm())

    assert error(20) / error(40) == pytest.approx(4, rel=0.25)
