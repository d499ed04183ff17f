"""The table of sampling methods, and what a strength means: all without torch."""

import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypersd_core.samplers import SAMPLERS
from hypersd_core.sampling import (
    SAMPLING_METHODS,
    describe_strength,
    model_calls,
    start_at,
)


def test_every_sampling_method_has_its_sampler() -> None:
    assert list(SAMPLERS) == list(SAMPLING_METHODS)
    assert all(name == sampler.name for name, sampler in SAMPLERS.items())


def test_labels_are_a1111s_words() -> None:
    labels = {name: (row.label, row.schedule_label) for name, row in SAMPLING_METHODS.items()}
    assert labels == {
        "ddim": ("DDIM", ""),
        "tcd": ("TCD", ""),
        "lcm": ("LCM", ""),
        "euler": ("Euler", ""),
        "euler_a": ("Euler a", ""),
        "dpmpp_sde": ("DPM++ SDE", "Karras"),
        "dpmpp_sde_uniform": ("DPM++ SDE", "SGM Uniform"),
        "dpmpp_2m_sde": ("DPM++ 2M SDE", "Karras"),
        "dpmpp_2m_sde_uniform": ("DPM++ 2M SDE", "SGM Uniform"),
    }
    assert len({row.full_label for row in SAMPLING_METHODS.values()}) == len(SAMPLING_METHODS)


def test_the_table_needs_no_torch() -> None:
    command = "import sys, hypersd_core.sampling; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", command], check=True)


@pytest.mark.parametrize(("steps", "calls"), [(1, 1), (2, 3), (4, 7), (50, 99)])
def test_dpmpp_sde_asks_twice_a_step_but_for_the_last(steps: int, calls: int) -> None:
    assert model_calls("dpmpp_sde", steps) == model_calls("dpmpp_sde_uniform", steps) == calls
    assert model_calls("dpmpp_2m_sde", steps) == steps


def test_model_calls_count_what_a_strength_leaves() -> None:
    assert model_calls("dpmpp_sde", 4, strength=0.5) == 3
    assert model_calls("ddim", 4, strength=0.5) == 2
    assert model_calls("lcm", 4, strength=0.3, timesteps=(999, 749, 499, 249)) == 1


@pytest.mark.parametrize("steps", [3, 10, 20, 30, 50])
def test_a_strength_that_is_a_whole_number_of_steps_takes_no_step_more(steps: int) -> None:
    """0.7 * 10 is 7.000000000000001 in floating point."""
    for taken in range(1, steps + 1):
        assert start_at("ddim", steps, taken / steps).steps == taken


@given(st.sampled_from(sorted(SAMPLING_METHODS)), st.integers(1, 50))
def test_a_higher_strength_never_starts_cleaner_or_takes_fewer_steps(name: str, steps: int) -> None:
    starts = [start_at(name, steps, strength / 40) for strength in range(1, 41)]
    assert all(a.timestep <= b.timestep and a.steps <= b.steps for a, b in pairwise(starts))


@pytest.mark.parametrize(
    ("sampler", "steps", "strength", "sentence"),
    [
        ("ddim", 4, 0.3, "strength 0.3 at 4 steps starts from 30 % noise and takes 2 of 4 steps"),
        ("ddim", 4, 1, "strength 1 at 4 steps starts from 100 % noise and takes 4 of 4 steps"),
        ("tcd", 4, 0.75, "strength 0.75 at 4 steps starts from 76 % noise and takes 3 of 4 steps"),
        ("euler", 1, 0.5, "strength 0.5 at 1 step starts from 50 % noise and takes 1 of 1 step"),
        (
            "ddim",
            8,
            0.004,
            "strength 0.004 at 8 steps starts from 0.4 % noise and takes 1 of 8 steps",
        ),
        ("ddim", 4, 0, "strength 0 takes no step: the picture stays as it is"),
    ],
)
def test_a_strength_in_plain_words(
    sampler: str, steps: int, strength: float, sentence: str
) -> None:
    assert describe_strength(sampler, steps, strength) == sentence


def test_a_strength_with_pinned_timesteps_says_where_it_snapped() -> None:
    assert describe_strength("lcm", 4, 0.3, (999, 749, 499, 249)) == (
        "strength 0.3 at 4 steps starts from 25 % noise and takes 1 of 4 steps: "
        "the model knows only timesteps 999, 749, 499, 249"
    )
    assert describe_strength("lcm", 1, 0.3, (800,)) == (
        "strength 0.3 at 1 step starts from 80.1 % noise and takes 1 of 1 step: "
        "the model knows only timestep 800, so no strength differs"
    )
