"""Acknowledgements that follow their job while it waits: few edits, and none that comes too late.

One task looks at all open jobs. A message is edited when there is news for the person who reads it,
at most every three seconds, and only for jobs that still take longer than that. Edits go through
the interaction's token, so they end before the token does, long before Discord slows edits of old
messages down (after an hour). When Discord asks for patience, all edits become rarer.

After ``end`` no edit of a job is under way or to come: its result stays the last word.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

import discord
from discord.ext import commands

from cogs import job_cards
from cogs.delivery_routes import token_lives
from cogs.results import JobButton, Verb
from hypersd_core.i18n import say, speaking
from hypersd_core.request import Job
from hypersd_core.service import Service, Ticket
from hypersd_core.stages import Drawing, Loading, Stage, Waiting

log = logging.getLogger(__name__)

EVERY_S = 3.0
MOST_EVERY_S = 60.0
_LOOK_EVERY_S = 1.0
_EDITS_AT_A_LOOK = 5
_EDIT_WITHIN_S = 10.0
_LOADING_SHARE = 0.1
_LATER_S, _LATER_SHARE = 5.0, 0.25
"""A wait that is longer by so many seconds and by such a share of it is news."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What a message says, and since when; None if an earlier life of the bot said it."""

    stage: Stage | None
    at_s: float


class Progress(commands.Cog):
    """Edits acknowledgements. ``clock`` is in seconds."""

    def __init__(
        self,
        bot: commands.AutoShardedBot,
        service: Service,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bot = bot
        self._service = service
        self._clock = clock
        self._every_s = EVERY_S
        self._told: dict[int, _Told] = {}
        self._ended: set[int] = set()
        self._editing: tuple[Job, asyncio.Task[None]] | None = None
        self._task: asyncio.Task[None] | None = None

    async def cog_load(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._run())

    async def cog_unload(self) -> None:
        """Stop; the messages stay as they are."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def begin(self, tickets: Sequence[Ticket]) -> None:
        """Be told that acknowledgements are out which say what ``tickets`` do."""
        for ticket in tickets:
            self._told[ticket.job.id] = _Told(stage=ticket.stage, at_s=self._clock())

    async def end(self, job_id: int) -> None:
        """Edit the job's message no more, and wait until an edit that is under way is over."""
        self._ended.add(job_id)
        if self._editing is not None and self._editing[0].id == job_id:
            await asyncio.wait({self._editing[1]})

    def answered(self, path: str, status: int) -> None:
        """Be told of an answer of Discord's to any request."""
        is_busy = status == HTTPStatus.TOO_MANY_REQUESTS
        if is_busy:
            self._every_s = min(MOST_EVERY_S, 2 * self._every_s)
        is_unwell = status >= HTTPStatus.INTERNAL_SERVER_ERROR
        if (is_busy or is_unwell) and self._editing and self._editing[0].origin.token in path:
            self._editing[1].cancel()  # discord.py would wait and try again, with old news

    async def _run(self) -> None:
        await self._bot.wait_until_ready()
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            try:
                await self.look()
            except Exception:  # a card that stays as it is must not keep the others from changing
                log.exception("progress could not be told")

    async def look(self) -> None:
        """Tell the news there are now, those first that have waited longest."""
        stages = {job.id: (job, stage) for job, stage in self._service.stages()}
        self._ended &= stages.keys()
        self._told = {
            job_id: self._told.get(job_id) or _Told(stage=None, at_s=self._clock())
            for job_id in stages
        }
        due = [job for job, stage in stages.values() if self._is_due(job, stage)]
        due.sort(key=lambda job: self._told[job.id].at_s)
        for job in due[:_EDITS_AT_A_LOOK]:
            await self._tell(job)

    def _is_due(self, job: Job, stage: Stage) -> bool:
        told = self._told[job.id]
        passed_s = self._clock() - told.at_s
        return (
            job.id not in self._ended
            and not job.origin.has_own_message  # its acknowledgement is of several
            and passed_s >= self._every_s
            and token_lives(job)
            and (stage.eta_s > EVERY_S or _is_paused(stage))
            and _is_news(told.stage, stage, passed_s)
        )

    async def _tell(self, job: Job) -> None:
        stage = self._service.stage(job)
        if stage is None or job.id in self._ended:  # it ended while others were told
            return
        edit = asyncio.create_task(self._edit(job, stage))
        self._editing = (job, edit)
        try:
            await asyncio.wait({edit}, timeout=_EDIT_WITHIN_S)
        finally:
            if not edit.done():
                edit.cancel()
                await asyncio.wait({edit})
            self._editing = None
        is_told = not edit.cancelled() and edit.exception() is None
        if is_told:
            self._every_s = max(EVERY_S, 0.9 * self._every_s)
        before = self._told[job.id].stage
        self._told[job.id] = _Told(stage=stage if is_told else before, at_s=self._clock())

    async def _edit(self, job: Job, stage: Stage) -> None:
        with speaking(job.origin.locale):
            view = job_cards.waiting(
                job, stage, [JobButton(Verb.CANCEL, job.id)], warning=_warning(job)
            )
        webhook = discord.Webhook.partial(
            job.origin.application_id, job.origin.token, client=self._bot
        )
        try:
            await webhook.edit_message(
                cast(int, "@original"),  # Discord's own name; discord.py says int
                view=view,
                allowed_mentions=discord.AllowedMentions.none(),
            )
        except discord.HTTPException as error:  # the message may be gone
            log.debug("job %d: its message cannot be edited: %s", job.id, error)
            self._ended.add(job.id)


def _is_paused(stage: Stage) -> bool:
    return isinstance(stage, Waiting) and stage.is_paused


def _is_news(told: Stage | None, now: Stage, passed_s: float) -> bool:
    """Whether ``now`` differs from what was ``told`` by something that matters to who waits."""
    match told, now:
        case Waiting(), Waiting():
            later_s = abs(now.eta_s - (told.eta_s - passed_s))
            is_later = later_s > max(_LATER_S, _LATER_SHARE * now.eta_s)
            is_other = (told.ahead, told.is_paused) != (now.ahead, now.is_paused)
            return is_other or (is_later and not now.is_paused)
        case Waiting(ahead=0, is_paused=False), Drawing(step=0):
            return False  # it reads the same
        case Loading(), Loading():
            return now.share - told.share >= _LOADING_SHARE
        case Drawing(), Drawing():
            return told.step != now.step
        case _:
            return True


def _warning(job: Job) -> str:
    """What the acknowledgement said where the bot may not post by itself."""
    if job.origin.can_post or job.origin.guild_id is None:
        return ""
    return say(
        "The bot may not post here by itself: a result that takes more than 15 minutes comes as a "
        "direct message."
    )
