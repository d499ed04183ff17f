"""/presets: what styles there are, what each of them does, and a picture drawn with one.

Everybody may look and draw. Where no guild has installed the bot there are those that ship with it.
"""

from collections.abc import Sequence
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from cogs import preset_cards
from cogs.answers import answer, refusing
from cogs.asking import asker_of, guild_of
from cogs.cards import Item, row
from cogs.forms import sent_form, values_of
from cogs.preset_buttons import BROWSER_COG, DrawWith, PickPreset, TurnPage, find, ref_of
from cogs.preset_modals import DRAW_FORM, words_form
from cogs.requests import Requests
from hypersd_core.flags import PromptFlags
from hypersd_core.front_desk import Ask, FrontDesk
from hypersd_core.i18n import say
from hypersd_core.preset_book import Entry, PresetBook
from hypersd_core.presets import merge
from hypersd_core.wishes import Wish


class PresetBrowser(commands.Cog, name=BROWSER_COG):
    """Looks up and shows; changes nothing."""

    def __init__(self, book: PresetBook, desk: FrontDesk, requests: Requests) -> None:
        self._book = book
        self._desk = desk
        self._requests = requests

    @app_commands.command(description="Look at the styles that there are here, and draw with one.")
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    @app_commands.allowed_installs(guilds=True, users=True)
    async def presets(self, interaction: discord.Interaction[Any]) -> None:
        """The list from its beginning."""
        async with refusing(interaction):
            await answer(interaction, await self.page(interaction, 0))

    async def turn(self, interaction: discord.Interaction[Any], page: int) -> None:
        """Show another page in place of this card."""
        await interaction.response.edit_message(view=await self.page(interaction, page))

    async def look(self, interaction: discord.Interaction[Any], ref: str, page: int) -> None:
        """Show one preset in place of this card."""
        entry = find(await self._book.list(guild_of(interaction)), ref)
        buttons = [DrawWith(ref), TurnPage(page, say("Back"))]
        view = await self.card(interaction, entry, buttons)
        await interaction.response.edit_message(view=view)

    async def ask_for_words(self, interaction: discord.Interaction[Any], ref: str) -> None:
        """Open the form for a prompt."""
        entry = find(await self._book.list(guild_of(interaction)), ref)
        await interaction.response.send_modal(words_form(entry.preset, ref=ref))

    @commands.Cog.listener()
    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """Draw what was typed into the form."""
        if sent := sent_form(interaction, DRAW_FORM):
            words = values_of(interaction)["words"]
            async with refusing(interaction, typed=words):
                entry = find(await self._book.list(guild_of(interaction)), sent["ref"])
                options = PromptFlags(preset=entry.preset.name)
                await self._requests.ask(interaction, Ask(text=words, options=options))

    async def page(self, interaction: discord.Interaction[Any], page: int) -> discord.ui.LayoutView:
        """A page of what there is here; the last one where there are not so many."""
        guild_id = guild_of(interaction)
        entries = await self._book.list(guild_id)
        where = {} if guild_id is None else await self._book.defaults(guild_id)
        size = preset_cards.PAGE_ENTRIES
        page = min(page, max(0, len(entries) - 1) // size)
        shown = entries[page * size : (page + 1) * size]
        items: list[Item] = [row(PickPreset(page, list(map(_option, shown))))] if shown else []
        if turns := _turns(page, len(entries)):
            items.append(row(*turns))
        return preset_cards.browser(entries, page, where, items)

    async def card(
        self,
        interaction: discord.Interaction[Any],
        entry: Entry,
        buttons: Sequence[Item],
        *,
        heading: str = "",
    ) -> discord.ui.LayoutView:
        """One preset, and who decides what in this channel for who names it."""
        guild_id, name = guild_of(interaction), entry.preset.name
        layers = await self._desk.preset_layers(name, asker_of(interaction))
        where = {} if guild_id is None else await self._book.defaults(guild_id)
        merged = merge(Wish(prompt="", flags=PromptFlags()), layers)
        return preset_cards.preset(entry, layers, merged, where, [row(*buttons)], heading=heading)


def _option(entry: Entry) -> discord.SelectOption:
    about = preset_cards.about_of(entry)
    return discord.SelectOption(
        label=entry.preset.name, value=ref_of(entry), description=about[:100] or None
    )


def _turns(page: int, entries: int) -> list[Item]:
    """Buttons to the pages before and after this one."""
    turns: list[Item] = []
    if page > 0:
        turns.append(TurnPage(page - 1, say("Previous")))
    if (page + 1) * preset_cards.PAGE_ENTRIES < entries:
        turns.append(TurnPage(page + 1, say("Next")))
    return turns
