"""Which preset holds in a channel or in the whole server without being named."""

from typing import Any, TypeAlias

import discord
from discord import app_commands

from cogs import preset_cards
from cogs.answers import answer, say_privately
from cogs.cards import plain, row
from cogs.preset_buttons import EndDefault, presets_guild
from hypersd_core.i18n import say
from hypersd_core.moderation.entries import AuditAction
from hypersd_core.moderation.records import Moderation
from hypersd_core.preset_book import PresetBook

_MAX_OPTIONS = 25  # Discord's limit for a select
_WRITTEN_IN = frozenset(
    {"text", "news", "forum", "voice", "stage_voice", "public_thread", "private_thread"}
)

Channel: TypeAlias = app_commands.AppCommandChannel | app_commands.AppCommandThread


class DefaultPlace(app_commands.Transformer):
    """A channel in which somebody can write: no category."""

    @property
    def type(self) -> discord.AppCommandOptionType:
        """The kind of option."""
        return discord.AppCommandOptionType.channel

    @property
    def channel_types(self) -> list[discord.ChannelType]:
        """What Discord offers."""
        return [kind for kind in discord.ChannelType if kind.name in _WRITTEN_IN]

    async def transform(self, _interaction: discord.Interaction[Any], value: Channel, /) -> Channel:
        """The channel as Discord sent it; the bot need not see it."""
        return value


class Defaults:
    """Sets, shows and ends defaults, and writes down who did."""

    def __init__(self, book: PresetBook, moderation: Moderation) -> None:
        self._book = book
        self._moderation = moderation

    async def set(
        self, interaction: discord.Interaction[Any], name: str, channel_id: int | None
    ) -> None:
        """Let the preset hold in a channel, or in the server where that is None."""
        await self._write(interaction, channel_id, name)
        sentence = say(
            "**{name}** holds in {place} from now on, without being named.",
            name=plain(name),
            place=preset_cards.place(channel_id),
        )
        await say_privately(interaction, sentence)

    async def show(self, interaction: discord.Interaction[Any]) -> None:
        """Answer with all defaults, and a select that ends one."""
        await answer(interaction, await self._card(interaction))

    async def end(self, interaction: discord.Interaction[Any], channel_id: int | None) -> None:
        """Let no preset hold there, and show what is left in place of this card."""
        await self._write(interaction, channel_id, None)
        await interaction.response.edit_message(view=await self._card(interaction))

    async def _card(self, interaction: discord.Interaction[Any]) -> discord.ui.LayoutView:
        where = await self._book.defaults(presets_guild(interaction))
        options = [
            discord.SelectOption(
                label=_place_name(interaction, at), value=str(at or 0), description=preset.name
            )
            for at, preset in where.items()
        ]
        items = [row(EndDefault(interaction.user.id, options[:_MAX_OPTIONS]))] if options else []
        return preset_cards.defaults(where, items)

    async def _write(
        self, interaction: discord.Interaction[Any], channel_id: int | None, name: str | None
    ) -> None:
        guild_id = presets_guild(interaction)
        await self._book.set_default(guild_id, channel_id, name)
        await self._moderation.record(
            guild_id,
            interaction.user.id,
            AuditAction.PRESET_DEFAULT_CHANGED,
            detail={"channel_id": channel_id, "preset": name},
        )


def _place_name(interaction: discord.Interaction[Any], channel_id: int | None) -> str:
    """Selects show no mentions."""
    if channel_id is None:
        return say("The whole server")
    channel = interaction.guild and interaction.guild.get_channel_or_thread(channel_id)
    return f"#{channel.name}" if channel else f"#{channel_id}"
