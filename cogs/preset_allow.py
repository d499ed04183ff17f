"""Which models and LoRAs may be drawn with in a server: two lists of its policy."""

import dataclasses
from collections.abc import Callable
from typing import Any

import discord

from cogs import preset_cards
from cogs.answers import answer
from cogs.asking import guild_of
from cogs.preset_buttons import presets_guild
from cogs.preset_modals import MAX_NAMES, Kind, allow_form, chosen_in
from hypersd_core.errors import InvalidRequest
from hypersd_core.guild_settings import GuildSettings
from hypersd_core.i18n import say
from hypersd_core.library import Library
from hypersd_core.policy import GuildPolicy


class AllowLists:
    """Two lists of names; an empty one allows all."""

    def __init__(self, settings: GuildSettings, library: Library) -> None:
        self._settings = settings
        self._library = library

    async def open(
        self, interaction: discord.Interaction[Any], kind: Kind, name: str | None
    ) -> None:
        """Open the form of a list, or put ``name`` on it or take it off. Raises InvalidRequest."""
        names = await self.names(interaction, kind)
        if name is not None:
            await self._toggle(interaction, kind, names, name)
            return
        if not names:
            raise InvalidRequest(say("There is nothing to choose from in the models folder."))
        if len(names) > MAX_NAMES:
            raise InvalidRequest(
                say(
                    "A form holds {most} names and there are {count}: name one at a time.",
                    most=MAX_NAMES,
                    count=len(names),
                )
            )
        listed = _listed(await self._settings.get(guild_of(interaction)), kind)
        await interaction.response.send_modal(allow_form(kind, names, listed))

    async def set(self, interaction: discord.Interaction[Any], kind: Kind) -> None:
        """Allow what was chosen in the form that was sent in."""
        by_value = {name[:100]: name for name in await self.names(interaction, kind)}
        chosen = tuple(by_value[value] for value in chosen_in(interaction) if value in by_value)
        await self._write(interaction, kind, lambda _: chosen)

    async def names(self, interaction: discord.Interaction[Any], kind: Kind) -> tuple[str, ...]:
        """What is in the models folder, and what is on the list without being there any more."""
        policy = await self._settings.get(guild_of(interaction))
        found = self._library.models() if kind is Kind.MODELS else self._library.loras()
        names = (*(choice.file.name for choice in found), *_listed(policy, kind))
        return tuple({name.casefold(): name for name in reversed(names)}.values())[::-1]

    async def _toggle(
        self, interaction: discord.Interaction[Any], kind: Kind, names: tuple[str, ...], name: str
    ) -> None:
        """Put one name on the list, or take it off."""
        known = next((each for each in names if each.casefold() == name.casefold()), None)
        if known is None:
            raise InvalidRequest(say("There is no {name!r} in the models folder.", name=name[:80]))

        def without_or_with(listed: tuple[str, ...]) -> tuple[str, ...]:
            others = tuple(each for each in listed if each.casefold() != known.casefold())
            return others if len(others) < len(listed) else (*listed, known)

        await self._write(interaction, kind, without_or_with)

    async def _write(
        self,
        interaction: discord.Interaction[Any],
        kind: Kind,
        change: Callable[[tuple[str, ...]], tuple[str, ...]],
    ) -> None:
        guild_id = presets_guild(interaction)

        def edit(policy: GuildPolicy) -> GuildPolicy:
            names = change(_listed(policy, kind))
            if kind is Kind.MODELS:
                return dataclasses.replace(policy, models=names)
            return dataclasses.replace(policy, loras=names)

        await self._settings.update(guild_id, edit, interaction.user.id)
        listed = _listed(await self._settings.get(guild_id), kind)
        await answer(interaction, preset_cards.allowed(kind, listed))


def _listed(policy: GuildPolicy, kind: Kind) -> tuple[str, ...]:
    return policy.models if kind is Kind.MODELS else policy.loras
