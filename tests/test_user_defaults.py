"""What people always want: checked as a request is, kept, and macros put into prompts."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypersd_core.errors import InvalidRequest
from hypersd_core.flags import PromptFlags
from hypersd_core.store import Store
from hypersd_core.user_defaults import MAX_MACROS, People, UserDefaults

USER, OTHER = 7, 8
DEFAULTS = UserDefaults(
    options=PromptFlags(
        model="m", size="3:2", speed="draft", guidance=1.5, sampler="TCD", count=2, negative="hat",
        private=True, spoiler=False, preset="portrait",
    ),
    suffix="soft light, (film:1.2)",
    macros={"mine": "--ar 3:2 --no {hat,scarf}", "我的": "a __animal__"},
)  # fmt: skip


async def test_defaults_outlast_a_restart_and_are_one_persons(tmp_path: Path) -> None:
    async with Store.open(tmp_path) as store:
        await People(store).set_defaults(USER, DEFAULTS)
    async with Store.open(tmp_path) as store:
        people = People(store)
        assert await people.defaults(USER) == DEFAULTS
        assert await people.defaults(OTHER) == UserDefaults()
        assert await people.clear_defaults(USER)
        assert not await people.clear_defaults(USER)
        assert await people.defaults(USER) == UserDefaults()


async def test_a_refused_edit_leaves_defaults_as_they_were(tmp_path: Path) -> None:
    async with Store.open(tmp_path) as store:
        people = People(store)
        edited = await people.edit_defaults(USER, lambda one: one.with_macro("--Mine", " red "))
        assert edited.macros == {"mine": "red"}
        with pytest.raises(InvalidRequest):
            await people.edit_defaults(USER, lambda one: one.with_macro("steps", "red"))
        assert await people.defaults(USER) == edited


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 51}, "steps must be from 1 to 50, got 51"),
        ({"guidance": -1.0}, "guidance must be from 0 to 30, got -1.0"),
        ({"count": 5}, "count must be from 1 to 4, got 5"),
        ({"size": "1:9"}, "A ratio must be between 1:4 and 4:1"),
        ({"size": "huge"}, "size must be like"),
        ({"sampler": "best"}, "There is no sampler 'best'"),
        ({"negative": "a (hat"}, "never closed"),
        ({"negative": "<lora:x:1>"}, "negative prompt"),
        ({"model": ""}, "model must be a name"),
        ({"preset": "x" * 33}, "The name of a preset has 1 to 32 characters"),
        ({"speed": "warp"}, "speed must be one of draft, fast, quality, got 'warp'"),
        ({"speed": "fast", "steps": 4}, "set one of them"),
        ({"seed": 4}, "seed cannot be a default; these can: model, "),
        ({"variation_seed": 4}, "variation seed cannot be a default"),
        ({"repeat": 4}, "repeat cannot be a default"),
    ],
)
def test_options_are_checked_as_a_request_is(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        UserDefaults(options=PromptFlags(**options))


@pytest.mark.parametrize(
    ("suffix", "message"),
    [
        ("x" * 501, "have 501 characters; at most 500"),
        ("red --steps 4", "are words alone"),
        ("red {prompt}", "are words alone"),
        ("red --stpes 4", "did you mean --steps"),
        ("(red", "never closed"),
    ],
)
def test_a_suffix_is_words_alone(suffix: str, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        UserDefaults(suffix=suffix)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("steps", "x", "--steps is a flag: call the macro by another name"),
        ("--No", "x", "--no is a flag"),
        ("4k", "x", "cannot be called '4k'"),
        ("a b", "x", "cannot be called"),
        ("x" * 33, "x", "cannot be called"),
        ("", "x", "cannot be called ''"),
        ("big", "x" * 1_001, "--big has 1,001"),
        ("gone", " ", "You have no macro --gone"),
    ],
)
def test_a_macro_that_cannot_be_is_refused(name: str, text: str, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        UserDefaults().with_macro(name, text)


def test_there_are_so_many_macros() -> None:
    many = UserDefaults(macros={f"m{i}": "x" for i in range(MAX_MACROS)})
    assert many.with_macro("m0", "y").macros["m0"] == "y"
    with pytest.raises(InvalidRequest, match="You have 25 macros, which is the most"):
        many.with_macro("more", "x")
    assert len(many.with_macro("m0", "").macros) == MAX_MACROS - 1


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("a fox --mine", "a fox red --steps 4"),
        ("a fox \u2014mine, big", "a fox red --steps 4, big"),
        ("a fox \u2014\u2014Mine", "a fox red --steps 4"),
        ("{--mine,--my-own} fox", "{red --steps 4,--mine} fox"),
        ("a --my-own", "a --mine"),
        ("well--mine --miner --mine-d -mine --mine: --steps 4", None),
        ("a --我的 b", "a 狐狸 b"),
        ("--\u0130", None),
    ],
)
def test_macros_are_their_texts_one_level_deep(typed: str, text: str | None) -> None:
    defaults = UserDefaults(
        macros={"mine": "red --steps 4", "my-own": "--mine", "我的": "狐狸", "i": "x"}
    )
    assert defaults.expanded(typed) == (typed if text is None else text)


def test_a_flag_that_is_new_wins_its_name_from_a_macro() -> None:
    assert UserDefaults.from_json({"macros": {"steps": "x", "mine": "y"}}).macros == {"mine": "y"}


@given(
    st.builds(
        UserDefaults,
        options=st.builds(
            PromptFlags,
            steps=st.none() | st.integers(1, 50),
            guidance=st.none() | st.floats(0, 30),
            count=st.none() | st.integers(1, 4),
            private=st.none() | st.booleans(),
        ),
        suffix=st.text("ab ,", max_size=20),
        macros=st.dictionaries(st.sampled_from(["x", "y-z", "é"]), st.text("ab{},_", min_size=1)),
    )
)
def test_defaults_go_to_json_and_back(defaults: UserDefaults) -> None:
    assert UserDefaults.from_json(defaults.to_json()) == defaults
