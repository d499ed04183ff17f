"""Presets as texts of a form: what is not touched stays, and a request becomes a style."""

import dataclasses

import pytest
from hypothesis import given

from hypersd_core.errors import InvalidRequest
from hypersd_core.flags import PromptFlags
from hypersd_core.preset_texts import PresetTexts
from hypersd_core.presets import PLACEHOLDER, Preset
from hypersd_core.prompt import LoraTag
from tests.any_preset import presets
from tests.any_request import make_request


@given(presets())
def test_a_form_that_is_sent_as_it_came_changes_nothing(preset: Preset) -> None:
    sent = PresetTexts.of(preset).preset(preset)
    negative = preset.options.negative
    assert sent == dataclasses.replace(
        preset,
        name=preset.name,
        prompt=preset.prompt.strip() or PLACEHOLDER,
        options=dataclasses.replace(preset.options, negative=negative and negative.strip()),
    )


def test_flags_and_texts_become_a_preset() -> None:
    texts = PresetTexts(
        name=" Ink ", prompt="ink of {prompt}", settings="--steps 4 —ar 3:2", negative="photo"
    )
    assert texts.preset() == Preset(
        name="Ink",
        prompt="ink of {prompt}",
        options=PromptFlags(steps=4, size="3:2", negative="photo"),
    )


def test_no_texts_but_a_name_and_a_setting_are_enough() -> None:
    assert PresetTexts(name="Fast", settings="--speed draft").preset().prompt == PLACEHOLDER


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        (PresetTexts(name="x", settings="steps 4"), "'steps 4' is none"),
        (PresetTexts(name="x", settings="--stpes 4"), "did you mean --steps"),
        (PresetTexts(name="x", settings="--no a", negative="b"), "negative is given twice"),
        (PresetTexts(name="", settings="--steps 4"), "must have 1 to 32 characters"),
        (PresetTexts(name="x", prompt="a (fox"), "is never closed"),
        (PresetTexts(name="x", settings="--preset y"), "preset cannot be part of a preset"),
    ],
)
def test_what_cannot_be_is_refused_by_its_sentence(texts: PresetTexts, sentence: str) -> None:
    with pytest.raises(InvalidRequest, match=sentence):
        texts.preset()


def test_an_edit_keeps_what_no_flag_can_say_and_locks_of_what_has_a_value() -> None:
    before = Preset(
        name="x",
        options=PromptFlags(private=False, size="portrait", steps=4),
        locked=frozenset({"private", "steps"}),
    )
    after = dataclasses.replace(PresetTexts.of(before), settings="--ar 3:2").preset(before)
    assert after.options == PromptFlags(private=False, size="3:2")
    assert after.locked == {"private"}


def test_a_picture_becomes_a_style_without_its_seed() -> None:
    request = make_request(
        negative="blurry", loras=(LoraTag(name="ink", weight=0.5, text_weight=0.5),), count=2
    )
    preset = dataclasses.replace(PresetTexts.of_request(request), name="x").preset()
    assert preset.prompt == "a lady, (freckles) <lora:ink:0.5>"
    assert preset.options == PromptFlags(
        negative="blurry",
        model="tiny",
        sampler="dpmpp_sde",
        steps=4,
        guidance=2.0,
        eta=1.0,
        size="64x72",
    )


def test_words_of_a_picture_that_look_like_wildcards_are_words_in_the_style() -> None:
    assert PresetTexts.of_request(make_request(prompt="a __hat__")).prompt == r"a \__hat__"
