"""Discord's side of languages, over the sandbox's sockets: each interaction speaks its user's."""

from collections.abc import AsyncIterator
from typing import Any

import discord
import pytest
from discord import app_commands, ui

from cogs.translator import CatalogueTranslator, speak_with_users
from hypersd_core.i18n import language
from sandbox import Sandbox
from tests.sandbox.page_client import Json, PageClient
from tests.sandbox.probes import register
from tests.sandbox.sample_bot import SampleBot, aim_at, running_bot


@pytest.fixture
async def page() -> AsyncIterator[PageClient]:
    async with Sandbox(port=0) as sandbox, PageClient(sandbox.url) as client:
        aim_at(sandbox.api_url, sandbox.gateway_url)
        yield client


@pytest.fixture
async def bot(page: PageClient) -> AsyncIterator[SampleBot]:
    async with running_bot(discord.Intents(guilds=True)) as client:
        speak_with_users(client)
        yield client


async def answer_with_language(interaction: discord.Interaction[Any]) -> None:
    await interaction.response.send_message(language())


async def heard(page: PageClient, answer: Json) -> str:
    return str((await page.message(answer["message"]))["content"])


async def test_a_command_speaks_the_language_of_its_user(bot: SampleBot, page: PageClient) -> None:
    async def probe(interaction: discord.Interaction) -> None:
        await answer_with_language(interaction)

    await register(bot, probe)
    spoken = [
        await heard(page, await page.act("command", name="probe", locale=locale))
        for locale in ("zh-CN", "en-US", "zh-TW", "de")
    ]
    assert spoken == ["zh-CN", "en", "zh-CN", "en"]


async def test_autocomplete_speaks_the_language_of_its_user(
    bot: SampleBot, page: PageClient
) -> None:
    async def probe(interaction: discord.Interaction, name: str) -> None:
        raise AssertionError

    async def complete(_: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=language(), value=typed)]

    await register(bot, probe, completes=complete)
    answer = await page.act(
        "autocomplete", name="probe", focused="name", options={"name": "x"}, locale="zh-CN"
    )
    assert [choice["name"] for choice in answer["choices"]] == ["zh-CN"]


class Row(ui.View):
    def __init__(self) -> None:
        super().__init__(timeout=None)
        self.add_item(Kept())

    @ui.button(label="say", custom_id="say")
    async def say(self, interaction: discord.Interaction, _: ui.Button[Any]) -> None:
        await answer_with_language(interaction)

    @ui.button(label="ask", custom_id="ask")
    async def ask(self, interaction: discord.Interaction, _: ui.Button[Any]) -> None:
        await interaction.response.send_modal(Form())


class Kept(ui.DynamicItem[ui.Button[Any]], template="kept"):
    def __init__(self) -> None:
        super().__init__(ui.Button(label="kept", custom_id="kept"))

    @classmethod
    async def from_custom_id(cls, *_: object) -> "Kept":
        return cls()

    async def callback(self, interaction: discord.Interaction) -> None:
        await answer_with_language(interaction)


class Form(ui.Modal, title="Form"):
    name: ui.TextInput[Any] = ui.TextInput(label="name", custom_id="name")

    async def on_submit(self, interaction: discord.Interaction) -> None:
        await answer_with_language(interaction)


async def test_buttons_and_modals_speak_the_language_of_whoever_uses_them(
    bot: SampleBot, page: PageClient
) -> None:
    async def probe(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("here", view=Row())

    bot.add_dynamic_items(Kept)
    await register(bot, probe)
    message = (await page.act("command", name="probe", locale="en-US"))["message"]
    for custom_id in ("say", "kept"):
        pressed = await page.press(message, custom_id, locale="zh-CN")
        assert await heard(page, pressed) == "zh-CN"
        assert await heard(page, await page.press(message, custom_id)) == "en"
    for locale, spoken in (("zh-CN", "zh-CN"), ("en-GB", "en")):
        opened = await page.press(message, "ask", locale=locale)
        assert await heard(page, await page.submit(opened, {"name": "x"})) == spoken


async def test_commands_are_sent_in_every_language(bot: SampleBot, page: PageClient) -> None:
    @app_commands.command(name="imagine", description="Draw pictures from words.")
    @app_commands.describe(prompt="How many pictures.")
    async def imagine(_: discord.Interaction, prompt: str) -> None:
        raise AssertionError

    await bot.tree.set_translator(CatalogueTranslator())
    bot.tree.add_command(imagine)
    await bot.tree.sync()
    state = await page.get("/sandbox/state?user=ada")
    sent = next(command for command in state["commands"] if command["name"] == "imagine")
    assert sent["name_localizations"]["zh-CN"] == sent["name_localizations"]["zh-TW"] == "画图"
    assert sent["description_localizations"]["zh-CN"] == "用文字画图。"
    assert sent["options"][0]["name_localizations"]["zh-CN"] == "提示词"
    assert "de" not in sent["name_localizations"]
