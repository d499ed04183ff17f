"""What a person says, what the recipe says, and what is refused on the way to a request."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypersd_core.compose import (
    DEFAULT_HIRES_STRENGTH,
    DEFAULT_STRENGTH,
    DEFAULT_VARIATION_STRENGTH,
    compose,
    compose_wish,
)
from hypersd_core.errors import InvalidRequest, ModelError, ModelNotFound, RecipeUnknown
from hypersd_core.flags import PromptFlags
from hypersd_core.library import Library
from hypersd_core.models import Family, Kind
from hypersd_core.prompt import LoraTag, check_brackets, escape
from hypersd_core.recipes import Recipe
from hypersd_core.request import MAX_SEED, Emphasis, GenerationRequest, Hires, Source, Variation
from hypersd_core.wishes import NOISE, Start, Wish, over
from tests.model_shelf import SHIPPED, make_library, make_recipe, model_file

UNKNOWN = model_file("juggernautXL_v8Rundiffusion")
BASE = model_file("sd_xl_base_1.0")
SD15 = model_file("v1-5-pruned", family=Family.SD15)
FILES = (
    model_file("m"),
    BASE,
    SD15,
    UNKNOWN,
    model_file("sd_xl_turbo_1.0"),
    model_file("someXL_hyper"),
    model_file("Hyper-SDXL-1step-Unet", Kind.UNET),
    model_file("Hyper-SDXL-4steps-lora", Kind.LORA),
    model_file("Hyper-SDXL-1step-lora", Kind.LORA),
    model_file("Hyper-SDXL-8steps-CFG-lora", Kind.LORA),
    model_file("Hyper-SD15-4steps-lora", Kind.LORA, Family.SD15),
    model_file("dmd2_sdxl_4step_lora", Kind.LORA),
    model_file("freckles", Kind.LORA),
    model_file("weak", Kind.LORA),
    model_file("pytorch_lora_weights", Kind.LORA),
    model_file("flux", Kind.LORA, Family.FLUX, obstacle="flux is a LoRA for FLUX."),
    model_file("fix", Kind.VAE),
    model_file("vae15", Kind.VAE, Family.SD15),
    model_file("4x", Kind.UPSCALER, None),
)
WEAK = make_recipe(name="weak", kinds=(Kind.LORA,), names=("weak",), lora_scale=0.125)


def library(recipe: Recipe | None = None) -> Library:
    """A library whose default model, ``m``, has ``recipe``."""
    return make_library(*FILES, recipes=(recipe or make_recipe(), WEAK))


SHARED = library()


def composed(
    text: str,
    own: Recipe | None = None,
    *,
    start: Start = NOISE,
    **options: Any,
) -> GenerationRequest:
    files = library(own) if own else SHARED
    return compose(text, PromptFlags(**options), files, start=start).request


def test_what_nobody_says_is_the_recipes() -> None:
    request = composed("a fox", make_recipe(eta=0.7, enlarge=3, vae="fix"))
    assert request == GenerationRequest(
        prompt="a fox",
        negative="",
        model="m",
        sampler="dpmpp_sde",
        steps=4,
        guidance=2.0,
        eta=0.7,
        width=1024,
        height=1024,
        seed=request.seed,
        count=1,
        vae="fix",
        enlarge=3,
    )


SAID: list[tuple[str, dict[str, Any], str, object]] = [
    ("--steps 2", {"steps": 2}, "steps", 2),
    ("--guidance 0", {"guidance": 0.0}, "guidance", 0.0),
    ("--sampler tcd", {"sampler": "tcd"}, "sampler", "tcd"),
    ("--seed 0", {"seed": 0}, "seed", 0),
    ("--count 3", {"count": 3}, "count", 3),
    ("--eta 0", {"eta": 0.0}, "eta", 0.0),
    ("--size 512x768", {"size": "512x768"}, "height", 768),
    ("--no hat, glasses", {"negative": "hat, glasses"}, "negative", "hat, glasses"),
    ("--model sd_xl_turbo_1.0", {"model": "sd_xl_turbo_1.0"}, "model", "sd_xl_turbo_1.0"),
    ("--recipe sdxl-lightning-8", {"recipe": "sdxl-lightning-8"}, "sampler", "euler"),
    ("--vae fix", {"vae": "fix"}, "vae", "fix"),
    ("--tile", {"tiling": True}, "tiling", True),
    ("--emphasis no_norm", {"emphasis": "No norm"}, "emphasis", Emphasis.NO_NORM),
    (
        "--variation-seed 7",
        {"variation_seed": 7},
        "variation",
        Variation(seed=7, strength=DEFAULT_VARIATION_STRENGTH),
    ),
    (
        "--hires 1.5",
        {"hires": 1.5},
        "hires",
        Hires(scale=1.5, strength=DEFAULT_HIRES_STRENGTH),
    ),
]


@pytest.mark.parametrize(("flag", "options", "field", "value"), SAID)
def test_a_flag_and_an_option_say_the_same_and_win_over_the_recipe(
    flag: str, options: dict[str, Any], field: str, value: object
) -> None:
    for request in (composed(f"a fox {flag}"), composed("a fox", **options)):
        assert getattr(request, field) == value
        assert request.prompt == "a fox"


@pytest.mark.parametrize(("flag", "options", "field", "value"), SAID)
def test_a_thing_said_twice_is_refused_by_name(
    flag: str, options: dict[str, Any], field: str, value: object
) -> None:
    [(name, option)] = options.items()
    said = name.replace("_", " ")
    with pytest.raises(InvalidRequest, match=f"^{said} is given twice: {option} as an option and "):
        composed(f"a fox {flag}", **options)


def test_a_result_is_private_only_when_somebody_says_so() -> None:
    for text, option, private in (
        ("a fox", None, False),
        ("a fox --private", None, True),
        ("a fox", True, True),
        ("a fox", False, False),
    ):
        assert compose(text, PromptFlags(private=option), SHARED).private is private


def test_a_missing_seed_is_drawn_anew_from_all_seeds() -> None:
    seeds = {composed("a fox").seed for _ in range(50)}
    assert len(seeds) == 50  # two alike among 2^32: once in three million runs
    assert max(seeds) > 2**31 > min(seeds)
    assert all(0 <= seed <= MAX_SEED for seed in seeds)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("big", "size must be like 1024x1024, a ratio like 3:2, or one of square, .*; got 'big'."),
        ("", "size must be like .* got ''."),
        ("512", "size must be like .* got '512'."),
        ("-512x512", "size must be like .*"),
        ("512x", "size must be like .*"),
        ("9999999x8", "size must be like .*"),
        ("4096x4096", "4096x4096 is too large for this model: at most 2048 pixels a side .*"),
        ("2056x8", "2056x8 is too large for this model: .*"),
        ("0:1", "A ratio must be between 1:4 and 4:1, got 0:1."),
        ("5:1", "A ratio must be between 1:4 and 4:1, got 5:1."),
        ("100x96", "width must be divisible by 8, got 100: try 96."),
        ("96x100", "height must be divisible by 8, got 100: try 96."),
        ("0x64", "width must be from .* to 2,048, got 0."),
    ],
)
def test_a_size_that_cannot_be_is_refused_with_what_can(text: str, sentence: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^{sentence}$"):
        composed("a fox", size=text)


@pytest.mark.parametrize("side", [64, 512, 1024])
def test_every_size_that_is_offered_can_be_drawn(side: int) -> None:
    recipe = make_recipe(width=side, height=side)
    choices = recipe.size_choices()
    assert [label.split()[0] for label, _ in choices] == ["Square", "Portrait", "Landscape"]
    for label, value in choices:
        assert label.endswith(value)
        request = composed("a fox", recipe, size=value)
        assert f"{request.width}x{request.height}" == value


@pytest.mark.parametrize(
    ("recipe_eta", "options", "eta"),
    [
        (0.7, {}, 0.7),
        (None, {}, 1.0),  # of DPM++ SDE
        (0.7, {"sampler": "tcd"}, 0.3),  # the recipe's eta is not meant for another sampler
        (None, {"sampler": "tcd"}, 0.3),
        (0.7, {"sampler": "dpmpp_sde"}, 0.7),
        (0.7, {"eta": 0.0}, 0.0),
        (0.7, {"sampler": "tcd", "eta": 0.5}, 0.5),
    ],
)
def test_eta_belongs_to_the_sampler(
    recipe_eta: float | None, options: dict[str, Any], eta: float
) -> None:
    assert composed("a fox", make_recipe(eta=recipe_eta), **options).eta == eta


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("tcd", "tcd"),
        ("TCD", "tcd"),
        ("dpmpp_sde", "dpmpp_sde"),
        ("DPM++ SDE", "dpmpp_sde"),
        ("DPM++ SDE Karras", "dpmpp_sde"),
        ("dpm++ sde karras", "dpmpp_sde"),
        ("DPM++SDE", "dpmpp_sde"),
        ("dpm++_sde_karras", "dpmpp_sde"),
        ("DPM++ SDE SGM Uniform", "dpmpp_sde_uniform"),
        ("DPM++ 2M SDE", "dpmpp_2m_sde"),
        ("Euler a", "euler_a"),
        ("euler", "euler"),
    ],
)
def test_a_sampler_may_be_spelt_as_people_do(name: str, key: str) -> None:
    assert composed("a fox", sampler=name).sampler == key


@pytest.mark.parametrize("name", ["heun", "", "DPM++ 2M Karras", "karras", "tcd2"])
def test_an_unknown_sampler_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^There is no sampler '.*'; there are ddim, tcd, "):
        composed("a fox", sampler=name)


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        ("a (fox", {}, r"The ( at character 3 of the prompt is never closed: write \( for"),
        ("a fox)", {}, r"The ) at character 6 of the prompt closes nothing: write \) for"),
        ("[a] fox]", {}, r"The ] at character 8 of the prompt closes nothing: write \] for"),
        ("fox:1.3)", {}, r"The ) at character 8 of the prompt closes nothing: write \) for"),
        ("fox", {"negative": "((hat)"}, "The ( at character 1 of the negative prompt is never"),
        ("fox --no hat]", {}, "The ] at character 13 of the prompt closes nothing"),
    ],
)
def test_a_bracket_without_partner_is_refused_with_its_place(
    text: str, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        composed(text, **options)
    assert str(refused.value).startswith(sentence)


@pytest.mark.parametrize("text", ["(a [b] (c:1.2))", r"smile \:\)", r"\(a", "(a [b) c]", "a: b"])
def test_brackets_with_partners_and_escaped_ones_pass(text: str) -> None:
    assert composed(text).prompt == text


@given(st.text())
def test_escaped_text_has_no_bracket_to_refuse(text: str) -> None:
    check_brackets(escape(text), name="prompt")


# LoRAs


def test_a_few_step_lora_brings_its_own_sampling() -> None:
    request = composed("a fox <lora:Hyper-SDXL-4steps-lora>", model=BASE.name)
    assert request.prompt == "a fox"
    assert request.loras == (LoraTag(name="Hyper-SDXL-4steps-lora"),)
    assert (request.sampler, request.steps, request.guidance) == ("ddim", 4, 1.0)
    assert request.eta == 0.0
    assert not request.notes


def test_a_few_step_lora_leaves_sizes_to_the_model() -> None:
    recipe = make_recipe(width=64, height=64, max_side_px=128, enlarge=4)
    request = composed("a fox <lora:dmd2_sdxl_4step_lora>", recipe)
    assert (request.width, request.height, request.enlarge) == (64, 64, 4)
    assert (request.sampler, request.timesteps) == ("lcm", (999, 749, 499, 249))


def test_a_few_step_lora_makes_a_model_of_unknown_recipe_drawable() -> None:
    request = composed("a fox <lora:Hyper-SDXL-4steps-lora>", model=UNKNOWN.name)
    assert (request.sampler, request.steps) == ("ddim", 4)
    assert (request.width, request.height) == (1024, 1024)


def test_a_lora_for_a_style_changes_the_weights_alone() -> None:
    plain, styled = composed("a fox", seed=1), composed("a fox, <lora:freckles:0.7>", seed=1)
    assert styled.loras == (LoraTag(name="freckles", weight=0.7, text_weight=0.7),)
    assert GenerationRequest.from_json(styled.to_json() | {"loras": ()}) == plain


@pytest.mark.parametrize(
    ("tag", "weight", "text_weight"),
    [
        ("<lora:weak>", 0.125, 0.125),
        ("<lora:weak:1>", 1.0, 1.0),
        ("<lora:weak:unet=0.5>", 0.5, 0.125),
        ("<lora:freckles>", 1.0, 1.0),
    ],
)
def test_a_lora_without_a_weight_has_its_recipes(
    tag: str, weight: float, text_weight: float
) -> None:
    [lora] = composed(f"a fox {tag}").loras
    assert (lora.weight, lora.text_weight) == (weight, text_weight)


def test_what_a_person_says_wins_over_the_recipe_of_a_lora() -> None:
    request = composed("a fox <lora:Hyper-SDXL-1step-lora> --steps 4 --eta .5", model=BASE.name)
    assert (request.sampler, request.steps, request.eta) == ("tcd", 4, 0.5)
    assert not request.notes


def test_a_lora_of_weight_0_brings_no_recipe_and_a_note() -> None:
    request = composed("a fox <lora:Hyper-SDXL-4steps-lora:0>")
    assert request.sampler == "dpmpp_sde"
    assert request.notes == ("The LoRA Hyper-SDXL-4steps-lora does nothing: its weight is 0.",)


def test_the_sampling_of_the_first_of_two_few_step_loras_is_taken_and_said() -> None:
    tags = "<lora:Hyper-SDXL-4steps-lora> <lora:dmd2_sdxl_4step_lora>"
    request = composed(f"a fox {tags}", model=BASE.name)
    assert request.sampler == "ddim"
    assert request.notes == (
        "Hyper-SDXL-4steps-lora and dmd2_sdxl_4step_lora are both made for few steps and may spoil "
        "each other; the sampling is that of Hyper-SDXL 4-step LoRA.",
    )


def test_a_few_step_lora_on_a_few_step_model_is_said_to_be_too_much() -> None:
    for model in ("sd_xl_turbo_1.0", "someXL_hyper", "m"):
        request = composed("a fox <lora:Hyper-SDXL-4steps-lora>", model=model)
        assert request.notes == (
            f"{model} is made for few steps already, so Hyper-SDXL-4steps-lora may be too much.",
        )


def test_a_few_step_lora_on_a_model_of_many_steps_is_as_it_should_be() -> None:
    for own in (make_recipe(steps=20), SHIPPED.named("sdxl-base")):
        request = composed("a fox <lora:Hyper-SDXL-4steps-lora>", replace(own, names=("m",)))
        assert not request.notes


def test_a_lora_whose_name_says_nothing_is_said_to_be_taken_for_a_style() -> None:
    [note] = composed("a fox <lora:pytorch_lora_weights>").notes
    assert note.startswith("The LoRA pytorch_lora_weights is taken for a style; ")


@pytest.mark.parametrize(
    ("text", "error", "sentence"),
    [
        (
            "fox <lora:Hyper-SD15-4steps-lora>",
            InvalidRequest,
            "The LoRA Hyper-SD15-4steps-lora is made for SD1.5, but m is SDXL.",
        ),
        (
            "fox <lora:freckles> --model v1-5-pruned",
            InvalidRequest,
            "The LoRA freckles is made for SDXL, but v1-5-pruned is SD1.5.",
        ),
        ("fox <lora:flux>", ModelError, "flux is a LoRA for FLUX."),
        ("fox <lora:nowhere>", ModelNotFound, "There is no nowhere."),
        (
            "fox --no hat <lora:freckles>",
            InvalidRequest,
            "The LoRA freckles stands in the negative prompt: a LoRA changes the whole model, so "
            "write it in the prompt.",
        ),
        ("<lora:freckles>", InvalidRequest, "The prompt is empty: say what to draw."),
        ("fox --model fix", ModelNotFound, "There is no fix."),
        ("fox --vae m", ModelNotFound, "There is no m."),
        ("fox --vae vae15", InvalidRequest, "The VAE vae15 is made for SD1.5, but m is SDXL."),
        ("fox --hires 2 --upscaler m", ModelNotFound, "There is no m."),
        ("fox --emphasis bold", InvalidRequest, "emphasis must be one of original, no_norm, got"),
        ("fox --clip-skip 9 --model v1-5-pruned", InvalidRequest, "clip skip must be from 1 to 4"),
    ],
)
def test_what_no_file_can_do_is_refused(text: str, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error) as refused:
        composed(text)
    assert str(refused.value).startswith(sentence)


# Recipes


def test_a_model_of_unknown_recipe_asks_for_one_and_takes_one() -> None:
    with pytest.raises(RecipeUnknown, match=r'write recipe = "sdxl-base" into juggernautXL_v8'):
        composed("a fox", model=UNKNOWN.name)
    request = composed("a fox --recipe hyper-sdxl-merged", model=UNKNOWN.name)
    assert (request.sampler, request.steps, request.guidance) == ("dpmpp_sde", 4, 2.0)
    assert (request.width, request.height) == (1024, 1024)


def test_a_recipe_that_is_asked_for_comes_before_that_of_a_lora() -> None:
    request = composed("a fox <lora:Hyper-SDXL-4steps-lora> --recipe sdxl-lightning-8")
    assert (request.sampler, request.steps) == ("euler", 8)


def test_a_recipe_that_is_asked_for_leaves_the_model_its_sizes() -> None:
    own = make_recipe(width=64, height=64, max_side_px=128)
    assert composed("a fox", own, recipe="sdxl-turbo").width == 64
    assert composed("a fox", model=UNKNOWN.name, recipe="sdxl-turbo").width == 512


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("hyper-sd15-merged", "The recipe hyper-sd15-merged is made for SD1.5, but m is SDXL."),
        ("hyper-flux-8", "The recipe hyper-flux-8 cannot be drawn with: FLUX is a"),
        ("nothing", "There is no recipe 'nothing'"),
        (
            "sdxl-lightning-1-x0",
            "The recipe sdxl-lightning-1-x0 is for models that predict sample; m is loaded as one "
            "that predicts epsilon, and only a recipe of its own can change that.",
        ),
    ],
)
def test_a_recipe_that_does_not_fit_the_model_is_refused(name: str, sentence: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        composed("a fox", recipe=name)
    assert str(refused.value).startswith(sentence)


@pytest.mark.parametrize(
    "recipe",
    [r for r in SHIPPED.recipes if not r.undrawable and not r.prediction],
    ids=lambda recipe: recipe.name,
)
def test_every_recipe_can_be_drawn_by(recipe: Recipe) -> None:
    model = BASE if recipe.family is Family.SDXL else SD15
    request = composed("a fox", model=model.name, recipe=recipe.name)
    assert request.steps == recipe.steps
    assert request.timesteps == recipe.timesteps
    assert not request.notes


def test_the_examples_of_every_recipe_can_be_drawn() -> None:
    for recipe in SHIPPED.recipes:
        for example in recipe.examples:
            assert composed(example, model="someXL_hyper").prompt == example


# Pictures


def test_a_picture_without_a_strength_has_one_that_changes_much_and_keeps_much() -> None:
    request = composed("a fox", start=Start(picture="p.png", mask="m.png"))
    assert request.source == Source(picture="p.png", mask="m.png", strength=DEFAULT_STRENGTH)
    assert request.notes == (
        "Strength 0.6 at 4 steps starts from 60 % noise and takes 3 of 4 steps.",
    )


def test_a_strength_is_told_as_it_works_out() -> None:
    request = composed(
        "a fox --strength .3", start=Start(picture="p.png"), model="Hyper-SDXL-1step-Unet"
    )
    assert request.source == Source(picture="p.png", strength=0.3)
    [note] = request.notes
    assert note.endswith("the model knows only timestep 800, so no strength differs.")


def test_the_strength_of_a_hires_pass_is_told_with_its_own_steps() -> None:
    request = composed("a fox --hires 1.5 --hires-strength .5 --hires-steps 8")
    assert request.hires == Hires(scale=1.5, strength=0.5, steps=8)
    assert request.final_size == (1536, 1536)
    assert request.notes == (
        "Hires: strength 0.5 at 8 steps starts from 50 % noise and takes 4 of 8 steps.",
    )


@pytest.mark.parametrize(
    ("flags", "picture", "of_picture", "of_hires"),
    [
        ("--hires 1.5", "p", "lanczos", "latent"),
        ("--hires 1.5 --upscaler Lanczos", "p", "lanczos", "lanczos"),
        ("--hires 1.5 --upscaler latent", "p", "lanczos", "latent"),
        ("--hires 1.5 --upscaler 4x", "p", "4x", "4x"),
        ("--hires 1.5 --upscaler 4x", "", None, "4x"),
        ("--upscaler 4x", "p", "4x", None),
    ],
)
def test_an_upscaler_serves_the_picture_and_the_hires_pass(
    flags: str, picture: str, of_picture: str | None, of_hires: str | None
) -> None:
    request = composed(f"a fox {flags}", start=Start(picture=picture))
    assert (request.source and request.source.upscaler) == of_picture
    assert (request.hires and request.hires.upscaler) == of_hires


def test_a_variation_without_a_seed_draws_one() -> None:
    first, second = (composed("a fox --variation-strength .1").variation for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.strength == second.strength == 0.1
    assert first.seed != second.seed


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        ("fox --strength .5", {}, "strength needs a picture to start from."),
        ("fox", {"start": Start(mask="m")}, "A mask needs a picture to start from."),
        ("fox --hires-strength .5", {}, "hires strength needs hires, a factor such as 1.5."),
        ("fox --hires-steps 5", {}, "hires steps needs hires, a factor such as 1.5."),
        ("fox --upscaler lanczos", {}, "upscaler needs a picture or hires."),
        (
            "fox --upscaler latent",
            {"start": Start(picture="p")},
            "upscaler latent needs hires, a factor such",
        ),
        (
            "fox --strength 2",
            {"start": Start(picture="p")},
            "strength must be from 0 to 1, got 2.0.",
        ),
    ],
)
def test_a_wish_that_needs_another_is_refused_alone(
    text: str, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        composed(text, **options)
    assert str(refused.value).startswith(sentence)


# Notes


def test_the_models_own_vae_can_be_asked_for() -> None:
    recipe = make_recipe(vae="fix")
    assert composed("a fox", recipe).vae == "fix"
    assert composed("a fox --vae none", recipe).vae == ""


def test_clip_skip_is_for_sd15_alone_and_said_to_be() -> None:
    assert composed("a fox --clip-skip 2", model=SD15.name).clip_skip == 2
    request = composed("a fox --clip-skip 2")
    assert request.clip_skip == 1
    assert request.notes == (
        "Clip skip does nothing with SDXL, which always leaves the last layer out.",
    )


NOTES: list[tuple[str, dict[str, Any], list[str]]] = [
    ("a fox", {}, []),
    ("a fox --no hat", {}, []),
    ("a fox --guidance 30", {}, []),
    ("a fox --steps 50", {}, []),
    (
        "a fox --no hat --guidance 1",
        {},
        ["The negative prompt does nothing: it needs a guidance above 1."],
    ),
    (
        "a fox <lora:Hyper-SDXL-4steps-lora> --no hat",
        {"model": BASE.name},
        [
            "The negative prompt does nothing: it needs a guidance above 1, and Hyper-SDXL 4-step "
            "LoRA is made for none."
        ],
    ),
    ("a fox <lora:Hyper-SDXL-8steps-CFG-lora> --no hat", {"model": BASE.name}, []),
    (
        "a fox --guidance 2 <lora:Hyper-SDXL-4steps-lora>",
        {"model": BASE.name},
        ["Hyper-SDXL 4-step LoRA is made for no guidance: 2 may burn the picture."],
    ),
    (
        "a fox --guidance 9 <lora:Hyper-SDXL-8steps-CFG-lora>",
        {"model": BASE.name},
        [
            "Hyper-SDXL 8-step LoRA with guidance is made for a guidance of at most 8: 9 may burn "
            "the picture."
        ],
    ),
    (
        "a fox --steps 3 <lora:Hyper-SDXL-4steps-lora>",
        {"model": BASE.name},
        ["Hyper-SDXL 4-step LoRA is made for 4 steps: 3 may look worse."],
    ),
    (
        "a fox --steps 9 <lora:Hyper-SDXL-1step-lora>",
        {"model": BASE.name},
        ["Hyper-SDXL unified LoRA is made for 1 to 8 steps: 9 may look worse."],
    ),
    ("a fox --steps 3 <lora:Hyper-SDXL-1step-lora>", {"model": BASE.name}, []),
    (
        "a fox --steps 8 <lora:dmd2_sdxl_4step_lora>",
        {"model": BASE.name},
        [
            "4-step DMD2 for SDXL was trained at timesteps 999, 749, 499, 249; in 8 steps the "
            "sampler takes its own."
        ],
    ),
    ("a fox --eta .5", {}, []),
    ("a fox --eta .5 --sampler euler", {}, ["Eta does nothing with the sampler Euler."]),
    (
        "a fox --eta .5 --steps 1",
        {},
        ["Eta does nothing in one step: the last step of DPM++ SDE Karras adds none."],
    ),
    ("a fox --eta .5 --steps 1 --sampler ddim", {}, []),
    ("a fox --eta 1 --steps 1 <lora:Hyper-SDXL-1step-lora>", {"model": BASE.name}, []),
    (
        "a [dog:cat:6]",
        {},
        ['[dog:cat:6] never shows "cat" in 4 steps.'],
    ),
    ("a fox --no [dog:cat:6]", {}, ['[dog:cat:6] never shows "cat" in 4 steps.']),
    (
        "a fox --no [dog:cat:6] --guidance 1",
        {},
        ["The negative prompt does nothing: it needs a guidance above 1."],
    ),
]


@pytest.mark.parametrize(("text", "options", "notes"), NOTES)
def test_what_does_nothing_or_harm_is_said(
    text: str, options: dict[str, Any], notes: list[str]
) -> None:
    assert composed(text, **options).notes == tuple(notes)


def test_the_names_in_a_request_are_those_of_the_files() -> None:
    request = composed("a fox <lora:FRECKLES> --model M --vae Fix --hires 1.5 --upscaler 4X")
    assert (request.model, request.vae, request.loras[0].name) == ("m", "fix", "freckles")
    assert request.hires is not None
    assert request.hires.upscaler == "4x"


def test_steps_that_a_picture_leaves_out_are_not_promised_to_prompt_editing() -> None:
    text = "[dog:cat:3] --steps 4 --sampler ddim"
    assert composed(text).notes == ()
    notes = composed(f"{text} --strength 0.5", start=Start(picture="p")).notes
    assert '[dog:cat:3] never shows "cat" in 2 steps.' in notes


def test_a_hires_pass_of_other_steps_than_the_trained_ones_is_told_as_it_is_run() -> None:
    lora = "<lora:dmd2_sdxl_4step_lora>"
    [own] = composed(f"a fox {lora} --hires 1.5", model=BASE.name).notes
    [other] = composed(f"a fox {lora} --hires 1.5 --hires-steps 6", model=BASE.name).notes
    assert own.endswith("the model knows only timesteps 999, 749, 499, 249.")
    assert other == "Hires: strength 0.5 at 6 steps starts from 50 % noise and takes 3 of 6 steps."


def test_a_strength_of_0_is_told_to_take_no_step() -> None:
    nothing = "strength 0 takes no step: the picture stays as it is."
    flags = "--strength 0 --hires 1.5 --hires-strength 0"
    request = composed(f"a fox {flags}", start=Start(picture="p"))
    assert request.notes == (nothing.capitalize(), f"Hires: {nothing}")


def test_an_upscaler_with_nothing_to_enlarge_is_told() -> None:
    text = "a fox --upscaler 4x --strength 1"
    large, small = (Start(picture="p", size=size) for size in ((2000, 1500), (200, 150)))
    told = "The upscaler 4x does nothing: the picture need not grow."
    assert told in composed(text, start=large).notes
    assert told not in composed(text, start=small).notes
    assert told not in composed(f"{text} --hires 1.5", start=large).notes


# Sizes of pictures to start from


def test_a_picture_gives_its_proportions_unless_a_size_is_said() -> None:
    start = Start(picture="p", size=(3000, 1500))
    request = composed("a fox", start=start)
    assert (request.width, request.height) == (1448, 728)
    request = composed("a fox --size 512x512", start=start)
    assert (request.width, request.height) == (512, 512)


def test_a_canvas_is_drawn_at_its_own_size() -> None:
    start = Start(picture="p", mask="m", size=(1304, 776), is_canvas=True)
    request = composed("a fox", start=start)
    assert (request.width, request.height) == (1304, 776)
    assert [note for note in request.notes if "canvas" in note] == []


def test_a_canvas_too_large_for_the_model_keeps_its_proportions_and_that_is_told() -> None:
    start = Start(picture="p", mask="m", size=(1536, 768), is_canvas=True)
    request = composed("a fox", make_recipe(width=512, height=512, max_side_px=1024), start=start)
    assert (request.width, request.height) == (728, 360)
    assert request.notes[0] == (
        "The canvas has 1536x768 pixels and the model at most 1024 a side: it is drawn at 728x360, "
        "and the picture on it is resampled."
    )


# Wishes


def test_a_prompt_from_elsewhere_may_have_any_brackets_and_dashes() -> None:
    prompt = "a (fox, :) --v 5 <lora:freckles:0.5>"
    request = compose_wish(Wish(prompt=prompt, flags=PromptFlags(negative="((hat")), SHARED).request
    assert (request.prompt, request.negative) == ("a (fox, :) --v 5", "((hat")
    assert [lora.name for lora in request.loras] == ["freckles"]


def test_what_is_said_wins_over_what_was() -> None:
    said, earlier = PromptFlags(steps=2, eta=0.0), PromptFlags(steps=4, seed=7)
    assert over(said, earlier) == PromptFlags(steps=2, eta=0.0, seed=7)


PASTED = (
    "a lady\nNegative prompt: hat\nSteps: 2, Sampler: TCD, CFG scale: 3, Seed: 5, Size: 512x768"
)


@pytest.mark.parametrize("text", [PASTED, PASTED.replace("\n", " "), f"```\n{PASTED}\n```"])
def test_pasted_parameters_are_read_as_such_and_it_is_said(text: str) -> None:
    request = composed(text)
    assert (request.prompt, request.negative) == ("a lady", "hat")
    assert (request.steps, request.sampler, request.guidance) == (2, "tcd", 3)
    assert (request.seed, request.width, request.height) == (5, 512, 768)
    assert request.notes[0] == "This was read as the parameters of an earlier picture."


def test_options_win_over_pasted_parameters() -> None:
    assert composed(PASTED, seed=6).seed == 6


def test_a_model_that_is_not_here_gives_way_to_the_default_one() -> None:
    request = composed(f"{PASTED}, Model: dreamshaper_8")
    assert request.model == "m"
    assert "The model dreamshaper_8 is not here: drawn with m instead." in request.notes


@pytest.mark.parametrize("text", ["Steps: 4, please", "a fox on the steps: 4 of them"])
def test_a_prompt_about_steps_is_a_prompt(text: str) -> None:
    assert composed(text).prompt == text


def test_a_seed_of_minus_1_is_any_seed_as_in_a1111() -> None:
    assert len({composed("a fox --seed -1").seed for _ in range(3)}) > 1


def test_of_a_panorama_the_middle_is_drawn() -> None:
    request = composed("a fox", start=Start(picture="p", size=(3000, 100)))
    assert request.width / request.height == pytest.approx(4, rel=0.05)


def test_a_canvas_keeps_its_size_whatever_pasted_parameters_say() -> None:
    canvas = Start(picture="p", mask="m", size=(640, 512), is_canvas=True)
    request = composed(PASTED, start=canvas)
    assert (request.width, request.height) == (640, 512)


def test_a_speed_is_the_recipes_steps_and_never_said_beside_steps() -> None:
    hyper = make_recipe(steps=4, steps_made_for=(1, 8))
    assert composed("a fox", hyper, speed="draft").steps == 1
    assert composed("a fox --speed quality", hyper).steps == 8
    assert composed("a fox <lora:Hyper-SDXL-8steps-CFG-lora>", hyper, speed="draft").steps == 8
    with pytest.raises(InvalidRequest, match=r"Steps \(2\) and speed \(draft\) both say"):
        composed("a fox --steps 2", hyper, speed="draft")


def test_who_says_speed_does_not_take_over_steps_and_the_other_way_round() -> None:
    assert over(PromptFlags(speed="draft"), PromptFlags(steps=4, seed=1)) == PromptFlags(
        speed="draft", seed=1
    )
    assert over(PromptFlags(steps=4), PromptFlags(speed="draft")) == PromptFlags(steps=4)
    assert over(PromptFlags(seed=1), PromptFlags(speed="draft")) == PromptFlags(
        speed="draft", seed=1
    )


def test_a_pasted_text_is_drawn_at_another_speed() -> None:
    text = "a fox\nSteps: 6, Sampler: TCD, CFG scale: 1, Seed: 7, Model: m"
    assert composed(text, make_recipe(steps_made_for=(2, 8)), speed="draft").steps == 2
