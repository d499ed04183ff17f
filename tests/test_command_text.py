"""Requests as text to type: what is typed again is the same request, and the rest is named."""

import dataclasses
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from hypersd_core.command_text import _FLAGS, as_command, command_of
from hypersd_core.compose import compose
from hypersd_core.describe import describe
from hypersd_core.encode import PictureFormat, encode_picture
from hypersd_core.errors import InvalidPicture
from hypersd_core.expansion import expand
from hypersd_core.flags import FLAG_NAMES, PromptFlags
from hypersd_core.models import Family, Kind
from hypersd_core.prompt import LoraTag
from hypersd_core.request import (
    Emphasis,
    GenerationRequest,
    Hires,
    Source,
    Variation,
)
from hypersd_core.wishes import NOISE, Start
from tests.any_request import REQUESTS, make_request
from tests.model_shelf import make_library, make_recipe, model_file

NAMES = ("tiny", "a b", 'say "hi"', "it's", "x,", "{a,b}", "__m__", "--no", "狐狸", "(", "a\"b'c")
PROMPTS = (
    "a fox", "a {red,blue} fox", "__hair__ of {prompt}", "a fox — red", "(x:1.2), [a|b] BREAK c",
    "--no hat", "a (", "a <lora:x:1>", " a ", "a,", r"\{a\,b\} \__c__", "Steps: 4, Sampler: x, ",
)  # fmt: skip
LIBRARY = make_library(
    *(
        model_file(name, kind, family, folder=Path("/nowhere") / kind)
        for kind, family in (
            (Kind.CHECKPOINT, Family.SD15),
            (Kind.LORA, Family.SD15),
            (Kind.VAE, Family.SD15),
            (Kind.UPSCALER, None),
        )
        for name in NAMES
    ),
    recipes=(
        make_recipe(
            family=Family.SD15, kinds=(Kind.CHECKPOINT,), names=(), files=(), vae="x,", clip_skip=2
        ),
    ),
)
HIRES = st.builds(
    Hires,
    scale=st.just(1.5),
    strength=st.floats(0, 1),
    steps=st.integers(0, 9),
    upscaler=st.sampled_from(["latent", "lanczos", "tiny"]),
)
TYPICAL = st.builds(
    replace,
    REQUESTS.filter(lambda request: max(request.width, request.height) <= 1024),
    prompt=st.sampled_from(PROMPTS),
    negative=st.sampled_from(["", *PROMPTS]),
    model=st.sampled_from(NAMES),
    loras=st.lists(
        st.builds(
            LoraTag,
            name=st.sampled_from(NAMES),
            weight=st.floats(-4, 4),
            text_weight=st.floats(-4, 4),
        ),
        max_size=2,
    ).map(tuple),
    vae=st.sampled_from(["", *NAMES]),
    hires=st.none() | HIRES,
)


def again(request: GenerationRequest) -> tuple[GenerationRequest, set[str]]:
    """What typing it comes to, with the recipe of its model; and the fields that are not said."""
    command = as_command(request)
    (text,) = expand(command.text, {}, seed=1, most=1).texts
    start = NOISE
    if request.source is not None:
        start = Start(picture=request.source.picture, mask=request.source.mask, size=(64, 64))
    options = PromptFlags(recipe="own")
    return compose(text, options, LIBRARY, start=start).request, set(command.unsaid)


@settings(deadline=None)
@given(TYPICAL | REQUESTS.map(lambda request: replace(request, model="tiny", loras=(), vae="")))
def test_a_request_that_is_typed_again_is_the_same_but_for_what_is_named(
    request: GenerationRequest,
) -> None:
    refusable = {"prompt", "loras"} & set(as_command(request).unsaid)
    if refusable or (request.source is not None and not request.source.picture):
        return
    drawn, unsaid = again(request)
    said = {field.name for field in dataclasses.fields(request)} - unsaid - {"notes"}
    assert {name: getattr(drawn, name) for name in said} == {
        name: getattr(request, name) for name in said
    }


def test_a_whole_request_is_typed_as_one_would() -> None:
    request = make_request(
        prompt="a {red,blue} fox",
        negative="hat, scarf",
        loras=(LoraTag(name="it's", weight=0.8, text_weight=0.5),),
        vae="a b",
        emphasis=Emphasis.NO_NORM,
        clip_skip=2,
        tiling=True,
        count=2,
        variation=Variation(seed=9, strength=0.25),
        hires=Hires(scale=1.5, strength=0.5, steps=3, upscaler="lanczos"),
    )
    command = as_command(request)
    assert command.unsaid == {}
    assert command.text == (
        r"a \{red,blue\} fox <lora:it's:0.5:0.8> --steps 4 --guidance 2 --sampler dpmpp_sde "
        '--size 64x72 --seed 123 --count 2 --eta 1 --no hat, scarf --model tiny --vae "a b" '
        "--variation-seed 9 --variation-strength 0.25 --hires 1.5 --hires-strength 0.5 "
        "--hires-steps 3 --upscaler lanczos --tile --clip-skip 2 --emphasis no_norm"
    )
    assert again(request)[0] == replace(request, notes=again(request)[0].notes)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"prompt": "a fox --no hat"}, "prompt"),
        ({"prompt": "a (fox"}, "prompt"),
        ({"prompt": "a fox <lora:x:1>"}, "prompt loras"),
        ({"prompt": "a fox Steps: 4, Sampler: TCD, CFG scale: 2, Seed: 7"}, "prompt"),
        ({"loras": (LoraTag(name="a:b"),)}, "loras"),
        ({"loras": (LoraTag(name="a"), LoraTag(name="A"))}, "loras"),
        ({"model": ""}, "model"),
        ({"negative": "--steps 'x' \"y\""}, "negative"),
        ({"negative": "<lora:x:1>"}, "negative"),
        ({"vae": "None"}, "vae"),
        ({"source": Source(picture="p.png", strength=0.5)}, "source"),
        ({"enlarge": 4}, "enlarge"),
        ({"steps": 1, "timesteps": (800,)}, "timesteps"),
    ],
)  # fmt: skip
def test_what_cannot_be_typed_is_named(changes: dict[str, object], named: str) -> None:
    assert set(as_command(make_request(**changes)).unsaid) == set(named.split())


def test_every_option_has_a_flag_that_is_known() -> None:
    assert set(_FLAGS) == {field.name for field in dataclasses.fields(PromptFlags)}
    assert set(_FLAGS.values()) <= FLAG_NAMES


def test_options_are_said_whatever_they_are() -> None:
    options = PromptFlags(
        size="3:2", private=True, spoiler=True, speed="draft", preset="my own", repeat=3, recipe="r"
    )
    assert command_of("a fox", options).text == (
        'a fox --ar 3:2 --private --recipe r --speed draft --preset "my own" --repeat 3 --spoiler'
    )


@pytest.mark.parametrize("picture_format", PictureFormat)
def test_a_picture_is_described_by_its_own_text(picture_format: PictureFormat) -> None:
    request = make_request(negative="hat", loras=(LoraTag(name="x", weight=0.5, text_weight=0.5),))
    pixels = np.zeros((72, 64, 3), np.uint8)
    encoded = encode_picture(pixels, request, 0, format=picture_format)
    described = describe(encoded.data)
    assert described.prompt == "a lady, (freckles) <lora:x:0.5>"
    assert described.negative == "hat"
    assert described.infotext == encoded.infotext
    assert described.parameters[:2] == (("Steps", "4"), ("Sampler", "DPM++ SDE"))
    assert described.command == (
        "a lady, (freckles) <lora:x:0.5> --steps 4 --guidance 2 --sampler dpmpp_sde --size 64x72 "
        "--seed 123 --eta 1 --no hat --model tiny --clip-skip 1 --emphasis original"
    )
    assert described.notes == ()


def test_a_picture_without_parameters_is_not_described() -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG")
    with pytest.raises(InvalidPicture, match="holds no parameters text"):
        describe(file.getvalue())
