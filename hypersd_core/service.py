"""The one door into the core: submit, cancel, run, recover. Frontends see nothing behind it.

A job's row in the store is the truth; the queue and what is said here about a running job are
only memory, made again from the rows by ``recover``.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hypersd_core.errors import (
    Cancelled,
    HyperSDError,
    JobNotFound,
    NotAccepting,
    NotAllowed,
    PictureBlocked,
    QueueFull,
    StoreError,
)
from hypersd_core.i18n import say, speaking
from hypersd_core.jobs.gpu_thread import GpuThread, Pictures
from hypersd_core.jobs.picture_files import Encode, PictureFiles, Reviewed
from hypersd_core.jobs.waiting_line import InHand, WaitingLine
from hypersd_core.metrics import UNWATCHED, Watcher
from hypersd_core.policy import Caps
from hypersd_core.request import GenerationRequest, Job, JobState, Origin
from hypersd_core.stages import Stage, Waiting
from hypersd_core.store import Store
from hypersd_core.store.jobs import NewJob

log = logging.getLogger(__name__)

MAX_SAVING = 2
"""How many finished jobs are encoded at a time; the GPU waits rather than fill the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One job to be accepted. ``weight`` is its user's share among those of the guild."""

    request: GenerationRequest
    origin: Origin
    parent_id: int | None = None
    preset: str = ""
    weight: float = 1.0


Admit = Callable[[int], Awaitable[None]]
"""``await admit(estimate_ms)`` raises if orders that take the GPU so long may not be accepted."""

Review = Callable[[Job, Sequence[NDArray[np.uint8]]], Awaitable[Sequence[Reviewed]]]
"""What may be shown of a job's pictures. Raises PictureBlocked if one of them may not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """An accepted job: how many come before it, one being drawn included, and when it is due."""

    job: Job
    position: int
    eta_s: float
    is_paused: bool = False

    @property
    def stage(self) -> Waiting:
        """The same as any stage."""
        return Waiting(ahead=self.position, eta_s=self.eta_s, is_paused=self.is_paused)


class Service:
    """Accepts jobs, draws them in a fair order, and tells what became of each.

    ``load_pictures`` reads the input pictures that a request names, in any thread; ``review`` looks
    at what was drawn. ``ms_per_unit`` is the first guess of ``CostEstimate``. The order of calls:
    ``recover``, ``run`` as a task, ``close``; then the worker and the store may be closed.
    """

    def __init__(  # noqa: PLR0913 - one parameter for each part
        self,
        store: Store,
        worker: GpuThread,
        *,
        pictures_folder: Path,
        encode: Encode,
        load_pictures: Callable[[GenerationRequest], Pictures],
        review: Review,
        ms_per_unit: float,
        caps: Caps,
        watcher: Watcher = UNWATCHED,
    ) -> None:
        self._store = store
        self._worker = worker
        self._files = PictureFiles(pictures_folder, encode)
        self._load_pictures = load_pictures
        self._review = review
        self._caps = caps
        self._watcher = watcher
        self._line = WaitingLine(ms_per_unit=ms_per_unit)
        self._accepting = asyncio.Lock()
        self._arrived = asyncio.Event()
        self._going = asyncio.Event()
        self._going.set()
        self._is_accepting = True
        self._model = ""
        self._finished: asyncio.Queue[Job] = asyncio.Queue()
        self._saving: set[asyncio.Task[None]] = set()
        self._saving_slots = asyncio.Semaphore(MAX_SAVING)
        self._closing = False
        self._stopped = asyncio.Event()
        self._stopped.set()

    async def submit(
        self, orders: Sequence[Order], *, caps: Caps | None = None, admit: Admit | None = None
    ) -> tuple[Ticket, ...]:
        """Accept all of ``orders``, of one user in one guild, for good; or none of them.

        ``caps`` take the place of the operator's. Raises QueueFull if too many wait already,
        NotAccepting after ``turn_away``, and what ``admit`` raises for them.
        """
        if not self._is_accepting:
            raise NotAccepting(
                say(
                    "The bot takes no new requests at the moment, because its operator is about to "
                    "stop it. What waits is still drawn; try again in a while."
                )
            )
        async with self._accepting:  # two at once would both see room for one
            await self._check_caps(orders[0].origin, len(orders), caps or self._caps)
            if admit is not None:
                await admit(sum(self._line.estimate_ms(order.request) for order in orders))
            jobs = await self._store.jobs.add([self._new(order) for order in orders])
            tickets = [self._queued(job) for job in jobs]
        for ticket in tickets:
            log.info("job %d -> queued, %d before it", ticket.job.id, ticket.position)
        return tuple(tickets)

    async def cancel(self, job_id: int, *, user_id: int, may_moderate: bool = False) -> bool:
        """Stop the job, at once or at its next step. False if its pictures are made already.

        Raises JobNotFound, and NotAllowed for another's job unless ``may_moderate``.
        """
        await self._owned(job_id, user_id, may_moderate)
        if not await self._store.jobs.cancel(job_id):  # first, so that a late result is refused
            return False
        self._line.remove(job_id)
        in_hand = self._line.in_hand
        if in_hand is not None and in_hand.job.id == job_id:
            in_hand.cancelled.set()
        self._watcher.job_ended(job_id, JobState.CANCELLED)
        log.info("job %d <- cancelled", job_id)
        await self._announce(job_id)
        return True

    async def job(self, job_id: int) -> Job:
        """The job as it is now, its pictures with absolute paths. Raises JobNotFound."""
        job = await self._store.jobs.get(job_id)
        if not job.is_kept:
            raise JobNotFound(
                say("The words and pictures of job {job_id} are no longer kept.", job_id=job_id)
            )
        return self._files.located(job)

    async def acknowledged(self, job_ids: Sequence[int], channel_id: int, message_id: int) -> None:
        """Record the message that says that the jobs wait."""
        await self._store.jobs.acknowledged(job_ids, channel_id, message_id)

    async def shown_by(self, message_id: int) -> Job | None:
        """The job of a message: its pictures are shown there, or that it waits."""
        job = await self._store.jobs.shown_by(message_id)
        return job and self._files.located(job)

    async def open_jobs(
        self, *, user_id: int | None = None, guild_id: int | None = None
    ) -> tuple[Job, ...]:
        """Jobs of a user, of a guild, or all, that are not delivered yet, the oldest first."""
        return await self._store.jobs.open(user_id=user_id, guild_id=guild_id)

    async def delete(self, job_id: int, *, user_id: int, may_moderate: bool = False) -> bool:
        """Delete the job's pictures. False if there are none. Raises as ``cancel`` does."""
        await self._owned(job_id, user_id, may_moderate)
        deleted = await self._store.jobs.delete_pictures(job_id)
        if deleted:  # what is still on its way to its user must be there when it is posted
            await asyncio.to_thread(self._files.delete, job_id)
        return deleted

    def stage(self, job: Job) -> Stage | None:
        """Where ``job`` is; None if it neither waits nor is drawn."""
        return self._line.stage(job)

    def stages(self) -> list[tuple[Job, Stage]]:
        """The job that is drawn and all that wait, by their turn."""
        return self._line.stages()

    def model_loads(self, model: str, share: float) -> None:
        """Note that ``share`` of a model is in memory. For the GPU thread."""
        if share >= 1:
            self._model = model
        in_hand = self._line.in_hand
        if in_hand is not None:
            in_hand.on_load(model, share)

    @property
    def model(self) -> str:
        """The model that was read into memory last, empty before the first."""
        return self._model

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return len(self._line)

    @property
    def is_drawing(self) -> bool:
        """Whether a job is in hand."""
        return self._line.in_hand is not None

    @property
    def untold(self) -> int:
        """How many finished jobs ``next_finished`` has not given out yet."""
        return self._finished.qsize()

    @property
    def is_paused(self) -> bool:
        """Whether waiting jobs are held back."""
        return not self._going.is_set()

    @property
    def is_accepting(self) -> bool:
        """Whether new jobs are taken."""
        return self._is_accepting

    def pause(self) -> None:
        """Accept jobs but begin none; the one in hand is finished."""
        self._going.clear()
        self._line.is_paused = True

    def turn_away(self) -> None:
        """Accept no more jobs; all that wait are drawn."""
        self._is_accepting = False

    def resume(self) -> None:
        """Go on as usual after ``pause`` and ``turn_away``."""
        self._is_accepting = True
        self._line.is_paused = False
        self._going.set()

    async def next_finished(self) -> Job:
        """Wait for the next job that was made, failed or cancelled; each is told once."""
        return await self._finished.get()

    async def delivered(self, job_id: int, channel_id: int, message_id: int) -> bool:
        """Record the message that shows the job. False if it was not waiting for one."""
        delivered = await self._store.jobs.deliver(job_id, channel_id, message_id)
        if delivered:
            self._watcher.job_ended(job_id, JobState.DELIVERED)
        return delivered

    async def recover(self) -> None:
        """Take up what an earlier process left. Before ``run`` and the first ``submit``."""
        recovered = await self._store.jobs.recover()
        await asyncio.to_thread(
            self._delete_all, [job.id for job in (*recovered.queued, *recovered.failed)]
        )
        for job in recovered.queued:
            self._enqueue(job)
        for job in (*recovered.failed, *recovered.made):
            self._finished.put_nowait(self._files.located(job))
        log.info(
            "recovered: %d queued, %d to deliver, %d given up",
            len(recovered.queued),
            len(recovered.made),
            len(recovered.failed),
        )

    async def run(self) -> None:
        """Draw jobs as they come until ``close``. No job can end this."""
        self._stopped.clear()
        try:
            while not self._closing:
                await self._going.wait()
                self._arrived.clear()
                job = None if self._closing else self._line.take()
                if job is not None:
                    await self._draw(job)
                elif not self._closing:
                    await self._arrived.wait()
        finally:
            self._stopped.set()

    async def drain(self, timeout_s: float) -> bool:
        """Begin no more jobs, and wait for the one in hand to be drawn and saved.

        False if that took too long; it goes on. ``close`` comes after it.
        """
        self._closing = True
        self._arrived.set()
        self._going.set()
        try:
            async with asyncio.timeout(timeout_s):
                await self._stopped.wait()
                await asyncio.gather(*self._saving)
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Stop drawing; the job in hand waits for the next start. Made pictures are saved."""
        self._closing = True
        self._arrived.set()
        self._going.set()
        if self._line.in_hand is not None:
            self._line.in_hand.cancelled.set()
        await self._stopped.wait()
        await asyncio.gather(*self._saving)

    async def _owned(self, job_id: int, user_id: int, may_moderate: bool) -> Job:
        job = await self._store.jobs.get(job_id)
        if job.origin.user_id != user_id and not may_moderate:
            raise NotAllowed(say("Job {job_id} belongs to somebody else.", job_id=job_id))
        return job

    async def _check_caps(self, origin: Origin, more: int, caps: Caps) -> None:
        waiting = await self._store.jobs.waiting_count(origin.user_id, origin.guild_id)
        if waiting.user + more > caps.per_user:
            raise QueueFull(_too_many_of_user(waiting.user, more, caps.per_user))
        if origin.guild_id is not None and waiting.guild + more > caps.per_guild:
            raise QueueFull(
                say(
                    "This server has {waiting} jobs waiting and may have {most}: "
                    "try again in a while.",
                    waiting=waiting.guild,
                    most=caps.per_guild,
                )
            )

    def _new(self, order: Order) -> NewJob:
        return NewJob(
            request=order.request,
            origin=order.origin,
            parent_id=order.parent_id,
            preset=order.preset,
            weight=order.weight,
            estimate_ms=self._line.estimate_ms(order.request),
        )

    def _queued(self, job: Job) -> Ticket:
        self._enqueue(job)
        stage = self._line.stage(job)
        assert isinstance(stage, Waiting)
        return Ticket(job=job, position=stage.ahead, eta_s=stage.eta_s, is_paused=stage.is_paused)

    def _enqueue(self, job: Job) -> None:
        self._line.put(job)
        self._arrived.set()

    async def _draw(self, waiting: Job) -> None:
        in_hand = self._line.in_hand = InHand(waiting)
        try:
            with speaking(waiting.origin.locale):
                await self._draw_or_fail(waiting, in_hand)
        finally:
            self._line.in_hand = None

    async def _draw_or_fail(self, waiting: Job, in_hand: InHand) -> None:
        try:
            job = await self._store.jobs.start(waiting.id)
            if job is not None:  # else it was cancelled just now
                await self._draw_started(job, in_hand)
        except asyncio.CancelledError:
            await self._put_back(waiting.id)
            raise
        except Cancelled:  # by its user, or by close
            await self._put_back(waiting.id)
        except Exception as error:  # noqa: BLE001 - one job must not end the others
            await self._fail(waiting.id, error)

    async def _draw_started(self, job: Job, in_hand: InHand) -> None:
        """Draw, then leave the pictures to a task, so that the next job can have the GPU."""
        waited_s = (datetime.now(UTC) - job.created_at).total_seconds()
        pictures = await asyncio.to_thread(self._load_pictures, job.request)
        drawn, gpu_ms = await self._worker.run(
            job.request, pictures, in_hand.cancelled, in_hand.on_step
        )
        self._line.learn(job.request, gpu_ms)
        self._watcher.job_drawn(
            model=job.request.model,
            pictures=len(drawn),
            gpu_s=gpu_ms / 1000,
            waited_s=waited_s,
        )
        log.info("job %d <- %.2f s gpu, %.2f s queued", job.id, gpu_ms / 1000, waited_s)
        await self._saving_slots.acquire()
        task = asyncio.create_task(self._save(job, drawn, gpu_ms))
        self._saving.add(task)
        task.add_done_callback(self._saved)

    def _saved(self, task: asyncio.Task[None]) -> None:
        self._saving.discard(task)
        self._saving_slots.release()

    async def _save(self, job: Job, drawn: list[NDArray[np.uint8]], gpu_ms: int) -> None:
        since_s = time.perf_counter()
        try:
            reviewed = await self._review(job, drawn)
            pictures = await asyncio.to_thread(self._files.write, job, drawn, reviewed)
            made = await self._store.jobs.finish(job.id, job.attempt, pictures, gpu_ms)
            self._line.learn_saving(job.request, (time.perf_counter() - since_s) * 1000)
        except Exception as error:  # noqa: BLE001 - the user is told, the log has the cause
            await self._fail(job.id, error)
            made = False
        if made:
            await self._announce(job.id)
        else:  # failed, or cancelled meanwhile
            await asyncio.to_thread(self._files.delete, job.id)

    async def _put_back(self, job_id: int) -> None:
        """Leave the job to the next start. Changes nothing if its user has cancelled it."""
        try:
            if await self._store.jobs.put_back(job_id):
                log.info("job %d -> put back", job_id)
        except StoreError:  # it stays running, which the next start finds as well
            log.exception("job %d could not be put back", job_id)

    async def _fail(self, job_id: int, error: Exception) -> None:
        # what has a sentence of ours is expected, and its cause is in that sentence
        is_known = isinstance(error, HyperSDError) and error.__cause__ is None
        english = error.english if isinstance(error, HyperSDError) else str(error)
        log.error("job %d <- failed: %s", job_id, english, exc_info=None if is_known else error)
        try:
            blocked = isinstance(error, PictureBlocked)
            failed = await self._store.jobs.fail(job_id, _sentence(error), blocked=blocked)
        except StoreError:
            log.exception("job %d stays as it is until the next start", job_id)
        else:
            if failed:
                self._watcher.job_ended(job_id, "blocked" if blocked else JobState.FAILED)
                await self._announce(job_id)

    async def _announce(self, job_id: int) -> None:
        try:
            self._finished.put_nowait(await self.job(job_id))
        except JobNotFound:  # its user had it erased meanwhile
            log.info("job %d is not told about: it was erased", job_id)
        except StoreError:
            log.exception("job %d is not told about before the next start", job_id)

    def _delete_all(self, job_ids: list[int]) -> None:
        for job_id in job_ids:
            self._files.delete(job_id)


def _too_many_of_user(waiting: int, more: int, most: int) -> str:
    if more == 1:
        return say(
            "You have {waiting} jobs waiting and may have {most}: wait for one or cancel one.",
            waiting=waiting,
            most=most,
        )
    return say(
        "These are {more} jobs and you have {waiting} waiting, but may have {most}: "
        "ask for fewer or wait.",
        more=more,
        waiting=waiting,
        most=most,
    )


def _sentence(error: Exception) -> str:
    """What the user is told. Anything but our own sentences stays in the log."""
    if isinstance(error, HyperSDError):
        return str(error)
    if isinstance(error, OSError):
        return say("The pictures could not be written to the bot's disk.")
    return say("Something went wrong inside the bot; its log has the cause.")
