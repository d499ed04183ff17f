"""/queue, /cancel, /show: what waits, no more of it, and what was drawn once more."""

from collections.abc import Sequence
from typing import Any

import discord
from discord import app_commands, ui
from discord.ext import commands

from cogs import queue_cards
from cogs.answers import answer, refusing, say_privately
from cogs.asking import asker_of, guild_of
from cogs.cancelling import cancel_job
from cogs.queue_buttons import QUEUE_COG, CancelSelect, QueueButton, Verb
from cogs.queue_cards import QueueView
from cogs.result_messages import ResultMessage, ResultMessages
from cogs.stage_texts import state_text
from hypersd_core.errors import HyperSDError, JobNotFound, NotAllowed
from hypersd_core.i18n import say, say_many
from hypersd_core.metrics import UNWATCHED, Watcher
from hypersd_core.request import Job, JobState
from hypersd_core.service import Service
from hypersd_core.stages import Stage

ALL = "all"
_MAX_CHOICES = 25  # Discord's limits
_MAX_CHOICE_CHARS = 100


class Queue(commands.Cog, name=QUEUE_COG):
    """What people may ask about jobs."""

    def __init__(
        self, service: Service, messages: ResultMessages, watcher: Watcher = UNWATCHED
    ) -> None:
        self._service = service
        self._messages = messages
        self._watcher = watcher

    @app_commands.command(description="Your jobs and this server's: which is next, and when.")
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    @app_commands.allowed_installs(guilds=True, users=True)
    async def queue(self, interaction: discord.Interaction[Any]) -> None:
        """Show it to who asked alone."""
        async with refusing(interaction):
            await answer(interaction, await self._card(interaction))

    @app_commands.command(description="Cancel a job of yours, or all of them.")
    @app_commands.describe(job="The number behind “job” on its card, or: all.")
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    @app_commands.allowed_installs(guilds=True, users=True)
    async def cancel(self, interaction: discord.Interaction[Any], job: str) -> None:
        """Cancel it, whatever point it has come to."""
        async with refusing(interaction):
            await interaction.response.defer(ephemeral=True, thinking=True)
            if job.strip().lower() == ALL:
                sentence = await self._cancel_all(interaction)
            else:
                sentence = await cancel_job(self._service, interaction, _number(job))
            await say_privately(interaction, sentence)

    @cancel.autocomplete("job")
    async def _complete_job(
        self, interaction: discord.Interaction[Any], typed: str
    ) -> list[app_commands.Choice[str]]:
        jobs = await self._mine(interaction)
        named = [(f"{job.id} · {job.request.prompt}", str(job.id)) for job, _ in jobs]
        if len(named) > 1:
            named.insert(0, (say("all of mine"), ALL))
        return [
            app_commands.Choice(name=name[:_MAX_CHOICE_CHARS], value=value)
            for name, value in named
            if typed.lower() in name.lower() or typed == value
        ][:_MAX_CHOICES]

    @app_commands.command(description="Post a finished job again.")
    @app_commands.describe(job="The number behind “job” on its card.")
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    @app_commands.allowed_installs(guilds=True, users=True)
    async def show(self, interaction: discord.Interaction[Any], job: int) -> None:
        """Post the pictures of ``job``; a private one is shown privately, to its owner alone."""
        async with refusing(interaction):
            found = await self._service.job(job)
            _check_may_see(found, interaction)
            self._check_can_see(found)
            covered = await self._messages.is_covered(found, asker_of(interaction))
            await interaction.response.defer(ephemeral=found.origin.private, thinking=True)

            async def send(message: ResultMessage) -> discord.WebhookMessage:
                return await interaction.followup.send(
                    view=message.view, files=message.files, wait=True
                )

            posted = await self._messages.post(
                found,
                send,
                mention=False,
                most_bytes=interaction.filesize_limit,
                covered=covered,
            )
            self._watcher.posted("show")
            if found.state is JobState.MADE:  # it was kept because no other route was open
                await self._service.delivered(found.id, posted.channel.id, posted.id)

    async def refresh(self, interaction: discord.Interaction[Any]) -> None:
        """Show the queue as it is now."""
        await self._show_again(interaction)

    async def cancel_mine(self, interaction: discord.Interaction[Any]) -> None:
        """Cancel all jobs of the person."""
        await interaction.response.defer()
        await self._show_again(interaction, await self._cancel_all(interaction))

    async def cancel_one(self, interaction: discord.Interaction[Any], job_id: int) -> None:
        """Cancel the job that was chosen."""
        await interaction.response.defer()
        try:
            news = await cancel_job(self._service, interaction, job_id)
        except HyperSDError as error:  # it may have ended meanwhile: the card says so
            news = str(error)
        await self._show_again(interaction, news)

    async def _cancel_all(self, interaction: discord.Interaction[Any]) -> str:
        jobs = await self._service.open_jobs(user_id=interaction.user.id)
        cancelled = [
            await self._service.cancel(job.id, user_id=interaction.user.id) for job in jobs
        ]
        if not cancelled:
            return say("None of yours is waiting.")
        return say_many(
            "Cancelled {n} of {jobs} job.",
            "Cancelled {n} of {jobs} jobs.",
            sum(cancelled),
            jobs=len(jobs),
        )

    async def _show_again(self, interaction: discord.Interaction[Any], news: str = "") -> None:
        view = await self._card(interaction, news)
        if interaction.response.is_done():
            await interaction.edit_original_response(view=view)
        else:
            await interaction.response.edit_message(view=view)

    async def _card(self, interaction: discord.Interaction[Any], news: str = "") -> ui.LayoutView:
        mine, others = await self._mine(interaction), await self._others(interaction)
        options = [queue_cards.option_of(*entry, is_mine=True) for entry in mine]
        if guild_of(interaction) is not None and interaction.permissions.manage_messages:
            options += [queue_cards.option_of(*entry, is_mine=False) for entry in others]
        assert interaction.channel_id is not None, "commands are used in channels"
        view = QueueView(
            mine=mine,
            others=others,
            place=(interaction.guild_id, interaction.channel_id),
            is_paused=self._service.is_paused,
            is_accepting=self._service.is_accepting,
        )
        buttons = [QueueButton(Verb.REFRESH), QueueButton(Verb.CANCEL_MINE, disabled=not mine)]
        select = CancelSelect(options) if options else None
        return queue_cards.queue_card(view, select, buttons, news=news)

    async def _mine(self, interaction: discord.Interaction[Any]) -> list[tuple[Job, Stage | None]]:
        return self._by_turn(await self._service.open_jobs(user_id=interaction.user.id))

    async def _others(
        self, interaction: discord.Interaction[Any]
    ) -> list[tuple[Job, Stage | None]]:
        guild_id = guild_of(interaction)
        if guild_id is None:
            return []
        jobs = await self._service.open_jobs(guild_id=guild_id)
        return self._by_turn([job for job in jobs if job.origin.user_id != interaction.user.id])

    def _by_turn(self, jobs: Sequence[Job]) -> list[tuple[Job, Stage | None]]:
        """``jobs`` with where each is; those that are drawn already come first."""
        by_turn = [(job.id, stage) for job, stage in self._service.stages()]
        turns = {job_id: turn for turn, (job_id, _) in enumerate(by_turn)}
        stages = dict(by_turn)
        ordered = sorted(jobs, key=lambda job: turns.get(job.id, -1))
        return [(job, stages.get(job.id)) for job in ordered]

    def _check_can_see(self, job: Job) -> None:
        """Raise JobNotFound with what there is instead of pictures."""
        if job.state in {JobState.QUEUED, JobState.RUNNING}:
            state = state_text(job, self._service.stage(job))
            raise JobNotFound(
                say("Job {job_id} is not drawn yet: {state}.", job_id=job.id, state=state)
            )
        if job.state is JobState.FAILED:
            raise JobNotFound(
                say("Job {job_id} failed: {reason}", job_id=job.id, reason=job.failure)
            )
        if job.state is JobState.CANCELLED:
            raise JobNotFound(say("Job {job_id} was cancelled.", job_id=job.id))
        if job.is_deleted:
            raise JobNotFound(
                say(
                    "The pictures of job {job_id} are gone: somebody deleted them, or the time for "
                    "which they are kept is over.",
                    job_id=job.id,
                )
            )
        if not all(picture.path.exists() for picture in job.pictures):
            raise JobNotFound(
                say("The files of job {job_id} are missing on the bot's disk.", job_id=job.id)
            )


def _check_may_see(job: Job, interaction: discord.Interaction[Any]) -> None:
    """Others see what was posted in a channel of this server that they can look into."""
    is_owner = job.origin.user_id == interaction.user.id
    if not is_owner and (job.origin.private or not _can_look_into(job, interaction)):
        raise NotAllowed(say("Job {job_id} belongs to somebody else.", job_id=job.id))


def _can_look_into(job: Job, interaction: discord.Interaction[Any]) -> bool:
    if job.origin.channel_id == interaction.channel_id:
        return True
    guild, person = interaction.guild, interaction.user
    if guild is None or guild.id != job.origin.guild_id or not isinstance(person, discord.Member):
        return False
    channel = guild.get_channel_or_thread(job.origin.channel_id)
    if isinstance(channel, discord.Thread) and channel.is_private():
        return channel.permissions_for(person).manage_threads  # its members are not known here
    return channel is not None and channel.permissions_for(person).view_channel


def _number(typed: str) -> int:
    digits = typed.strip().removeprefix("#")
    if not digits.isdecimal() or len(digits) > 18:
        raise JobNotFound(
            say("{typed!r} is no job: give the number on its card, or: all.", typed=typed[:50])
        )
    return int(digits)
