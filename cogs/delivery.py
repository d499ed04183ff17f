"""Finished jobs to messages: the only place that posts a result, live or after a restart.

A refusal by Discord on one route means the next one (``cogs.delivery_routes``). When all refuse,
the pictures are kept and ``/show`` posts them.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Sequence

import aiohttp
import discord
from discord.ext import commands

from cogs.delivery_routes import Route, Routes, Where
from cogs.progress import Progress
from cogs.result_messages import ResultMessage, ResultMessages
from hypersd_core.asker import Asker
from hypersd_core.errors import NotAllowed, StoreError
from hypersd_core.i18n import speaking
from hypersd_core.metrics import UNWATCHED, Watcher
from hypersd_core.request import Job, JobState
from hypersd_core.service import Service, Ticket

log = logging.getLogger(__name__)

_RETRY_AFTER_S = (2.0, 10.0, 60.0)
_MAX_AT_ONCE = 8
_SETTLED_EVERY_S = 0.05
_UNWELL = (discord.DiscordServerError, aiohttp.ClientError, TimeoutError)
"""What says nothing of whether the message was posted: it is tried again on the same route."""
_ROUTE_IS_CLOSED = {401, 403, 404}  # a token that is no longer good, no permission, nothing there


class Delivery(commands.Cog):
    """Takes finished jobs from the service and posts each of them once."""

    def __init__(
        self,
        bot: commands.AutoShardedBot,
        service: Service,
        messages: ResultMessages,
        progress: Progress,
        watcher: Watcher = UNWATCHED,
    ) -> None:
        self._bot = bot
        self._service = service
        self._messages = messages
        self._progress = progress
        self._watcher = watcher
        self._routes = Routes(bot)
        self._posting = 0
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

    async def settle(self) -> None:
        """Return when every job that has finished so far was posted or given up."""
        while self._service.untold or self._posting:  # noqa: ASYNC110 - once, at the end
            await asyncio.sleep(_SETTLED_EVERY_S)

    @contextlib.asynccontextmanager
    async def held(self, job_ids: Sequence[int]) -> AsyncIterator[None]:
        """Hold results back until the acknowledgement, which comes before them, is out."""
        event = asyncio.Event()
        self._unacknowledged.update(dict.fromkeys(job_ids, event))
        try:
            yield
        finally:
            event.set()
            for job_id in job_ids:
                del self._unacknowledged[job_id]

    async def acknowledged(
        self, tickets: Sequence[Ticket], channel_id: int, message_id: int
    ) -> None:
        """Note where it stands that the jobs wait. A link less is no reason to fail."""
        self._progress.begin(tickets)
        job_ids = [ticket.job.id for ticket in tickets]
        try:
            await self._service.acknowledged(job_ids, channel_id, message_id)
        except StoreError:
            log.exception("job %d has no link to its acknowledgement", job_ids[0])

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver_all(self) -> None:
        await self._bot.wait_until_ready()
        while True:
            await self._slots.acquire()
            job = await self._service.next_finished()
            self._posting += 1
            self._spawn(self._deliver_and_release(job))

    async def _deliver_and_release(self, job: Job) -> None:
        try:
            await self._deliver(job)
        except Exception:  # one job that cannot be posted must not stop the others
            log.exception("job %d could not be posted; /show %d will try again", job.id, job.id)
        finally:
            self._posting -= 1
            self._slots.release()

    async def _deliver(self, job: Job) -> None:
        if event := self._unacknowledged.get(job.id):
            await event.wait()
        await self._progress.end(job.id)
        with speaking(job.origin.locale):
            await self._post(job)

    async def _post(self, job: Job) -> None:
        for wait_s in (*_RETRY_AFTER_S, None):
            try:
                await self._first_open_route(job)
            except _UNWELL as error:
                if wait_s is None:
                    raise
                log.warning("job %d: no answer (%s), next try in %.0f s", job.id, error, wait_s)
                await asyncio.sleep(wait_s)
            else:
                return

    async def _first_open_route(self, job: Job) -> None:
        for route in self._routes.open_to(job):
            try:
                channel_id, message_id = await self._post_by(route, job)
            except discord.HTTPException as error:
                if error.status not in _ROUTE_IS_CLOSED:
                    raise
                log.info("job %d: the %s refused: %s", job.id, route.name, error)
            except NotAllowed as error:
                log.info("job %d: no %s: %s", job.id, route.name, error.english)
            else:
                self._watcher.posted(route.name)
                if job.state is JobState.MADE:
                    await self._service.delivered(job.id, channel_id, message_id)
                return
        log.warning("job %d is kept: no route to its user is open", job.id)

    async def _post_by(self, route: Route, job: Job) -> Where:
        """Raises NotAllowed if what may be shown where it was drawn may not on this route."""
        is_covered = route.is_elsewhere and await self._messages.is_covered(job, _in_private(job))

        async def send(message: ResultMessage) -> Where:
            return await route.send(job, message)

        return await self._messages.post(
            job, send, mention=True, most_bytes=route.most_bytes, covered=is_covered
        )


def _in_private(job: Job) -> Asker:
    """The same person in direct messages."""
    origin = job.origin
    return Asker(
        user_id=origin.user_id, guild_id=None, channel_id=origin.channel_id, is_direct=True
    )
