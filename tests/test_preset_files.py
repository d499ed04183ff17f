"""Presets in files: what is read is what was written, and what is wrong is said with its place."""

import csv
import io
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypersd_core.compose import compose_wish
from hypersd_core.errors import InvalidRequest, SettingsError
from hypersd_core.flags import PromptFlags
from hypersd_core.preset_files import (
    MAX_FILE_BYTES,
    from_styles_csv,
    from_toml,
    lost_in_csv,
    read_shipped,
    to_styles_csv,
    to_toml,
)
from hypersd_core.presets import Layer, Preset, fitted, merge
from hypersd_core.wishes import Wish
from tests.any_preset import NAMES, TEXTS, presets
from tests.model_shelf import make_library, make_recipe, model_file

SHIPPED_FILE = Path(__file__).parents[1] / "data" / "presets.toml"
SHIPPED = {preset.name: preset for preset in read_shipped(SHIPPED_FILE)}
PORTRAIT = (
    "beautiful lady, (freckles), big smile, brown hazel eyes, Short hair, rainbow color hair, "
    "dark makeup, hyperdetailed photography, soft light, head and shoulders portrait, cover"
)


@settings(max_examples=40)
@given(st.lists(presets(), max_size=4, unique_by=lambda preset: preset.key))
def test_toml_gives_back_what_was_written(given_presets: list[Preset]) -> None:
    data = to_toml(given_presets)
    assert from_toml(data) == tuple(given_presets)
    assert tomllib.loads(data.decode()) == {"preset": [p.to_json() for p in given_presets]}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[[preset]]\nname = "a\n', "The file is no TOML at line 2, column 10."),
        ("x = " + "[" * 100_000, "The file is no TOML: something in it is never closed."),
        ("", "The file holds no presets: each begins with the line [[preset]]."),
        ("preset = 1", "The file holds no presets"),
        ("preset = [1]", "The file holds no presets"),
        ("presets = []", "The file has the unknown key 'presets'; known is preset."),
        ("[[preset]]\nsteps = 1", "Preset 1 of the file has no name."),
        ('[[preset]]\nname = "P"\nstpes = 1', "'P' has the unknown key 'stpes'; known is steps."),
        ('[[preset]]\nname = "P"\npreset = "Q"', "'P' has the unknown key 'preset'"),
        ('[[preset]]\nname = "P"\nsteps = 4.0', "'P' has steps = 4.0; it must be a whole number."),
        ('[[preset]]\nname = "P"\nsteps = true', "steps = True; it must be a whole number."),
        ('[[preset]]\nname = "P"\nguidance = "2"', "guidance = '2'; it must be a number."),
        ('[[preset]]\nname = "P"\ntiling = 1', "tiling = 1; it must be true or false."),
        ('[[preset]]\nname = "P"\nsize = 1024', "size = 1024; it must be text."),
        ('[[preset]]\nname = "P"\nlocked = "steps"', "it must be a list of names."),
        ('[[preset]]\nname = "P"\nlocked = [1]', "locked = [1]; it must be a list of names."),
        ('[[preset]]\nname = "P"\nsteps = 99', "The preset 'P' is wrong: steps must be from 1 to"),
        ('[[preset]]\nname = "P"\nguidance = nan', "'P' is wrong: guidance must be from 0 to 30"),
        ('[[preset]]\nname = "P"\n[[preset]]\nname = "p"', "The file names 'P' twice"),
    ],
)
def test_a_wrong_toml_file_is_refused_with_the_place(text: str, sentence: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        from_toml(text.encode())
    assert sentence in str(refusal.value)
    assert len(str(refusal.value)) < 400


def test_whole_numbers_are_numbers() -> None:
    (preset,) = from_toml(b'[[preset]]\nname = "P"\nguidance = 2')
    assert preset.options.guidance == 2.0


@pytest.mark.parametrize("read", [from_toml, from_styles_csv])
def test_a_file_that_is_too_large_or_no_text_is_refused(read: Callable[[bytes], object]) -> None:
    with pytest.raises(InvalidRequest, match="The file has 513 KiB; at most 512 KiB are allowed"):
        read(b" " * (MAX_FILE_BYTES + 1))
    with pytest.raises(InvalidRequest, match="not UTF-8 text at line 2: save it as UTF-8"):
        read("name,prompt\nGrün,x".encode("latin-1"))


def test_a_byte_order_mark_is_no_part_of_toml() -> None:
    assert from_toml(to_toml([Preset(name="P")]).decode().encode("utf-8-sig"))[0].name == "P"


STYLES = st.builds(
    lambda name, prompt, negative: Preset(
        name=name, prompt=prompt, options=PromptFlags(negative=negative)
    ),
    NAMES,
    TEXTS.map(str.strip),
    st.none() | TEXTS.map(str.strip),
)


@settings(max_examples=40)
@given(st.lists(STYLES, max_size=4, unique_by=lambda preset: preset.key))
def test_styles_csv_gives_back_what_was_written(given_presets: list[Preset]) -> None:
    styles = from_styles_csv(to_styles_csv(given_presets))
    assert styles.presets == tuple(given_presets)
    assert styles.left_out == ()


def test_styles_csv_is_as_a1111_writes_it() -> None:
    preset = Preset(
        name="Ink, black",
        prompt='{prompt}, "ink"\nwhite paper',
        options=PromptFlags(negative="color, gray"),
    )
    plain = Preset(name="Plain", options=PromptFlags(negative="blurry"))
    expected = io.StringIO(newline="")
    writer = csv.DictWriter(expected, fieldnames=("name", "prompt", "negative_prompt"))
    writer.writeheader()
    writer.writerow(
        {
            "name": "Ink, black",
            "prompt": '{prompt}, "ink"\nwhite paper',
            "negative_prompt": "color, gray",
        }
    )
    writer.writerow({"name": "Plain", "prompt": "", "negative_prompt": "blurry"})
    data = to_styles_csv([preset, plain])
    assert data == expected.getvalue().encode("utf-8-sig")
    assert data.startswith(b"\xef\xbb\xbfname,prompt,negative_prompt\r\n")
    assert from_styles_csv(data).presets == (preset, plain)


def test_a_handwritten_styles_csv_is_read() -> None:
    text = (
        'name, text\nInk, "ink, paper"\n---- photos ----,\n\nBad,"a (fox"\n'
        + f"{'x' * 33},y\nInk,later wins\n"
    )
    styles = from_styles_csv(text.encode())
    assert styles.presets == (Preset(name="Ink", prompt="later wins"),)
    assert [name for name, _ in styles.left_out] == ["Bad", "x" * 33]
    assert "is never closed" in styles.left_out[0][1]


@pytest.mark.parametrize("text", ["", "a,b\n1,2", "name\nInk", '{"name": 1}'])
def test_what_is_no_styles_csv_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"styles.csv must be name,prompt,negative_prompt"):
        from_styles_csv(text.encode())


def test_a_field_without_end_is_refused_with_its_line() -> None:
    with pytest.raises(InvalidRequest, match="no CSV at line 2"):
        from_styles_csv(b'name,prompt\nInk,"' + b"x" * 200_000)


def test_what_a_style_cannot_hold_is_said() -> None:
    photo = Preset(
        name="Photo", prompt="photo", options=PromptFlags(steps=4), locked=frozenset({"steps"})
    )
    assert lost_in_csv([photo, Preset(name="Ink", prompt="ink")]) == (
        "Photo loses steps, locked: styles hold only texts.",
    )


def test_the_recommended_portrait_ships_to_the_letter() -> None:
    shipped = SHIPPED["Hyper-SDXL portrait"]
    library = make_library(model_file("m"), recipes=(make_recipe(steps=8, guidance=1.0),))
    merged = merge(Wish(prompt="", flags=PromptFlags()), [Layer.named(shipped)])
    request = compose_wish(merged.wish, library).request
    assert request.prompt == PORTRAIT
    assert request.negative == "bad eyes, cgi, airbrushed, plastic, watermark"
    assert (request.sampler, request.steps, request.guidance) == ("dpmpp_sde", 4, 2.0)
    assert (request.width, request.height) == (1024, 1024)
    twin = SHIPPED["Hyper-SDXL portrait TCD"]
    assert twin.to_json() == shipped.to_json() | {
        "name": twin.name,
        "about": twin.about,
        "sampler": "tcd",
    }


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_preset_draws_with_small_and_large_models(name: str) -> None:
    merged = merge(Wish(prompt="a fox", flags=PromptFlags()), [Layer.named(SHIPPED[name])])
    for recipe in (make_recipe(), make_recipe(width=64, height=64, max_side_px=128)):
        library = make_library(model_file("m"), recipes=(recipe,))
        request = compose_wish(fitted(merged, recipe).wish, library).request
        assert request.prompt.count("a fox") == 1
        assert max(request.width, request.height) <= recipe.max_side_px


def test_shipped_presets_that_are_wrong_are_the_operators_to_mend(tmp_path: Path) -> None:
    file = tmp_path / "presets.toml"
    with pytest.raises(SettingsError, match="cannot be read"):
        read_shipped(file)
    file.write_text("[[preset]]\nsteps = 1")
    with pytest.raises(SettingsError, match=r"are wrong: Preset 1 of the file has no name"):
        read_shipped(file)
