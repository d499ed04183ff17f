"""The ways to the person who asked, and which of them are open.

First to last: the interaction's token while it lives, the channel with a mention, a direct message.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

import discord
from discord.ext import commands

from cogs.refused_channels import RefusedChannels
from cogs.result_messages import ResultMessage
from hypersd_core.request import MAX_FILE_BYTES, Job, JobState

TOKEN_MARGIN = timedelta(seconds=20)
"""How long before its end a token is not used any more: an upload must end before it."""

Where = tuple[int, int]
"""(channel id, message id)."""

_NOBODY = discord.AllowedMentions.none()


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """``send`` posts a message and says where; each of its files may have ``most_bytes``.

    ``is_elsewhere``: not where the job was asked for, so that other rules may hold.
    """

    name: str
    send: Callable[[Job, ResultMessage], Awaitable[Where]]
    most_bytes: int
    is_elsewhere: bool = False


class Routes:
    """Finds routes and sends on them. Channels that refuse are remembered."""

    def __init__(self, bot: commands.AutoShardedBot) -> None:
        self._bot = bot
        self._refused = RefusedChannels()

    def open_to(self, job: Job) -> list[Route]:
        """What to try, in order."""
        origin = job.origin
        token = [self._token(job)] if token_lives(job) else []
        if job.state is JobState.CANCELLED:  # whoever cancelled it knows: no new message for that
            return [] if origin.has_own_message else token
        may_post = origin.can_post and not origin.private
        if may_post and self._refused.is_left_alone(origin.channel_id):
            may_post = False
        channel = [self._channel(job)] if may_post else []
        direct = Route(
            name="direct message",
            send=self._by_direct_message,
            most_bytes=MAX_FILE_BYTES,
            is_elsewhere=origin.guild_id is not None,
        )
        if origin.has_own_message:
            return [*channel, *token, direct]
        return [*token, *channel, direct]

    def _token(self, job: Job) -> Route:
        send = self._by_follow_up if job.origin.has_own_message else self._by_token
        return Route(name="token", send=send, most_bytes=job.origin.max_file_bytes)

    def _channel(self, job: Job) -> Route:
        """Without the interaction, what its user may upload does not count, but what the guild is.

        Boosts come and go; a guild that is not known is as one without.
        """
        guild = self._bot.get_guild(job.origin.guild_id or 0)
        most_bytes = guild.filesize_limit if guild else MAX_FILE_BYTES
        return Route(name="channel", send=self._by_channel, most_bytes=most_bytes)

    async def _by_token(self, job: Job, message: ResultMessage) -> Where:
        """Turn the acknowledgement into the result. Doing it twice changes nothing."""
        posted = await _webhook(job, self._bot).edit_message(
            cast(int, "@original"),  # Discord's own name for the response; discord.py says int
            view=message.view,
            attachments=message.files,
            allowed_mentions=_NOBODY,
        )
        return posted.channel.id, posted.id

    async def _by_follow_up(self, job: Job, message: ResultMessage) -> Where:
        """A new message through the token: private, or where the bot may not post by itself."""
        posted = await _webhook(job, self._bot).send(
            view=message.view,
            files=message.files,
            ephemeral=job.origin.private,
            wait=True,
            allowed_mentions=_NOBODY,
        )
        return posted.channel.id, posted.id

    async def _by_channel(self, job: Job, message: ResultMessage) -> Where:
        channel_id = job.origin.channel_id
        try:
            where = await _send(self._bot.get_partial_messageable(channel_id), job, message)
        except (discord.Forbidden, discord.NotFound):
            self._refused.refused(channel_id)
            raise
        self._refused.accepted(channel_id)
        return where

    async def _by_direct_message(self, job: Job, message: ResultMessage) -> Where:
        return await _send(
            await self._bot.create_dm(discord.Object(job.origin.user_id)), job, message
        )


def token_lives(job: Job) -> bool:
    """Whether the interaction's token can still be used."""
    return datetime.now(UTC) + TOKEN_MARGIN < job.origin.token_expires_at


def _webhook(job: Job, bot: commands.AutoShardedBot) -> discord.Webhook:
    webhook = discord.Webhook.partial(job.origin.application_id, job.origin.token, client=bot)
    webhook.type = discord.WebhookType.application  # else discord.py sends nothing private by it
    return webhook


async def _send(channel: discord.abc.Messageable, job: Job, message: ResultMessage) -> Where:
    """A new message that mentions the asker. Its nonce keeps a retry from posting it twice."""
    asker = discord.Object(job.origin.user_id)
    posted = await channel.send(
        view=message.view,
        files=message.files,
        nonce=f"job-{job.id}",
        allowed_mentions=discord.AllowedMentions(users=[asker], everyone=False, roles=False),
    )
    return posted.channel.id, posted.id
