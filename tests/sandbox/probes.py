"""Ways to look at a running bot: a command made on the spot, and what a refusal says."""

from collections.abc import Awaitable
from typing import Any

import discord
import pytest
from discord import app_commands

from tests.sandbox.sample_bot import SampleBot


async def register(bot: SampleBot, handler: Any, *, completes: Any = None) -> None:
    """Make ``/probe`` call a handler; ``completes`` answers autocomplete of its option ``name``."""
    probe: app_commands.Command[Any, ..., None] = app_commands.Command(
        name="probe", description="Probe", callback=handler
    )
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
