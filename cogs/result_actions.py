"""What the buttons on results do: one method for each, by the rules of the place.

Whatever draws goes through the front desk, as a command does. All else is answered privately.
"""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeAlias, cast

import discord
from discord.ext import commands

from cogs import details_cards, result_access
from cogs.answers import answer, refusing, say_privately
from cogs.asking import asker_of, guild_of, may_moderate
from cogs.remix import remix_form
from cogs.requests import Requests
from cogs.result_files import result_files
from cogs.result_messages import ResultMessages
from cogs.result_sharing import Sharing
from cogs.results import RESULTS_COG, Verb, more_buttons, picture_buttons
from hypersd_core.errors import JobNotFound, NotAllowed
from hypersd_core.front_desk import FrontDesk
from hypersd_core.guild_settings import GuildSettings
from hypersd_core.i18n import say
from hypersd_core.library import Library
from hypersd_core.picture_changes import Change, PictureChanges
from hypersd_core.policy import Layout
from hypersd_core.request import Job, JobState
from hypersd_core.service import Service

_PRESETS_COG, _MODERATION_COG = "Presets", "Moderation"

Action: TypeAlias = Callable[[discord.Interaction[Any], Job, int | None], Awaitable[None]]


class PresetMaker(Protocol):
    """Makes a preset of a job; ``cogs.presets`` answers."""

    async def save_from(self, interaction: discord.Interaction[Any], job: Job) -> None:
        """Open the form of a new preset."""


class Reporting(Protocol):
    """Takes reports; ``cogs.moderation`` answers."""

    async def report(self, interaction: discord.Interaction[Any], job: Job) -> None:
        """Ask what is wrong with the job."""


class ResultActions(commands.Cog, name=RESULTS_COG):
    """Everything that can be done with a result."""

    def __init__(  # noqa: PLR0913, PLR0917 - one parameter for each part
        self,
        requests: Requests,
        service: Service,
        desk: FrontDesk,
        library: Library,
        changes: PictureChanges,
        settings: GuildSettings,
        sharing: Sharing,
        messages: ResultMessages,
    ) -> None:
        self._requests = requests
        self._service = service
        self._desk = desk
        self._library = library
        self._changes = changes
        self._settings = settings
        self._sharing = sharing
        self._messages = messages
        self._actions: Mapping[Verb, Action] = {
            Verb.REMIX: self._remix,
            Verb.DETAILS: self.show_details,
            Verb.DELETE: self._sharing.delete,
            Verb.PICK: self._pick,
            Verb.MORE: self._more,
            Verb.SEND: self._sharing.send,
            Verb.SPOILER: self._sharing.turn_spoiler,
            Verb.FAVOURITE: self._sharing.favour,
            Verb.PRESET: self._save_preset,
            Verb.REPORT: self._report,
        }

    async def press(
        self, interaction: discord.Interaction[Any], verb: Verb, job_id: int, index: int | None
    ) -> None:
        """Answer a button."""
        async with refusing(interaction):
            job = await self._service.job(job_id)
            if verb is Verb.CANCEL:
                await self._cancel(interaction, job)
                return
            result_access.check_may_see(interaction, job)
            result_access.check_is_kept(job)
            if verb in self._actions:
                await self._actions[verb](interaction, job, index)
            else:
                await self._change(interaction, job, index, Change(verb))

    async def show_details(
        self, interaction: discord.Interaction[Any], job: Job, index: int | None
    ) -> None:
        """All parameters, to read and to copy."""
        parent = await self._parent(interaction, job)
        view, files = details_cards.details(job, index, parent)
        await answer(interaction, view, files=files)

    async def _change(
        self, interaction: discord.Interaction[Any], job: Job, index: int | None, change: Change
    ) -> None:
        """Draw the request that ``change`` makes, for whoever asks."""
        if job.state is not JobState.FAILED:
            result_access.check_has_picture(job, index)
        request = await asyncio.to_thread(self._changes.request, job, index, change)
        plan = await self._desk.plan_again(
            request,
            asker_of(interaction),
            private=job.origin.private,
            spoiler=job.origin.spoiler,
            preset=job.preset,
            parent_id=job.id,
        )
        await self._requests.place(interaction, plan)

    async def _cancel(self, interaction: discord.Interaction[Any], job: Job) -> None:
        """Stop the job for its owner or for who moderates there; say if it is too late."""
        await interaction.response.defer()
        stopped = await self._service.cancel(
            job.id, user_id=interaction.user.id, may_moderate=may_moderate(interaction, job)
        )
        if not stopped:
            await say_privately(interaction, say("Too late: this job is finished already."))

    async def _remix(
        self, interaction: discord.Interaction[Any], job: Job, index: int | None
    ) -> None:
        presets = await self._desk.preset_names(guild_of(interaction))
        await interaction.response.send_modal(remix_form(job, index, self._library, presets))

    async def _pick(
        self, interaction: discord.Interaction[Any], job: Job, index: int | None
    ) -> None:
        """One picture of several, with its own buttons, for whoever wants to go on from it."""
        result_access.check_has_picture(job, index)
        index = index or 0
        shown = dataclasses.replace(job, pictures=job.pictures[index : index + 1])
        made = await asyncio.to_thread(
            result_files,
            shown,
            Layout.GALLERY,
            most_bytes=interaction.filesize_limit,
            covered=await self._messages.is_covered(shown, asker_of(interaction)),
        )
        view = details_cards.one_picture(job, index, made.all, picture_buttons(job, index))
        await answer(interaction, view, files=made.all)

    async def _more(
        self, interaction: discord.Interaction[Any], job: Job, index: int | None
    ) -> None:
        result_access.check_has_picture(job, index)
        policy = await self._settings.get(guild_of(interaction))
        buttons = more_buttons(
            job,
            index,
            may_favour=guild_of(interaction) is not None and policy.gallery_channel_id is not None,
            may_save=asker_of(interaction).may_manage,
            may_cover=not job.origin.private and result_access.may_change(interaction, job),
        )
        await answer(interaction, details_cards.more(job, index, buttons))

    async def _save_preset(
        self, interaction: discord.Interaction[Any], job: Job, _index: int | None
    ) -> None:
        await cast(PresetMaker, interaction.client.get_cog(_PRESETS_COG)).save_from(
            interaction, job
        )

    async def _report(
        self, interaction: discord.Interaction[Any], job: Job, _index: int | None
    ) -> None:
        await cast(Reporting, interaction.client.get_cog(_MODERATION_COG)).report(interaction, job)

    async def _parent(self, interaction: discord.Interaction[Any], job: Job) -> Job | None:
        """What ``job`` was made from, if the person may know of it."""
        if job.parent_id is None:
            return None
        try:
            parent = await self._service.job(job.parent_id)
            result_access.check_may_see(interaction, parent)
        except (JobNotFound, NotAllowed):  # its words may be gone
            return None
        return parent
