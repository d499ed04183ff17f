"""Buttons and forms of moderation. All that they know stands in their custom ids.

``verb:version:job_id`` under a report, which asks who presses whether they may; pages of lists are
private messages, so who sees a page may turn it.
"""

import enum
import re
from collections.abc import Mapping
from typing import Any, Protocol, Self, cast

import discord
from discord import ui

from cogs.forms import TextField, form
from hypersd_core.i18n import say, say_again
from hypersd_core.moderation.entries import AuditAction, MessagePlace
from hypersd_core.moderation.records import MAX_REASON_CHARS

MODERATION_COG = "Moderation"

REASON, DAYS = "reason", "days"
REPORT_FORM = (
    r"report-form:1:(?P<job>[0-9]{1,18}):(?P<channel>[0-9]{1,20}):(?P<message>[0-9]{1,20})"
)
BLOCK_FORM = r"block-form:1:(?P<user>[0-9]{1,20}):(?P<job>[0-9]{1,18})"
"""Custom ids of the forms; a job of 0 is none."""


class Verb(enum.StrEnum):
    """What a moderator does about a report."""

    REMOVE = "takedown"
    BLOCK = "block"
    DISMISS = "dismiss"


_LOOKS: Mapping[Verb, tuple[str, discord.ButtonStyle]] = {
    Verb.REMOVE: (say("Remove pictures"), discord.ButtonStyle.danger),
    Verb.BLOCK: (say("Block user"), discord.ButtonStyle.danger),
    Verb.DISMISS: (say("Dismiss"), discord.ButtonStyle.secondary),
}


class Moderating(Protocol):
    """What the buttons ask for; the cog answers."""

    async def press(self, interaction: discord.Interaction[Any], verb: Verb, job_id: int) -> None:
        """Do ``verb`` about the reports of the job, or say why not."""

    async def show_log(
        self,
        interaction: discord.Interaction[Any],
        before: int | None,
        action: AuditAction | None,
        user_id: int | None,
    ) -> None:
        """Show another page of the log in the same message."""

    async def show_blocked(
        self, interaction: discord.Interaction[Any], first: int, *, everywhere: bool
    ) -> None:
        """Show another page of who is blocked in the same message."""


class ReportButton(
    ui.DynamicItem[ui.Button[ui.LayoutView]],
    template=rf"(?P<verb>{'|'.join(Verb)}):1:(?P<job_id>[0-9]{{1,18}})",
):
    """One decision about one reported job."""

    def __init__(self, verb: Verb, job_id: int) -> None:
        label, style = _LOOKS[verb]
        super().__init__(
            ui.Button(label=say_again(label), style=style, custom_id=f"{verb}:1:{job_id}")
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
        """Hand the press on."""
        await _cog(interaction).press(interaction, self._verb, self._job_id)


class LogButton(
    ui.DynamicItem[ui.Button[ui.LayoutView]],
    template=rf"log:1:(?P<before>[0-9]{{1,18}}):(?P<action>any|{'|'.join(AuditAction)})"
    r":(?P<user_id>[0-9]{1,20})",
):
    """The page of the log before an entry; 0 stands for the newest page, and for all users."""

    def __init__(self, before: int | None, action: AuditAction | None, user_id: int | None) -> None:
        label = say("Newest") if before is None else say("Older")
        custom_id = f"log:1:{before or 0}:{action or 'any'}:{user_id or 0}"
        super().__init__(_page_button(label, custom_id))
        self._before, self._action, self._user_id = before, action, user_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """The button that has this id."""
        action = None if match["action"] == "any" else AuditAction(match["action"])
        return cls(int(match["before"]) or None, action, int(match["user_id"]) or None)

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Hand the press on."""
        await _cog(interaction).show_log(interaction, self._before, self._action, self._user_id)


class BlockedButton(
    ui.DynamicItem[ui.Button[ui.LayoutView]],
    template=r"blocked:1:(?P<first>[0-9]{1,9}):(?P<everywhere>[01])",
):
    """The page of who is blocked that begins with the user at place ``first``, from 0."""

    def __init__(self, first: int, *, everywhere: bool) -> None:
        label = say("Older") if first else say("Newest")
        super().__init__(_page_button(label, f"blocked:1:{first}:{int(everywhere)}"))
        self._first, self._everywhere = first, everywhere

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """The button that has this id."""
        return cls(int(match["first"]), everywhere=match["everywhere"] == "1")

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Hand the press on."""
        await _cog(interaction).show_blocked(interaction, self._first, everywhere=self._everywhere)


def report_form(job_id: int, message: MessagePlace | None) -> ui.Modal:
    """Asks what is wrong with the pictures in ``message``."""
    channel_id, message_id = message or (0, 0)
    reason = TextField(
        key=REASON,
        label=say("What is wrong with it?"),
        about=say("Only the moderators of this server read this."),
        is_long=True,
        is_required=True,
        most_chars=MAX_REASON_CHARS,
    )
    custom_id = f"report-form:1:{job_id}:{channel_id}:{message_id}"
    return form(say("Report job {job_id}", job_id=job_id), custom_id, [reason])


def block_form(user_id: int, job_id: int = 0) -> ui.Modal:
    """Asks why the user is to be blocked, and for how long."""
    days = TextField(
        key=DAYS,
        label=say("Days"),
        about=say("Empty is for good."),
        most_chars=4,
    )
    reason = TextField(
        key=REASON,
        label=say("Reason"),
        about=say("Whoever is blocked reads it when they try to draw."),
        is_long=True,
        most_chars=MAX_REASON_CHARS,
    )
    return form(say("Block from drawing"), f"block-form:1:{user_id}:{job_id}", [days, reason])


def _page_button(label: str, custom_id: str) -> ui.Button[ui.LayoutView]:
    return ui.Button(label=label, style=discord.ButtonStyle.secondary, custom_id=custom_id)


def _cog(interaction: discord.Interaction[Any]) -> Moderating:
    """discord.py builds the buttons, so the cog is looked up by name."""
    return cast(Moderating, interaction.client.get_cog(MODERATION_COG))
