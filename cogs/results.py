"""The buttons on cards. All their state is in the database, so they outlive every restart.

Custom ids read ``verb:version:job_id``; who may press is decided from the stored job.
"""

import re
from typing import Any, Protocol, Self, cast

import discord
from discord import ui

REQUESTS_COG = "Imagine"


class Requests(Protocol):
    """What the buttons ask for; ``cogs.imagine`` answers."""

    async def reroll(self, interaction: discord.Interaction[Any], job_id: int) -> None:
        """Draw the job again with a new seed."""

    async def cancel(self, interaction: discord.Interaction[Any], job_id: int) -> None:
        """Stop the job."""


def _requests(interaction: discord.Interaction[Any]) -> Requests:
    """Return the cog that answers: discord.py builds the buttons, so nothing can be passed in."""
    return cast(Requests, interaction.client.get_cog(REQUESTS_COG))


class RerollButton(
    ui.DynamicItem[ui.Button[ui.LayoutView]], template=r"reroll:1:(?P<job_id>[0-9]{1,18})"
):
    """Draws the same request again with a new seed, for whoever presses it."""

    def __init__(self, job_id: int) -> None:
        super().__init__(
            ui.Button(
                label="Reroll",
                emoji="\N{CLOCKWISE RIGHTWARDS AND LEFTWARDS OPEN CIRCLE ARROWS}",
                style=discord.ButtonStyle.secondary,
                custom_id=f"reroll:1:{job_id}",
            )
        )
        self._job_id = job_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the button from its id."""
        return cls(int(match["job_id"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Submit the request of the stored job again."""
        await _requests(interaction).reroll(interaction, self._job_id)


class CancelButton(
    ui.DynamicItem[ui.Button[ui.LayoutView]], template=r"cancel:1:(?P<job_id>[0-9]{1,18})"
):
    """Stops a job, queued or running, for its owner or a moderator."""

    def __init__(self, job_id: int) -> None:
        super().__init__(
            ui.Button(
                label="Cancel",
                style=discord.ButtonStyle.secondary,
                custom_id=f"cancel:1:{job_id}",
            )
        )
        self._job_id = job_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the button from its id."""
        return cls(int(match["job_id"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Cancel the stored job, or say that it is too late."""
        await _requests(interaction).cancel(interaction, self._job_id)
