"""The buttons on cards. All their state is in the database, so they outlive every restart.

Custom ids read ``verb:version:job_id``; who may press is decided from the stored job.
"""

import enum
import re
from collections.abc import Mapping
from typing import Any, Protocol, Self, cast

import discord
from discord import ui

REQUESTS_COG = "Imagine"


class Verb(enum.StrEnum):
    """What a button does to its job."""

    REROLL = "reroll"
    CANCEL = "cancel"


_LOOKS: Mapping[Verb, tuple[str, str | None]] = {
    Verb.REROLL: ("Reroll", "\N{CLOCKWISE RIGHTWARDS AND LEFTWARDS OPEN CIRCLE ARROWS}"),
    Verb.CANCEL: ("Cancel", None),
}


class Requests(Protocol):
    """What the buttons ask for; ``cogs.imagine`` answers."""

    async def press(self, interaction: discord.Interaction[Any], verb: Verb, job_id: int) -> None:
        """Do ``verb`` to the job, or say why not."""


class JobButton(
    ui.DynamicItem[ui.Button[ui.LayoutView]],
    template=rf"(?P<verb>{'|'.join(Verb)}):1:(?P<job_id>[0-9]{{1,18}})",
):
    """One verb for one job; rebuilt from its custom id whenever somebody presses it."""

    def __init__(self, verb: Verb, job_id: int) -> None:
        label, emoji = _LOOKS[verb]
        super().__init__(
            ui.Button(
                label=label,
                emoji=emoji,
                style=discord.ButtonStyle.secondary,
                custom_id=f"{verb}:1:{job_id}",
            )
        )
        self._verb = verb
        self._job_id = job_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """The button that has this id."""
        return cls(Verb(match["verb"]), int(match["job_id"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Hand the press on: discord.py builds the buttons, so the cog is looked up by name."""
        requests = cast(Requests, interaction.client.get_cog(REQUESTS_COG))
        await requests.press(interaction, self._verb, self._job_id)
