"""The menu of messages: details, remix and cancel for results, and for any picture that tells.

A message stands for the jobs that its buttons are about, if the bot wrote it, else for the job that
is stored with it.
"""

import asyncio
import io
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar, cast

import discord
from discord import app_commands
from discord.ext import commands

from cogs import result_access
from cogs.answers import answer, refusing, say_privately
from cogs.asking import guild_of, may_moderate
from cogs.describe import FILE_NAME, described_buttons, described_card
from cogs.pictures import picture_data
from cogs.remix import draft_form, picture_form, remix_form
from cogs.results import RESULTS_COG, jobs_on
from hypersd_core.describe import Described, describe
from hypersd_core.encode import infotext_of
from hypersd_core.errors import InvalidPicture, InvalidRequest, JobNotFound
from hypersd_core.front_desk import Ask, FrontDesk
from hypersd_core.i18n import say, say_many
from hypersd_core.input_pictures import InputPictures
from hypersd_core.library import Library
from hypersd_core.remixing import ask_of_picture
from hypersd_core.request import Job
from hypersd_core.service import Service
from hypersd_core.wishes import Start

_OPEN_WITHIN_S = 2.2
"""A form must be opened within Discord's 3 s, so what it needs must be read before."""
_MAX_DESCRIBED = 4
_EVERYWHERE: dict[str, Any] = {
    "allowed_contexts": app_commands.AppCommandContext(
        guild=True, dm_channel=True, private_channel=True
    ),
    "allowed_installs": app_commands.AppInstallationType(guild=True, user=True),
}

T = TypeVar("T")


class Detailing(Protocol):
    """Shows all about a job; ``cogs.result_actions`` answers."""

    async def show_details(
        self, interaction: discord.Interaction[Any], job: Job, index: int | None
    ) -> None:
        """All parameters, to read and to copy."""


class ResultMenus(commands.Cog):
    """Four entries in the menu of every message. All answers are private."""

    def __init__(
        self,
        bot: commands.AutoShardedBot,
        service: Service,
        desk: FrontDesk,
        library: Library,
        inputs: InputPictures,
    ) -> None:
        self._bot = bot
        self._service = service
        self._desk = desk
        self._library = library
        self._inputs = inputs
        self._menus = [
            app_commands.ContextMenu(name="Image details", callback=self.details, **_EVERYWHERE),
            app_commands.ContextMenu(name="Remix this", callback=self.remix, **_EVERYWHERE),
            app_commands.ContextMenu(
                name="Draw from this picture", callback=self.draw_from, **_EVERYWHERE
            ),
            app_commands.ContextMenu(name="Cancel job", callback=self.cancel, **_EVERYWHERE),
        ]

    async def cog_load(self) -> None:
        """Add the menus, which discord.py does not find in a cog."""
        for menu in self._menus:
            self._bot.tree.add_command(menu)

    async def cog_unload(self) -> None:
        """Take them away again."""
        for menu in self._menus:
            self._bot.tree.remove_command(menu.name, type=menu.type)

    async def details(
        self, interaction: discord.Interaction[Any], message: discord.Message
    ) -> None:
        """How its pictures were made: from the database, or as far as the files say."""
        async with refusing(interaction):
            job = await self._job(interaction, message)
            if job is not None:
                cog = cast(Detailing, interaction.client.get_cog(RESULTS_COG))
                await cog.show_details(interaction, job, _only_index(job))
                return
            attachments = _pictures(message)
            await interaction.response.defer(ephemeral=True, thinking=True)
            for found in await _described(attachments):
                file = discord.File(io.BytesIO(found.infotext.encode()), FILE_NAME)
                view = described_card(found, file, described_buttons())
                await answer(interaction, view, files=[file])

    async def remix(self, interaction: discord.Interaction[Any], message: discord.Message) -> None:
        """The form with its words and settings."""
        async with refusing(interaction):
            job = await self._job(interaction, message)
            presets = await self._desk.preset_names(guild_of(interaction))
            if job is not None:
                modal = remix_form(job, _only_index(job), self._library, presets)
            else:
                ask = await _in_time(self._ask_of(_pictures(message)))
                draft_id = await self._desk.keep_draft(ask, interaction.user.id)
                modal = draft_form(draft_id, ask, self._library, presets)
            await interaction.response.send_modal(modal)

    async def draw_from(
        self, interaction: discord.Interaction[Any], message: discord.Message
    ) -> None:
        """The form that asks what to draw from its first picture."""
        async with refusing(interaction):
            start = await _in_time(self._start(interaction, message))
            ask = Ask(text="", start=start)
            draft_id = await self._desk.keep_draft(ask, interaction.user.id)
            presets = await self._desk.preset_names(guild_of(interaction))
            await interaction.response.send_modal(picture_form(draft_id, presets))

    async def cancel(self, interaction: discord.Interaction[Any], message: discord.Message) -> None:
        """Stop the jobs that it stands for, if that is still possible."""
        async with refusing(interaction):
            job_ids = await self._job_ids(interaction, message)
            if not job_ids:
                raise JobNotFound(say("This message stands for no job of this bot."))
            await interaction.response.defer(ephemeral=True, thinking=True)
            stopped = [await self._stop(interaction, job_id) for job_id in job_ids]
            await say_privately(interaction, _stopped(sum(stopped), len(stopped)))

    async def _job(
        self, interaction: discord.Interaction[Any], message: discord.Message
    ) -> Job | None:
        """The one job that ``message`` shows. Raises NotAllowed, and JobNotFound if it is gone."""
        job_ids = await self._job_ids(interaction, message)
        if len(job_ids) != 1:
            return None
        job = await self._service.job(job_ids[0])
        result_access.check_may_see(interaction, job)
        result_access.check_is_kept(job)
        return job

    async def _job_ids(
        self, interaction: discord.Interaction[Any], message: discord.Message
    ) -> list[int]:
        is_ours = message.author.id == interaction.application_id
        if is_ours and (job_ids := jobs_on(message)):
            return job_ids
        job = await self._service.shown_by(message.id)
        return [] if job is None else [job.id]

    async def _stop(self, interaction: discord.Interaction[Any], job_id: int) -> bool:
        job = await self._service.job(job_id)
        return await self._service.cancel(
            job_id, user_id=interaction.user.id, may_moderate=may_moderate(interaction, job)
        )

    async def _ask_of(self, attachments: list[discord.Attachment]) -> Ask:
        """What asks for the first picture that tells how it was made."""
        data = await _first_that_tells(attachments)
        return await asyncio.to_thread(ask_of_picture, data, self._library)

    async def _first_picture(
        self, interaction: discord.Interaction[Any], message: discord.Message
    ) -> bytes:
        """The file of a result's first picture, or of the first that somebody sent."""
        job = await self._job(interaction, message)
        if job is None:
            return await picture_data(_pictures(message)[0])
        result_access.check_has_picture(job, 0)
        return await asyncio.to_thread(job.pictures[0].path.read_bytes)

    async def _start(
        self, interaction: discord.Interaction[Any], message: discord.Message
    ) -> Start:
        data = await self._first_picture(interaction, message)
        name = await asyncio.to_thread(self._inputs.add, data)
        return Start(picture=name, size=await asyncio.to_thread(self._inputs.size, name))


def _pictures(message: discord.Message) -> list[discord.Attachment]:
    """Its pictures, at least one. Raises InvalidPicture."""
    found = [a for a in message.attachments if (a.content_type or "").startswith("image/")]
    if not found:
        raise InvalidPicture(say("This message has no picture of its own."))
    return found


async def _described(attachments: list[discord.Attachment]) -> list[Described]:
    """What the first of them tell. Raises what the last one did if none tells anything."""
    found: list[Described] = []
    for attachment in attachments[:_MAX_DESCRIBED]:
        data = await picture_data(attachment)
        try:
            found.append(await asyncio.to_thread(describe, data))
        except InvalidRequest:
            if attachment is attachments[:_MAX_DESCRIBED][-1] and not found:
                raise
    return found


async def _first_that_tells(attachments: list[discord.Attachment]) -> bytes:
    """The first file with a parameters text, or the last one at all."""
    data = b""
    for attachment in attachments[:_MAX_DESCRIBED]:
        data = await picture_data(attachment)
        try:
            await asyncio.to_thread(infotext_of, data)
        except InvalidRequest:
            continue
        break
    return data


async def _in_time(reading: Coroutine[Any, Any, T]) -> T:
    """What ``reading`` gives. Raises InvalidPicture if that takes too long to open a form."""
    try:
        async with asyncio.timeout(_OPEN_WITHIN_S):
            return await reading
    except TimeoutError as error:
        raise InvalidPicture(say("The picture took too long to read: try again.")) from error


def _only_index(job: Job) -> int | None:
    """Of a single picture its own number, so that its own seed is meant; else all."""
    return 0 if len(job.pictures) == 1 else None


def _stopped(stopped: int, jobs: int) -> str:
    if jobs > 1:
        return say_many(
            "Cancelled {n} of {jobs} job.", "Cancelled {n} of {jobs} jobs.", stopped, jobs=jobs
        )
    return say("Cancelled.") if stopped else say("Too late: this job is finished already.")
