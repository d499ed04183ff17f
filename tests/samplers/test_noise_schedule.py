"""The schedule and its grids, against diffusers, k-diffusion and published values."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hypersd_core.samplers import NoiseSchedule
from tests.samplers.diffusers_reference import (
    SD_BETAS,
    DDIMScheduler,
    EulerDiscreteScheduler,
    TCDScheduler,
)
from tests.samplers.k_diffusion_reference import sampling

SCHEDULE = NoiseSchedule.scaled_linear()


def test_alpha_bar_is_diffusers_scaled_linear() -> None:
    reference = DDIMScheduler(**SD_BETAS).alphas_cumprod
    assert SCHEDULE.alpha_bar.shape == (1000,)
    torch.testing.assert_close(SCHEDULE.alpha_bar, reference.double(), rtol=1e-5, atol=0)


def test_from_betas_accumulates() -> None:
    schedule = NoiseSchedule.from_betas(torch.tensor([0.1, 0.2, 0.5]))
    torch.testing.assert_close(
        schedule.alpha_bar, torch.tensor([0.9, 0.72, 0.36], dtype=torch.float64), rtol=1e-7, atol=0
    )


def test_single_precision_is_refused() -> None:
    with pytest.raises(AssertionError, match="float64"):
        NoiseSchedule(torch.tensor([0.9, 0.5]))


@pytest.mark.parametrize(("t", "sigma"), [(0, 0.0292), (399, 1.161), (800, 5.111), (999, 14.615)])
def test_sigma_has_the_known_values(t: int, sigma: float) -> None:
    assert SCHEDULE.sigma(t) == pytest.approx(sigma, rel=2e-3)


@pytest.mark.parametrize("t", [0, 1, 500, 998, 999])
def test_alpha_bar_at_whole_timesteps_is_the_table(t: int) -> None:
    assert SCHEDULE.alpha_bar_at(t) == pytest.approx(float(SCHEDULE.alpha_bar[t]), rel=1e-12)


@settings(deadline=None)
@given(st.floats(0, 999))
def test_timestep_inverts_sigma(t: float) -> None:
    assert SCHEDULE.timestep(SCHEDULE.sigma(t)) == pytest.approx(t, abs=1e-9)


def test_fractional_timesteps_are_linear_in_log_sigma() -> None:
    expected = math.sqrt(SCHEDULE.sigma(700) * SCHEDULE.sigma(701))
    assert SCHEDULE.sigma(700.5) == pytest.approx(expected, rel=1e-12)


def test_levels_outside_the_range_get_the_nearest_end() -> None:
    assert SCHEDULE.timestep(1e-6) == 0
    assert SCHEDULE.timestep(1e6) == 999


@pytest.mark.parametrize("steps", [1, 2, 4, 8, 30])
def test_karras_sigmas_match_k_diffusion(steps: int) -> None:
    reference = sampling.get_sigmas_karras(steps, SCHEDULE.sigma(0), SCHEDULE.sigma(999))
    assert SCHEDULE.karras_sigmas(steps) == pytest.approx(reference.tolist(), rel=1e-5)


def test_one_karras_step_starts_at_full_noise() -> None:
    assert SCHEDULE.karras_sigmas(1) == pytest.approx((SCHEDULE.sigma(999), 0.0))


def test_four_karras_steps_fall_on_the_known_timesteps() -> None:
    timesteps = [SCHEDULE.timestep(sigma) for sigma in SCHEDULE.karras_sigmas(4)[:-1]]
    assert timesteps == pytest.approx([999, 687.2, 145.9, 0], abs=0.05)


def test_consistency_timesteps_match_diffusers() -> None:
    scheduler = TCDScheduler()
    for steps in range(1, 51):
        scheduler.set_timesteps(steps)
        assert SCHEDULE.consistency_timesteps(steps) == tuple(scheduler.timesteps.tolist())


@pytest.mark.parametrize("steps", [51, 64, 100, 200, 1000])
def test_consistency_timesteps_beyond_the_training_grid_use_every_timestep(steps: int) -> None:
    scheduler = TCDScheduler()
    scheduler.set_timesteps(steps, original_inference_steps=1000)
    assert SCHEDULE.consistency_timesteps(steps) == tuple(scheduler.timesteps.tolist())


def test_consistency_timesteps_have_the_published_values() -> None:
    assert SCHEDULE.consistency_timesteps(4) == (999, 759, 499, 259)
    assert SCHEDULE.consistency_timesteps(8) == (999, 879, 759, 639, 499, 379, 259, 139)


def test_trailing_timesteps_match_diffusers() -> None:
    scheduler = DDIMScheduler(timestep_spacing="trailing")
    for steps in range(1, 51):
        scheduler.set_timesteps(steps)
        assert SCHEDULE.trailing_timesteps(steps) == tuple(scheduler.timesteps.tolist())


@settings(deadline=None)
@given(st.integers(1, 1000))
def test_grids_fall_strictly_from_the_noisiest_timestep(steps: int) -> None:
    for grid in (SCHEDULE.consistency_timesteps(steps), SCHEDULE.trailing_timesteps(steps)):
        assert len(grid) == steps
        assert grid[0] == 999
        assert grid[-1] >= 0
        assert all(earlier > later for earlier, later in pairwise(grid))


@pytest.mark.parametrize(
    "grid", ["karras_sigmas", "uniform_timesteps", "consistency_timesteps", "trailing_timesteps"]
)
def test_no_steps_is_our_own_mistake(grid: str) -> None:
    with pytest.raises(AssertionError, match="steps"):
        getattr(SCHEDULE, grid)(0)


@pytest.mark.parametrize("steps", [1, 2, 4, 7, 50])
def test_uniform_timesteps_leave_out_the_last_of_an_even_grid(steps: int) -> None:
    """A1111's SGM Uniform: numpy's linspace of one point more, without its end."""
    expected = torch.linspace(999, 0, steps + 1, dtype=torch.float64)[:-1].tolist()
    assert SCHEDULE.uniform_timesteps(steps) == pytest.approx(expected, abs=1e-9)


def test_grids_can_start_lower() -> None:
    assert SCHEDULE.trailing_timesteps(2, start=299) == (299, 149)
    assert SCHEDULE.consistency_timesteps(2, start=299) == (299, 159)
    assert SCHEDULE.uniform_timesteps(2, start=299) == (299, 149.5)
    sigmas = SCHEDULE.karras_sigmas(3, start=299)
    assert sigmas[0] == pytest.approx(SCHEDULE.sigma(299), rel=1e-12)
    assert sigmas[2:] == pytest.approx((SCHEDULE.sigma(0), 0.0), rel=1e-12)


def test_more_steps_than_timesteps_are_our_own_mistake() -> None:
    with pytest.raises(AssertionError, match=r"1\.\.10"):
        SCHEDULE.trailing_timesteps(11, start=9)
    with pytest.raises(AssertionError, match=r"1\.\.2"):
        SCHEDULE.consistency_timesteps(3, start=39)


def test_zero_terminal_snr_is_diffusers() -> None:
    reference = EulerDiscreteScheduler(**SD_BETAS, rescale_betas_zero_snr=True).alphas_cumprod
    rescaled = SCHEDULE.rescaled_to_zero_terminal_snr().alpha_bar
    torch.testing.assert_close(rescaled, reference.double(), rtol=2e-4, atol=0)
    torch.testing.assert_close(rescaled, reference.double(), rtol=0, atol=1e-6)


def test_zero_terminal_snr_keeps_the_cleanest_and_ends_in_a_finite_sigma() -> None:
    rescaled = SCHEDULE.rescaled_to_zero_terminal_snr()
    assert rescaled.sigma(0) == pytest.approx(SCHEDULE.sigma(0), rel=1e-12)
    assert rescaled.sigma(999) == pytest.approx(4096, rel=1e-6)
    assert rescaled.timestep(rescaled.sigma(998.5)) == pytest.approx(998.5, abs=1e-9)
    assert all(a > b for a, b in pairwise(rescaled.alpha_bar.tolist()))


def test_zero_terminal_snr_scales_the_square_roots_linearly() -> None:
    """Lin et al. (2024), algorithm 1: differences of sqrt(alpha_bar) keep their proportions."""
    before = SCHEDULE.alpha_bar.sqrt()
    after = SCHEDULE.rescaled_to_zero_terminal_snr().alpha_bar.sqrt()
    share = (before[300] - before[700]) / (before[0] - before[999])
    assert float((after[300] - after[700]) / after[0]) == pytest.approx(float(share), rel=1e-9)
