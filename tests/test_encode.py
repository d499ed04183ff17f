"""Pictures as files, and the parameters text inside them, read as A1111 reads it."""

import io
import json
import re

import numpy as np
import pytest
from hypothesis import given
from numpy.typing import NDArray
from PIL import Image

from hypersd_core.encode import encode_picture
from hypersd_core.infotext import infotext
from hypersd_core.request import EncodedPicture, GenerationRequest
from tests.any_request import REQUESTS, make_request


def random_pixels(width: int = 64, height: int = 72) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def read(picture: EncodedPicture) -> tuple[NDArray[np.uint8], str]:
    with Image.open(io.BytesIO(picture.data), formats=["PNG"]) as image:
        image.load()
        assert image.mode == "RGB"
        return np.asarray(image), image.info["parameters"]


def test_pixels_read_back_bit_for_bit() -> None:
    pixels = random_pixels()
    picture = encode_picture(pixels, make_request(), 0)
    assert np.array_equal(read(picture)[0], pixels)
    assert (picture.width, picture.height, picture.suffix) == (64, 72, "png")


def test_an_enlarged_picture_is_the_same_picture_larger() -> None:
    smooth = np.tile(np.linspace(0, 255, 64).astype(np.uint8)[None, :, None], (72, 1, 3))
    picture = encode_picture(smooth, make_request(enlarge=3), 0)
    enlarged, _ = read(picture)
    assert (picture.width, picture.height) == (192, 216)
    assert enlarged.shape == (216, 192, 3)
    centres = enlarged[1::3, 1::3].astype(int)
    assert np.abs(centres - smooth).max() <= 3


def test_enlarging_keeps_edges_sharp() -> None:
    edge = np.full((16, 16, 3), 100, dtype=np.uint8)
    edge[:, 8:] = 150
    enlarged, _ = read(encode_picture(edge, make_request(enlarge=4), 0))
    assert enlarged.min() < 100  # Lanczos overshoots where linear and box filters do not
    assert enlarged.max() > 150


@pytest.mark.parametrize(
    "prompt",
    ["a lady", "一位美丽的女士雀斑", "café", "dessin d'été 🦊", "two\nlines", "nul\0byte"],
)
def test_the_parameters_chunk_is_the_infotext(prompt: str) -> None:
    request = make_request(prompt=prompt, count=3)
    picture = encode_picture(random_pixels(), request, 2)
    assert picture.infotext == infotext(request, 2)
    assert read(picture)[1] == picture.infotext
    assert prompt in picture.infotext


@given(REQUESTS)
def test_any_request_travels_in_its_picture(request_: GenerationRequest) -> None:
    picture = encode_picture(random_pixels(8, 8), request_, request_.count - 1)
    pixels, text = read(picture)
    assert text == infotext(request_, request_.count - 1)
    assert pixels.shape == (8 * request_.enlarge, 8 * request_.enlarge, 3)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (
            make_request(negative="hat"),
            "a lady, (freckles)\n"
            "Negative prompt: hat\n"
            "Steps: 4, Sampler: DPM++ SDE, Schedule type: Karras, CFG scale: 2, Seed: 123, "
            "Size: 64x72, Model: tiny, Eta: 1, Version: hypersd-bot",
        ),
        (
            make_request(sampler="tcd", guidance=1.5, eta=0.3),
            "a lady, (freckles)\n"
            "Steps: 4, Sampler: TCD, CFG scale: 1.5, Seed: 123, Size: 64x72, Model: tiny, "
            "Eta: 0.3, Version: hypersd-bot",
        ),
        (
            make_request(enlarge=4, model='a, "b": c', steps=1),
            "a lady, (freckles)\n"
            "Steps: 1, Sampler: DPM++ SDE, Schedule type: Karras, CFG scale: 2, Seed: 123, "
            'Size: 64x72, Model: "a, \\"b\\": c", Eta: 1, Hires upscale: 4, '
            "Hires upscaler: Lanczos, Version: hypersd-bot",
        ),
    ],
)
def test_the_infotext_is_a1111s(request_: GenerationRequest, expected: str) -> None:
    assert infotext(request_, 0) == expected


def test_each_picture_of_a_request_tells_its_own_seed() -> None:
    request = make_request(seed=2**32 - 1, count=2)
    assert "Seed: 4294967295, " in infotext(request, 0)
    assert "Seed: 0, " in infotext(request, 1)


# The rule by which A1111 reads the text back (its infotext_utils.parse_generation_parameters).
_PAIR = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')


def read_as_a1111(text: str) -> tuple[str, str, dict[str, str]]:
    """Prompt, negative prompt, and the parameters of the last line."""
    *lines, last = text.strip().split("\n")
    parameters = dict(_PAIR.findall(last))
    assert len(parameters) >= 3, "with fewer pairs A1111 takes the last line for a prompt"
    prompt: list[str] = []
    negative: list[str] = []
    for line in lines:
        if line.startswith("Negative prompt: "):
            negative.append(line.removeprefix("Negative prompt: "))
        else:
            (negative or prompt).append(line)
    return "\n".join(prompt), "\n".join(negative), parameters


@pytest.mark.parametrize("model", ["tiny", "a, b", "x: y", 'quoted "name", twice', "狐, v2"])
@pytest.mark.parametrize(
    ("prompt", "negative"),
    [
        ("a lady", ""),
        ("a lady, Steps: 4, hat", "glasses, Seed: 3"),
        ("one\ntwo: 2", "three\nfour, five"),
        ("雀斑", "帽子"),
    ],
)
def test_a1111_reads_back_what_was_asked(model: str, prompt: str, negative: str) -> None:
    request = make_request(prompt=prompt, negative=negative, model=model, seed=7, count=2)
    read_prompt, read_negative, parameters = read_as_a1111(infotext(request, 1))
    assert (read_prompt, read_negative) == (prompt, negative)
    name = parameters["Model"]
    assert (json.loads(name) if name.startswith('"') else name) == model
    assert parameters["Steps"] == "4"
    assert parameters["Sampler"] == "DPM++ SDE"
    assert parameters["Schedule type"] == "Karras"
    assert parameters["CFG scale"] == "2"
    assert parameters["Seed"] == "8"
    assert parameters["Size"] == "64x72"
