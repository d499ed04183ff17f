"""Ways to look at a running bot: a command made on the spot, and what a refusal says."""

from collections.abc import Awaitable
from typing import Any

import discord
import pytest
from discord import app_commands

from tests.sandbox.sample_bot import SampleBot

ANYWHERE = app_commands.allowed_installs(guilds=True, users=True)


async def register(bot: SampleBot, handler: Any, *marks: Any, completes: Any = None) -> None:
    """Make ``/probe`` call a handler; ``completes`` answers autocomplete of its option ``name``.

    ``marks`` are discord.py's decorators, for example ``ANYWHERE``.
    """
    probe: app_commands.Command[Any, ..., None] = app_commands.Command(
        name="probe", description="Probe", callback=handler
    )
    for mark in marks:
        mark(probe)
    if completes is not None:
        probe.autocomplete("name")(completes)
    bot.tree.add_command(probe)
    await bot.tree.sync()


async def refusal(awaitable: Awaitable[Any]) -> discord.HTTPException:
    """Return the error that a request is answered with."""
    with pytest.raises(discord.HTTPException) as caught:
        await awaitable
    return caught.value


async def refused(awaitable: Awaitable[Any]) -> tuple[int, int]:
    """Return HTTP status and Discord's code of a refusal."""
    error = await refusal(awaitable)
    return error.status, error.code


class Noted:
    """A handler of ``/probe`` that keeps the interactions and answers with one word."""

    def __init__(self) -> None:
        self.seen: list[discord.Interaction] = []

    async def __call__(self, interaction: discord.Interaction) -> None:
        self.seen.append(interaction)
        await interaction.response.send_message("noted")

    @property
    def last(self) -> discord.Interaction:
        return self.seen[-1]


async def register_noted(bot: SampleBot, *marks: Any) -> Noted:
    """Make ``/probe`` note its interactions."""
    noted = Noted()

    async def note(interaction: discord.Interaction) -> None:
        await noted(interaction)

    await register(bot, note, *marks)
    return noted
