"""Reports of pictures: from who minds them to the moderators of the server, and what these decide.

A report is one card in the server's channel for reports, however many people report the job. It is
drawn from the log of moderation, so that it shows what was done by whom, after restarts too.
"""

import asyncio
import io
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import discord
from discord import ui
from discord.ext import commands
from PIL import Image

from cogs import moderation_cards
from cogs.answers import say_privately
from cogs.asking import guild_of
from cogs.moderation_buttons import ReportButton, Verb, block_form, report_form
from hypersd_core.errors import NotAllowed
from hypersd_core.guild_settings import GuildSettings
from hypersd_core.i18n import say, speaking
from hypersd_core.moderation.entries import AuditAction, AuditEntry, MessagePlace
from hypersd_core.moderation.records import Moderation
from hypersd_core.request import Job
from hypersd_core.service import Service

log = logging.getLogger(__name__)

_PREVIEW_PX = 512


class Reports:
    """Takes reports, shows them to moderators, does what these decide."""

    def __init__(
        self,
        bot: commands.AutoShardedBot,
        service: Service,
        moderation: Moderation,
        settings: GuildSettings,
    ) -> None:
        self._bot = bot
        self._service = service
        self._moderation = moderation
        self._settings = settings
        self._posting = asyncio.Lock()

    async def ask(self, interaction: discord.Interaction[Any], job: Job) -> None:
        """Ask what is wrong with the pictures; must be the first response."""
        _check_may_see(job, interaction)
        shown = interaction.message  # perhaps a private menu of the message
        is_public = shown is not None and not shown.flags.ephemeral
        own = job.message if job.origin.guild_id == guild_of(interaction) else None
        message = (shown.channel.id, shown.id) if shown and is_public else own
        await interaction.response.send_modal(report_form(job.id, message))

    async def take(
        self,
        interaction: discord.Interaction[Any],
        job_id: int,
        message: MessagePlace | None,
        reason: str,
    ) -> None:
        """Log a report and show it to the moderators, and say what became of it."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        job = await self._service.job(job_id)
        _check_may_see(job, interaction)
        guild_id = guild_of(interaction)
        entry = await self._moderation.report(
            job, guild_id, by_user_id=interaction.user.id, reason=reason, message=message
        )
        if entry is None:
            sentence = say("You have reported job {job_id} before.", job_id=job_id)
        elif guild_id is None:
            sentence = say("Your report is in the bot's log, but nobody moderates here.")
        elif await self._show(interaction, guild_id, job):
            sentence = say("Thank you: the moderators of this server have your report.")
        else:
            sentence = say(
                "Your report is in the log of this server. Its admins have set up no channel for "
                "reports that the bot can write to, so please tell a moderator as well."
            )
        await say_privately(interaction, sentence)

    async def decide(self, interaction: discord.Interaction[Any], verb: Verb, job_id: int) -> None:
        """Do what a button on a report says. Raises NotAllowed for who is no moderator."""
        guild_id = moderated_guild(interaction)
        job = await self._service.job(job_id)
        if verb is Verb.BLOCK:
            await interaction.response.send_modal(block_form(job.origin.user_id, job_id))
            return
        await interaction.response.defer()
        if verb is Verb.REMOVE:
            await self._remove(interaction, guild_id, job)
        else:
            await self._moderation.report_dismissed(job, guild_id, by_user_id=interaction.user.id)
        await self.refresh(interaction, guild_id, job_id)

    async def refresh(
        self, interaction: discord.Interaction[Any], guild_id: int, job_id: int
    ) -> None:
        """Draw the card anew whose button or form the interaction is."""
        view, files = await self._card(interaction, guild_id, await self._service.job(job_id))
        await interaction.edit_original_response(view=view, attachments=files)

    async def _remove(self, interaction: discord.Interaction[Any], guild_id: int, job: Job) -> None:
        """Delete the pictures if the job is of this server, and take them off its messages."""
        entries = await self._moderation.about_job(guild_id, job.id)
        if _has(entries, AuditAction.PICTURES_REMOVED):
            return  # another moderator was faster
        places = set(_reported_messages(entries))
        if job.origin.guild_id == guild_id:
            await self._service.delete(job.id, user_id=interaction.user.id, may_moderate=True)
            places |= {job.message} if job.message else set()
        await self._moderation.pictures_removed(
            job, by_user_id=interaction.user.id, guild_id=guild_id
        )
        with speaking(job.origin.locale):
            for place in places:
                await self._empty(job, place)

    async def _empty(self, job: Job, place: MessagePlace) -> None:
        try:
            await self._edit(place, moderation_cards.removed(job), [])
        except discord.HTTPException as error:  # deleted, or private
            log.info("job %d: a message with its pictures stays as it is: %s", job.id, error)

    async def _show(self, interaction: discord.Interaction[Any], guild_id: int, job: Job) -> bool:
        """Post or update the card of the job. False if there is no way to the moderators."""
        channel_id = (await self._settings.get(guild_id)).report_channel_id
        if channel_id is None:
            return False
        async with self._posting:  # two reports at once are still one card
            shown = await self._moderation.report_card(guild_id, job.id)
            try:
                is_there = shown is not None and shown[0] == channel_id
                if shown and is_there and await self._update(interaction, guild_id, job, shown):
                    return True
                view, files = await self._card(interaction, guild_id, job)
                channel = self._bot.get_partial_messageable(channel_id)
                message = await channel.send(view=view, files=files)
            except (discord.Forbidden, discord.NotFound) as error:
                log.warning("the channel for reports of server %d is closed: %s", guild_id, error)
                return False
            await self._moderation.report_posted(guild_id, job.id, (channel_id, message.id))
            return True

    async def _update(
        self, interaction: discord.Interaction[Any], guild_id: int, job: Job, place: MessagePlace
    ) -> bool:
        view, files = await self._card(interaction, guild_id, job)
        try:
            await self._edit(place, view, files)
        except discord.NotFound:  # a moderator deleted it
            return False
        return True

    async def _edit(
        self, place: MessagePlace, view: ui.LayoutView, files: Sequence[discord.File]
    ) -> None:
        channel_id, message_id = place
        channel = self._bot.get_partial_messageable(channel_id)
        await channel.get_partial_message(message_id).edit(
            view=view,
            attachments=files,
            allowed_mentions=discord.AllowedMentions.none(),  # the client's hold for content alone
        )

    async def _card(
        self, interaction: discord.Interaction[Any], guild_id: int, job: Job
    ) -> tuple[ui.LayoutView, list[discord.File]]:
        """The card, in the language of the server, with its files."""
        entries = await self._moderation.about_job(guild_id, job.id)
        is_removed = _has(entries, AuditAction.PICTURES_REMOVED)
        paths = [] if is_removed else [picture.path for picture in job.pictures]
        files = await asyncio.to_thread(_previews, job.id, paths)
        places = _reported_messages(entries)
        with speaking(str(interaction.guild_locale or "")):
            buttons = [ReportButton(verb, job.id) for verb in _choices(entries)]
            link = link_to(guild_id, places[0]) if places and not is_removed else ""
            return moderation_cards.report(job, entries, link, files, buttons), files


def moderated_guild(interaction: discord.Interaction[Any]) -> int:
    """The guild whose messages the person may manage here. Raises NotAllowed."""
    guild_id = guild_of(interaction)
    if guild_id is None or not interaction.permissions.manage_messages:
        raise NotAllowed(say("Only who may manage messages here can do that."))
    return guild_id


def link_to(guild_id: int, place: MessagePlace) -> str:
    """The address of a message."""
    return f"https://discord.com/channels/{guild_id}/{place[0]}/{place[1]}"


def _check_may_see(job: Job, interaction: discord.Interaction[Any]) -> None:
    if job.origin.private and job.origin.user_id != interaction.user.id:
        raise NotAllowed(say("Job {job_id} belongs to somebody else.", job_id=job.id))


def _choices(entries: Sequence[AuditEntry]) -> list[Verb]:
    """What is left to do about a report."""
    verbs = []
    if not _has(entries, AuditAction.PICTURES_REMOVED):
        verbs.append(Verb.REMOVE)
    if not _has(entries, AuditAction.USER_BLOCKED):
        verbs.append(Verb.BLOCK)
    if moderation_cards.is_open(entries):
        verbs.append(Verb.DISMISS)
    return verbs


def _has(entries: Iterable[AuditEntry], action: AuditAction) -> bool:
    return any(entry.action is action for entry in entries)


def _reported_messages(entries: Iterable[AuditEntry]) -> list[MessagePlace]:
    found = (entry.detail.get("message") for entry in entries)
    return [(int(place[0]), int(place[1])) for place in found if place]


def _previews(job_id: int, paths: Sequence[Path]) -> list[discord.File]:
    """The pictures, small and covered. Blocks; what is no longer on the disk is left out."""
    return [
        discord.File(io.BytesIO(_preview(path)), f"job-{job_id}-{i}.webp", spoiler=True)
        for i, path in enumerate(paths, 1)
        if path.exists()
    ]


def _preview(path: Path) -> bytes:
    file = io.BytesIO()
    with Image.open(path) as picture:
        picture.thumbnail((_PREVIEW_PX, _PREVIEW_PX))
        picture.convert("RGB").save(file, "WEBP", quality=80)
    return file.getvalue()
