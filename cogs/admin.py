"""/admin: for who runs the bot, wherever they are.

In servers only admins are offered it; in direct messages everybody is, as Discord has no way to
hide it there. Who is not the owner of the application, or in its team, is refused either way.
"""

import asyncio
import logging
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from cogs import admin_cards
from cogs.answers import answer, refusing, say_privately
from hypersd_core.errors import ModelError, NotAllowed
from hypersd_core.i18n import say, say_many
from hypersd_core.operations import Operations
from hypersd_core.service import Service


class ErrorCount(logging.Handler):
    """Counts what the log calls an error, and remembers when the last one was."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.errors = 0
        self.last_at_s = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        """Count it."""
        self.errors += 1
        self.last_at_s = record.created


class Admin(commands.Cog):
    """Pause, drain, look, read again."""

    admin = app_commands.Group(
        name="admin",
        description="For the operator of this bot.",
        default_permissions=discord.Permissions.none(),
        allowed_contexts=app_commands.AppCommandContext(
            guild=True, dm_channel=True, private_channel=False
        ),
        allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
    )

    def __init__(
        self, bot: commands.AutoShardedBot, service: Service, operations: Operations
    ) -> None:
        self._bot = bot
        self._service = service
        self._operations = operations
        self._errors = ErrorCount()

    async def cog_load(self) -> None:
        """Begin to count errors."""
        logging.getLogger().addHandler(self._errors)

    async def cog_unload(self) -> None:
        """Stop counting."""
        logging.getLogger().removeHandler(self._errors)

    @admin.command(description="Begin no more jobs; requests are still taken and wait.")
    async def pause(self, interaction: discord.Interaction[Any]) -> None:
        """Hold the queue."""
        async with refusing(interaction):
            await self._check_operator(interaction)
            self._service.pause()
            await say_privately(
                interaction,
                say(
                    "Paused. The job in hand is still finished; requests are taken and wait until "
                    "/admin resume. A restart ends the pause, unless HYPERSD_START_PAUSED is set."
                ),
            )

    @admin.command(description="Go on after a pause, and take requests again.")
    async def resume(self, interaction: discord.Interaction[Any]) -> None:
        """Go on as usual."""
        async with refusing(interaction):
            await self._check_operator(interaction)
            self._service.resume()
            sentence = say_many(
                "Going on: {n} job waits.", "Going on: {n} jobs wait.", self._service.waiting
            )
            await say_privately(interaction, sentence)

    @admin.command(description="Take no more requests and draw all that waits, before a stop.")
    async def drain(self, interaction: discord.Interaction[Any]) -> None:
        """Empty the queue."""
        async with refusing(interaction):
            await self._check_operator(interaction)
            self._service.resume()
            self._service.turn_away()
            sentence = say_many(
                "New requests are turned away until /admin resume; {n} job is still to be drawn.",
                "New requests are turned away until /admin resume; {n} jobs are still to be drawn.",
                self._service.waiting + self._service.is_drawing,
            )
            await say_privately(interaction, sentence)

    @admin.command(description="The queue, the machine, versions and errors.")
    async def status(self, interaction: discord.Interaction[Any]) -> None:
        """Show how the bot is."""
        async with refusing(interaction):
            await self._check_operator(interaction)
            machine = await asyncio.to_thread(self._operations.machine)
            status = admin_cards.Status(
                is_paused=self._service.is_paused,
                is_accepting=self._service.is_accepting,
                stages=self._service.stages(),
                model=self._service.model,
                machine=machine,
                guilds=len(self._bot.guilds),
                latency_s=self._bot.latency,
                errors=self._errors.errors,
                last_error_at_s=self._errors.last_at_s,
            )
            await answer(interaction, admin_cards.status_card(status))

    @admin.command(description="Read models, recipes and shipped presets again.")
    async def reload(self, interaction: discord.Interaction[Any]) -> None:
        """Find what was put there while the bot runs."""
        async with refusing(interaction):
            await self._check_operator(interaction)
            await interaction.response.defer(ephemeral=True, thinking=True)
            try:
                reloaded = await self._operations.reload()
            except OSError as error:
                raise ModelError(
                    say("The files cannot be read ({reason}).", reason=error.strerror)
                ) from error
            await answer(interaction, admin_cards.reloaded_card(reloaded))

    async def _check_operator(self, interaction: discord.Interaction[Any]) -> None:
        if not await self._bot.is_owner(interaction.user):
            raise NotAllowed(say("/admin is for who runs this bot, and nobody else."))
