from typing import Any

import discord
import pytest

from tests.sandbox.page_client import PageClient, PageRefusal
from tests.sandbox.sample_bot import SampleBot


def option(**fields: object) -> dict[str, Any]:
    return {"type": 3, "name": "text", "description": "Text"} | fields


def command(**fields: object) -> dict[str, Any]:
    return {"name": "probe", "description": "Probe"} | fields


def choices(count: int, **fields: object) -> list[dict[str, Any]]:
    return [{"name": str(n), "value": str(n)} | fields for n in range(count)]


BROKEN: list[tuple[list[dict[str, Any]], str]] = [
    ([command(name=f"c{n}") for n in range(101)], "Must be 100 or fewer"),
    ([command(name="Probe")], "0.name: Command name is invalid"),
    ([command(name="a b")], "0.name: Command name is invalid"),
    ([command(name="x" * 33)], "0.name: Must be between 1 and 32"),
    ([command(description="")], "0.description: Must be between 1 and 100"),
    ([command(), command()], "Application command names must be unique"),
    ([command(name_localizations={"de": "Groß"})], "name_localizations.de: Command name"),
    (
        [command(options=[option(), option(name="b", required=True)])],
        "options.1: Required options must be placed before",
    ),
    ([command(options=[option(name=f"o{n}") for n in range(26)])], "options: Must be 25 or fewer"),
    ([command(options=[option(), option()])], "Option name already exists"),
    ([command(options=[option(choices=choices(26))])], "choices: Must be 25 or fewer"),
    ([command(options=[option(choices=choices(1, value="v" * 101))])], "Must be 100 or fewer"),
    ([command(options=[option(choices=choices(1, value=5))])], "value: This field is required"),
    (
        [command(options=[option(choices=choices(1), autocomplete=True)])],
        "Autocomplete options cannot have choices",
    ),
    ([command(options=[option(type=99)])], "type: Value must be one of"),
    ([command(type=3, name="Quote it")], "cannot have description"),
    (
        [
            command(
                options=[
                    option(name=f"o{n}", choices=choices(25, value="v" * 50)) for n in range(9)
                ]
            )
        ],
        "Command exceeds maximum size",
    ),
]


async def register(bot: SampleBot, commands: list[dict[str, Any]]) -> list[Any]:
    assert bot.application_id is not None
    return await bot.http.bulk_upsert_global_commands(bot.application_id, commands)


@pytest.mark.parametrize(("commands", "sentence"), BROKEN, ids=[text for _, text in BROKEN])
async def test_a_broken_rule_is_named_at_its_place(
    bot: SampleBot, commands: list[dict[str, Any]], sentence: str
) -> None:
    with pytest.raises(discord.HTTPException) as caught:
        await register(bot, commands)
    assert (caught.value.status, caught.value.code) == (400, 50035)
    assert sentence in caught.value.text


async def test_a_command_keeps_its_id_when_registered_again(bot: SampleBot) -> None:
    first = await register(bot, [command(), command(name="other")])
    second = await register(bot, [command(description="Changed")])
    assert [entry["id"] for entry in second] == [first[0]["id"]]
    assert second[0]["version"] != first[0]["version"]


async def test_registered_commands_are_listed_with_their_translations(bot: SampleBot) -> None:
    await register(bot, [command(name_localizations={"de": "probe-de"}, description="Probe")])
    (listed,) = await bot.tree.fetch_commands()
    assert listed.name_localizations == {discord.Locale.german: "probe-de"}


async def test_a_guilds_commands_are_offered_there_only(bot: SampleBot, page: PageClient) -> None:
    guild = discord.utils.get(bot.guilds, name="Atelier")
    assert guild is not None
    bot.tree.clear_commands(guild=guild)
    bot.tree.copy_global_to(guild=guild)
    bot.tree.clear_commands(guild=None)
    await bot.tree.sync()
    await bot.tree.sync(guild=guild)
    assert (await page.act("command", channel="drawings", name="keep"))["outcome"] == "message"
    with pytest.raises(PageRefusal, match="Ada has no command 'keep' in general"):
        await page.command("keep")


async def test_default_permissions_hide_a_command(bot: SampleBot, page: PageClient) -> None:
    mine = await page.get("/sandbox/state?user=ada")
    theirs = await page.get("/sandbox/state?user=ben")
    assert "settings" in [entry["name"] for entry in mine["commands"]]
    shown: dict[str, Any] = next(
        (c for c in theirs["commands"] if c["name"] == "settings"), {"channels": []}
    )
    text_channels = [c["id"] for c in theirs["channels"] if c["guild"]]
    assert not set(shown["channels"]) & set(text_channels)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "needs the option 'prompt'"),
        ({"prompt": 5}, "is of type STRING, got 5"),
        ({"prompt": "x", "steps": 3}, "must be one of"),
        ({"prompt": "x", "strength": 1.5}, "must be in 0.0..1.0, got 1.5"),
        ({"prompt": "x", "private": 1}, "is of type BOOLEAN"),
        ({"prompt": "x", "size": 1}, "has no option 'size'"),
        ({"prompt": "x", "reference": "5"}, "none of the attachments"),
    ],
)
async def test_the_page_refuses_what_discords_client_would(
    bot: SampleBot, page: PageClient, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(PageRefusal, match=sentence):
        await page.command("draw", **options)
