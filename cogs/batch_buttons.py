"""Buttons for several jobs at once: draw all of a draft, cancel all that came of it."""

import re
from typing import Any, Protocol, Self, cast

import discord
from discord import ui

from hypersd_core.i18n import say

REQUESTS_COG = "Imagine"


class Batches(Protocol):
    """What these buttons ask for; ``cogs.imagine`` answers."""

    async def confirm(self, interaction: discord.Interaction[Any], draft_id: int) -> None:
        """Draw all that the draft stands for."""

    async def cancel_all(
        self, interaction: discord.Interaction[Any], first_id: int, last_id: int
    ) -> None:
        """Cancel the jobs of one acknowledgement."""


class ConfirmDraft(
    ui.DynamicItem[ui.Button[ui.LayoutView]], template=r"draft:1:(?P<draft_id>[0-9]{1,18})"
):
    """Draw it. Only who asked for it sees and can take the draft."""

    def __init__(self, draft_id: int) -> None:
        super().__init__(
            ui.Button(
                label=say("Draw all"),
                style=discord.ButtonStyle.primary,
                custom_id=f"draft:1:{draft_id}",
            )
        )
        self._draft_id = draft_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """The button that has this id."""
        return cls(int(match["draft_id"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Hand the press on."""
        await _batches(interaction).confirm(interaction, self._draft_id)


class CancelBatch(
    ui.DynamicItem[ui.Button[ui.LayoutView]],
    template=r"batch:1:(?P<first>[0-9]{1,18}):(?P<last>[0-9]{1,18})",
):
    """Cancel every job of one acknowledgement: their ids follow one another."""

    def __init__(self, first_id: int, last_id: int) -> None:
        super().__init__(
            ui.Button(
                label=say("Cancel all"),
                style=discord.ButtonStyle.secondary,
                custom_id=f"batch:1:{first_id}:{last_id}",
            )
        )
        self._first_id, self._last_id = first_id, last_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """The button that has this id."""
        return cls(int(match["first"]), int(match["last"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Hand the press on."""
        await _batches(interaction).cancel_all(interaction, self._first_id, self._last_id)


def _batches(interaction: discord.Interaction[Any]) -> Batches:
    """discord.py builds the buttons, so the cog is looked up by name."""
    return cast(Batches, interaction.client.get_cog(REQUESTS_COG))
