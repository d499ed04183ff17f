"""One bot, each person's own language: commands, acknowledgements, refusals and results."""

import re

import pytest

from tests.e2e.cards import BUTTON, parts, text_of
from tests.e2e.drawing import drawn, shown
from tests.e2e.visitor import Visitor
from tests.sandbox.page_client import Json

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("bot")]

CHINESE = re.compile("[\u4e00-\u9fff]")
SAME_NAME = {"seed": 7, "steps": 1}


def labels(message: Json) -> str:
    return " ".join(part.get("label", "") for part in parts(message, BUTTON))


async def test_a_card_speaks_the_language_of_who_asked_wherever_it_is_posted(
    visitor: Visitor,
) -> None:
    for user, is_chinese in (("lin", True), ("ada", False), ("ben", False)):
        message = await drawn(visitor.at(user=user), f"a portrait for {user}", **SAME_NAME)
        words = text_of(message).replace(f"a portrait for {user}", "")
        assert bool(CHINESE.search(words)) is is_chinese, words
        assert bool(CHINESE.search(labels(message))) is is_chinese
        assert ("种子 7" if is_chinese else "seed 7") in words
    seen_by_ada = [m for m in await visitor.messages() if "a portrait for lin" in text_of(m)]
    assert "种子 7" in text_of(seen_by_ada[0])


@pytest.mark.parametrize(
    ("user", "sentence"),
    [
        ("lin", "提示词为空"),
        ("ada", "The prompt is empty"),
        ("ben", "The prompt is empty"),  # German is not there: English is for everybody else
    ],
)
async def test_a_refusal_is_in_the_language_of_who_is_refused(
    visitor: Visitor, user: str, sentence: str
) -> None:
    answer = await visitor.at(user=user).command("imagine", prompt="  ")
    assert sentence in text_of(await visitor.at(user=user).message(answer["message"]))


async def test_who_speaks_another_chinese_is_answered_in_the_one_there_is(visitor: Visitor) -> None:
    answer = await visitor.act(
        "command", name="imagine", options={"prompt": "a man", "steps": 1}, locale="zh-TW"
    )
    assert CHINESE.search(text_of(await shown(visitor, answer["message"])).replace("a man", ""))


async def test_a_result_that_comes_late_is_still_in_the_language_of_its_asker(
    visitor: Visitor,
) -> None:
    lin = visitor.at(user="lin")
    await lin.command("imagine", prompt="a late portrait", seed=9, steps=16)
    await lin.expire()
    message = await visitor.until(
        lambda m: "a late portrait" in text_of(m) and "种子 9" in text_of(m)
    )
    assert [user["username"] for user in message["mentions"]] == ["lin"]


def untranslated(entry: Json, path: str) -> list[str]:
    """The paths of what has no Chinese name or description, in a command and all below it."""
    kinds = ["name", "description"] if entry.get("description") else ["name"]
    found = [
        f"{path}: {kind}"
        for kind in kinds
        if not (entry.get(f"{kind}_localizations") or {}).get("zh-CN")
    ]
    for below in entry.get("options", []):
        found += untranslated(below, f"{path} {below['name']}")
    return found


async def test_every_command_and_option_has_a_chinese_name_and_description(
    visitor: Visitor,
) -> None:
    commands = (await visitor.get("/sandbox/state?user=ada"))["commands"]
    assert len(commands) > 5
    missing = [path for c in commands for path in untranslated(c, f"/{c['name']}")]
    assert missing == []
