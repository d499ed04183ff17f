"""The one door into the core: submit, cancel, run, recover. Frontends see nothing behind it.

A job's row in the store is the truth; the queue and what is said here about a running job are
only memory, made again from the rows by ``recover``.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hypersd_core.errors import Cancelled, HyperSDError, NotAllowed, QueueFull, StoreError
from hypersd_core.jobs.cost import CostEstimate
from hypersd_core.jobs.fair_queue import FairQueue
from hypersd_core.jobs.gpu_thread import GpuThread, Pictures
from hypersd_core.jobs.picture_files import Encode, PictureFiles
from hypersd_core.passes import total_model_calls
from hypersd_core.request import GenerationRequest, Job, Origin
from hypersd_core.store import Store

log = logging.getLogger(__name__)

MAX_SAVING = 2
"""How many finished jobs are encoded at a time; the GPU waits rather than fill the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """How many jobs may wait at once."""

    per_user: int = 5
    per_guild: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """An accepted job: how many come before it, one being drawn included, and when it is due."""

    job: Job
    position: int
    eta_s: float


@dataclass(slots=True, kw_only=True)
class _Running:
    """The job that the worker has. ``progress`` is written by the GPU thread."""

    job: Job
    progress: tuple[int, int]
    cancelled: threading.Event = field(default_factory=threading.Event)
    since_s: float = field(default_factory=time.monotonic)

    def on_step(self, done: int, total: int) -> None:
        self.progress = (done, total)


class Service:
    """Accepts jobs, draws them in a fair order, and tells what became of each.

    ``load_pictures`` reads the input pictures that a request names, in any thread. ``ms_per_unit``
    is the first guess of ``CostEstimate``. The order of calls: ``recover``, ``run`` as a task,
    ``close``; then the worker and the store may be closed.
    """

    def __init__(
        self,
        store: Store,
        worker: GpuThread,
        *,
        pictures_folder: Path,
        encode: Encode,
        load_pictures: Callable[[GenerationRequest], Pictures],
        ms_per_unit: float,
        caps: Caps,
    ) -> None:
        self._store = store
        self._worker = worker
        self._files = PictureFiles(pictures_folder, encode)
        self._load_pictures = load_pictures
        self._costs = CostEstimate(ms_per_unit=ms_per_unit)
        self._caps = caps
        self._queue: FairQueue[Job] = FairQueue()
        self._accepting = asyncio.Lock()
        self._arrived = asyncio.Event()
        self._finished: asyncio.Queue[Job] = asyncio.Queue()
        self._running: _Running | None = None
        self._saving: set[asyncio.Task[None]] = set()
        self._saving_slots = asyncio.Semaphore(MAX_SAVING)
        self._closing = False
        self._stopped = asyncio.Event()
        self._stopped.set()

    async def submit(
        self, request: GenerationRequest, origin: Origin, parent_id: int | None = None
    ) -> Ticket:
        """Accept a job for good. Raises QueueFull if too many wait already."""
        async with self._accepting:  # two at once would both see room for one
            await self._check_caps(origin)
            job = await self._store.add_job(request, origin, parent_id)
            self._enqueue(job)
            ticket = self._ticket(job)
        log.info("job %d -> queued, %d before it", job.id, ticket.position)
        return ticket

    async def cancel(self, job_id: int, *, user_id: int, may_moderate: bool = False) -> bool:
        """Stop the job, at once or at its next step. False if its pictures are made already.

        Raises JobNotFound, and NotAllowed for another's job unless ``may_moderate``.
        """
        job = await self._store.job(job_id)
        if job.origin.user_id != user_id and not may_moderate:
            raise NotAllowed(f"Job {job_id} belongs to somebody else.")
        if not await self._store.cancel(job_id):  # first, so that a late result is refused
            return False
        self._queue.remove(job_id)
        if self._running is not None and self._running.job.id == job_id:
            self._running.cancelled.set()
        log.info("job %d <- cancelled", job_id)
        await self._announce(job_id)
        return True

    async def job(self, job_id: int) -> Job:
        """The job as it is now, its pictures with absolute paths. Raises JobNotFound."""
        return self._files.located(await self._store.job(job_id))

    def progress(self, job_id: int) -> tuple[int, int] | None:
        """(done, total) model calls of the job that is being drawn; None for any other."""
        if self._running is None or self._running.job.id != job_id:
            return None
        return self._running.progress

    def position(self, job_id: int) -> int | None:
        """How many waiting jobs are drawn before it; None if it does not wait."""
        return self._queue.position(job_id)

    async def next_finished(self) -> Job:
        """Wait for the next job that was made, failed or cancelled; each is told once."""
        return await self._finished.get()

    async def delivered(self, job_id: int, channel_id: int, message_id: int) -> bool:
        """Record the message that shows the job. False if it was not waiting for one."""
        return await self._store.deliver(job_id, channel_id, message_id)

    async def recover(self) -> None:
        """Take up what an earlier process left. Before ``run`` and the first ``submit``."""
        recovered = await self._store.recover()
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
                job = self._queue.take()
                if job is None:
                    self._arrived.clear()
                    await self._arrived.wait()
                else:
                    await self._draw(job)
        finally:
            self._stopped.set()

    async def close(self) -> None:
        """Stop drawing; the job in hand waits for the next start. Made pictures are saved."""
        self._closing = True
        self._arrived.set()
        if self._running is not None:
            self._running.cancelled.set()
        await self._stopped.wait()
        await asyncio.gather(*self._saving)

    async def _check_caps(self, origin: Origin) -> None:
        waiting = await self._store.waiting_count(origin.user_id, origin.guild_id)
        if waiting.user >= self._caps.per_user:
            raise QueueFull(
                f"You have {waiting.user} jobs waiting and may have {self._caps.per_user}: "
                "wait for one or cancel one."
            )
        if waiting.guild >= self._caps.per_guild:
            raise QueueFull(
                f"This server has {waiting.guild} jobs waiting and may have "
                f"{self._caps.per_guild}: try again in a while."
            )

    def _enqueue(self, job: Job) -> None:
        self._queue.put(
            job,
            key=job.id,
            guild_id=job.origin.guild_id,
            user_id=job.origin.user_id,
            cost=self._costs.units(job.request),
        )
        self._arrived.set()

    def _ticket(self, job: Job) -> Ticket:
        position = self._queue.position(job.id)
        units = self._queue.cost_before(job.id)
        assert position is not None
        assert units is not None
        own_units = self._costs.units(job.request)
        eta_ms = self._running_ms() + (units + own_units) * self._costs.ms_per_unit
        being_drawn = self._running is not None
        return Ticket(job=job, position=position + being_drawn, eta_s=eta_ms / 1000)

    def _running_ms(self) -> float:
        """What the job in hand should still take."""
        if self._running is None:
            return 0
        expected_ms = self._costs.units(self._running.job.request) * self._costs.ms_per_unit
        return max(0, expected_ms - (time.monotonic() - self._running.since_s) * 1000)

    async def _draw(self, waiting: Job) -> None:
        total = total_model_calls(waiting.request)
        self._running = _Running(job=waiting, progress=(0, total))
        try:
            job = await self._store.start(waiting.id)
            if job is not None:  # else it was cancelled just now
                await self._draw_started(job, self._running)
        except asyncio.CancelledError:
            await self._put_back(waiting.id)
            raise
        except Cancelled:  # by its user, or by close
            await self._put_back(waiting.id)
        except Exception as error:  # noqa: BLE001 - one job must not end the others
            await self._fail(waiting.id, error)
        finally:
            self._running = None

    async def _draw_started(self, job: Job, running: _Running) -> None:
        """Draw, then leave the pictures to a task, so that the next job can have the GPU."""
        waited_s = (datetime.now(UTC) - job.created_at).total_seconds()
        pictures = await asyncio.to_thread(self._load_pictures, job.request)
        drawn, gpu_ms = await self._worker.run(
            job.request, pictures, running.cancelled, running.on_step
        )
        self._costs.learn(job.request, gpu_ms)
        log.info("job %d <- %.2f s gpu, %.2f s queued", job.id, gpu_ms / 1000, waited_s)
        await self._saving_slots.acquire()
        task = asyncio.create_task(self._save(job, drawn, gpu_ms))
        self._saving.add(task)
        task.add_done_callback(self._saved)

    def _saved(self, task: asyncio.Task[None]) -> None:
        self._saving.discard(task)
        self._saving_slots.release()

    async def _save(self, job: Job, drawn: list[NDArray[np.uint8]], gpu_ms: int) -> None:
        try:
            pictures = await asyncio.to_thread(self._files.write, job, drawn)
            made = await self._store.finish(job.id, job.attempt, pictures, gpu_ms)
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
            if await self._store.put_back(job_id):
                log.info("job %d -> put back", job_id)
        except StoreError:  # it stays running, which the next start finds as well
            log.exception("job %d could not be put back", job_id)

    async def _fail(self, job_id: int, error: Exception) -> None:
        # what has a sentence of ours is expected, and its cause is in that sentence
        is_known = isinstance(error, HyperSDError) and error.__cause__ is None
        log.error("job %d <- failed: %s", job_id, error, exc_info=None if is_known else error)
        try:
            failed = await self._store.fail(job_id, _sentence(error))
        except StoreError:
            log.exception("job %d stays as it is until the next start", job_id)
        else:
            if failed:
                await self._announce(job_id)

    async def _announce(self, job_id: int) -> None:
        try:
            self._finished.put_nowait(await self.job(job_id))
        except StoreError:
            log.exception("job %d is not told about before the next start", job_id)

    def _delete_all(self, job_ids: list[int]) -> None:
        for job_id in job_ids:
            self._files.delete(job_id)


def _sentence(error: Exception) -> str:
    """What the user is told. Anything but our own sentences stays in the log."""
    if isinstance(error, HyperSDError):
        return str(error)
    if isinstance(error, OSError):
        return "The pictures could not be written to the bot's disk."
    return "Something went wrong inside the bot; its log has the cause."
