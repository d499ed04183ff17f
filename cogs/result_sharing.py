"""Where results go, and go away: direct messages, the server's gallery, a spoiler, deletion."""

import asyncio
import contextlib
import dataclasses
import logging
from collections import OrderedDict
from typing import Any

import discord
from discord import ui

from cogs import details_cards, result_access
from cogs.answers import say_privately
from cogs.asking import asker_of, guild_of, may_moderate
from cogs.result_files import result_files
from cogs.result_messages import ResultMessage, ResultMessages
from hypersd_core.errors import InvalidRequest, JobNotFound, NotAllowed
from hypersd_core.front_desk import Rules
from hypersd_core.i18n import say, speaking
from hypersd_core.policy import Layout
from hypersd_core.request import MAX_FILE_BYTES, Job
from hypersd_core.service import Service

log = logging.getLogger(__name__)

_MAX_REMEMBERED = 1_000


class Sharing:
    """Does it, or says why not."""

    def __init__(self, service: Service, rules: Rules, messages: ResultMessages) -> None:
        self._service = service
        self._moderation = rules.moderation
        self._settings = rules.settings
        self._messages = messages
        self._favoured: OrderedDict[tuple[int, int, int], None] = OrderedDict()

    async def delete(
        self, interaction: discord.Interaction[Any], job: Job, _index: int | None
    ) -> None:
        """Delete the pictures for good, for their owner or a moderator, wherever they are shown."""
        result_access.check_may_change(interaction, job)
        user_id = interaction.user.id
        if not await self._service.delete(job.id, user_id=user_id, may_moderate=True):
            raise JobNotFound(say("Job {job_id} has no pictures.", job_id=job.id))
        if user_id != job.origin.user_id:
            await self._moderation.pictures_removed(job, by_user_id=user_id)
        with speaking(job.origin.locale):
            view = details_cards.deleted(job, user_id)
        await interaction.response.edit_message(view=view, attachments=[])
        shown = interaction.message
        if job.message is not None and (shown is None or shown.id != job.message[1]):
            with contextlib.suppress(discord.HTTPException):  # gone, private, or another server's
                await _message(interaction, job).edit(
                    view=view, attachments=[], allowed_mentions=discord.AllowedMentions.none()
                )

    async def send(
        self, interaction: discord.Interaction[Any], job: Job, index: int | None
    ) -> None:
        """Send the pictures with all about them to the person's direct messages."""
        result_access.check_has_picture(job, index)
        there = dataclasses.replace(asker_of(interaction), guild_id=None, is_direct=True)
        shown = _only(job, index)
        covered = await self._messages.is_covered(shown, there)
        await interaction.response.defer(ephemeral=True, thinking=True)
        files = await asyncio.to_thread(
            result_files, shown, Layout.GALLERY, most_bytes=MAX_FILE_BYTES, covered=covered
        )
        view, attached = details_cards.details(job, index, None, files.all)
        try:
            await interaction.user.send(view=view, files=attached)
        except discord.Forbidden:
            sentence = say(
                "Your direct messages are closed to this bot: allow messages from server members "
                "in this server's privacy settings, then try again."
            )
        else:
            sentence = say("Sent: look into your direct messages.")
        await say_privately(interaction, sentence)

    async def turn_spoiler(
        self, interaction: discord.Interaction[Any], job: Job, _index: int | None
    ) -> None:
        """Cover the pictures where they are shown, or uncover them.

        What the image classifier has covered, only a moderator uncovers.
        """
        result_access.check_may_change(interaction, job)
        await interaction.response.defer(ephemeral=True, thinking=True)
        try:
            message = await _message(interaction, job).fetch()
            view, is_covered = _turned(message)
            if not is_covered and any(picture.spoiler for picture in job.pictures):
                _check_moderates(interaction, job)
            await message.edit(view=view, allowed_mentions=discord.AllowedMentions.none())
        except discord.HTTPException as error:
            log.info("job %d: its message cannot be edited: %s", job.id, error)
            raise JobNotFound(
                say("The message that shows job {job_id} cannot be changed.", job_id=job.id)
            ) from error
        await say_privately(
            interaction, say("The pictures are covered.") if is_covered else say("Uncovered.")
        )

    async def favour(
        self, interaction: discord.Interaction[Any], job: Job, index: int | None
    ) -> None:
        """Post the picture to the server's gallery, once, with the name of who made it."""
        result_access.check_has_picture(job, index)
        channel = await self._gallery(interaction)
        key = (channel.id, job.id, index or 0)
        if key in self._favoured:
            raise InvalidRequest(say("This picture is in the gallery already."))
        self._remember(key)  # before it is there, so that two presses at once are one
        try:
            await self._post_to(channel, interaction, _only(job, index))
        except BaseException:
            self._favoured.pop(key, None)
            raise
        await say_privately(
            interaction, say("It is in the gallery: {channel}", channel=channel.mention)
        )

    async def _post_to(
        self, channel: discord.TextChannel, interaction: discord.Interaction[Any], shown: Job
    ) -> None:
        """Post it by the rules of the gallery. Raises NotAllowed."""
        covered = await self._is_covered_in(interaction, channel, shown)
        await interaction.response.defer(ephemeral=True, thinking=True)

        async def post(message: ResultMessage) -> None:
            await channel.send(
                view=message.view,
                files=message.files,
                allowed_mentions=discord.AllowedMentions.none(),
            )

        try:
            await self._messages.post(
                shown, post, mention=True, most_bytes=MAX_FILE_BYTES, covered=covered
            )
        except (discord.Forbidden, discord.NotFound) as error:
            raise NotAllowed(
                say("The bot may not post in the gallery {channel}.", channel=channel.mention)
            ) from error

    async def _gallery(self, interaction: discord.Interaction[Any]) -> discord.TextChannel:
        policy = await self._settings.get(guild_of(interaction))
        channel_id = policy.gallery_channel_id
        channel = interaction.client.get_channel(channel_id) if channel_id else None
        if not isinstance(channel, discord.TextChannel) or channel.guild.id != guild_of(
            interaction
        ):
            raise InvalidRequest(say("This server has no gallery; its admins can choose one."))
        return channel

    async def _is_covered_in(
        self, interaction: discord.Interaction[Any], channel: discord.TextChannel, job: Job
    ) -> bool:
        """By the rules of the gallery. Raises NotAllowed for what may not be shown there."""
        is_restricted = channel.is_nsfw()
        if job.origin.private and job.origin.user_id != interaction.user.id:
            raise NotAllowed(say("Job {job_id} belongs to somebody else.", job_id=job.id))
        if job.origin.is_age_restricted and not is_restricted and not job.pictures[0].rating:
            raise NotAllowed(
                say("The gallery is not age-restricted, and the channel of this picture is.")
            )
        there = dataclasses.replace(
            asker_of(interaction), channel_id=channel.id, is_age_restricted=is_restricted
        )
        return await self._messages.is_covered(job, there)

    def _remember(self, key: tuple[int, int, int]) -> None:
        self._favoured[key] = None
        if len(self._favoured) > _MAX_REMEMBERED:
            self._favoured.popitem(last=False)


def _only(job: Job, index: int | None) -> Job:
    """``job`` as if it had only that picture; None is all of them."""
    if index is None:
        return job
    return dataclasses.replace(job, pictures=job.pictures[index : index + 1])


def _message(interaction: discord.Interaction[Any], job: Job) -> discord.PartialMessage:
    """What shows the pictures, whether the bot can reach it or not."""
    if job.message is None:
        raise JobNotFound(say("Job {job_id} has no pictures.", job_id=job.id))
    channel_id, message_id = job.message
    client: discord.Client = interaction.client
    return client.get_partial_messageable(channel_id).get_partial_message(message_id)


def _turned(message: discord.Message) -> tuple[ui.LayoutView, bool]:
    """The same message with its pictures covered, or uncovered if all are; and which it is now."""
    view = ui.LayoutView.from_message(message, timeout=None)
    galleries = [item for item in view.walk_children() if isinstance(item, ui.MediaGallery)]
    is_covered = not all(item.spoiler for gallery in galleries for item in gallery.items)
    for gallery in galleries:
        gallery.items = [
            discord.MediaGalleryItem(
                f"attachment://{_file_name(item.media.url)}",  # its link would end, this does not
                description=item.description,
                spoiler=is_covered,
            )
            for item in gallery.items
        ]
    return view, is_covered


def _file_name(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


def _check_moderates(interaction: discord.Interaction[Any], job: Job) -> None:
    if not may_moderate(interaction, job):
        raise NotAllowed(
            say("The image classifier covered these pictures: only a moderator uncovers them.")
        )
