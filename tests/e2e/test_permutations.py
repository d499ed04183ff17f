"""One command, several jobs: permutations, wildcards and repeats, asked about before they run."""

import asyncio
import re
from pathlib import Path

import pytest

from tests.e2e.bot_process import BotProcess
from tests.e2e.cards import BUTTON, parts, picture_urls, text_of
from tests.e2e.database import rows
from tests.e2e.drawing import drawn, file_of, pixels, png
from tests.e2e.settings_card import choose
from tests.e2e.visitor import WITHIN_S, Visitor
from tests.sandbox.page_client import Json

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("bot")]

EPHEMERAL = 1 << 6
JOBS = "SELECT count(*) FROM jobs"
PROMPTS = """SELECT json_extract(request, '$.prompt') FROM jobs
             WHERE id > ? ORDER BY id"""
STATES = "SELECT DISTINCT state FROM jobs WHERE id > ?"


async def asked(visitor: Visitor, prompt: str, **options: object) -> Json:
    """The private question that answers /imagine."""
    answer = await visitor.command("imagine", prompt=prompt, **options)
    question = await visitor.until(
        lambda m: m["id"] == answer["message"] and text_of(m) != "",
        user=visitor.user,
        channel=visitor.channel,
    )
    assert question["flags"] & EPHEMERAL, text_of(question)
    return question


async def confirm(visitor: Visitor, question: Json) -> Json:
    """Press the button of a question; returns the acknowledgement of all jobs, or a refusal."""
    (button,) = [b["custom_id"] for b in parts(question, BUTTON)]
    answer = await visitor.press(question["id"], button)
    return await visitor.message(answer["message"])


async def results(visitor: Visitor, words: str, number: int) -> list[Json]:
    """So many messages with pictures and these ``words``, a pattern."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            every = await visitor.messages()
            found = [m for m in every if picture_urls(m) and re.search(words, text_of(m))]
            if len(found) >= number:
                return found
            await asyncio.sleep(0.05)


def count(local_dir: Path) -> int:
    return int(rows(local_dir, JOBS)[0][0])


async def test_several_jobs_are_drawn_when_they_are_confirmed(
    visitor: Visitor, local_dir: Path
) -> None:
    before = count(local_dir)
    question = await asked(visitor, "a {red, blue} kite, {oil, ink}", steps=1)
    text = text_of(question).replace("*", "")
    assert "These are 4 jobs. Draw them all?" in text
    assert (
        "1. a red kite, oil\n2. a red kite, ink\n3. a blue kite, oil\n4. a blue kite, ink" in text
    )
    assert "4 pictures" in text
    assert count(local_dir) == before
    acknowledgement = await confirm(visitor, question)
    assert not acknowledgement["flags"] & EPHEMERAL
    messages = await results(visitor, r"a (red|blue) kite, (oil|ink)", 4)
    assert len({m["id"] for m in messages} - {acknowledgement["id"]}) == 4
    assert sorted(p for (p,) in rows(local_dir, PROMPTS, before)) == [
        f"a {colour} kite, {style}" for colour in ("blue", "red") for style in ("ink", "oil")
    ]


async def test_a_question_outlives_a_killed_bot_and_is_answered_once(
    visitor: Visitor, bot: BotProcess
) -> None:
    question = await asked(visitor, "a {tin, gold} crown", steps=1)
    await bot.kill()
    await bot.start()
    await confirm(visitor, question)
    await results(visitor, "a (tin|gold) crown", 2)
    again = await confirm(visitor, question)
    assert "This was confirmed already" in text_of(again)


async def test_all_of_them_can_be_cancelled(visitor: Visitor, local_dir: Path) -> None:
    before = count(local_dir)
    acknowledgement = await confirm(
        visitor, await asked(visitor, "a {wet, dry} cellar", steps=50, count=4)
    )
    (button,) = [b["custom_id"] for b in parts(acknowledgement, BUTTON)]
    await visitor.press(acknowledgement["id"], button)
    await visitor.until(
        lambda m: m["id"] == acknowledgement["id"] and "Cancelled 2 of 2 jobs." in text_of(m)
    )
    assert rows(local_dir, STATES, before) == [("cancelled",)]


async def test_others_cannot_cancel_them(visitor: Visitor) -> None:
    acknowledgement = await confirm(
        visitor, await asked(visitor, "a {high, low} tower", steps=50, count=4)
    )
    (button,) = [b["custom_id"] for b in parts(acknowledgement, BUTTON)]
    answer = await visitor.at(user="ben").press(acknowledgement["id"], button)
    refusal = await visitor.at(user="ben").until(
        lambda m: m["flags"] & EPHEMERAL and "somebody else" in text_of(m), user="ben"
    )
    assert answer["outcome"]
    assert refusal["flags"] & EPHEMERAL
    await visitor.press(acknowledgement["id"], button)
    await visitor.until(lambda m: m["id"] == acknowledgement["id"] and "Cancelled" in text_of(m))


async def test_more_than_the_server_allows_are_refused_with_the_number(visitor: Visitor) -> None:
    answer = await visitor.command("imagine", prompt="{a, b, c, d} {e, f, g}")
    refusal = text_of(await visitor.message(answer["message"]))
    assert "The braces make 12 prompts; at most 10 are allowed." in refusal
    assert "{a, b, c, d} {e, f, g}" in refusal
    answer = await visitor.command("imagine", prompt="{a, b, c, d}", repeat=3)
    refusal = text_of(await visitor.message(answer["message"]))
    assert "These are 12 jobs; at most 10 are allowed at once." in refusal


async def test_a_lower_cap_holds_when_a_draft_is_confirmed(visitor: Visitor) -> None:
    question = await asked(visitor, "a {bright, dim} lamp", steps=1)
    await choose(visitor, "limits", "max_permutations", "1")
    refusal = text_of(await confirm(visitor, question))
    await choose(visitor, "limits", "max_permutations", "10")
    assert "at most 1 are allowed" in refusal
    assert "a {bright, dim} lamp" in refusal  # the draft is spent, so the words are given back


async def test_the_same_seed_picks_the_same_words(visitor: Visitor) -> None:
    form = await visitor.command("wildcard create", name="fruit")
    fruits = "\n".join(f"fruit {n}" for n in range(50))
    await visitor.submit(form, {"entries": fruits})
    prompts = [
        _prompt(await drawn(visitor, "a __fruit__", seed=seed, steps=1)) for seed in (5, 5, 6)
    ]
    assert prompts[0] == prompts[1] != prompts[2]
    assert re.fullmatch(r"a fruit \d+", prompts[0])


async def test_what_was_asked_about_is_what_is_drawn(visitor: Visitor, local_dir: Path) -> None:
    form = await visitor.command("wildcard create", name="metal")
    await visitor.submit(form, {"entries": "\n".join(f"metal {n}" for n in range(50))})
    before = count(local_dir)
    question = await asked(visitor, "a {thin, thick} __metal__ ring", steps=1)
    await confirm(visitor, question)
    await results(visitor, r"a thi\w+ metal \d+ ring", 2)
    for (prompt,) in rows(local_dir, PROMPTS, before):
        assert prompt in text_of(question)


async def test_a_repeat_is_confirmed_and_draws_other_seeds(
    visitor: Visitor, local_dir: Path
) -> None:
    before = count(local_dir)
    question = await asked(visitor, "a plain jug --repeat 3 --seed 11", steps=1)
    assert "These are 3 jobs" in text_of(question)
    await confirm(visitor, question)
    messages = await results(visitor, "a plain jug", 3)
    seeds = {re.search(r"seed (\d+)", text_of(m))[1] for m in messages}  # type: ignore[index]
    assert seeds == {"11", "12", "13"}
    assert count(local_dir) == before + 3


async def test_escaped_braces_are_words(visitor: Visitor) -> None:
    assert "a {curly, straight} line" in text_of(
        await drawn(visitor, r"a \{curly, straight\} line", steps=1)
    )


async def test_a_brace_without_partner_is_refused(visitor: Visitor) -> None:
    answer = await visitor.command("imagine", prompt="a {red, blue kite")
    refusal = await visitor.message(answer["message"])
    assert "The { at character 3 of the prompt is never closed" in text_of(refusal)
    assert refusal["flags"] & EPHEMERAL


async def test_a_picture_to_start_from_is_kept_for_all_of_them(visitor: Visitor) -> None:
    start = png(pixels(await file_of(visitor, await drawn(visitor, "a lady", steps=1))))
    question = await asked(
        visitor, "a {happy, sad} lady", steps=2, picture=("lady.png", start), strength=0.5
    )
    await confirm(visitor, question)
    assert len(await results(visitor, "a (happy|sad) lady", 2)) == 2


async def test_private_ones_are_seen_by_their_asker_alone(visitor: Visitor) -> None:
    question = await asked(visitor, "a {shy, bold} owl", steps=1, private=True)
    acknowledgement = await confirm(visitor, question)
    assert acknowledgement["flags"] & EPHEMERAL
    for message in await results(visitor, "a (shy|bold) owl", 2):
        assert message["flags"] & EPHEMERAL
    assert not [m for m in await visitor.messages(user="ben") if " owl" in text_of(m)]


async def test_they_work_in_direct_messages(visitor: Visitor) -> None:
    dm = visitor.at(channel="dm")
    acknowledgement = await confirm(dm, await asked(dm, "a {new, old} coin", steps=1))
    messages = await results(dm, "a (new|old) coin", 2)
    assert {m["channel_id"] for m in messages} == {acknowledgement["channel_id"]}


def _prompt(message: Json) -> str:
    """The heading of a result, without its asker."""
    return text_of(message).split("\n")[0].replace("*", "").split(" · ")[-1]
