"""Presets as values, and how layers and what is typed become one wish."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypersd_core.errors import FieldLocked, InvalidRequest
from hypersd_core.flags import PromptFlags
from hypersd_core.presets import (
    ALL_FIELDS,
    NEGATIVE,
    PROMPT,
    Layer,
    Preset,
    fitted,
    merge,
    styled,
)
from hypersd_core.wishes import Wish
from tests.any_preset import TEXTS, layers, presets, typed
from tests.model_shelf import make_recipe

EMBEDDED = make_recipe(width=64, height=64, max_side_px=128)
SDXL = make_recipe()
OPTIONS = [field for field in ALL_FIELDS if field not in {PROMPT, NEGATIVE, "steps", "speed"}]
STEPS = ("steps", "speed")
FEW = (*STEPS, "private", "negative")  # so that layers meet in a field


def wish(prompt: str = "a fox", **flags: Any) -> Wish:
    return Wish(prompt=prompt, flags=PromptFlags(**flags))


def layer(title: str, prompt: str | None = None, *locked: str, **options: Any) -> Layer:
    return Layer(
        title=title, prompt=prompt, options=PromptFlags(**options), locked=frozenset(locked)
    )


def unlocked(given_layers: list[Layer]) -> list[Layer]:
    return [dataclasses.replace(each, locked=frozenset()) for each in given_layers]


@settings(max_examples=40)
@given(presets())
def test_a_preset_goes_to_json_and_back(preset: Preset) -> None:
    assert Preset.from_json(preset.to_json()) == preset


def test_what_an_older_preset_lacks_takes_its_default() -> None:
    assert Preset.from_json({"name": "Old"}) == Preset(name="Old")
    assert Preset(name="Old").to_json() == {"name": "Old"}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"name": ""}, "The name of a preset must have 1 to 32 characters and no spaces around"),
        ({"name": "x" * 33}, "1 to 32 characters"),
        ({"name": " x"}, "no spaces around it, got ' x'"),
        ({"name": "a\nb"}, "must be one line of text, got 'a\\nb'"),
        ({"about": "x" * 101}, "The description of a preset must have 0 to 100 characters"),
        ({"prompt": "{prompt} and {prompt}"}, "{prompt} may stand only once in a text."),
        ({"prompt": "x" * 2_001}, "The prompt has 2,001 characters; at most 2,000"),
        ({"prompt": "a (fox"}, "is never closed"),
        ({"options": PromptFlags(negative="a) fox")}, "closes nothing"),
        ({"options": PromptFlags(negative="<lora:x>")}, "stands in the negative prompt"),
        ({"options": PromptFlags(steps=99)}, "steps must be from 1 to 50, got 99."),
        ({"options": PromptFlags(guidance=-1.0)}, "guidance must be from 0 to 30"),
        ({"options": PromptFlags(sampler="dpm")}, "There is no sampler 'dpm'"),
        ({"options": PromptFlags(size="1000x1001")}, "height must be divisible by 8"),
        ({"options": PromptFlags(size="huge")}, "size must be like"),
        ({"options": PromptFlags(size="9000x9000")}, "at most 2048 pixels"),
        ({"options": PromptFlags(seed=2**32)}, "seed must be from 0"),
        ({"options": PromptFlags(count=9)}, "count must be from 1 to 4"),
        ({"options": PromptFlags(strength=2.0)}, "strength must be from 0 to 1"),
        ({"options": PromptFlags(variation_strength=2.0)}, "variation strength must be"),
        ({"options": PromptFlags(hires=9.0)}, "hires scale must be"),
        ({"options": PromptFlags(emphasis="loud")}, "emphasis must be one of"),
        ({"options": PromptFlags(model="")}, "model must be a name of 1 to 200"),
        ({"options": PromptFlags(speed="warp")}, "speed must be one of"),
        ({"options": PromptFlags(speed="fast", steps=4)}, "Steps and speed both say"),
        ({"options": PromptFlags(preset="other")}, "preset cannot be part of a preset"),
        ({"locked": frozenset({"stpes"})}, "There is no field 'stpes' to lock; there are prompt"),
        ({"locked": frozenset({"steps"})}, "steps cannot be locked without a value"),
        ({"locked": frozenset({"prompt"})}, "prompt cannot be locked without a value"),
    ],
)
def test_what_cannot_be_drawn_with_is_refused_in_one_sentence(
    values: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        Preset(**({"name": "Photo"} | values))
    assert sentence in str(refusal.value)


@settings(max_examples=40)
@given(typed(), layers())
def test_the_highest_who_says_a_field_decides_it(
    said: tuple[str, PromptFlags], given_layers: list[Layer]
) -> None:
    given_layers = unlocked(given_layers)
    merged = merge(Wish(prompt=said[0], flags=said[1]), given_layers)
    for field in OPTIONS:
        order = [getattr(said[1], field), *(each.said.get(field) for each in given_layers)]
        expected = next((value for value in order if value is not None), None)
        assert getattr(merged.wish.flags, field) == expected
    pairs = [(said[1].steps, said[1].speed)]
    pairs += [(each.options.steps, each.options.speed) for each in given_layers]
    expected_pair = next((pair for pair in pairs if pair != (None, None)), (None, None))
    assert (merged.wish.flags.steps, merged.wish.flags.speed) == expected_pair


@settings(max_examples=40)
@given(typed(FEW), layers(FEW))
def test_a_locked_field_is_never_another_than_the_lowest_lock_says(
    said: tuple[str, PromptFlags], given_layers: list[Layer]
) -> None:
    try:
        merged = merge(Wish(prompt=said[0], flags=said[1]), given_layers)
    except FieldLocked:
        return
    for field in FEW[:-1]:
        same = STEPS if field in STEPS else (field,)
        locking = [each for each in given_layers if each.locked & set(same)]
        if locking and field in locking[-1].locked:
            assert getattr(merged.wish.flags, field) == locking[-1].said[field]
            assert merged.came_from[field] == locking[-1].title
            assert field in merged.locked


@settings(max_examples=40)
@given(typed(FEW), layers(FEW))
def test_a_refusal_is_always_for_something_that_was_typed(
    said: tuple[str, PromptFlags], given_layers: list[Layer]
) -> None:
    merge(Wish(prompt="", flags=PromptFlags()), given_layers)
    refusal = ""
    try:
        merge(Wish(prompt=said[0], flags=said[1]), given_layers)
    except FieldLocked as error:
        refusal = str(error)
    assert not refusal or any(each.title in refusal for each in given_layers if each.locked)


@settings(max_examples=40)
@given(typed(), layers())
def test_came_from_names_a_layer_that_says_the_field_and_nothing_else_is_made_up(
    said: tuple[str, PromptFlags], given_layers: list[Layer]
) -> None:
    given_layers = unlocked(given_layers)
    merged = merge(Wish(prompt=said[0], flags=said[1]), given_layers)
    by_title = {each.title: each for each in given_layers}
    for field, title in merged.came_from.items():
        assert field in by_title[title].said
    for field in [*OPTIONS, *STEPS]:
        value = getattr(merged.wish.flags, field)
        if field in merged.came_from:
            assert value == by_title[merged.came_from[field]].said[field]
        else:
            assert value == getattr(said[1], field)


@settings(max_examples=40)
@given(TEXTS, TEXTS, TEXTS)
def test_text_stands_in_place_of_the_placeholder(before: str, text: str, after: str) -> None:
    worn_already = {text, (before + after).strip(" ,\n")}
    dressed = styled(f"{before}{{prompt}}{after}", text)
    assert dressed in {before + text.strip() + after, *worn_already}


def test_text_stands_before_a_style_without_placeholder_as_in_a1111() -> None:
    assert styled("ink", "a fox") == "a fox, ink"


@pytest.mark.parametrize("style", ["ink, paper", "{prompt}, ink", "photo of {prompt}, soft"])
@pytest.mark.parametrize("text", ["a fox", ""])
def test_what_wears_a_style_already_does_not_wear_it_twice(style: str, text: str) -> None:
    once = styled(style, text)
    assert styled(style, once) == once


def test_nothing_typed_leaves_the_style_alone() -> None:
    assert styled("{prompt}, ink drawing", " ") == "ink drawing"
    assert styled("lady, cover", "") == "lady, cover"


def test_only_the_highest_style_applies_and_negative_prompts_likewise() -> None:
    merged = merge(
        wish(negative="hat"),
        [
            layer("named", "{prompt}, ink"),
            layer("channel", "{prompt}, anime", negative="blurry"),
            layer("guild", "{prompt}, photo", negative="cgi"),
        ],
    )
    assert merged.wish.prompt == "a fox, ink"
    assert merged.wish.flags.negative == "hat, blurry"
    assert merged.came_from == {"prompt": "named", "negative": "channel"}


def test_what_is_typed_into_a_locked_field_is_refused_with_preset_field_and_value() -> None:
    named = Layer.named(
        Preset(name="Photo", options=PromptFlags(steps=4), locked=frozenset({"steps"}))
    )
    with pytest.raises(FieldLocked) as refusal:
        merge(wish(steps=8), [named])
    assert str(refusal.value) == "steps is locked to 4 by the preset Photo: leave it out."
    with pytest.raises(FieldLocked, match="steps is locked to 4"):
        merge(wish(speed="quality"), [named])
    same = merge(wish(steps=4), [named])
    assert (same.wish.flags.steps, same.came_from["steps"]) == (4, "the preset Photo")


def test_defaults_and_presets_above_a_lock_give_way_silently() -> None:
    guild = layer("guild", None, "steps", steps=4)
    merged = merge(wish(), [layer("named", steps=8), layer("yours", speed="quality"), guild])
    assert (merged.wish.flags.steps, merged.wish.flags.speed) == (4, None)
    assert merged.came_from == {"steps": "guild"}
    assert merged.locked == {"steps", "speed"}


def test_of_two_locks_the_guilds_holds() -> None:
    channel = layer("channel", None, "steps", steps=8)
    merged = merge(wish(), [channel, layer("guild", None, "steps", steps=4)])
    assert (merged.wish.flags.steps, merged.came_from["steps"]) == (4, "guild")


def test_a_locked_style_stays_and_takes_text_only_where_it_has_a_place_for_it() -> None:
    house = layer("guild", "{prompt}, house style", "prompt")
    assert merge(wish(), [layer("named", "{prompt}, ink"), house]).wish.prompt == (
        "a fox, house style"
    )
    fixed = layer("guild", "one lady", "prompt")
    assert merge(wish(""), [fixed]).wish.prompt == "one lady"
    with pytest.raises(FieldLocked, match="prompt is locked to one lady by guild"):
        merge(wish("a fox"), [fixed])


def test_a_locked_negative_prompt_takes_nothing_more() -> None:
    safe = layer("guild", None, "negative", negative="gore")
    assert merge(wish(negative="gore"), [safe]).wish.flags.negative == "gore"
    with pytest.raises(FieldLocked, match="negative is locked to gore"):
        merge(wish(negative="hat"), [safe])


def test_a_preset_named_in_defaults_and_repeats_go_through_untouched() -> None:
    merged = merge(wish(repeat=3), [layer("yours", preset="Photo")])
    assert (merged.wish.flags.preset, merged.wish.flags.repeat) == ("Photo", 3)


def test_a_preset_too_large_for_the_model_keeps_its_proportions() -> None:
    merged = merge(wish(), [layer("named", size="768x1152")])
    assert fitted(merged, SDXL).wish.flags.size == "768x1152"
    assert fitted(merged, None) == merged
    small = fitted(merged, EMBEDDED)
    assert small.wish.flags.size == "768:1152"
    assert EMBEDDED.size("768:1152") == (56, 80)
    assert small.came_from == merged.came_from


def test_proportions_that_no_recipe_has_are_dropped() -> None:
    merged = fitted(merge(wish(), [layer("named", size="2048x256")]), EMBEDDED)
    assert merged.wish.flags.size is None
    assert merged.came_from == {}


def test_a_size_that_is_typed_never_gives_way() -> None:
    merged = merge(wish(size="1024x1024"), [layer("named", size="512x512")])
    assert fitted(merged, EMBEDDED, has_picture=True).wish.flags.size == "1024x1024"


def test_a_picture_to_start_from_keeps_its_proportions_unless_the_size_is_locked() -> None:
    merged = merge(wish(), [layer("named", size="1024x1024")])
    assert fitted(merged, SDXL, has_picture=True).wish.flags.size is None
    merged = merge(wish(), [layer("guild", None, "size", size="1024x1024")])
    assert fitted(merged, SDXL, has_picture=True).wish.flags.size == "1024x1024"


@pytest.mark.parametrize(
    ("options", "has_picture", "kept"),
    [
        ({"strength": 0.5}, False, set()),
        ({"strength": 0.5}, True, {"strength"}),
        ({"hires_strength": 0.5, "hires_steps": 2, "upscaler": "latent"}, False, set()),
        ({"upscaler": "latent"}, True, set()),
        ({"upscaler": "lanczos"}, True, {"upscaler"}),
        ({"hires": 2.0, "upscaler": "latent"}, False, {"hires", "upscaler"}),
    ],
)
def test_options_of_a_pass_that_is_not_made_are_dropped_unless_typed(
    options: dict[str, Any], has_picture: bool, kept: set[str]
) -> None:
    merged = fitted(merge(wish(), [layer("named", **options)]), SDXL, has_picture=has_picture)
    assert set(merged.came_from) == kept
    own = fitted(merge(wish(**options), []), SDXL, has_picture=has_picture)
    assert own.wish.flags == PromptFlags(**options)


@given(st.data())
def test_no_layers_change_nothing(data: st.DataObject) -> None:
    prompt, flags = data.draw(typed())
    merged = merge(Wish(prompt=prompt, flags=flags), [])
    assert merged.wish == Wish(prompt=prompt, flags=flags)
    assert not merged.came_from
