"""/quota: what is left today, for the asker and for the server."""

from typing import Any

import discord
from discord import app_commands, ui
from discord.ext import commands

from cogs.answers import answer, refusing
from cogs.asking import asker_of
from cogs.cards import ACCENT, card, reset_line, small, text
from hypersd_core.guild_settings import GuildSettings
from hypersd_core.i18n import say, say_many
from hypersd_core.quotas import Balance, QuotaLeft, Quotas, Unit, Whose

_BAR_CELLS = 12
_FULL, _EMPTY = "\N{FULL BLOCK}", "\N{LIGHT SHADE}"


class Quota(commands.Cog):
    """Everybody's question, answered privately."""

    def __init__(self, settings: GuildSettings, quotas: Quotas) -> None:
        self._settings = settings
        self._quotas = quotas

    @app_commands.command(description="What you may still draw today, and the server.")
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    @app_commands.allowed_installs(guilds=True, users=True)
    async def quota(self, interaction: discord.Interaction[Any]) -> None:
        """Balances by the rules of this place."""
        async with refusing(interaction):
            asker = asker_of(interaction)
            policy = await self._settings.get(asker.guild_id)
            await answer(interaction, quota_card(await self._quotas.left(policy, asker)))


def quota_card(quota: QuotaLeft) -> ui.LayoutView:
    """A bar for each limit; what has none says what was drawn."""
    parts = []
    for whose, title in ((Whose.USER, say("You")), (Whose.GUILD, say("This server"))):
        lines = [_line(balance) for balance in quota.balances if balance.whose is whose]
        if lines:
            parts.append(text("\n".join([f"**{title}**", *lines])))
    return card(ACCENT, *parts, small(reset_line(quota.resets_at)))


def _line(balance: Balance) -> str:
    if balance.allowed is None:
        return _without_limit(balance)
    return f"`{_bar(balance)}` {_left(balance)}"


def _bar(balance: Balance) -> str:
    """As full as there is left; not empty while there is something."""
    assert balance.left is not None
    share = balance.left / balance.allowed if balance.allowed else 0.0
    cells = max(round(share * _BAR_CELLS), 1 if balance.left else 0)
    return _FULL * cells + _EMPTY * (_BAR_CELLS - cells)


def _left(balance: Balance) -> str:
    if balance.unit is Unit.PICTURES:
        return say(
            "{left:,.0f} of {allowed:,} pictures left", left=balance.left, allowed=balance.allowed
        )
    return say(
        "{left:,.1f} of {allowed:,} GPU seconds left", left=balance.left, allowed=balance.allowed
    )


def _without_limit(balance: Balance) -> str:
    if balance.unit is Unit.PICTURES:
        return say_many(
            "{n:,} picture today, no limit", "{n:,} pictures today, no limit", int(balance.spent)
        )
    return say("{spent:,.1f} GPU seconds today, no limit", spent=balance.spent)
