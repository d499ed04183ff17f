"""The buttons and selects of a card that one cog answers, whatever they are called."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol, Self, cast

import discord
from discord import ui

from cogs.answers import refusing
from cogs.cards import Item


class Choosing(Protocol):
    """What the parts of a card ask for; the cog answers."""

    async def press(
        self, interaction: discord.Interaction[Any], kind: str, name: str, values: Sequence[str]
    ) -> None:
        """Do what ``kind`` of part ``name`` is for; ``values`` are those of a select."""


class CardItem(ui.DynamicItem[Item], template=r"(?P<kind>(?!))(?P<name>)"):
    """Any button or select of a card; rebuilt from its custom id whenever it is used.

    A card's own class names the cog, and has a template with the groups ``kind`` and ``name``; this
    one matches nothing.
    """

    cog_name: ClassVar[str]

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, item: ui.Item[Any], _match: re.Match[str], /
    ) -> Self:
        """The part of the card that has this id."""
        return cls(item)

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Hand it on: discord.py builds these, so the cog is looked up by name."""
        match = self.template.fullmatch(self.custom_id)
        assert match is not None, "the template is what brought it here"
        data = cast(Mapping[str, Any], interaction.data)
        async with refusing(interaction):
            cog = cast(Choosing, interaction.client.get_cog(self.cog_name))
            await cog.press(interaction, match["kind"], match["name"], data.get("values", ()))
