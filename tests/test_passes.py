"""A request as runs of the sampler: how many, how large, how often the model is asked."""

import pytest

from hypersd_core.passes import Pass, megapixel_calls, passes, total_model_calls
from hypersd_core.request import Hires, Source
from tests.any_request import make_request

FROM_PICTURE = Source(picture="p", strength=0.5)


def test_words_alone_take_one_whole_pass() -> None:
    [only] = passes(make_request(steps=4))
    assert only == Pass(sampler="dpmpp_sde", width=64, height=72, steps=4, strength=1.0)


def test_a_picture_to_start_from_shortens_the_pass() -> None:
    request = make_request(sampler="ddim", steps=4, source=FROM_PICTURE)
    assert [run.strength for run in passes(request)] == [0.5]
    assert total_model_calls(request) == 2


def test_a_hires_pass_has_the_final_size_and_its_own_steps() -> None:
    request = make_request(steps=4, hires=Hires(scale=1.5, strength=0.4, steps=2))
    assert request.final_size == (96, 112)  # a multiple of 8
    assert passes(request)[1] == Pass(
        sampler="dpmpp_sde", width=96, height=112, steps=2, strength=0.4
    )


def test_pinned_timesteps_hold_for_a_hires_pass_of_as_many_steps_alone() -> None:
    pinned = {"sampler": "lcm", "steps": 2, "timesteps": (999, 499)}
    same = make_request(**pinned, hires=Hires(scale=2, strength=0.5))
    other = make_request(**pinned, hires=Hires(scale=2, strength=0.5, steps=3))
    assert [run.timesteps for run in passes(same)] == [(999, 499), (999, 499)]
    assert [run.timesteps for run in passes(other)] == [(999, 499), ()]


@pytest.mark.parametrize(("sampler", "calls"), [("ddim", 4), ("dpmpp_sde", 7)])
def test_calls_of_every_pass_are_counted(sampler: str, calls: int) -> None:
    request = make_request(sampler=sampler, steps=4, hires=Hires(scale=2, strength=1))
    assert total_model_calls(request) == 2 * calls
    assert megapixel_calls(request) == pytest.approx(calls * 64 * 72 * (1 + 4) / 1e6)


def test_strength_zero_asks_the_model_for_nothing() -> None:
    request = make_request(source=Source(picture="p", strength=0))
    assert passes(request) == ()
    assert total_model_calls(request) == megapixel_calls(request) == 0


def test_a_hires_pass_follows_a_picture_that_is_kept_as_it_is() -> None:
    request = make_request(
        source=Source(picture="p", strength=0), hires=Hires(scale=2, strength=0.5)
    )
    assert [run.width for run in passes(request)] == [128]
