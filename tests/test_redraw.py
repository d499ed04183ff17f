"""From the parameters text of a picture to the options that draw it again."""

from dataclasses import replace

import pytest
from hypothesis import given

from hypersd_core.flags import PromptFlags
from hypersd_core.infotext import infotext, read_infotext
from hypersd_core.prompt import LoraTag, split_loras
from hypersd_core.redraw import Redraw, options_of
from hypersd_core.request import Emphasis, GenerationRequest, Hires, Source, Variation
from hypersd_core.sampling import SAMPLING_METHODS
from tests.any_request import REQUESTS, make_request


def read(parameters: str, prompts: str = "a fox") -> Redraw:
    return options_of(read_infotext(f"{prompts}\n{parameters}"))


BASE = "Steps: 4, Sampler: TCD, Seed: 7"


def test_a_text_of_a1111_becomes_prompt_and_options() -> None:
    redraw = read(
        "Steps: 20, Sampler: DPM++ SDE, Schedule type: Karras, CFG scale: 1.5, Seed: 965400086, "
        "Size: 512x768, Model hash: 2d5af23726, Model: v1-5, VAE: sharp.safetensors, "
        "Clip skip: 2, Tiling: True, Emphasis: No norm, Version: v1.10.1",
        "a fox <lora:snow:0.5>\nNegative prompt: hat",
    )
    assert redraw == Redraw(
        prompt="a fox <lora:snow:0.5>",
        options=PromptFlags(
            negative="hat",
            steps=20,
            sampler="dpmpp_sde",
            guidance=1.5,
            seed=965400086,
            size="512x768",
            model="v1-5",
            vae="sharp",
            clip_skip=2,
            tiling=True,
            emphasis="no_norm",
        ),
    )


def test_a_whole_request_is_asked_for_again() -> None:
    request = make_request(
        loras=(LoraTag(name="freckles", weight=0.8, text_weight=0.5),),
        vae="sharp",
        emphasis=Emphasis.NO_NORM,
        clip_skip=2,
        tiling=True,
        variation=Variation(seed=9, strength=0.25),
        hires=Hires(scale=1.5, strength=0.5, steps=3, upscaler="4x-sharp"),
    )
    redraw = options_of(read_infotext(infotext(request, 0)))
    assert redraw.notes == ()
    assert split_loras(redraw.prompt) == (request.prompt, request.loras)
    assert redraw.options == PromptFlags(
        steps=4,
        sampler="dpmpp_sde",
        guidance=2.0,
        eta=1.0,
        seed=123,
        size="64x72",
        model="tiny",
        vae="sharp",
        emphasis="no_norm",
        clip_skip=2,
        tiling=True,
        variation_seed=9,
        variation_strength=0.25,
        hires=1.5,
        hires_strength=0.5,
        hires_steps=3,
        upscaler="4x-sharp",
    )


@given(REQUESTS)
def test_the_values_of_any_request_come_back(request_: GenerationRequest) -> None:
    request = replace(request_, model="tiny", vae="", prompt="a fox")
    options = options_of(read_infotext(infotext(request, 0)), with_picture=True).options
    assert options.sampler == request.sampler
    assert options.steps == request.steps
    assert options.guidance == request.guidance
    assert options.eta == (request.eta if SAMPLING_METHODS[request.sampler].uses_eta else None)
    assert options.seed == request.seed
    assert options.size == f"{request.width}x{request.height}"
    assert options.clip_skip == request.clip_skip
    assert bool(options.tiling) == request.tiling
    assert options.emphasis == request.emphasis
    assert options.strength == (request.source and request.source.strength)
    assert options.variation_seed == (request.variation and request.variation.seed)
    assert options.variation_strength == (request.variation and request.variation.strength)


@pytest.mark.parametrize("sampler", SAMPLING_METHODS)
def test_every_sampler_is_known_by_its_labels_and_its_key(sampler: str) -> None:
    method = SAMPLING_METHODS[sampler]
    for label in (method.full_label, sampler):
        redraw = read(f"Steps: 4, Sampler: {label}, Seed: 7")
        assert (redraw.options.sampler, redraw.notes) == (sampler, ())
    schedule = method.schedule_label or "Automatic"
    redraw = read(f"Steps: 4, Sampler: {method.label}, Schedule type: {schedule}")
    assert (redraw.options.sampler, redraw.notes) == (sampler, ())


@pytest.mark.parametrize("schedule", ["", ", Schedule type: Automatic"])
def test_automatic_is_karras_for_dpmpp_sde(schedule: str) -> None:
    redraw = read(f"Steps: 4, Sampler: DPM++ SDE{schedule}, Seed: 7")
    assert (redraw.options.sampler, redraw.notes) == ("dpmpp_sde", ())


@pytest.mark.parametrize(
    ("sampler", "chosen", "note"),
    [
        ("UniPC, Schedule type: Karras", None, "There is no sampler 'UniPC' here"),
        ("DPM++ SDE, Schedule type: Simple", "dpmpp_sde", "DPM++ SDE Karras is used"),
        ("DPM++ 2M SDE", "dpmpp_2m_sde", "'Exponential' here: DPM++ 2M SDE Karras is used"),
        ("Euler, Schedule type: Karras", "euler", "Euler is used"),
    ],
)
def test_a_sampler_that_is_not_here_is_named(sampler: str, chosen: str | None, note: str) -> None:
    redraw = read(f"Steps: 4, Sampler: {sampler}, Seed: 7")
    assert redraw.options.sampler == chosen
    (said,) = redraw.notes
    assert note in said


def test_what_cannot_be_used_is_named() -> None:
    redraw = read(f"{BASE}, Size: large, ENSD: 31337, Emphasis: Ignore, Face restoration: GFPGAN")
    assert redraw.notes == (
        "Of its parameters these cannot be used here: "
        "Size, ENSD, Emphasis, Face restoration.",
    )  # fmt: skip
    assert redraw.options.size is None


def test_a_strength_without_second_pass_belongs_to_another_picture() -> None:
    info = read_infotext(f"a fox\n{BASE}, Denoising strength: 0.4")
    alone, together = options_of(info), options_of(info, with_picture=True)
    assert alone.options.strength is None
    assert "another picture" in alone.notes[0]
    assert (together.options.strength, together.options.hires_strength) == (0.4, None)
    assert together.notes == ()


def test_a_second_pass_takes_the_strength() -> None:
    options = read(
        f"{BASE}, Denoising strength: 0.4, Hires upscale: 2, Hires upscaler: Latent (bicubic)"
    ).options
    assert (options.strength, options.hires_strength) == (None, 0.4)
    assert (options.hires, options.upscaler) == (2.0, "latent")


def test_a_second_pass_over_another_picture_has_both_strengths() -> None:
    request = make_request(
        source=Source(picture="a.png", strength=0.6, mask="b.png"),
        hires=Hires(scale=1.5, strength=0.3),
    )
    redraw = options_of(read_infotext(infotext(request, 0)), with_picture=True)
    assert (redraw.options.strength, redraw.options.hires_strength) == (0.6, 0.3)
    assert redraw.notes == ("Of its parameters these cannot be used here: Inpaint area.",)


def test_what_belongs_to_a_second_pass_goes_with_it() -> None:
    redraw = read(
        f"{BASE}, Denoising strength: 0.4, "
        "Hires resize: 64x64, Hires steps: 3, Hires upscaler: Latent"
    )
    assert redraw.notes == ("Of its parameters these cannot be used here: Hires resize.",)
    options = redraw.options
    assert (options.hires, options.hires_steps, options.upscaler) == (None, None, None)


@pytest.mark.parametrize(("vae", "name"), [("None", ""), ("Automatic", None), ("a.vae.pt", "a")])
def test_a_vae_is_named_as_it_is_here(vae: str, name: str | None) -> None:
    assert read(f"{BASE}, VAE: {vae}").options.vae == name


def test_what_a1111_leaves_unsaid_is_said() -> None:
    options = read(BASE).options
    assert (options.clip_skip, options.emphasis) == (1, "original")
