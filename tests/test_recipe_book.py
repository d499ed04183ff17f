"""The recipes that ship, how a file finds its own, and what is refused in a file of recipes."""

import hashlib
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hypersd_core.errors import InvalidRequest, ModelError
from hypersd_core.models import DRAWABLE, Family, Kind, ModelFile
from hypersd_core.recipe_book import PLAIN, RecipeBook
from hypersd_core.recipes import Recipe
from hypersd_core.sampling import SAMPLING_METHODS
from tests.model_shelf import RECIPES_FILE, SHIPPED, model_file

CHECKPOINT, UNET, LORA = Kind.CHECKPOINT, Kind.UNET, Kind.LORA
SDXL, SD15, SD2, SD3, FLUX = Family.SDXL, Family.SD15, Family.SD2, Family.SD3, Family.FLUX


RECIPE = """\
title = "Tiny"
about = "Random weights."
sampler = "tcd"
steps = 2
guidance = 2.0
eta = 0.3
width = 64
height = 64
max_side_px = 128
"""


def unread(path: Path) -> str:
    raise AssertionError(f"{path} has the size of no known file")


def recipe_of(file: ModelFile) -> str | None:
    recipe = SHIPPED.recipe_of(file, unread)
    return recipe.name if recipe else None


# hyper-sd.md, sections 2.1 and 2.4: file, kind and family as its header tells, and its row.
RELEASED = [
    ("Hyper-SDXL-1step-lora", LORA, SDXL, "hyper-sdxl-unified"),
    ("Hyper-SDXL-2steps-lora", LORA, SDXL, "hyper-sdxl-2"),
    ("Hyper-SDXL-4steps-lora", LORA, SDXL, "hyper-sdxl-4"),
    ("Hyper-SDXL-8steps-lora", LORA, SDXL, "hyper-sdxl-8"),
    ("Hyper-SDXL-8steps-CFG-lora", LORA, SDXL, "hyper-sdxl-8-cfg"),
    ("Hyper-SDXL-12steps-CFG-lora", LORA, SDXL, "hyper-sdxl-12-cfg"),
    ("Hyper-SDXL-1step-Unet", UNET, SDXL, "hyper-sdxl-1-unet"),
    ("Hyper-SDXL-1step-Unet-Comfyui.fp16", CHECKPOINT, SDXL, "hyper-sdxl-1-unet"),
    ("Hyper-SD15-1step-lora", LORA, SD15, "hyper-sd15-unified"),
    ("Hyper-SD15-2steps-lora", LORA, SD15, "hyper-sd15-2"),
    ("Hyper-SD15-4steps-lora", LORA, SD15, "hyper-sd15-4"),
    ("Hyper-SD15-8steps-lora", LORA, SD15, "hyper-sd15-8"),
    ("Hyper-SD15-8steps-CFG-lora", LORA, SD15, "hyper-sd15-8-cfg"),
    ("Hyper-SD15-12steps-CFG-lora", LORA, SD15, "hyper-sd15-12-cfg"),
    ("Hyper-SD3-4steps-CFG-lora", LORA, SD3, "hyper-sd3-4"),
    ("Hyper-SD3-8steps-CFG-lora", LORA, SD3, "hyper-sd3-8"),
    ("Hyper-SD3-16steps-CFG-lora", LORA, SD3, "hyper-sd3-16"),
    ("Hyper-FLUX.1-dev-8steps-lora", LORA, FLUX, "hyper-flux-8"),
    ("Hyper-FLUX.1-dev-16steps-lora", LORA, FLUX, "hyper-flux-16"),
    ("sdxl_lightning_1step_x0", CHECKPOINT, SDXL, "sdxl-lightning-1-x0"),
    ("sdxl_lightning_1step_unet_x0", UNET, SDXL, "sdxl-lightning-1-x0"),
    ("sdxl_lightning_2step", CHECKPOINT, SDXL, "sdxl-lightning-2"),
    ("sdxl_lightning_2step_unet", UNET, SDXL, "sdxl-lightning-2"),
    ("sdxl_lightning_2step_lora", LORA, SDXL, "sdxl-lightning-2"),
    ("sdxl_lightning_4step", CHECKPOINT, SDXL, "sdxl-lightning-4"),
    ("sdxl_lightning_4step_unet", UNET, SDXL, "sdxl-lightning-4"),
    ("sdxl_lightning_4step_lora", LORA, SDXL, "sdxl-lightning-4"),
    ("sdxl_lightning_8step", CHECKPOINT, SDXL, "sdxl-lightning-8"),
    ("sdxl_lightning_8step_unet", UNET, SDXL, "sdxl-lightning-8"),
    ("sdxl_lightning_8step_lora", LORA, SDXL, "sdxl-lightning-8"),
    ("sd_xl_turbo_1.0", CHECKPOINT, SDXL, "sdxl-turbo"),
    ("sd_xl_turbo_1.0_fp16", CHECKPOINT, SDXL, "sdxl-turbo"),
    ("lcm-lora-sdxl", LORA, SDXL, "lcm-lora-sdxl"),
    ("lcm-lora-sdv1-5", LORA, SD15, "lcm-lora-sd15"),
    ("TCD-SDXL-LoRA", LORA, SDXL, "tcd-lora-sdxl"),
    ("TCD-SD15-LoRA", LORA, SD15, "tcd-lora-sd15"),
    ("TCD-SD21-base-LoRA", LORA, SD2, "tcd-lora-sd21"),
    ("dmd2_sdxl_4step_unet_fp16", UNET, SDXL, "dmd2-sdxl-4"),
    ("dmd2_sdxl_4step_lora", LORA, SDXL, "dmd2-sdxl-4"),
    ("dmd2_sdxl_4step_lora_fp16", LORA, SDXL, "dmd2-sdxl-4"),
    ("dmd2_sdxl_1step_unet_fp16", UNET, SDXL, "dmd2-sdxl-1"),
    *(
        (f"pcm_{family}_{cfg}_{steps}step_converted", LORA, family, f"pcm-{family}-{cfg}-{steps}")
        for family in (SDXL, SD15)
        for cfg, steps in [
            ("smallcfg", 2),
            ("smallcfg", 4),
            ("smallcfg", 8),
            ("smallcfg", 16),
            ("normalcfg", 4),
            ("normalcfg", 8),
            ("normalcfg", 16),
        ]
    ),
    ("pcm_sdxl_lcmlike_lora_converted", LORA, SDXL, "pcm-sdxl-lcmlike"),
    ("pcm_sd15_lcmlike_lora_converted", LORA, SD15, "pcm-sd15-lcmlike"),
    ("pcm_deterministic_4step_shift3", LORA, SD3, "pcm-sd3"),
    ("FlashSDXL", LORA, SDXL, "flash-sdxl"),
    ("flash-sd", LORA, SD15, "flash-sd15"),
]
BROUGHT = [
    ("Juggernaut_X_RunDiffusion_Hyper", CHECKPOINT, SDXL, "juggernaut-x-hyper"),
    ("juggernautXL_v9Rdphoto2Lightning", CHECKPOINT, SDXL, "juggernaut-xl-lightning"),
    ("RealVisXL_V5.0_Lightning_fp16", CHECKPOINT, SDXL, "realvisxl-lightning"),
    ("realvisxlV50_v50LightningBakedvae", CHECKPOINT, SDXL, "realvisxl-lightning"),
    ("dreamshaperXL_lightningDPMSDE", CHECKPOINT, SDXL, "dreamshaper-xl-lightning"),
    ("DreamShaperXL_Turbo-Lightning", CHECKPOINT, SDXL, "dreamshaper-xl-lightning"),
    ("dreamshaperXL_v21TurboDPMSDE", CHECKPOINT, SDXL, "turbo-sdxl-merged"),
    ("NatViS_v2_Lightning_4step.fp16", CHECKPOINT, SDXL, "natvis-lightning-4"),
    ("NaturalVision-epoch68-lightning-8step.fp16", CHECKPOINT, SDXL, "natvis-lightning-8"),
    ("jibMixRealisticXL_v10Lightning46Step", CHECKPOINT, SDXL, "lightning-sdxl-merged"),
    ("leosamsHelloworldXL_hw50EulerALightning", CHECKPOINT, SDXL, "lightning-sdxl-merged"),
    ("someXL_v3Hyper", CHECKPOINT, SDXL, "hyper-sdxl-merged"),
    ("some_xl_hyper_8step", CHECKPOINT, SDXL, "hyper-sdxl-merged"),
    ("realisticVisionV60B1_v51HyperVAE", CHECKPOINT, SD15, "hyper-sd15-merged"),
    ("bigLust_v16_DMD2", CHECKPOINT, SDXL, "dmd2-sdxl-4"),
    ("sdxl_hyper_sd_4step_lora", LORA, SDXL, "hyper-sdxl-4"),
    ("sdxl_hyper_sd_8step_cfg_lora", LORA, SDXL, "hyper-sdxl-8-cfg"),
    ("HYPER SDXL 8 STEPS CFG", LORA, SDXL, "hyper-sdxl-8-cfg"),
    ("SDXL_Flash-lora", LORA, SDXL, "sdxl-flash"),
    ("sd_xl_base_1.0", CHECKPOINT, SDXL, "sdxl-base"),
    ("sd_xl_base_1.0_0.9vae", CHECKPOINT, SDXL, "sdxl-base"),
    ("v1-5-pruned-emaonly", CHECKPOINT, SD15, "sd15-base"),
    ("stable-diffusion-v1-5", CHECKPOINT, SD15, "sd15-base"),
]
TELL_NOTHING = [
    ("pytorch_lora_weights", LORA, SDXL),
    ("juggernautXL_v8Rundiffusion", CHECKPOINT, SDXL),
    ("epicHyperRealismXL", CHECKPOINT, SDXL),
    ("my_xl_hyperdetailed", CHECKPOINT, SDXL),
    ("hyper-detail", LORA, SDXL),
    ("flash_photography", LORA, SDXL),
    ("lightning-strikes", LORA, SDXL),
    ("turbo_racer", LORA, SDXL),
    ("realistic_v15", CHECKPOINT, SD15),
    ("someXL_hyperTurbo", CHECKPOINT, SDXL),  # two families: neither is right for sure
    ("sd_xl_refiner_1.0", CHECKPOINT, Family.SDXL_REFINER),
]


@pytest.mark.parametrize(("name", "kind", "family", "recipe"), RELEASED + BROUGHT)
def test_a_files_name_finds_its_recipe(name: str, kind: Kind, family: Family, recipe: str) -> None:
    assert recipe_of(model_file(name, kind, family)) == recipe
    assert recipe_of(model_file(name.upper(), kind, family)) in {recipe, None}


@pytest.mark.parametrize(("name", "kind", "family"), TELL_NOTHING)
def test_a_name_that_tells_nothing_finds_none(name: str, kind: Kind, family: Family) -> None:
    assert recipe_of(model_file(name, kind, family)) is None


def test_a_folder_is_known_by_its_name_like_a_file() -> None:
    for name in ("sdxl-turbo", "RealVisXL_V5.0_Lightning"):
        assert recipe_of(model_file(name, path=Path("/nowhere") / name)) is not None


@pytest.mark.parametrize(("name", "kind", "family", "recipe"), RELEASED)
def test_a_recipe_is_for_files_of_its_own_family_and_kind_alone(
    name: str, kind: Kind, family: Family, recipe: str
) -> None:
    for other in Family:
        for other_kind in Kind:
            found = SHIPPED.recipe_of(model_file(name, other_kind, other), unread)
            if found is not None:
                assert found.family == other
                assert other_kind in found.kinds


@pytest.mark.parametrize("recipe", SHIPPED.recipes, ids=lambda recipe: recipe.name)
def test_every_file_that_a_recipe_lists_is_known_by_its_name_too(recipe: Recipe) -> None:
    for file in recipe.files:
        for kind in recipe.kinds:
            stem = file.name.removesuffix(".safetensors")
            assert recipe_of(model_file(stem, kind, recipe.family)) == recipe.name


def test_no_two_files_have_the_same_hash() -> None:
    hashes = [file.sha256 for recipe in SHIPPED.recipes for file in recipe.files if file.sha256]
    assert len(hashes) == len(set(hashes)) >= 40
    assert all(
        (file.bytes > 0) == bool(file.sha256) for recipe in SHIPPED.recipes for file in recipe.files
    )


# hyper-sd.md, section 2.1 to 2.4: sampler, timesteps, steps, guidance, eta, LoRA scale.
SETTINGS = {
    "hyper-sdxl-merged": ("dpmpp_sde", (), 4, 2.0, 1.0, 1.0),
    "hyper-sdxl-1-unet": ("lcm", (800,), 1, 1.0, None, 1.0),
    "hyper-sdxl-unified": ("tcd", (), 1, 1.0, 1.0, 1.0),
    "hyper-sdxl-4": ("ddim", (), 4, 1.0, 0.0, 1.0),
    "hyper-sd15-8": ("ddim", (), 8, 1.0, 0.0, 1.0),
    "hyper-sdxl-12-cfg": ("ddim", (), 12, 5.0, 0.0, 1.0),
    "hyper-sd3-16": ("", (), 16, 7.0, None, 0.125),
    "hyper-flux-8": ("", (), 8, 3.5, None, 0.125),
    "sdxl-lightning-4": ("euler", (), 4, 1.0, None, 1.0),
    "sdxl-turbo": ("euler_a", (), 1, 1.0, None, 1.0),
    "lcm-lora-sdxl": ("lcm", (), 4, 1.0, None, 1.0),
    "tcd-lora-sd15": ("tcd", (), 4, 1.0, 0.3, 1.0),
    "dmd2-sdxl-4": ("lcm", (999, 749, 499, 249), 4, 1.0, None, 1.0),
    "dmd2-sdxl-1": ("lcm", (399,), 1, 1.0, None, 1.0),
    "pcm-sdxl-smallcfg-8": ("ddim", (), 8, 1.0, None, 1.0),
    "juggernaut-x-hyper": ("dpmpp_sde", (), 6, 2.0, None, 1.0),
    "natvis-lightning-4": ("euler", (), 4, 1.5, None, 1.0),
}
# The same file, section 2.2: least and most steps, and the highest guidance.
LIMITS = {
    "juggernaut-x-hyper": ((5, 6), 2),
    "juggernaut-xl-lightning": ((5, 7), 2),
    "realvisxl-lightning": ((4, 6), 2),
    "dreamshaper-xl-lightning": ((3, 6), 2),
    "natvis-lightning-4": ((4, 5), 2),
    "natvis-lightning-8": ((8, 9), 3),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_recipes_have_the_settings_that_their_makers_name(name: str) -> None:
    r = SHIPPED.named(name)
    assert (r.sampler, r.timesteps, r.steps, r.guidance, r.eta, r.lora_scale) == SETTINGS[name]


@pytest.mark.parametrize("name", LIMITS)
def test_merged_models_have_the_limits_that_their_makers_name(name: str) -> None:
    recipe = SHIPPED.named(name)
    assert (recipe.steps_made_for, recipe.guidance_limit) == LIMITS[name]


def test_the_recipe_that_this_project_started_from_ships_to_the_letter() -> None:
    recipe = SHIPPED.named("hyper-sdxl-merged")
    assert (recipe.width, recipe.height, recipe.max_side_px) == (1024, 1024, 2048)
    assert recipe.examples == (
        "beautiful lady, (freckles), big smile, brown hazel eyes, Short hair, rainbow color hair, "
        "dark makeup, hyperdetailed photography, soft light, head and shoulders portrait, cover",
    )


def test_lightning_in_one_step_predicts_the_sample() -> None:
    assert {r.name for r in SHIPPED.recipes if r.prediction} == {"sdxl-lightning-1-x0"}
    assert SHIPPED.named("sdxl-lightning-1-x0").prediction == "sample"


@pytest.mark.parametrize("recipe", SHIPPED.recipes, ids=lambda recipe: recipe.name)
def test_every_recipe_says_who_it_is_for_and_where_it_comes_from(recipe: Recipe) -> None:
    assert recipe.title
    assert recipe.about
    assert recipe.source
    assert recipe.family
    assert recipe.kinds
    assert recipe.names
    assert bool(recipe.undrawable) != (recipe.family in DRAWABLE)
    assert bool(recipe.undrawable) != (recipe.sampler in SAMPLING_METHODS)
    if recipe.timesteps:
        assert len(recipe.timesteps) == recipe.steps


def test_sizes_are_those_of_the_family_unless_a_recipe_says_its_own() -> None:
    sizes = {r.name: (r.width, r.height) for r in SHIPPED.recipes if r.family in DRAWABLE}
    assert sizes.pop("sdxl-turbo") == (512, 512)
    for name, size in sizes.items():
        assert size == ((1024, 1024) if SHIPPED.named(name).family is SDXL else (512, 512))


@pytest.mark.parametrize("family", sorted(DRAWABLE))
def test_each_family_has_a_plain_model_and_choices_for_what_nobody_knows(family: Family) -> None:
    plain = SHIPPED.named(PLAIN[family])
    assert plain.family is family
    for kind in plain.kinds:
        assert SHIPPED.nearest(model_file("unknown", kind, family))[0] == plain.name
    assert SHIPPED.nearest(model_file("unknown", LORA, family))


def test_a_recipe_is_found_in_any_case_and_close_ones_are_named() -> None:
    assert SHIPPED.named(" Hyper-SDXL-4 ").name == "hyper-sdxl-4"
    with pytest.raises(InvalidRequest, match=r"^There is no recipe 'hyper-sdxl-44'; .*sdxl-4\b"):
        SHIPPED.named("hyper-sdxl-44")


KNOWN = {file.sha256: recipe for recipe in SHIPPED.recipes for file in recipe.files if file.sha256}


@pytest.mark.parametrize("sha256", KNOWN)
def test_a_hash_finds_its_recipe_whatever_the_file_is_called(sha256: str) -> None:
    recipe = KNOWN[sha256]
    [size] = {file.bytes for file in recipe.files if file.sha256 == sha256}
    file = model_file("pytorch_lora_weights", recipe.kinds[0], recipe.family, bytes=size)
    found = SHIPPED.recipe_of(file, lambda _path: sha256)
    assert found is recipe


def test_a_file_of_a_known_size_and_other_content_is_known_by_its_name() -> None:
    file = model_file("sdxl_lightning_8step_lora", LORA, bytes=787359648)  # Hyper-SDXL LoRAs'
    found = SHIPPED.recipe_of(file, lambda _path: hashlib.sha256().hexdigest())
    assert found is SHIPPED.named("sdxl-lightning-8")


def with_sidecar(folder: Path, text: str, **more: Any) -> ModelFile:
    (folder / "mine.toml").write_text(text, "utf-8")
    return model_file("mine", folder=folder, **more)


def test_a_sidecar_comes_before_hash_and_name(tmp_path: Path) -> None:
    (tmp_path / "Hyper-SDXL-4steps-lora.toml").write_text('recipe = "hyper-sdxl-8"', "utf-8")
    file = model_file("Hyper-SDXL-4steps-lora", LORA, folder=tmp_path, bytes=787359648)
    assert SHIPPED.recipe_of(file, unread) == SHIPPED.named("hyper-sdxl-8")


def test_a_sidecar_may_name_a_recipe_and_change_parts_of_it(tmp_path: Path) -> None:
    text = 'recipe = "hyper-sdxl-merged"\nsteps = 6\nvae = "fix"\nconfig = "configs/wide"\n'
    recipe = SHIPPED.recipe_of(with_sidecar(tmp_path, text), unread)
    assert recipe is not None
    assert (recipe.sampler, recipe.steps, recipe.guidance) == ("dpmpp_sde", 6, 2.0)
    assert (recipe.vae, recipe.config) == ("fix", tmp_path / "configs" / "wide")


def test_a_sidecar_may_change_parts_of_what_the_file_itself_tells(tmp_path: Path) -> None:
    (tmp_path / "sdxl_lightning_4step_unet.toml").write_text('base = "mine"', "utf-8")
    file = model_file("sdxl_lightning_4step_unet", UNET, folder=tmp_path)
    recipe = SHIPPED.recipe_of(file, unread)
    assert recipe == replace(SHIPPED.named("sdxl-lightning-4"), base="mine")


def test_a_sidecar_may_say_everything_itself(tmp_path: Path) -> None:
    recipe = SHIPPED.recipe_of(with_sidecar(tmp_path, RECIPE), unread)
    assert recipe is not None
    assert (recipe.title, recipe.sampler, recipe.steps, recipe.eta) == ("Tiny", "tcd", 2, 0.3)
    assert recipe.name == "mine"


def test_a_sidecar_without_sizes_has_those_of_its_family(tmp_path: Path) -> None:
    lines = RECIPE.splitlines()
    text = "\n".join(line for line in lines if "width" not in line and "height" not in line)
    recipe = SHIPPED.recipe_of(
        with_sidecar(tmp_path, text.replace("max_side_px", "#"), family=SD15), unread
    )
    assert recipe is not None
    assert (recipe.width, recipe.height, recipe.max_side_px) == (512, 512, 1024)


def test_a_folder_has_its_sidecar_inside(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(RECIPE, "utf-8")
    recipe = SHIPPED.recipe_of(model_file("folder", path=tmp_path), unread)
    assert recipe is not None
    assert recipe.title == "Tiny"


def test_the_recipe_of_the_embedded_model_is_read() -> None:
    folder = RECIPES_FILE.parent / "models" / "portrait-64"
    recipe = SHIPPED.recipe_of(model_file("portrait-64", path=folder), unread)
    assert recipe is not None
    assert (recipe.width, recipe.enlarge) == (64, 4)
    assert recipe.examples


def test_a_whole_number_will_do_for_a_number(tmp_path: Path) -> None:
    text = RECIPE.replace("guidance = 2.0", "guidance = 2").replace("eta = 0.3", "eta = 1")
    recipe = SHIPPED.recipe_of(with_sidecar(tmp_path, text), unread)
    assert recipe is not None
    assert (recipe.guidance, recipe.eta) == (2, 1)


BAD_SIDECARS = {
    "no toml": ("title = x", "is no TOML at line 1, column 9."),
    "a list is open": ("names = [", "is no TOML at end of document."),
    "a key stands twice": ("steps = 1\nsteps = 1\n", "is no TOML at line 2, column 10."),
    "empty": ("", "lacks the key title, about, sampler, steps, guidance."),
    "a key is missing": (RECIPE.replace("steps = 2\n", ""), "lacks the key steps."),
    "a key is unknown": (
        RECIPE + "stpes = 4\n",
        "has the unknown key stpes = 4; did you mean steps.",
    ),
    "a key like no other": (RECIPE + "qqq = 4\n", "has the unknown key qqq = 4; known are title, "),
    "a key of the code": (RECIPE + 'name = "x"\n', "has the unknown key name = 'x'"),
    "a number is a word": (
        RECIPE.replace("steps = 2", 'steps = "2"'),
        "has steps = '2'; it must be a whole number.",
    ),
    "a whole number is none": (RECIPE.replace("steps = 2", "steps = 2.5"), "has steps = 2.5; "),
    "a number is a truth": (RECIPE.replace("steps = 2", "steps = true"), "has steps = True; "),
    "a word is a number": (RECIPE.replace('"Tiny"', "5"), "has title = 5; it must be text."),
    "examples are a word": (
        RECIPE + 'examples = "a fox"\n',
        "has examples = 'a fox'; it must be a list of texts.",
    ),
    "examples are numbers": (RECIPE + "examples = [1]\n", "it must be a list of texts."),
    "the sampler is unknown": (
        RECIPE.replace('"tcd"', '"heun"'),
        "has sampler = 'heun'; it must be one of ddim, tcd, ",
    ),
    "the sampler is a list": (RECIPE.replace('"tcd"', "[]"), "has sampler = []; it must be one of"),
    "the family is unknown": (
        RECIPE + 'family = "sdxxl"\n',
        "has family = 'sdxxl'; it must be one of sdxl, ",
    ),
    "a kind is unknown": (
        RECIPE + 'kinds = ["model"]\n',
        "it must be a list of checkpoint, unet, ",
    ),
    "the emphasis is unknown": (
        RECIPE + 'emphasis = "bold"\n',
        "it must be one of original, no_norm.",
    ),
    "the prediction is unknown": (
        RECIPE + 'prediction = "x"\n',
        "it must be one of epsilon, v_prediction, sample.",
    ),
    "steps are out of range": (
        RECIPE.replace("steps = 2", "steps = 0"),
        "cannot be drawn with: steps must be from 1 to 50, got 0.",
    ),
    "guidance is no number": (
        RECIPE.replace("guidance = 2.0", "guidance = nan"),
        "has guidance = nan; it must be a number.",
    ),
    "eta is out of range": (RECIPE.replace("eta = 0.3", "eta = 3"), "cannot be drawn with: eta"),
    "the size fits no latent": (
        RECIPE.replace("width = 64", "width = 60"),
        "cannot be drawn with: width must be divisible by 8",
    ),
    "the size is above its own limit": (
        RECIPE.replace("width = 64", "width = 512"),
        "cannot be drawn with: 512x64 is too large",
    ),
    "enlarging is out of range": (RECIPE + "enlarge = 0\n", "cannot be drawn with: enlarge"),
    "clip skip is out of range": (RECIPE + "clip_skip = 9\n", "cannot be drawn with: clip skip"),
    "the LoRA scale is out of range": (
        RECIPE + "lora_scale = 9\n",
        "has lora_scale = 9; it must be a number from -4 to 4.",
    ),
    "timesteps are not one a step": (
        RECIPE + "timesteps = [999]\n",
        "cannot be drawn with: 2 steps need as many timesteps, got [999].",
    ),
    "timesteps rise": (RECIPE + "timesteps = [1, 999]\n", "Timesteps must fall"),
    "steps are not those it is made for": (
        RECIPE + "steps_made_for = [4, 8]\n",
        "cannot be drawn with: steps must be from 4 to 8, got 2.",
    ),
    "the range of steps is none": (
        RECIPE + "steps_made_for = [8, 4]\n",
        "has steps_made_for = [8, 4]; it must be two whole numbers, the least steps and the most.",
    ),
    "the range of steps is short": (RECIPE + "steps_made_for = [8]\n", "it must be two whole"),
    "the files have no name": (
        RECIPE + "files = [{ sha256 = 5 }]\n",
        "it must be a list of tables with name, bytes and sha256.",
    ),
    "a hash is none": (RECIPE + 'files = [{ name = "x", sha256 = "5" }]\n', "list of tables"),
    "a recipe is unknown": (
        'recipe = "hyper-sdxl-44"',
        "has recipe = 'hyper-sdxl-44': There is no recipe",
    ),
    "a recipe is a number": ("recipe = 4", "has recipe = 4: There is no recipe '4'"),
    "a recipe is of another family": (
        'recipe = "hyper-sd15-4"',
        "is for SD1.5, but mine is SDXL.",
    ),
    "a change does not fit its recipe": (
        'recipe = "dmd2-sdxl-4"\nsteps = 2\n',
        "cannot be drawn with: 2 steps need as many timesteps",
    ),
}


@pytest.mark.parametrize("name", BAD_SIDECARS)
def test_a_wrong_sidecar_is_refused_with_one_sentence_that_names_it(
    tmp_path: Path, name: str
) -> None:
    text, words = BAD_SIDECARS[name]
    file = with_sidecar(tmp_path, text)
    with pytest.raises(ModelError) as refused:
        SHIPPED.recipe_of(file, unread)
    message = str(refused.value)
    assert message.startswith("The recipe mine.toml ")
    assert str(tmp_path) not in message
    assert words in message
    assert message.endswith(".")
    assert "\n" not in message


def test_a_sidecar_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(
        ModelError, match=r"^The recipe mine\.toml cannot be read: it must be UTF-8"
    ):
        SHIPPED.recipe_of(model_file("mine", folder=tmp_path), unread)


def test_a_wrong_sidecar_in_a_folder_is_called_after_the_folder(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text("steps = many", "utf-8")
    with pytest.raises(ModelError, match=r"^The recipe recipe\.toml of mine is no TOML at line 1"):
        SHIPPED.recipe_of(model_file("mine", path=tmp_path), unread)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hyper = 5", "hyper in "),
        ("[hyper]\nsteps = 1", "lacks the key title"),
        ("[hyper]\nstpes = 1", "did you mean steps"),
        ("defaults = 5", "defaults in "),
        ("[defaults.sdxxl]", "defaults.sdxxl in "),
        ("[defaults.sdxl]\nwidth = 'x'", "defaults.sdxl in "),
        ("[[hyper]]", "hyper in "),
    ],
)
def test_a_wrong_book_is_refused_by_file_and_table(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "recipes.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(ModelError) as refused:
        RecipeBook.read(path)
    assert words in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_missing_book_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.toml cannot be read"):
        RecipeBook.read(tmp_path / "none.toml")


def test_the_book_has_nothing_that_is_not_read() -> None:
    tables = tomllib.loads(RECIPES_FILE.read_text("utf-8"))
    assert [recipe.name for recipe in SHIPPED.recipes] == [n for n in tables if n != "defaults"]
