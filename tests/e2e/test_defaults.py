"""/defaults: what somebody always wants is set once and holds wherever they draw."""

import pytest

from tests.e2e.bot_process import BotProcess
from tests.e2e.cards import text_of
from tests.e2e.drawing import drawn
from tests.e2e.visitor import Visitor
from tests.sandbox.page_client import Json

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("bot")]

EPHEMERAL = 1 << 6


async def card(visitor: Visitor, command: str = "defaults show", **options: object) -> Json:
    """The private answer to a command."""
    answer = await visitor.command(command, **options)
    message = await visitor.message(answer["message"])
    assert message["flags"] & EPHEMERAL
    return message


def said(message: Json) -> str:
    return text_of(message).replace("*", "").replace("`", "")


def chosen(message: Json) -> dict[str, str]:
    """What each select of the card shows, by its field."""
    found: dict[str, str] = {}

    def walk(components: list[Json]) -> None:
        for component in components:
            walk(component.get("components", []))
            for option in component.get("options", []):
                if option.get("default"):
                    found[component["custom_id"].rsplit(":", 1)[1]] = option["label"]

    walk(message["components"])
    return found


async def test_options_hold_unless_others_are_said(visitor: Visitor) -> None:
    shown = await card(visitor, "defaults set", steps=2, count=2)
    assert "Steps 2" in said(shown)
    assert chosen(shown)["count"] == "Pictures: 2"
    text = text_of(await drawn(visitor, "a man"))
    assert "2 steps" in text
    assert "seeds " in text
    assert "1 step ·" in text_of(await drawn(visitor, "a man", steps=1, count=1))
    assert "2 steps" not in text_of(await drawn(visitor.at(user="ben"), "a man", steps=1))
    await card(visitor, "defaults clear")


async def test_they_hold_in_direct_messages_too(visitor: Visitor) -> None:
    dm = visitor.at(channel="dm")
    await card(dm, "defaults set", steps=2)
    assert "2 steps" in text_of(await drawn(dm, "a man"))
    await card(dm, "defaults clear")


async def test_selects_set_and_unset(visitor: Visitor) -> None:
    shown = await card(visitor)
    assert chosen(shown)["sampler"] == "Sampler: no default"
    for field, value, label in (
        ("sampler", "tcd", "Sampler: TCD"),
        ("speed", "draft", "Speed: draft"),
        ("model", "portrait-64", "Model: portrait-64"),
        ("count", "3", "Pictures: 3"),
        ("private", "yes", "Private: yes"),
        ("spoiler", "no", "Spoiler: no"),
    ):
        await visitor.choose(shown["id"], f"defaults:1:choose:{field}", value)
        assert chosen(await visitor.message(shown["id"]))[field] == label
    await visitor.choose(shown["id"], "defaults:1:choose:private", "-")
    assert chosen(await visitor.message(shown["id"]))["private"] == "Private: no default"
    await visitor.press(shown["id"], "defaults:1:clear:all")
    assert set(chosen(await visitor.message(shown["id"])).values()) == {
        f"{name}: no default"
        for name in ("Sampler", "Speed", "Model", "Pictures", "Private", "Spoiler", "Preset")
    }


async def test_the_form_sets_what_is_typed(visitor: Visitor) -> None:
    shown = await card(visitor)
    form = await visitor.press(shown["id"], "defaults:1:form:words")
    await visitor.submit(
        form, {"Size": "3:4", "Steps": "2", "After every prompt": "oil painting", "Guidance": "1,5"}
    )
    text = said(await visitor.message(shown["id"]))
    for line in ("Size 3:4", "Steps 2", "Guidance 1.5", "After every prompt oil painting"):
        assert line in text
    text = text_of(await drawn(visitor, "a man"))
    assert "a man, oil painting" in text
    assert "56×72" in text
    await card(visitor, "defaults clear")


async def test_steps_and_speed_take_each_others_place(visitor: Visitor) -> None:
    await card(visitor, "defaults set", speed="draft")
    shown = await card(visitor, "defaults set", steps=3)
    assert chosen(shown)["speed"] == "Speed: no default"
    await visitor.choose(shown["id"], "defaults:1:choose:speed", "fast")
    assert "Steps" not in said(await visitor.message(shown["id"]))
    await card(visitor, "defaults clear")


async def test_a_wrong_value_is_named_and_given_back(visitor: Visitor) -> None:
    shown = await card(visitor)
    form = await visitor.press(shown["id"], "defaults:1:form:words")
    answer = await visitor.submit(form, {"steps": "many", "suffix": "in oil"})
    text = text_of(await visitor.message(answer["message"]))
    assert "steps must be a whole number, got 'many'." in text
    assert "After every prompt: in oil" in text
    assert "in oil" not in said(await card(visitor))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"model": "portrait-65"}, "portrait-65"),
        ({"preset": "nothing so"}, "nothing so"),
        ({"size": "9x9x9"}, "size must be like"),
        ({"steps": 2, "speed": "fast"}, "set one of them"),
    ],
)
async def test_what_cannot_be_is_refused(
    visitor: Visitor, options: dict[str, object], sentence: str
) -> None:
    assert sentence in text_of(await card(visitor, "defaults set", **options))


async def test_macros_stand_for_their_texts(visitor: Visitor) -> None:
    shown = await card(visitor, "defaults macro", name="--ink", text="ink drawing --steps 2")
    assert "--ink ink drawing" in said(shown)
    text = text_of(await drawn(visitor, "a man, --ink"))
    assert "a man, ink drawing" in text
    assert "2 steps" in text
    assert await visitor.complete("defaults macro", "name", name="i") == [
        {"name": "ink", "value": "ink"}
    ]
    assert "--ink" not in said(await card(visitor, "defaults macro", name="ink"))
    assert "You have no macro --ink." in text_of(await card(visitor, "defaults macro", name="ink"))


async def test_one_of_them_can_be_cleared(visitor: Visitor) -> None:
    await card(visitor, "defaults set", steps=2, negative="hat")
    await card(visitor, "defaults suffix", text="in oil")
    text = said(await card(visitor, "defaults clear", what="steps"))
    assert "Steps" not in text
    assert "Negative prompt hat" in text
    assert "in oil" not in said(await card(visitor, "defaults suffix"))
    await card(visitor, "defaults clear")


async def test_presets_and_models_are_completed(visitor: Visitor) -> None:
    assert {"name": "portrait-64", "value": "portrait-64"} in await visitor.complete(
        "defaults set", "model", model="port"
    )
    assert await visitor.complete("defaults set", "preset", preset="") != []


async def test_cards_and_forms_outlive_a_killed_bot(visitor: Visitor, bot: BotProcess) -> None:
    shown = await card(visitor)
    form = await visitor.press(shown["id"], "defaults:1:form:words")
    await bot.kill()
    await bot.start()
    await visitor.submit(form, {"negative": "hat"})
    assert "Negative prompt hat" in said(await visitor.message(shown["id"]))
