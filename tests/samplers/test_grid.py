"""Where runs begin and how long they are: strengths, pinned timesteps, starts from a picture."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hypersd_core.samplers import SAMPLERS, NoiseSchedule, initial_noise, start_latents
from hypersd_core.sampling import SAMPLING_METHODS, model_calls
from tests.samplers.closed_forms import SCHEDULE

CPU = torch.device("cpu")
TRAILING, CONSISTENCY = ["ddim", "euler", "euler_a"], ["tcd", "lcm"]
KARRAS, UNIFORM = ["dpmpp_sde", "dpmpp_2m_sde"], ["dpmpp_sde_uniform", "dpmpp_2m_sde_uniform"]
DMD2 = (999, 749, 499, 249)


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 8, 13, 50])
def test_strength_1_is_the_usual_grid(steps: int) -> None:
    karras, uniform = SCHEDULE.karras_sigmas(steps), SCHEDULE.uniform_timesteps(steps)
    for name in TRAILING:
        assert SAMPLERS[name].grid(SCHEDULE, steps).timesteps == SCHEDULE.trailing_timesteps(steps)
    for name in CONSISTENCY:
        grid = SAMPLERS[name].grid(SCHEDULE, steps)
        assert grid.timesteps == SCHEDULE.consistency_timesteps(steps)
    for name in KARRAS:
        assert SAMPLERS[name].grid(SCHEDULE, steps, strength=1.0).sigmas == karras
    for name in UNIFORM:
        assert SAMPLERS[name].grid(SCHEDULE, steps, strength=1.0).timesteps == uniform


@pytest.mark.parametrize(
    ("strength", "timesteps"),
    [(0.3, (299, 149)), (0.5, (499, 249)), (0.75, (749, 499, 249)), (1.0, (999, 749, 499, 249))],
)
@pytest.mark.parametrize("name", TRAILING)
def test_a_strength_at_4_steps_starts_inside_the_trailing_grid(
    name: str, strength: float, timesteps: tuple[int, ...]
) -> None:
    grid = SAMPLERS[name].grid(SCHEDULE, 4, strength=strength)
    assert grid.timesteps == timesteps
    assert (grid.steps, grid.start_t) == (len(timesteps), timesteps[0])


@pytest.mark.parametrize(
    ("strength", "timesteps"),
    [(0.3, (299, 159)), (0.5, (499, 259)), (0.75, (759, 519, 259)), (0.001, (19,))],
)
@pytest.mark.parametrize("name", CONSISTENCY)
def test_consistency_models_start_on_their_own_grid(
    name: str, strength: float, timesteps: tuple[int, ...]
) -> None:
    assert SAMPLERS[name].grid(SCHEDULE, 4, strength=strength).timesteps == timesteps


@pytest.mark.parametrize(("strength", "steps"), [(0.3, 2), (0.5, 2), (0.51, 3), (0.7, 3)])
@pytest.mark.parametrize("name", KARRAS)
def test_karras_grids_span_the_start_to_the_cleanest(
    name: str, strength: float, steps: int
) -> None:
    grid = SAMPLERS[name].grid(SCHEDULE, 4, strength=strength)
    assert grid.steps == steps
    assert grid.start_t == pytest.approx(1000 * strength - 1, abs=1e-9)
    assert grid.sigmas[0] == pytest.approx(SCHEDULE.sigma(1000 * strength - 1), rel=1e-12)
    assert grid.sigmas[-2:] == pytest.approx((SCHEDULE.sigma(0), 0.0), rel=1e-9)


@pytest.mark.parametrize("name", UNIFORM)
def test_uniform_grids_are_even_from_the_start_down(name: str) -> None:
    grid = SAMPLERS[name].grid(SCHEDULE, 8, strength=0.5)
    assert grid.timesteps == pytest.approx((499, 374.25, 249.5, 124.75))


@pytest.mark.parametrize(
    ("pinned", "strength", "timesteps"),
    [
        (DMD2, 1.0, DMD2),
        (DMD2, 0.75, (749, 499, 249)),
        (DMD2, 0.5, (499, 249)),
        (DMD2, 0.3, (249,)),
        (DMD2, 0.4, (499, 249)),
        (DMD2, 0.01, (249,)),
        ((800,), 1.0, (800,)),
        ((800,), 0.3, (800,)),
        ((800,), 0.001, (800,)),
        ((399,), 1.0, (399,)),
    ],
)
@pytest.mark.parametrize("name", SAMPLERS)
def test_pinned_timesteps_are_run_from_the_one_nearest_to_the_strength(
    name: str, pinned: tuple[int, ...], strength: float, timesteps: tuple[int, ...]
) -> None:
    grid = SAMPLERS[name].grid(SCHEDULE, len(pinned), strength=strength, timesteps=pinned)
    assert grid.timesteps == timesteps
    assert grid.sigmas == (*map(SCHEDULE.sigma, timesteps), 0.0)


@settings(deadline=None)
@given(st.sampled_from(sorted(SAMPLERS)), st.integers(1, 50), st.floats(1e-9, 1))
def test_every_strength_gives_a_grid_that_falls_strictly_from_about_it(
    name: str, steps: int, strength: float
) -> None:
    grid = SAMPLERS[name].grid(SCHEDULE, steps, strength=strength)
    assert grid.steps == max(1, math.ceil(steps * strength - 1e-9))
    assert grid.timesteps[-1] >= 0
    assert grid.start_t <= 999
    spacing = 1000 / SAMPLING_METHODS[name].levels
    assert abs(grid.start_t - max(0, 1000 * strength - 1)) <= spacing + 1e-6
    assert all(a > b for a, b in pairwise(grid.timesteps))
    assert all(a > b for a, b in pairwise(grid.sigmas))
    assert len(grid.sigmas) == grid.steps + 1
    assert grid.sigmas[-1] == 0


@pytest.mark.parametrize("strength", [0.01, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 4, 8, 50])
@pytest.mark.parametrize("name", SAMPLERS)
def test_the_model_calls_that_are_announced_are_those_of_the_grid(
    name: str, steps: int, strength: float
) -> None:
    grid = SAMPLERS[name].grid(SCHEDULE, steps, strength=strength)
    per_step = 2 if name.startswith("dpmpp_sde") else 1
    assert model_calls(name, steps, strength=strength) == per_step * (grid.steps - 1) + 1


@pytest.mark.parametrize("strength", [0.0, -0.1, 1.01, math.nan])
def test_a_strength_that_runs_nothing_is_our_own_mistake(strength: float) -> None:
    with pytest.raises(AssertionError, match="strength"):
        SAMPLERS["ddim"].grid(SCHEDULE, 4, strength=strength)


def test_pinned_timesteps_of_another_number_are_our_own_mistake() -> None:
    with pytest.raises(AssertionError, match="4 steps, but 1 timesteps"):
        SAMPLERS["lcm"].grid(SCHEDULE, 4, timesteps=[800])


def test_a_schedule_of_another_length_is_our_own_mistake() -> None:
    with pytest.raises(AssertionError, match="500 timesteps"):
        SAMPLERS["ddim"].grid(NoiseSchedule.scaled_linear(num_train_timesteps=500), 4)


@pytest.mark.parametrize("strength", [0.3, 0.75, 1.0])
@pytest.mark.parametrize("name", SAMPLERS)
def test_a_picture_is_noised_to_the_level_at_which_the_run_begins(
    name: str, strength: float
) -> None:
    noise = initial_noise([1, 2], (4, 3, 3), device=CPU).double()
    clean = torch.full_like(noise, 0.8)
    grid = SAMPLERS[name].grid(SCHEDULE, 4, strength=strength)
    alpha_bar = SCHEDULE.alpha_bar[round(grid.start_t)]
    expected = alpha_bar.sqrt() * clean + (1 - alpha_bar).sqrt() * noise
    torch.testing.assert_close(start_latents(noise, grid, clean), expected, rtol=1e-9, atol=1e-9)
    one = start_latents(noise, grid, clean[:1])
    torch.testing.assert_close(one, expected, rtol=1e-9, atol=1e-9)


def test_without_a_picture_consistency_models_and_ddim_start_from_unit_noise() -> None:
    noise = initial_noise([1, 2], (4, 3, 3), device=CPU)
    for name in ("ddim", "tcd", "lcm"):
        grid = SAMPLERS[name].grid(SCHEDULE, 1, timesteps=[800])
        assert torch.equal(start_latents(noise, grid), noise)


def test_without_a_picture_the_others_start_from_noise_of_their_first_level() -> None:
    noise = initial_noise([1, 2], (4, 3, 3), device=CPU).double()
    for name in TRAILING[1:] + KARRAS + UNIFORM:
        for pinned, t in ((None, 999), ([800], 800)):
            grid = SAMPLERS[name].grid(SCHEDULE, 1, timesteps=pinned or ())
            expected = noise * (1 - SCHEDULE.alpha_bar[t]).sqrt()
            torch.testing.assert_close(start_latents(noise, grid), expected, rtol=1e-9, atol=1e-9)
