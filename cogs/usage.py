"""/usage: what I have drawn. /stats: what this server has drawn. Charts, and CSV files of both.

Buttons carry ``usage:version:whose:span:verb:user_id``. The cards are private, so only who asked
can press them; that they may was decided by Discord when they used the command.
"""

import asyncio
import enum
import re
from collections.abc import Sequence
from typing import Any, Protocol, Self, cast

import discord
from discord import app_commands, ui
from discord.ext import commands

from cogs import usage_cards
from cogs.answers import answer, refusing
from cogs.asking import guild_of
from hypersd_core.charts import draw_chart
from hypersd_core.errors import NotAllowed
from hypersd_core.i18n import say
from hypersd_core.usage_reports import UsageReports
from hypersd_core.usage_statistics import OfGuild, OfUser, Scope, Span, Statistics

USAGE_COG = "Usage"

SPAN_CHOICES = [
    app_commands.Choice(name="today", value="today"),
    app_commands.Choice(name="7 days", value="week"),
    app_commands.Choice(name="30 days", value="month"),
    app_commands.Choice(name="all time", value="all"),
]


class Whose(enum.StrEnum):
    """Whose jobs are counted."""

    MINE = "mine"
    SERVER = "server"


class Verb(enum.StrEnum):
    """What a button does."""

    SHOW = "show"
    CSV = "csv"


class Reporting(Protocol):
    """What the buttons ask for; the cog answers."""

    async def press(
        self, interaction: discord.Interaction[Any], whose: Whose, span: Span, verb: Verb
    ) -> None:
        """Show another span, or send the file."""


class UsageButton(
    ui.DynamicItem[ui.Button[ui.LayoutView]],
    template=rf"usage:1:(?P<whose>{'|'.join(Whose)}):(?P<span>{'|'.join(Span)})"
    rf":(?P<verb>{'|'.join(Verb)}):(?P<user_id>[0-9]{{1,20}})",
):
    """Another span, or the file of this one, for who asked first."""

    def __init__(
        self, whose: Whose, span: Span, verb: Verb, user_id: int, *, is_chosen: bool = False
    ) -> None:
        super().__init__(
            ui.Button(
                label="CSV" if verb is Verb.CSV else usage_cards.span_name(span),
                style=discord.ButtonStyle.primary if is_chosen else discord.ButtonStyle.secondary,
                disabled=is_chosen,
                custom_id=f"usage:1:{whose}:{span}:{verb}:{user_id}",
            )
        )
        self._whose, self._span, self._verb, self._user_id = whose, span, verb, user_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """The button that has this id."""
        whose, span, verb = Whose(match["whose"]), Span(match["span"]), Verb(match["verb"])
        return cls(whose, span, verb, int(match["user_id"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Hand the press on."""
        async with refusing(interaction):
            if interaction.user.id != self._user_id:
                raise NotAllowed(say("These numbers are somebody else's: use /usage for yours."))
            cog = cast(Reporting, interaction.client.get_cog(USAGE_COG))
            await cog.press(interaction, self._whose, self._span, self._verb)


class Usage(commands.Cog, name=USAGE_COG):
    """Counts, charts and files, all private."""

    def __init__(self, reports: UsageReports) -> None:
        self._reports = reports

    @app_commands.command(description="What you have drawn: pictures, GPU time, waiting.")
    @app_commands.describe(span="How far back.")
    @app_commands.choices(span=SPAN_CHOICES)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    @app_commands.allowed_installs(guilds=True, users=True)
    async def usage(self, interaction: discord.Interaction[Any], span: str = Span.MONTH) -> None:
        """The asker's own jobs, wherever they were asked for."""
        await self._open(interaction, Whose.MINE, Span(span))

    @app_commands.command(description="What this server has drawn: who, with what, how long.")
    @app_commands.describe(span="How far back.")
    @app_commands.choices(span=SPAN_CHOICES)
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
    @app_commands.allowed_installs(guilds=True, users=False)
    async def stats(self, interaction: discord.Interaction[Any], span: str = Span.MONTH) -> None:
        """Everybody's jobs in this server, for those whom its admins let use the command."""
        await self._open(interaction, Whose.SERVER, Span(span))

    async def press(
        self, interaction: discord.Interaction[Any], whose: Whose, span: Span, verb: Verb
    ) -> None:
        """Show another span in place of this one, or send the file besides."""
        if verb is Verb.CSV:
            await interaction.response.defer(ephemeral=True, thinking=True)
            made = await self._reports.csv(
                _scope(interaction, whose), span, limit_bytes=interaction.filesize_limit
            )
            view, file = usage_cards.csv_file(made, span, of_server=whose is Whose.SERVER)
            await answer(interaction, view, files=[file])
            return
        await interaction.response.defer()
        card, files = await self._card(interaction, whose, span)
        await interaction.edit_original_response(view=card, attachments=files)

    async def _open(self, interaction: discord.Interaction[Any], whose: Whose, span: Span) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        async with refusing(interaction):
            card, files = await self._card(interaction, whose, span)
            await answer(interaction, card, files=files)

    async def _card(
        self, interaction: discord.Interaction[Any], whose: Whose, span: Span
    ) -> tuple[ui.LayoutView, list[discord.File]]:
        statistics = await self._reports.statistics(_scope(interaction, whose), span)
        buttons = _buttons(whose, span, interaction.user.id)
        if not statistics.total.jobs:
            return usage_cards.usage(statistics, None, buttons), []
        chart = usage_cards.chart_file(await _chart(statistics), statistics)
        return usage_cards.usage(statistics, chart, buttons), [chart]


async def _chart(statistics: Statistics) -> bytes:
    left, right = usage_cards.rankings(statistics)
    return await asyncio.to_thread(draw_chart, statistics.periods, left, right)


def _scope(interaction: discord.Interaction[Any], whose: Whose) -> Scope:
    if whose is Whose.MINE:
        return OfUser(user_id=interaction.user.id)
    guild_id = guild_of(interaction)
    if guild_id is None:
        raise NotAllowed(say("The bot is not installed in this server: /usage has your numbers."))
    return OfGuild(guild_id=guild_id)


def _buttons(whose: Whose, chosen: Span, user_id: int) -> Sequence[UsageButton]:
    return [
        *(UsageButton(whose, span, Verb.SHOW, user_id, is_chosen=span is chosen) for span in Span),
        UsageButton(whose, chosen, Verb.CSV, user_id),
    ]
