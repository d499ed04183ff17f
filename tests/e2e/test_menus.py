"""The menu of messages: details, remix, draw from, cancel; for results and for other pictures."""

from pathlib import Path

import pytest

from tests.e2e.bot_process import BotProcess
from tests.e2e.cards import picture_urls, text_of
from tests.e2e.drawing import drawn, file_of, pixels, png, shown
from tests.e2e.results import EPHEMERAL, job_of, noted, stored
from tests.e2e.visitor import SLOW, Visitor
from tests.sandbox.page_client import Json

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("bot")]


async def answered(visitor: Visitor, message: Json, menu: str) -> Json:
    """The private answer of a menu, once it has come."""
    answer = await visitor.context(message["id"], menu)
    assert answer["outcome"] in {"message", "deferred_message"}, answer
    found = await visitor.until(
        lambda m: m["id"] == answer["message"] and text_of(m) != "",
        user=visitor.user,
        channel=visitor.channel,
    )
    assert found["flags"] & EPHEMERAL
    return found


async def shared(visitor: Visitor, prompt: str) -> Json:
    """A picture of this bot that somebody posts as a file of their own."""
    result = await drawn(visitor, prompt, seed=7, steps=1, negative="hat")
    return await visitor.say("look", files=[("mine.png", await file_of(visitor, result))])


async def plain_picture(visitor: Visitor) -> Json:
    """A picture that tells nothing."""
    result = await drawn(visitor, "a man", seed=7, steps=1)
    data = png(pixels(await file_of(visitor, result)))
    return await visitor.say("look", files=[("plain.png", data)])


async def test_at_most_five_menus_are_offered_here_and_wherever_a_user_brings_the_bot(
    visitor: Visitor,
) -> None:
    ours = {"Image details", "Remix this", "Draw from this picture", "Cancel job"}
    assert ours <= set(await visitor.offered())
    assert ours <= set(await visitor.at(channel="cafe").offered())


async def test_details_of_a_result_come_from_the_database(visitor: Visitor) -> None:
    first = await drawn(visitor, "a man, known", steps=1)
    text = text_of(await answered(visitor.at(user="ben"), first, "Image details"))
    assert "a man, known" in text
    assert f"job {job_of(first)}" in text


async def test_details_of_a_reposted_result_are_found_by_its_buttons(visitor: Visitor) -> None:
    first = await drawn(visitor, "a man, shown again", steps=1)
    again = await visitor.command("show", job=job_of(first))
    message = await shown(visitor, again["message"])
    assert f"job {job_of(first)}" in text_of(await answered(visitor, message, "Image details"))


async def test_details_of_any_picture_come_from_its_file(visitor: Visitor) -> None:
    message = await shared(visitor, "a man, shared")
    text = text_of(await answered(visitor.at(user="ben"), message, "Image details"))
    assert "a man, shared" in text
    assert "--steps 1" in text


async def test_a_picture_or_message_that_tells_nothing_is_said_so(visitor: Visitor) -> None:
    message = await plain_picture(visitor)
    text = text_of(await answered(visitor, message, "Image details"))
    assert "holds no parameters text" in text
    words = await visitor.say("no picture at all")
    for menu in ("Image details", "Remix this", "Draw from this picture"):
        assert "no picture of its own" in text_of(await answered(visitor, words, menu))


async def test_a_picture_of_elsewhere_is_remixed_with_its_own_settings_after_a_kill(
    visitor: Visitor, bot: BotProcess, local_dir: Path
) -> None:
    message = await shared(visitor, "a man, elsewhere")
    form = await visitor.context(message["id"], "Remix this")
    assert form["outcome"] == "modal"
    await bot.kill()
    await bot.start()
    answer = await visitor.submit(form, {"Prompt": "a woman, elsewhere"})
    request = stored(local_dir, job_of(await shown(visitor, answer["message"])))
    assert (request["prompt"], request["negative"]) == ("a woman, elsewhere", "hat")
    assert (request["seed"], request["steps"]) == (7, 1)


async def test_a_result_is_remixed_as_its_button_does(visitor: Visitor, local_dir: Path) -> None:
    first = await drawn(visitor, "a man, by menu", steps=1)
    form = await visitor.context(first["id"], "Remix this")
    answer = await visitor.submit(form, {"Prompt": "a woman, by menu"})
    second = await shown(visitor, answer["message"])
    assert stored(local_dir, job_of(second))["parent_id"] == job_of(first)


async def test_any_picture_is_drawn_from_after_a_kill_too(
    visitor: Visitor, bot: BotProcess, local_dir: Path
) -> None:
    message = await plain_picture(visitor)
    form = await visitor.context(message["id"], "Draw from this picture")
    assert form["outcome"] == "modal"
    await bot.kill()
    await bot.start()
    values = {"What to draw": "a man from a picture", "How much is drawn anew": "0.4"}
    answer = await visitor.submit(form, values)
    request = stored(local_dir, job_of(await shown(visitor, answer["message"])))
    assert request["source"]["strength"] == 0.4
    assert (request["width"], request["height"]) == (64, 64)


async def test_a_result_is_drawn_from_as_any_picture_is(visitor: Visitor, local_dir: Path) -> None:
    first = await drawn(visitor, "a man to draw from", steps=1)
    form = await visitor.context(first["id"], "Draw from this picture")
    assert form["outcome"] == "modal", form
    answer = await visitor.submit(form, {"What to draw": "a woman from a result"})
    request = stored(local_dir, job_of(await shown(visitor, answer["message"])))
    assert request["source"]["strength"] == 0.6
    assert (request["width"], request["height"]) == (64, 64)


async def test_a_strength_that_is_no_number_is_refused_and_may_be_sent_again(
    visitor: Visitor,
) -> None:
    message = await plain_picture(visitor)
    form = await visitor.context(message["id"], "Draw from this picture")
    values = {"What to draw": "a man", "How much is drawn anew": "a lot"}
    answer = await visitor.submit(form, values)
    assert "must be a number from 0 to 1, got 'a lot'" in text_of(
        await visitor.message(answer["message"])
    )


async def test_a_waiting_job_is_cancelled_by_its_acknowledgement(visitor: Visitor) -> None:
    message_id = await visitor.imagine("a man to cancel by menu", **SLOW)
    message = await visitor.message(message_id)
    refusal = await answered(visitor.at(user="ben"), message, "Cancel job")
    assert "belongs to somebody else" in text_of(refusal)
    assert "Cancelled." in text_of(await answered(visitor, message, "Cancel job"))
    await visitor.until(lambda m: m["id"] == message_id and "Cancelled" in text_of(m))
    assert picture_urls(await visitor.message(message_id)) == []


async def test_a_finished_job_is_too_late_to_be_cancelled(visitor: Visitor) -> None:
    first = await drawn(visitor, "a man, finished", steps=1)
    assert "Too late" in text_of(await answered(visitor, first, "Cancel job"))
    words = await visitor.say("just words")
    assert "stands for no job" in text_of(await answered(visitor, words, "Cancel job"))


async def test_all_jobs_of_one_acknowledgement_are_cancelled(visitor: Visitor) -> None:
    answer = await visitor.command("imagine", prompt="a {red,blue} man", **SLOW)
    card = await visitor.message(answer["message"])
    batch = await noted(visitor, card, "draft")
    assert "Cancelled 2 of 2 jobs." in text_of(await answered(visitor, batch, "Cancel job"))
