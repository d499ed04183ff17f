"""What a person says, what the recipe says, and what is refused on the way to a request."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypersd_core.errors import InvalidRequest, ModelError
from hypersd_core.flags import PromptFlags
from hypersd_core.prompt import check_brackets, escape
from hypersd_core.recipes import Recipe, compose, load_recipe
from hypersd_core.request import MAX_SEED, GenerationRequest
from tests.tiny_model import RECIPE

RECIPES_FILE = Path(__file__).parents[1] / "data" / "recipes.toml"


def make_recipe(**changes: Any) -> Recipe:
    values: dict[str, Any] = {
        "title": "T",
        "about": "A",
        "sampler": "dpmpp_sde",
        "steps": 4,
        "guidance": 2.0,
        "width": 1024,
        "height": 1024,
        "max_side_px": 2048,
    }
    return Recipe(**(values | changes))


def composed(text: str, recipe: Recipe | None = None, **options: Any) -> GenerationRequest:
    request, _ = compose(text, PromptFlags(**options), recipe or make_recipe(), model="m")
    return request


def test_what_nobody_says_is_the_recipes() -> None:
    request = composed("a fox", make_recipe(eta=0.7, enlarge=3))
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
    with pytest.raises(InvalidRequest, match=f"^{name} is given twice: {option} as an option and "):
        composed(f"a fox {flag}", **options)


def test_a_result_is_private_only_when_somebody_says_so() -> None:
    for text, option, private in (
        ("a fox", None, False),
        ("a fox --private", None, True),
        ("a fox", True, True),
        ("a fox", False, False),
    ):
        assert compose(text, PromptFlags(private=option), make_recipe(), model="m")[1] is private


def test_a_missing_seed_is_drawn_anew_from_all_seeds() -> None:
    seeds = {composed("a fox").seed for _ in range(50)}
    assert len(seeds) == 50  # two alike among 2^32: once in three million runs
    assert max(seeds) > 2**31 > min(seeds)
    assert all(0 <= seed <= MAX_SEED for seed in seeds)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512x768", (512, 768)),
        ("512 X 768", (512, 768)),
        ("512*768", (512, 768)),
        (" 512×768 ", (512, 768)),
        ("1:1", (1024, 1024)),
        ("3:2", (1256, 840)),
        ("16 : 9", (1368, 768)),
        ("1:4", (512, 2048)),
        ("square", (1024, 1024)),
        ("Portrait", (888, 1184)),
        ("LANDSCAPE", (1184, 888)),
    ],
)
def test_a_size_is_pixels_a_ratio_or_a_word(text: str, size: tuple[int, int]) -> None:
    assert make_recipe().size(text) == size
    request = composed("a fox", size=text)
    assert (request.width, request.height) == size


@given(st.integers(1, 64), st.integers(1, 64), st.integers(32, 128), st.integers(32, 128))
def test_a_ratio_keeps_about_the_recipes_pixels(
    across: int, down: int, width_8px: int, height_8px: int
) -> None:
    recipe = make_recipe(width=8 * width_8px, height=8 * height_8px, max_side_px=4096)
    if not 1 / 4 <= across / down <= 4:
        with pytest.raises(InvalidRequest, match="between 1:4 and 4:1"):
            recipe.size(f"{across}:{down}")
        return
    width, height = recipe.size(f"{across}:{down}")
    assert width % 8 == height % 8 == 0
    assert width * height == pytest.approx(recipe.width * recipe.height, rel=0.08)
    assert width / height == pytest.approx(across / down, rel=0.08)


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
    ],
)
def test_a_sampler_may_be_spelt_as_people_do(name: str, key: str) -> None:
    assert composed("a fox", sampler=name).sampler == key


@pytest.mark.parametrize("name", ["euler", "", "DPM++ 2M SDE Karras", "karras", "tcd2"])
def test_an_unknown_sampler_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(
        InvalidRequest, match=r"^There is no sampler '.*'; there are tcd, dpmpp_sde"
    ):
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


@given(st.text("()[]\\:1.2 a", max_size=12))
def test_a_refused_bracket_is_where_the_sentence_says(text: str) -> None:
    try:
        check_brackets(text, name="prompt")
    except InvalidRequest as refused:
        words = str(refused).split()
        assert text[int(words[4]) - 1] == words[1]


def write_model(folder: Path, recipe: str) -> Path:
    folder.mkdir()
    (folder / "recipe.toml").write_text(recipe, "utf-8")
    return folder


def test_the_models_own_recipe_comes_first(tmp_path: Path) -> None:
    recipe = load_recipe(write_model(tmp_path / "m", RECIPE), RECIPES_FILE)
    assert (recipe.title, recipe.sampler, recipe.steps, recipe.eta) == ("Tiny", "tcd", 2, 0.3)


def test_a_model_without_recipe_is_drawn_as_a_merged_hyper_sdxl(tmp_path: Path) -> None:
    recipe = load_recipe(tmp_path, RECIPES_FILE)
    assert (recipe.sampler, recipe.steps, recipe.guidance) == ("dpmpp_sde", 4, 2.0)
    assert (recipe.width, recipe.height) == (1024, 1024)


def test_the_recipe_that_ships_with_the_embedded_model_can_be_drawn_with() -> None:
    folder = RECIPES_FILE.parent / "models" / "portrait-64"
    recipe = load_recipe(folder, RECIPES_FILE)
    for example in recipe.examples:
        composed(example, recipe)


BAD_RECIPES = {
    "no toml": "title = ",
    "empty": "",
    "a key is missing": RECIPE.replace("steps = 2\n", ""),
    "a key is unknown": RECIPE + "stpes = 4\n",
    "a number is a word": RECIPE.replace("steps = 2", 'steps = "2"'),
    "a whole number is none": RECIPE.replace("steps = 2", "steps = 2.5"),
    "a number is a truth": RECIPE.replace("steps = 2", "steps = true"),
    "a word is a number": RECIPE.replace('"Tiny"', "5"),
    "examples are a word": RECIPE + 'examples = "a fox"\n',
    "examples are numbers": RECIPE + "examples = [1]\n",
    "the sampler is unknown": RECIPE.replace('"tcd"', '"euler"'),
    "steps are out of range": RECIPE.replace("steps = 2", "steps = 0"),
    "guidance is no number": RECIPE.replace("guidance = 2.0", "guidance = nan"),
    "eta is out of range": RECIPE.replace("eta = 0.3", "eta = 3"),
    "the size fits no latent": RECIPE.replace("width = 64", "width = 60"),
    "the size is above its own limit": RECIPE.replace("width = 64", "width = 512"),
    "enlarging is out of range": RECIPE + "enlarge = 0\n",
}


@pytest.mark.parametrize("name", BAD_RECIPES)
def test_a_wrong_recipe_is_refused_with_one_sentence_that_names_it(
    tmp_path: Path, name: str
) -> None:
    folder = write_model(tmp_path / "m", BAD_RECIPES[name])
    with pytest.raises(ModelError) as refused:
        load_recipe(folder, RECIPES_FILE)
    message = str(refused.value)
    assert str(folder / "recipe.toml") in message
    assert message.endswith(".")
    assert "\n" not in message


def test_a_whole_number_will_do_for_a_number(tmp_path: Path) -> None:
    text = RECIPE.replace("guidance = 2.0", "guidance = 2").replace("eta = 0.3", "eta = 1")
    recipe = load_recipe(write_model(tmp_path / "m", text), RECIPES_FILE)
    assert (recipe.guidance, recipe.eta) == (2, 1)


def test_a_recipe_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ModelError, match=r"recipe\.toml cannot be read"):
        load_recipe(tmp_path, RECIPES_FILE)


@pytest.mark.parametrize("text", ["", "hyper-sdxl-merged = 5", "[hyper-sdxl-merged]\nsteps = 1"])
def test_a_wrong_file_of_recipes_is_refused_by_name(tmp_path: Path, text: str) -> None:
    recipes_file = tmp_path / "recipes.toml"
    recipes_file.write_text(text, "utf-8")
    with pytest.raises(ModelError, match=r"recipes\.toml"):
        load_recipe(tmp_path, recipes_file)


def test_a_missing_model_folder_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"^There is no model folder .*nowhere\.$"):
        load_recipe(tmp_path / "nowhere", RECIPES_FILE)
