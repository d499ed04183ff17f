"""A request is checked once, with sentences for the person who made it; all values go to JSON."""

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypersd_core.errors import InvalidRequest
from hypersd_core.prompt import LoraTag
from hypersd_core.request import (
    MAX_PROMPT_CHARS,
    MAX_SEED,
    MAX_SIDE_PX,
    MIN_SIDE_PX,
    Emphasis,
    GenerationRequest,
    Hires,
    Origin,
    Source,
    Variation,
)
from tests.any_request import REQUESTS, make_request

RANGES = {
    "steps": (1, 50),
    "guidance": (0, 30),
    "eta": (0, 1),
    "seed": (0, 4_294_967_295),
    "count": (1, 4),
    "enlarge": (1, 8),
    "width": (MIN_SIDE_PX, MAX_SIDE_PX),
    "height": (MIN_SIDE_PX, MAX_SIDE_PX),
}


@pytest.mark.parametrize(("name", "allowed"), RANGES.items())
def test_both_ends_of_a_range_are_allowed(name: str, allowed: tuple[int, int]) -> None:
    for value in allowed:
        assert getattr(make_request(**{name: value}), name) == value


@pytest.mark.parametrize(("name", "allowed"), RANGES.items())
@pytest.mark.parametrize("wrong", ["below", "above", "nan", "inf"])
def test_a_value_out_of_range_is_refused_with_what_is_allowed(
    name: str, allowed: tuple[int, int], wrong: str
) -> None:
    least, most = allowed
    value = {"below": least - 1, "above": most + 1, "nan": math.nan, "inf": math.inf}[wrong]
    with pytest.raises(InvalidRequest) as refused:
        make_request(**{name: value})
    assert str(refused.value) == f"{name} must be from {least:,} to {most:,}, got {value}."


@pytest.mark.parametrize("name", ["width", "height"])
def test_a_side_that_does_not_fit_the_model_is_refused_with_one_that_does(name: str) -> None:
    with pytest.raises(
        InvalidRequest, match=rf"^{name} must be divisible by 8, got 100: try 96\.$"
    ):
        make_request(**{name: 100})


@pytest.mark.parametrize("prompt", ["", " ", "\n\t"])
def test_an_empty_prompt_is_refused(prompt: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^The prompt is empty: say what to draw\.$"):
        make_request(prompt=prompt)


@pytest.mark.parametrize(("field", "name"), [("prompt", "prompt"), ("negative", "negative prompt")])
def test_a_long_text_is_refused_with_its_length(field: str, name: str) -> None:
    make_request(**{field: "x" * MAX_PROMPT_CHARS})
    with pytest.raises(
        InvalidRequest, match=rf"^The {name} has 2,001 characters; at most 2,000 are allowed\.$"
    ):
        make_request(**{field: "x" * (MAX_PROMPT_CHARS + 1)})


@pytest.mark.parametrize("field", ["prompt", "negative"])
@pytest.mark.parametrize("half", ["\ud800", "a lady \udcff", "\udfff狐"])
def test_half_a_character_is_refused_as_no_file_could_hold_it(field: str, half: str) -> None:
    with pytest.raises(InvalidRequest, match=r"is not valid text: write it as UTF-8\.$"):
        make_request(**{field: half})


def test_an_unknown_sampler_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        InvalidRequest, match=r"^There is no sampler 'magic'; there are ddim, tcd, lcm, euler, "
    ):
        make_request(sampler="magic")


def test_each_picture_has_the_next_seed_and_the_last_is_followed_by_0() -> None:
    assert make_request(seed=5, count=3).seeds == (5, 6, 7)
    assert make_request(seed=MAX_SEED - 1, count=4).seeds == (MAX_SEED - 1, MAX_SEED, 0, 1)


@given(REQUESTS)
def test_a_request_survives_json(request_: GenerationRequest) -> None:
    text = json.dumps(request_.to_json(), allow_nan=False)
    assert GenerationRequest.from_json(json.loads(text)) == request_


@given(REQUESTS)
def test_the_seeds_of_a_request_are_seeds_and_differ(request_: GenerationRequest) -> None:
    assert len(set(request_.seeds)) == request_.count
    for seed in request_.seeds:
        make_request(seed=seed)


SNOWFLAKES = st.integers(0, 2**63 - 1)
ORIGINS = st.builds(
    Origin,
    user_id=SNOWFLAKES,
    guild_id=st.none() | SNOWFLAKES,
    channel_id=SNOWFLAKES,
    private=st.booleans(),
    application_id=SNOWFLAKES,
    token=st.text(),
    token_expires_at=st.datetimes(timezones=st.just(UTC)),
    locale=st.sampled_from(["en-US", "zh-CN", "de"]),
)


@given(ORIGINS)
def test_an_origin_survives_json(origin: Origin) -> None:
    assert Origin.from_json(json.loads(json.dumps(origin.to_json()))) == origin


def test_an_origin_keeps_its_time_zone_and_microseconds() -> None:
    expires_at = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
    origin = Origin(
        user_id=1,
        guild_id=None,
        channel_id=2,
        application_id=3,
        token="t",
        token_expires_at=expires_at,
    )
    values: dict[str, Any] = origin.to_json()
    assert values["token_expires_at"] == "2026-01-02T03:04:05.000678+00:00"
    assert Origin.from_json(values).token_expires_at == expires_at


def test_what_else_is_drawn_from_goes_to_json_and_back() -> None:
    request = make_request(
        steps=2,
        timesteps=(999, 499),
        loras=(LoraTag(name="style", weight=0.5, text_weight=1.0),),
        variation=Variation(seed=5, strength=0.1),
        source=Source(picture="p", strength=0.5, mask="m"),
        hires=Hires(scale=2, strength=0.4),
        emphasis=Emphasis.NO_NORM,
        notes=("a note",),
    )
    again = GenerationRequest.from_json(json.loads(json.dumps(request.to_json())))
    assert again == request
    assert again.emphasis is Emphasis.NO_NORM


def test_a_request_stored_before_loras_were_known_is_still_read() -> None:
    new = {"timesteps", "loras", "vae", "emphasis", "clip_skip", "tiling", "variation", "source",
           "hires", "notes"}  # fmt: skip
    stored = {key: value for key, value in make_request().to_json().items() if key not in new}
    assert GenerationRequest.from_json(stored) == make_request()


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "too few timesteps": ({"steps": 2, "timesteps": (999,)}, "2 steps need as many timesteps"),
    "timestep too large": ({"steps": 1, "timesteps": (1000,)}, "a timestep must be from 0 to 999"),
    "timesteps that rise": (
        {"steps": 2, "timesteps": (499, 999)},
        "Timesteps must fall, got [499, 999].",
    ),
    "too many LoRAs": (
        {"loras": tuple(LoraTag(name=f"l{i}") for i in range(9))},
        "9 LoRAs are asked for; at most 8 are allowed.",
    ),
    "LoRA too strong": (
        {"loras": (LoraTag(name="style", weight=5),)},
        "the weight of style must be from -4 to 4, got 5.",
    ),
    "hires too large": (
        {"width": 1024, "hires": Hires(scale=4, strength=0.5)},
        "the width after the hires pass must be from 32 to 2,048, got 4096.",
    ),
    "hires that leaves the size": (
        {"width": 64, "height": 64, "hires": Hires(scale=1.05, strength=0.5)},
        "hires scale must make a picture of 64x64 larger by 8 pixels, got 1.05.",
    ),
    "clip skip": ({"clip_skip": 0}, "clip skip must be from 1 to 4, got 0."),
}


@pytest.mark.parametrize("name", WRONG)
def test_values_that_do_not_go_together_are_refused_in_words(name: str) -> None:
    changes, sentence = WRONG[name]
    with pytest.raises(InvalidRequest) as refused:
        make_request(**changes)
    assert sentence in str(refused.value)


@pytest.mark.parametrize("scale", [0, 1, 1.04, 4.1, math.nan])
def test_a_hires_pass_enlarges(scale: float) -> None:
    with pytest.raises(InvalidRequest, match=r"^hires scale must be from 1\.05 to 4, got "):
        Hires(scale=scale, strength=0.5)


@pytest.mark.parametrize("strength", [-0.1, 1.1, math.nan])
def test_strengths_are_shares(strength: float) -> None:
    for make in (
        lambda: Source(picture="p", strength=strength),
        lambda: Hires(scale=2, strength=strength),
        lambda: Variation(seed=1, strength=strength),
    ):
        with pytest.raises(InvalidRequest, match="strength must be from 0 to 1"):
            make()
