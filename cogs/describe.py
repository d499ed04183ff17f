"""/describe: what a picture's own metadata tells of how it was made.

The card carries the parameters text as a file, and its buttons start from what that file says:
nothing is kept here between the two.
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
from cogs.asking import guild_of
from cogs.cards import ACCENT, Item, card, code, plain, row, small, text
from cogs.pictures import picture_data
from cogs.remix import draft_form
from cogs.requests import Requests
from hypersd_core.describe import Described, describe
from hypersd_core.errors import InvalidPicture
from hypersd_core.front_desk import Ask, FrontDesk
from hypersd_core.i18n import say
from hypersd_core.library import Library
from hypersd_core.remixing import ask_of_text

DESCRIBE_COG = "Describe"
FILE_NAME = "parameters.txt"
_MAX_PROMPT_SHOWN = 700
_MAX_NEGATIVE_SHOWN = 300
_MAX_PARAMETERS_SHOWN = 900
_MAX_COMMAND_SHOWN = 1_000
_MAX_NOTES_SHOWN = 600


class Drawing(Protocol):
    """What the buttons ask for; the cog answers."""

    async def draw_again(self, interaction: discord.Interaction[Any]) -> None:
        """Draw what the card's file says."""

    async def remix(self, interaction: discord.Interaction[Any]) -> None:
        """Open what the card's file says in a form."""


class DescribedButton(
    ui.DynamicItem[ui.Button[ui.LayoutView]], template=r"describe:1:(?P<verb>draw|remix)"
):
    """What is done with what was described, for whoever looks at the card."""

    def __init__(self, verb: str) -> None:
        is_draw = verb == "draw"
        super().__init__(
            ui.Button(
                label=say("Draw this again") if is_draw else say("Remix"),
                style=discord.ButtonStyle.primary if is_draw else discord.ButtonStyle.secondary,
                custom_id=f"describe:1:{verb}",
            )
        )
        self._verb = verb

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """The button that has this id."""
        return cls(match["verb"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Hand the press on."""
        drawing = _drawing(interaction)
        act = drawing.draw_again if self._verb == "draw" else drawing.remix
        async with refusing(interaction):
            await act(interaction)


def described_buttons() -> list[Item]:
    """What can be done with a picture that tells how it was made."""
    return [DescribedButton("draw"), DescribedButton("remix")]


class DescribeCommand(commands.Cog, name=DESCRIBE_COG):
    """Reads, and draws what was read."""

    def __init__(self, requests: Requests, desk: FrontDesk, library: Library) -> None:
        self._requests = requests
        self._desk = desk
        self._library = library

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
            await answer(
                interaction, described_card(found, file, described_buttons()), files=[file]
            )

    async def draw_again(self, interaction: discord.Interaction[Any]) -> None:
        """Draw what the card's file says, by the rules of this place."""
        await self._requests.ask(interaction, Ask(text=await _parameters_on(interaction)))

    async def remix(self, interaction: discord.Interaction[Any]) -> None:
        """The form outlives restarts: what it starts from is kept as a draft."""
        text = await _parameters_on(interaction)
        ask = await asyncio.to_thread(ask_of_text, text, self._library)
        draft_id = await self._desk.keep_draft(ask, interaction.user.id)
        presets = await self._desk.preset_names(guild_of(interaction))
        modal = draft_form(draft_id, ask, self._library, presets)
        await interaction.response.send_modal(modal)


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


async def _parameters_on(interaction: discord.Interaction[Any]) -> str:
    """The file on the card with the button. Discord lists it among the parts of the card alone."""
    assert interaction.message is not None, "buttons are on messages"
    view = ui.LayoutView.from_message(interaction.message)
    url = next((part.media.url for part in view.walk_children() if isinstance(part, ui.File)), None)
    if url is None:
        raise _gone()
    try:
        data: bytes = await interaction.client.http.get_from_cdn(url)
        return data.decode()
    except (discord.HTTPException, UnicodeDecodeError) as error:
        raise _gone() from error


def _drawing(interaction: discord.Interaction[Any]) -> Drawing:
    """discord.py builds the buttons, so the cog is looked up by name."""
    return cast(Drawing, interaction.client.get_cog(DESCRIBE_COG))


def _gone() -> InvalidPicture:
    return InvalidPicture(say("This card has lost its file: describe the picture again."))
