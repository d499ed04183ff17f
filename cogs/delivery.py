"""Finished jobs to messages: the only place that posts a result, live or after a restart.

Routes, first to last: the interaction's token while it lives, the channel with a mention, a direct
message. A refusal by Discord on one route means the next one. When all refuse, the pictures are
kept and ``/show`` posts them.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import cast

import discord
from discord import ui
from discord.ext import commands

from cogs import results, views
from hypersd_core.request import Job, JobState
from hypersd_core.service import Service

log = logging.getLogger(__name__)

_TOKEN_MARGIN = timedelta(seconds=20)  # an upload must end before the token does
_RETRY_AFTER_S = (2.0, 10.0, 60.0)
_MAX_AT_ONCE = 8
_ROUTE_IS_CLOSED = {401, 403, 404}  # a token that is no longer good, no permission, nothing there

Route = Callable[[Job], Awaitable[tuple[int, int]]]
"""Posts a job and returns (channel id, message id)."""


class Delivery(commands.Cog):
    """Takes finished jobs from the service and posts each of them once."""

    def __init__(self, bot: commands.AutoShardedBot, service: Service) -> None:
        self._bot = bot
        self._service = service
        self._unacknowledged: dict[int, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(_MAX_AT_ONCE)

    async def cog_load(self) -> None:
        """Begin to deliver as soon as the bot can send."""
        self._spawn(self._deliver_all())

    async def cog_unload(self) -> None:
        """Stop; what is not posted yet is posted after the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def held(self, job_id: int) -> AsyncIterator[None]:
        """Hold the result back until the acknowledgement, which it will replace, is out."""
        event = self._unacknowledged[job_id] = asyncio.Event()
        try:
            yield
        finally:
            event.set()
            del self._unacknowledged[job_id]

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver_all(self) -> None:
        await self._bot.wait_until_ready()
        while True:
            job = await self._service.next_finished()
            await self._slots.acquire()
            self._spawn(self._deliver_and_release(job))

    async def _deliver_and_release(self, job: Job) -> None:
        try:
            await self._deliver(job)
        except Exception:  # one job that cannot be posted must not stop the others
            log.exception("job %d could not be posted; /show %d will try again", job.id, job.id)
        finally:
            self._slots.release()

    async def _deliver(self, job: Job) -> None:
        if event := self._unacknowledged.get(job.id):
            await event.wait()
        for wait_s in (*_RETRY_AFTER_S, None):
            try:
                await self._first_open_route(job)
            except discord.DiscordServerError:
                if wait_s is None:
                    raise
                log.warning("job %d: Discord is unwell, next try in %.0f s", job.id, wait_s)
                await asyncio.sleep(wait_s)
            else:
                return

    async def _first_open_route(self, job: Job) -> None:
        for route in self._routes(job):
            try:
                channel_id, message_id = await route(job)
            except discord.HTTPException as error:
                if error.status not in _ROUTE_IS_CLOSED:
                    raise
                log.info("job %d: %s refused: %s", job.id, route.__name__, error)
            else:
                if job.state is JobState.MADE:
                    await self._service.delivered(job.id, channel_id, message_id)
                return
        log.warning("job %d is kept: no route to its user is open", job.id)

    def _routes(self, job: Job) -> list[Route]:
        token_lives = datetime.now(UTC) + _TOKEN_MARGIN < job.origin.token_expires_at
        routes: list[Route] = [self._by_token] if token_lives else []
        if job.state is JobState.CANCELLED:
            return routes  # whoever cancelled it knows; it is worth an edit, not a new message
        if not job.origin.private:
            routes.append(self._by_channel)
        return [*routes, self._by_direct_message]

    async def _by_token(self, job: Job) -> tuple[int, int]:
        """Turn the acknowledgement into the result. Doing it twice changes nothing."""
        origin = job.origin
        webhook = discord.Webhook.partial(origin.application_id, origin.token, client=self._bot)
        view, files = card(job, mention=True)
        message = await webhook.edit_message(
            cast(int, "@original"),  # Discord's own name for the response; discord.py says int
            view=view,
            attachments=files,
            allowed_mentions=discord.AllowedMentions.none(),
        )
        return message.channel.id, message.id

    async def _by_channel(self, job: Job) -> tuple[int, int]:
        return await self._send(self._bot.get_partial_messageable(job.origin.channel_id), job)

    async def _by_direct_message(self, job: Job) -> tuple[int, int]:
        user = await self._bot.create_dm(discord.Object(job.origin.user_id))
        return await self._send(user, job)

    async def _send(self, channel: discord.abc.Messageable, job: Job) -> tuple[int, int]:
        """A new message that mentions the asker. Its nonce keeps a retry from posting it twice."""
        view, files = card(job, mention=True)
        asker = discord.Object(job.origin.user_id)
        message = await channel.send(
            view=view,
            files=files,
            nonce=f"job-{job.id}",
            allowed_mentions=discord.AllowedMentions(users=[asker], everyone=False, roles=False),
        )
        return message.channel.id, message.id


def card(job: Job, *, mention: bool) -> tuple[ui.LayoutView, list[discord.File]]:
    """How a finished job looks, with its files."""
    if job.state is JobState.CANCELLED:
        return views.cancelled(job), []
    buttons = [results.JobButton(results.Verb.REROLL, job.id)]
    if job.state is JobState.FAILED:
        return views.failed(job, buttons, mention=mention), []
    files = [
        discord.File(
            picture.path,
            filename=f"job-{job.id}-{picture.index + 1}{picture.path.suffix}",
            description=views.alt_text(job.request, picture),
        )
        for picture in job.pictures
    ]
    return views.result(job, files, buttons, mention=mention), files
