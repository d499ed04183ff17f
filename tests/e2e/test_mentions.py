"""What people write stays words: on no card does it ping, link, colour, hide or turn anything.

Each test brings the same wicked text before another card. The last ones look at all that the bot
has sent meanwhile, edits included.
"""

import io
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image

from cogs.cards import RED
from hypersd_core.policy import GuildPolicy
from hypersd_core.store import Store
from sandbox import Sandbox
from sandbox.places import ADA, BEN, FIRST_ID, LIN, MIA, REGULARS, STUDIO
from tests.e2e.bot_process import BotProcess
from tests.e2e.cards import BUTTON, custom_id, parts, picture_urls, text_of
from tests.e2e.visitor import SLOW, Visitor
from tests.sandbox.page_client import Json

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("bot")]

REPORTS = FIRST_ID + 105
EPHEMERAL = 1 << 6
WORDS = (
    f"a man @everyone @here <@{BEN.id}> <@!{BEN.id}> <@&{REGULARS.id}> <#{REPORTS}> "
    "</imagine:1> <t:1:R> <:grin:1> **fat** __line!__ *lean* ~~gone~~ ||hidden|| "
    "`mono` ```fence``` "
    "[free](https://evil.example/a_b_) https://evil.example/_c_ <https://evil.example> "
    "\u202egnp.exe\u202c \u2067turned\u2069"
)
LINES = "\n# title\n-# tiny\n> quote\n- dot\n1. one"
WICKED = WORDS + LINES
FORBIDDEN = (
    *("@everyone", "@here", f"<@{BEN.id}>", f"<@!{BEN.id}>", "<@&", f"<#{REPORTS}>"),
    *("</imagine", "<t:1:", "<:grin", "**fat**", "__line!__", "*lean*", "~~gone~~", "||hidden||"),
    *("`mono`", "```", "[free](http", "https://evil", "\u202e", "\u202c", "\u2067", "\u2069"),
    *("\n# title", "\n-# tiny", "\n> quote", "\n- dot", "\n1. one"),
)
NAMED = {"<@&", f"<#{REPORTS}>", "<t:1:"}
"""Refusals name channels, roles and times; as they are private, whoever types one sees it alone."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(sandbox: Sandbox, visitor: Visitor, local_dir: Path) -> AsyncIterator[BotProcess]:
    """The Studio has a channel for reports."""
    async with Store.open(local_dir) as store:
        await store.guilds.edit(STUDIO.id, lambda _: GuildPolicy(report_channel_id=REPORTS))
    process = BotProcess(sandbox.url, local_dir)
    await process.start()
    yield process
    await process.stop()


def what_happens(markdown: str) -> list[str]:
    """What of the wicked text Discord would act upon; in blocks of code it acts upon nothing."""
    bare = re.sub(r"^```\n.*?\n```$", "", markdown, flags=re.DOTALL | re.MULTILINE)
    bare = re.sub(r"\\[^0-9A-Za-z\s]", "", bare)
    return [mark for mark in FORBIDDEN if mark in f"\n{bare}"]


async def test_the_wicked_text_holds_all_that_is_looked_for() -> None:
    assert what_happens(WICKED) == list(FORBIDDEN)


async def result(visitor: Visitor, prompt: str = WICKED, **options: object) -> tuple[Json, int]:
    message = await visitor.until_drawn(await visitor.imagine(prompt, steps=1, **options))
    return message, int(custom_id(message, "reroll").split(":")[2])


async def test_a_result_and_its_buttons(visitor: Visitor) -> None:
    message, job_id = await result(visitor)
    assert "@everyone" in text_of(message)
    for verb in ("details", "more"):
        await visitor.press(message["id"], custom_id(message, verb))
    await visitor.command("show", job=job_id)


async def test_the_longest_prompt(visitor: Visitor) -> None:
    message, _ = await result(visitor, WICKED + " x" * ((2_000 - len(WICKED)) // 2))
    await visitor.press(message["id"], custom_id(message, "details"))


async def test_what_waits_and_what_was_cancelled(visitor: Visitor) -> None:
    message_id = await visitor.imagine(WICKED, **SLOW)
    await visitor.imagine(WICKED, steps=1)
    await visitor.command("queue")
    await visitor.cancel(message_id)


async def test_what_fails(visitor: Visitor, local_dir: Path) -> None:
    slow = await visitor.imagine("a man", **SLOW)
    picture = io.BytesIO()
    Image.new("RGB", (64, 64), "blue").save(picture, "PNG")
    answer = await visitor.command(
        "imagine", prompt=WICKED, picture=("a.png", picture.getvalue()), steps=2
    )
    message_id = str(answer["message"])
    await visitor.until(lambda m: m["id"] == message_id and "man" in text_of(m))
    for path in (local_dir / "inputs").iterdir():
        path.unlink()
    await visitor.cancel(slow)
    failed = await visitor.until(lambda m: m["id"] == message_id and "no longer here" in text_of(m))
    assert "evil.example" in text_of(failed)


async def test_several_jobs_at_once(visitor: Visitor) -> None:
    answer = await visitor.command("imagine", prompt=f"{WORDS} {{red, blue}} hair", steps=1)
    question = await visitor.message(answer["message"])
    assert "2 jobs" in text_of(question)
    await visitor.press(question["id"], custom_id(question, "draft"))


async def test_what_is_refused_comes_back_as_it_was_typed(visitor: Visitor) -> None:
    for flaw in ("--stpes 4", "--model <@&1>**x**", "--size **9**", "__no_such_list__"):
        answer = await visitor.command("imagine", prompt=f"{WICKED} {flaw}")
        assert answer["outcome"] == "message"


async def test_reports_and_those_who_decide_them(visitor: Visitor) -> None:
    message, job_id = await result(visitor)
    menu = await visitor.at(user="lin").press(message["id"], custom_id(message, "more"))
    more = await visitor.at(user="lin").message(menu["message"])
    opened = await visitor.at(user="lin").press(more["id"], custom_id(more, "report"))
    await visitor.at(user="lin").submit(opened, {"reason": WICKED[:500]})
    mia = visitor.at(user="mia", channel="reports")
    card = await visitor.until(
        lambda m: f"job {job_id}" in text_of(m), user="mia", channel="reports"
    )
    block = await mia.press(card["id"], custom_id(card, "block"))
    await mia.submit(block, {"Reason": WICKED[:500]})
    for command in ("log", "blocked"):
        await mia.command(f"moderation {command}")
    await mia.command("moderation who", job=job_id)
    await visitor.command("imagine", prompt=WICKED)
    await mia.command("moderation unblock", user="ada")
    await mia.press(card["id"], custom_id(card, "takedown"))


async def test_presets_defaults_and_lists(visitor: Visitor) -> None:
    opened = await visitor.command("preset create")
    texts = {"name": "**fat** <@&1>", "prompt": f"{{prompt}} {WORDS}"[:900], "about": WICKED[:100]}
    await visitor.submit(opened, texts)
    for command in ("list", "history"):
        await visitor.command(f"preset {command}")
    await visitor.command("preset show", name=texts["name"])
    await visitor.command("defaults suffix", text=WORDS[:300])
    await visitor.command("defaults show")
    await visitor.command("defaults clear")
    made = await visitor.command("wildcard create", name="evil")
    fields = made["modal"]["components"]
    await visitor.submit(made, {fields[0]["component"]["custom_id"]: WICKED})
    for command in ("wildcard show", "wildcards"):
        await visitor.command(command, **({"name": "evil"} if "show" in command else {}))


async def test_what_a_picture_says_of_itself(visitor: Visitor) -> None:
    message, _ = await result(visitor)
    _, data = await visitor.download(picture_urls(message)[0])
    await visitor.command("describe", picture=("a.png", data))
    await visitor.context(message["id"], "Image details")


async def test_numbers(visitor: Visitor) -> None:
    for command in ("usage", "stats"):
        await visitor.command(command)


def texts_in(components: list[Json]) -> Iterator[str]:
    """What messages show as markdown."""
    for component in components:
        yield from [component["content"]] if "content" in component else []
        yield from texts_in(component.get("components", []))
        if "accessory" in component:
            yield from texts_in([component["accessory"]])


def messages_sent(log: list[Json]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The route and the body of every message that was sent or edited."""
    for exchange in log:
        body = exchange["request"]
        if isinstance(body, dict):
            body = body.get("data") if "/callback" in exchange["template"] else body
            is_form = isinstance(body, dict) and "title" in body
            if isinstance(body, dict) and not is_form and body.keys() & {"components", "content"}:
                yield exchange["template"], body


def is_refusal(body: Json) -> bool:
    """A private card in the colour of refusals."""
    is_private = bool(body.get("flags", 0) & EPHEMERAL)
    return is_private and body["components"][0]["accent_color"] == RED.value


async def test_no_card_has_acted_upon_any_of_it(visitor: Visitor) -> None:
    await visitor.until(lambda m: len(parts(m, BUTTON)) > 0)
    sent = list(messages_sent(await visitor.log()))
    assert len(sent) > 40
    acted = [
        (route, marks, text)
        for route, body in sent
        for text in texts_in(body.get("components") or [])
        if (marks := set(what_happens(text)) - (NAMED if is_refusal(body) else set()))
    ]
    assert acted == []
    assert not any(body.get("content") for _, body in sent)


async def test_no_message_may_mention_anybody_but_who_asked(visitor: Visitor) -> None:
    askers = {str(user.id) for user in (ADA, LIN, MIA)}
    for route, body in messages_sent(await visitor.log()):
        allowed = body.get("allowed_mentions")
        assert allowed is not None, f"{route} leaves mentions to Discord: {body}"
        assert allowed.get("parse") == [], route
        assert not allowed.get("roles"), route
        assert {str(user) for user in allowed.get("users") or []} <= askers, route
    for user, channel in (("ada", "general"), ("lin", "general"), ("mia", "reports")):
        for message in await visitor.messages(user=user, channel=channel):
            assert not message["mention_everyone"]
            assert {one["id"] for one in message["mentions"]} <= askers
