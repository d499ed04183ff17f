"""What can be pressed on the card of the queue. It carries no state: the database has it."""

import enum
import re
from collections.abc import Sequence
from typing import Any, Protocol, Self, cast

import discord
from discord import ui

from hypersd_core.i18n import say, say_again

QUEUE_COG = "Queue"
_MAX_OPTIONS = 25  # Discord's limit


class Verb(enum.StrEnum):
    """What a button does."""

    REFRESH = "refresh"
    CANCEL_MINE = "cancel-mine"


_LABELS = {Verb.REFRESH: say("Refresh"), Verb.CANCEL_MINE: say("Cancel all mine")}


class Queueing(Protocol):
    """What they ask for; the cog answers."""

    async def refresh(self, interaction: discord.Interaction[Any]) -> None:
        """Show the queue as it is now."""

    async def cancel_mine(self, interaction: discord.Interaction[Any]) -> None:
        """Cancel all jobs of the person."""

    async def cancel_one(self, interaction: discord.Interaction[Any], job_id: int) -> None:
        """Cancel the job that was chosen."""


class QueueButton(
    ui.DynamicItem[ui.Button[ui.LayoutView]], template=rf"queue:1:(?P<verb>{'|'.join(Verb)})"
):
    """Refresh, or cancel all of who presses it."""

    def __init__(self, verb: Verb, *, disabled: bool = False) -> None:
        super().__init__(
            ui.Button(
                label=say_again(_LABELS[verb]),
                style=discord.ButtonStyle.secondary,
                custom_id=f"queue:1:{verb}",
                disabled=disabled,
            )
        )
        self._verb = verb

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """The button that has this id."""
        return cls(Verb(match["verb"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Hand the press on."""
        queue = _queue(interaction)
        do = queue.refresh if self._verb is Verb.REFRESH else queue.cancel_mine
        await do(interaction)


class CancelSelect(ui.DynamicItem[ui.Select[ui.LayoutView]], template=r"queue:1:cancel-one"):
    """The jobs that this person may cancel; choosing one does it."""

    def __init__(self, options: Sequence[discord.SelectOption] = ()) -> None:
        super().__init__(
            ui.Select(
                custom_id="queue:1:cancel-one",
                placeholder=say("Cancel one…"),
                options=list(options[:_MAX_OPTIONS]),
            )
        )

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: ui.Item[Any], _match: re.Match[str], /
    ) -> Self:
        """The menu; what was chosen comes with the interaction."""
        return cls()

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Hand the choice on. Anything may arrive; what it is allowed to do is looked up."""
        (chosen,) = self.item.values
        if chosen.isdecimal():
            await _queue(interaction).cancel_one(interaction, int(chosen))


ITEMS = (QueueButton, CancelSelect)


def _queue(interaction: discord.Interaction[Any]) -> Queueing:
    """discord.py builds the items, so the cog is looked up by name."""
    return cast(Queueing, interaction.client.get_cog(QUEUE_COG))
