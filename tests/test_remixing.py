from datetime import UTC, datetime

import pytest

from hypersd_core.errors import InvalidFlag
from hypersd_core.flags import PromptFlags
from hypersd_core.front_desk import Ask
from hypersd_core.prompt import LoraTag
from hypersd_core.redrawing import STRONG
from hypersd_core.remixing import Changes, ask_again, remixed
from hypersd_core.request import GenerationRequest, Job, JobState, Origin, Source
from hypersd_core.wishes import Start
from tests.any_request import make_request

PICTURE = "a" * 64 + ".png"


def job_of(request: GenerationRequest, *, private: bool = False) -> Job:
    origin = Origin(
        user_id=1, guild_id=2, channel_id=3, private=private, application_id=4, token="",
        token_expires_at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    return Job(
        id=5,
        request=request,
        origin=origin,
        state=JobState.DELIVERED,
        attempt=1,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def earlier(**options: object) -> Ask:
    return ask_again(job_of(make_request(**options)), None)


def test_a_job_is_asked_for_again_with_its_words_its_loras_and_its_privacy() -> None:
    request = make_request(prompt="a fox", loras=(LoraTag(name="ink", weight=0.5),), seed=7)
    ask = ask_again(job_of(request, private=True), None)
    assert ask.text == "a fox <lora:ink:1:0.5>"
    assert (ask.options.seed, ask.options.private, ask.options.spoiler) == (7, True, None)
    assert (ask.parent_id, ask.is_again) == (5, True)


def test_one_of_several_is_asked_for_alone() -> None:
    ask = ask_again(job_of(make_request(seed=7, count=4)), 2)
    assert (ask.options.seed, ask.options.count) == (9, None)


def test_what_started_from_a_picture_starts_from_it_again() -> None:
    source = Source(picture=PICTURE, mask="b" * 64 + ".png", strength=0.4)
    ask = earlier(source=source, width=64, height=72)
    assert ask.start == Start(picture=PICTURE, mask=source.mask, size=(64, 72))
    assert ask.options.strength == 0.4


def test_what_was_only_made_larger_is_drawn_from_at_the_models_own_size() -> None:
    ask = earlier(source=Source(picture=PICTURE, strength=0))
    assert (ask.options.strength, ask.options.size) == (STRONG, None)


def test_what_was_not_changed_stays() -> None:
    ask = earlier(prompt="a fox", negative="hat", steps=4)
    assert remixed(ask, Changes(text="a fox", negative="hat")) == ask


def test_speed_takes_the_place_of_steps() -> None:
    ask = remixed(earlier(steps=4), Changes(text="a fox", speed="draft", size="3:2"))
    assert (ask.options.steps, ask.options.speed, ask.options.size) == (None, "draft", "3:2")


def test_flags_win_over_the_choices_of_the_form() -> None:
    ask = remixed(earlier(steps=4), Changes(text="a fox --steps 2 --ar 1:2", size="3:2"))
    assert (ask.text, ask.options.steps, ask.options.size) == ("a fox", 2, "1:2")
    with pytest.raises(InvalidFlag, match="did you mean --steps"):
        remixed(ask, Changes(text="a fox --stpes 2"))


def test_an_emptied_negative_prompt_is_gone() -> None:
    ask = remixed(earlier(negative="hat"), Changes(text="a fox", negative=" "))
    assert ask.options.negative is None


def test_settings_give_way_to_a_preset_but_not_what_makes_the_picture() -> None:
    ask = earlier(negative="hat", steps=4, seed=7, count=2)
    by_preset = remixed(ask, Changes(text="a fox", negative="hat", preset="Ink"))
    assert by_preset.options == PromptFlags(seed=7, count=2, preset="Ink")
    changed = remixed(ask, Changes(text="a fox", negative="hat, tie", preset="Ink", size="1:1"))
    assert (changed.options.negative, changed.options.size) == ("hat, tie", "1:1")
