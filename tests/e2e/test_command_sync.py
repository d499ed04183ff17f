"""Commands are sent only when they changed, here or at Discord; over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import discord
import pytest
import pytest_asyncio
from discord import app_commands
from discord.gateway import DiscordWebSocket
from discord.http import Route

from cogs.command_sync import FILE_NAME, CommandSync, Tree, read_sent
from cogs.endpoint import sandbox_at
from sandbox import Sandbox
from tests.e2e.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def client(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[discord.Client]:
    """Logged in, without the gateway."""
    monkeypatch.setattr(Route, "BASE", Route.BASE)
    monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", DiscordWebSocket.DEFAULT_GATEWAY)
    endpoint = await sandbox_at(sandbox.url)
    async with discord.Client(intents=discord.Intents.none()) as logged_in:
        await logged_in.login(endpoint.token)
        yield logged_in


def tree_of(client: discord.Client, *names: str, about: str = "Draws.") -> Tree:
    """A command tree; a client holds one at a time."""
    client._connection._command_tree = None

    async def answer(interaction: discord.Interaction[Any]) -> None: ...

    tree = app_commands.CommandTree(client)
    for name in names:
        tree.add_command(app_commands.Command(name=name, description=about, callback=answer))
    return tree


class InChinese(app_commands.Translator):
    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        return "画" if locale is discord.Locale.chinese and string.message == "Draws." else None


async def test_what_discord_has_already_is_not_sent(
    client: discord.Client, visitor: Visitor, tmp_path: Path
) -> None:
    assert await CommandSync(tree_of(client, "draw"), tmp_path).if_changed()
    before = len([e for e in await visitor.log() if e["method"] == "PUT"])
    assert not await CommandSync(tree_of(client, "draw"), tmp_path).if_changed()
    assert len([e for e in await visitor.log() if e["method"] == "PUT"]) == before


async def test_a_changed_description_is_sent(client: discord.Client, tmp_path: Path) -> None:
    await CommandSync(tree_of(client, "draw"), tmp_path).if_changed()
    changed = tree_of(client, "draw", about="Draws more.")
    assert await CommandSync(changed, tmp_path).if_changed()


async def test_a_new_translation_is_sent(client: discord.Client, tmp_path: Path) -> None:
    await CommandSync(tree_of(client, "draw"), tmp_path).if_changed()
    tree = tree_of(client, "draw")
    await tree.set_translator(InChinese())
    assert await CommandSync(tree, tmp_path).if_changed()
    assert not await CommandSync(tree, tmp_path).if_changed()


async def test_what_was_taken_away_at_discord_is_sent_again(
    client: discord.Client, tmp_path: Path
) -> None:
    await CommandSync(tree_of(client, "draw"), tmp_path).if_changed()
    await tree_of(client).sync()  # as another program with the same token would
    assert await CommandSync(tree_of(client, "draw"), tmp_path).if_changed()


@pytest.mark.parametrize("text", ["", "[]", '{"1": 7}', '{"1": {"sha256": "0", "names": [1]}}'])
async def test_a_memory_that_makes_no_sense_is_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / FILE_NAME
    await asyncio.to_thread(file.write_text, text, "utf-8")
    assert read_sent(file, 1) is None
