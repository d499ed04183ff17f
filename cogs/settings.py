"""/settings: what is allowed on a server, and how much. All of it is one private card.

Custom ids read ``settings:version:kind:name``; nothing is kept between two presses, so cards and
forms outlive restarts. Who may change anything is asked of every interaction anew.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from cogs import settings_forms
from cogs.answers import answer, refusing
from cogs.asking import guild_of
from cogs.card_items import CardItem
from cogs.forms import MAX_TITLE_CHARS, Field, as_typed, form, sent_form, values_of
from cogs.settings_cards import custom_id, settings_card
from cogs.settings_fields import ROLE, SETTINGS, Choice, Page, Picks, Setting, Typed
from hypersd_core.errors import NotAllowed
from hypersd_core.guild_settings import GuildSettings
from hypersd_core.i18n import say, say_again
from hypersd_core.policy import GuildPolicy

SETTINGS_COG = "Settings"
_FORM = r"settings:1:form:(?P<name>[a-z_-]+)(:(?P<role_id>[0-9]{1,20}))?"

_PAGE_OF: Mapping[str, Page] = {
    name: page for page, settings in SETTINGS.items() for name in settings
} | {ROLE: Page.QUOTAS}


class SettingsItem(CardItem, template=r"settings:1:(?P<kind>page|choose|form):(?P<name>[a-z_-]+)"):
    """Any button or select of the card."""

    cog_name = SETTINGS_COG


class SettingsCommand(commands.Cog, name=SETTINGS_COG):
    """The card, for who manages the server."""

    def __init__(self, settings: GuildSettings) -> None:
        self._settings = settings

    @app_commands.command(description="What is allowed on this server, and how much.")
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
    @app_commands.allowed_installs(guilds=True, users=False)
    async def settings(self, interaction: discord.Interaction[Any]) -> None:
        """Show what holds now."""
        async with refusing(interaction):
            policy = await self._settings.get(_managed_guild(interaction))
            await answer(interaction, settings_card(policy, Page.OVERVIEW, SettingsItem))

    async def press(
        self, interaction: discord.Interaction[Any], kind: str, name: str, values: Sequence[str]
    ) -> None:
        """Show a page, write what was chosen, or open a form."""
        guild_id = _managed_guild(interaction)
        if kind == "page":
            await self._show(interaction, guild_id, Page(name))
        elif kind == "form":
            await self._open_form(interaction, guild_id, name)
        elif name == ROLE:
            await self._open_form(interaction, guild_id, ROLE, int(values[0]))
        else:
            setting = SETTINGS[_PAGE_OF[name]][name]
            await self._write(interaction, name, lambda policy: _chosen(policy, setting, values))

    @commands.Cog.listener("on_interaction")
    async def take_form(self, interaction: discord.Interaction[Any]) -> None:
        """Write what was typed into one of the forms."""
        sent = sent_form(interaction, _FORM)
        if sent is None:
            return
        name, role_id = sent["name"], int(sent["role_id"] or 0)
        values = values_of(interaction)
        policy = await self._settings.get(guild_of(interaction))
        typed = as_typed(_fields(policy, name, role_id), values)
        async with refusing(interaction, typed=typed):
            await self._write(
                interaction, name, lambda policy: _typed(policy, name, role_id, values)
            )

    async def _write(
        self,
        interaction: discord.Interaction[Any],
        name: str,
        change: Callable[[GuildPolicy], GuildPolicy],
    ) -> None:
        guild_id = _managed_guild(interaction)
        await self._settings.update(guild_id, change, interaction.user.id)
        await self._show(interaction, guild_id, _PAGE_OF[name])

    async def _show(self, interaction: discord.Interaction[Any], guild_id: int, page: Page) -> None:
        policy = await self._settings.get(guild_id)
        view = settings_card(policy, page, SettingsItem)
        await interaction.response.edit_message(view=view)

    async def _open_form(
        self, interaction: discord.Interaction[Any], guild_id: int, name: str, role_id: int = 0
    ) -> None:
        policy = await self._settings.get(guild_id)
        modal = form(
            _form_title(interaction, name, role_id),
            custom_id("form", f"{name}:{role_id}" if role_id else name),
            _fields(policy, name, role_id),
        )
        await interaction.response.send_modal(modal)


def _managed_guild(interaction: discord.Interaction[Any]) -> int:
    """The guild, for who manages it. Raises NotAllowed for everybody else."""
    guild_id = guild_of(interaction)
    if guild_id is None or not interaction.permissions.manage_guild:
        raise NotAllowed(say("Settings are for those who manage this server."))
    return guild_id


def _chosen(policy: GuildPolicy, setting: Setting, values: Sequence[str]) -> GuildPolicy:
    match setting:
        case Choice():
            return setting.write(policy, values[0])
        case Picks():
            return setting.write(policy, [int(value) for value in values])
    raise AssertionError(setting)


def _typed_setting(name: str) -> Typed:
    setting = SETTINGS[_PAGE_OF[name]][name]
    assert isinstance(setting, Typed), "only these have forms"
    return setting


def _fields(policy: GuildPolicy, name: str, role_id: int) -> Sequence[Field]:
    if name == ROLE:
        return settings_forms.role_fields(policy, role_id)
    return _typed_setting(name).fields(policy)


def _typed(policy: GuildPolicy, name: str, role_id: int, values: Mapping[str, str]) -> GuildPolicy:
    if name == ROLE:
        return settings_forms.write_role(policy, role_id, values)
    return _typed_setting(name).write(policy, values)


def _form_title(interaction: discord.Interaction[Any], name: str, role_id: int) -> str:
    if name != ROLE:
        return say_again(_typed_setting(name).title)
    role = interaction.guild.get_role(role_id) if interaction.guild else None
    return say("Role {name}", name=role.name if role else role_id)[:MAX_TITLE_CHARS]
