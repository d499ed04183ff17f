"""Private answers: refusals in our own sentences, and short notes."""

import contextlib
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import discord

from cogs import cards
from hypersd_core.errors import HyperSDError, QuotaSpent
from hypersd_core.i18n import say

log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def refusing(interaction: discord.Interaction[Any], typed: str = "") -> AsyncIterator[None]:
    """Answer an error that the request caused with its sentence, and give back what was typed."""
    try:
        yield
    except QuotaSpent as error:
        await answer(interaction, cards.refusal(str(error), typed, error.resets_at))
    except HyperSDError as error:
        await answer(interaction, cards.refusal(str(error), typed))
    except Exception as error:  # noqa: BLE001 - discord.py would tell nobody of a button's
        await report(interaction, error)


async def report(interaction: discord.Interaction[Any], error: Exception) -> None:
    """Our own mistakes: the log gets the cause, the user a number to find it by."""
    reference = uuid.uuid4().hex[:8]
    log.error("error %s in %s", reference, _what(interaction), exc_info=error)
    with contextlib.suppress(discord.HTTPException):  # the interaction may be over
        sentence = say(
            "Something went wrong inside the bot (error {reference}); its log has the cause.",
            reference=reference,
        )
        await answer(interaction, cards.refusal(sentence))


def _what(interaction: discord.Interaction[Any]) -> str:
    if interaction.command is not None:
        return f"/{interaction.command.qualified_name}"
    return interaction.custom_id or "interaction"


async def answer(
    interaction: discord.Interaction[Any],
    view: discord.ui.LayoutView,
    *,
    files: list[discord.File] | None = None,
) -> None:
    """Answer privately, as the first response or after it."""
    send: Callable[..., Awaitable[Any]] = interaction.response.send_message
    if interaction.response.is_done():
        send = interaction.followup.send
    await send(view=view, files=files or [], ephemeral=True)


async def say_privately(interaction: discord.Interaction[Any], sentence: str) -> None:
    """Answer with one sentence."""
    await answer(interaction, cards.note(sentence))
