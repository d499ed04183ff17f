"""Remix: a form with the words and settings of a result, which outlives the bot that opened it."""

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.bot_process import BotProcess
from tests.e2e.cards import custom_id, text_of
from tests.e2e.drawing import drawn, file_of, shown
from tests.e2e.results import EPHEMERAL, button, job_of, pressed, stored
from tests.e2e.visitor import Visitor
from tests.sandbox.page_client import Json

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("bot")]


async def opened(visitor: Visitor, message: Json, verb: str = "remix") -> Json:
    """The form that a button opens."""
    answer = await visitor.press(message["id"], button(message, verb))
    assert answer["outcome"] == "modal", answer
    return answer


def field(form: Json, label: str) -> dict[str, Any]:
    """One input of a form."""
    labels = {part["label"]: part["component"] for part in form["modal"]["components"]}
    found: dict[str, Any] = labels[label]
    return found


def options(form: Json, label: str) -> list[str]:
    return [option["label"] for option in field(form, label)["options"]]


async def remixed(visitor: Visitor, form: Json, changes: dict[str, object]) -> Json:
    """The result of a form that was sent in."""
    answer = await visitor.submit(form, changes)
    return await shown(visitor, answer["message"])


async def test_the_form_holds_words_and_settings_as_they_are(visitor: Visitor) -> None:
    first = await drawn(visitor, "a man, as he is", negative="hat", steps=2)
    form = await opened(visitor.at(user="ben"), first)
    assert form["modal"]["title"] == "Remix"
    assert field(form, "Prompt")["value"] == "a man, as he is"
    assert field(form, "What to keep out")["value"] == "hat"
    assert options(form, "Preset")[0] == "As before"
    assert options(form, "Size") == [
        "As before: 64x64",
        "Square 64x64",
        "Portrait 56x72",
        "Landscape 72x56",
    ]
    assert options(form, "Speed")[0] == "As before: 2 steps"


async def test_only_what_was_changed_changes(visitor: Visitor, local_dir: Path) -> None:
    first = await drawn(visitor, "a man, red hair", seed=7, steps=2, guidance=2.5)
    form = await opened(visitor, first)
    second = await remixed(visitor, form, {"Prompt": "a man, blue hair", "Size": ["56x72"]})
    before, after = [stored(local_dir, job_of(m)) for m in (first, second)]
    wanted = {"prompt": "a man, blue hair", "width": 56, "height": 72, "parent_id": job_of(first)}
    assert after == before | wanted


async def test_a_form_that_is_sent_in_unchanged_draws_the_same_picture(visitor: Visitor) -> None:
    first = await drawn(visitor, "the {same} man", seed=7, steps=1, negative="hat")
    second = await remixed(visitor, await opened(visitor, first), {})
    assert await file_of(visitor, second) == await file_of(visitor, first)


async def test_flags_in_the_words_win(visitor: Visitor, local_dir: Path) -> None:
    first = await drawn(visitor, "a man", seed=7, steps=1)
    form = await opened(visitor, first)
    second = await remixed(visitor, form, {"Prompt": "a man --steps 3 --seed 8 --no hat"})
    request = stored(local_dir, job_of(second))
    assert (request["prompt"], request["steps"], request["seed"]) == ("a man", 3, 8)
    assert request["negative"] == "hat"


async def test_one_of_several_is_remixed_alone_with_its_own_seed(
    visitor: Visitor, local_dir: Path
) -> None:
    first = await drawn(visitor, "two men", seed=7, steps=1, count=2)
    card = await pressed(visitor, first, f"pick:1:{job_of(first)}:1")
    second = await remixed(visitor, await opened(visitor, card), {"Prompt": "one man"})
    request = stored(local_dir, job_of(second))
    assert (request["seed"], request["count"]) == (8, 1)
    whole = await remixed(visitor, await opened(visitor, first), {"Prompt": "both men"})
    assert stored(local_dir, job_of(whole))["count"] == 2


async def test_a_preset_brings_its_own_settings(visitor: Visitor, local_dir: Path) -> None:
    form = await visitor.command("preset create")
    texts = {"Name": "Inked", "Style": "{prompt}, in ink", "Settings": "--steps 1 --sampler tcd"}
    await visitor.submit(form, texts)
    first = await drawn(visitor, "a man for ink", seed=7, steps=3)
    second = await remixed(visitor, await opened(visitor, first), {"Preset": ["Inked"]})
    request = stored(local_dir, job_of(second))
    assert request["prompt"] == "a man for ink, in ink"
    assert (request["steps"], request["sampler"], request["seed"]) == (1, "tcd", 7)


async def test_what_comes_of_a_private_result_is_private(visitor: Visitor) -> None:
    first = await drawn(visitor, "a secret man", steps=1, private=True)
    second = await remixed(visitor, await opened(visitor, first), {"Prompt": "more secret"})
    assert second["flags"] & EPHEMERAL


async def test_what_is_refused_is_given_back(visitor: Visitor) -> None:
    first = await drawn(visitor, "a man", steps=1)
    words = "a man I typed for hours --stpes 4"
    answer = await visitor.submit(await opened(visitor, first), {"Prompt": words})
    refusal = await visitor.message(answer["message"])
    assert "did you mean --steps?" in text_of(refusal)
    assert words in text_of(refusal)
    assert refusal["flags"] & EPHEMERAL


async def test_a_form_outlives_a_kill_between_opening_and_sending(
    visitor: Visitor, bot: BotProcess, local_dir: Path
) -> None:
    first = await drawn(visitor, "a man, before", seed=7, steps=1)
    form = await opened(visitor, first)
    await bot.kill()
    await bot.start()
    second = await remixed(visitor, form, {"Prompt": "a man, after"})
    request = stored(local_dir, job_of(second))
    assert (request["prompt"], request["parent_id"]) == ("a man, after", job_of(first))


async def test_pictures_deleted_meanwhile_are_said_so(visitor: Visitor) -> None:
    first = await drawn(visitor, "a man, soon gone", steps=1)
    form = await opened(visitor.at(user="ben"), first)
    await visitor.press(first["id"], custom_id(first, "delete"))
    await visitor.until(lambda m: m["id"] == first["id"] and "Deleted by" in text_of(m))
    answer = await visitor.at(user="ben").submit(form, {"Prompt": "still there?"})
    refusal = await visitor.at(user="ben").message(answer["message"])
    assert "no longer kept" in text_of(refusal)
