"""Private answers: refusals in our own sentences, and short notes."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import discord

from cogs import views
from hypersd_core.errors import HyperSDError


@contextlib.asynccontextmanager
async def refusing(interaction: discord.Interaction[Any], typed: str = "") -> AsyncIterator[None]:
    """Answer an error that the request caused with its sentence, and give back what was typed."""
    try:
        yield
    except HyperSDError as error:
        await answer(interaction, views.refusal(str(error), typed))


async def answer(interaction: discord.Interaction[Any], view: discord.ui.LayoutView) -> None:
    """Answer privately, as the first response or after it."""
    send: Callable[..., Awaitable[Any]] = interaction.response.send_message
    if interaction.response.is_done():
        send = interaction.followup.send
    await send(view=view, ephemeral=True)
