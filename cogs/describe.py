"""/describe: what a picture's own metadata tells of how it was made.

The card carries the parameters text as a file, and its button draws what that file says: nothing
is kept here between the two.
"""

import asyncio
import io
import re
from collections.abc import Iterator
from typing import Any, Protocol, Self, cast

import discord
from discord import app_commands, ui
from discord.ext import commands

from cogs.answers import answer, refusing
from cogs.cards import ACCENT, Item, card, code, plain, row, small, text
from cogs.pictures import picture_data
from cogs.requests import Requests
from hypersd_core.describe import Described, describe
from hypersd_core.errors import InvalidPicture
from hypersd_core.front_desk import Ask
from hypersd_core.i18n import say

DESCRIBE_COG = "Describe"
FILE_NAME = "parameters.txt"
_MAX_PROMPT_SHOWN = 700
_MAX_NEGATIVE_SHOWN = 300
_MAX_PARAMETERS_SHOWN = 900
_MAX_COMMAND_SHOWN = 1_000
_MAX_NOTES_SHOWN = 600


class Drawing(Protocol):
    """What the button asks for; the cog answers."""

    async def draw_again(self, interaction: discord.Interaction[Any]) -> None:
        """Draw what the card's file says."""


class DrawDescribed(
    ui.DynamicItem[ui.Button[ui.LayoutView]], template=r"describe:1:(?P<verb>draw)"
):
    """Draws what was described, for whoever looks at the card."""

    def __init__(self) -> None:
        super().__init__(
            ui.Button(
                label=say("Draw this again"),
                style=discord.ButtonStyle.primary,
                custom_id="describe:1:draw",
            )
        )

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: ui.Item[Any], _match: re.Match[str], /
    ) -> Self:
        """The button that has this id."""
        return cls()

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Hand the press on: discord.py builds the buttons, so the cog is looked up by name."""
        async with refusing(interaction):
            cog = cast(Drawing, interaction.client.get_cog(DESCRIBE_COG))
            await cog.draw_again(interaction)


class DescribeCommand(commands.Cog, name=DESCRIBE_COG):
    """Reads, and draws what was read."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    @app_commands.command(name="describe", description="Read how a picture was made, if it says.")
    @app_commands.describe(picture="A picture of this bot, of A1111 or of others that write so.")
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    @app_commands.allowed_installs(guilds=True, users=True)
    async def describe_picture(
        self, interaction: discord.Interaction[Any], picture: discord.Attachment
    ) -> None:
        """Answer privately with all that is found."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        async with refusing(interaction):
            found = await asyncio.to_thread(describe, await picture_data(picture))
            file = discord.File(io.BytesIO(found.infotext.encode()), FILE_NAME)
            await answer(interaction, described_card(found, file, [DrawDescribed()]), files=[file])

    async def draw_again(self, interaction: discord.Interaction[Any]) -> None:
        """Draw what the card's file says, by the rules of this place."""
        await self._requests.ask(interaction, Ask(text=await _parameters_of(interaction)))


def described_card(found: Described, file: discord.File, buttons: list[Item]) -> ui.LayoutView:
    """Prompt, parameters, what to type, and the whole text as a file."""
    attached: ui.File[ui.LayoutView] = ui.File(file)
    return card(ACCENT, *_texts(found), attached, row(*buttons))


def _texts(found: Described) -> Iterator[Item]:
    yield text(f"**{plain(found.prompt, _MAX_PROMPT_SHOWN) or say('without a prompt')}**")
    if found.negative:
        yield text(f"**{say('Negative prompt')}** {plain(found.negative, _MAX_NEGATIVE_SHOWN)}")
    pairs = (f"{plain(key)}: **{plain(value)}**" for key, value in found.parameters if value)
    if lines := _as_fit(pairs, _MAX_PARAMETERS_SHOWN):
        yield text(" · ".join(lines))
    if len(found.command) <= _MAX_COMMAND_SHOWN:
        yield text(f"{say('To be typed as the prompt of /imagine:')}\n{code(found.command)}")
    if found.notes:
        yield small(plain(" ".join(found.notes), _MAX_NOTES_SHOWN))


def _as_fit(parts: Iterator[str], most_chars: int) -> list[str]:
    shown: list[str] = []
    for part in parts:
        most_chars -= len(part) + len(" · ")
        if most_chars < 0:
            return [*shown, "…"]
        shown.append(part)
    return shown


async def _parameters_of(interaction: discord.Interaction[Any]) -> str:
    """The file of the card on which the button is."""
    assert interaction.message is not None, "buttons are on messages"
    for attachment in interaction.message.attachments:
        if attachment.filename == FILE_NAME:
            try:
                return (await attachment.read()).decode()
            except (discord.HTTPException, UnicodeDecodeError) as error:
                raise _gone() from error
    raise _gone()


def _gone() -> InvalidPicture:
    return InvalidPicture(say("This card has lost its file: describe the picture again."))
