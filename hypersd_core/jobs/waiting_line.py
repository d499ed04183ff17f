"""The jobs that wait and the one in hand: who is next, and how long each still takes.

Memory only: made again from the store after a restart.
"""

import math
import threading
import time
from dataclasses import dataclass, field

from hypersd_core.jobs.cost import CostEstimate
from hypersd_core.jobs.fair_queue import FairQueue
from hypersd_core.passes import passes, total_model_calls
from hypersd_core.request import GenerationRequest, Job
from hypersd_core.stages import Drawing, Loading, Stage, Waiting

_TELLING_SHARE = 0.05
"""How much of a model must be loaded before its pace tells how long the rest takes."""


@dataclass(slots=True)
class InHand:
    """The job that the worker has. The GPU thread writes into it."""

    job: Job
    progress: tuple[int, int] = (0, 0)
    loading: tuple[str, float] | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    since_s: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.progress = (0, total_model_calls(self.job.request))

    def on_step(self, done: int, total: int) -> None:
        """``done`` of ``total`` model calls are made."""
        self.progress = (done, total)

    def on_load(self, model: str, share: float) -> None:
        """``share`` of ``model`` is in memory; when all of it is, the drawing begins."""
        self.loading = (model, share) if share < 1 else None
        if share >= 1:
            self.since_s = time.monotonic()

    def stage(self, *, gpu_ms: float, saving_ms: float = 0) -> Stage:
        """Where the job is, if the whole of it should take so long."""
        passed_s = time.monotonic() - self.since_s
        loading = self.loading
        if loading is not None:
            model, share = loading
            rest_s = passed_s * (1 - share) / share if share > _TELLING_SHARE else 0.0
            return Loading(model=model, share=share, eta_s=rest_s + (gpu_ms + saving_ms) / 1000)
        done, total = self.progress
        share = done / total if total else 0.0
        steps = sum(run.steps_taken for run in passes(self.job.request))
        return Drawing(
            step=math.ceil(share * steps),
            steps=steps,
            eta_s=_left_s(gpu_ms / 1000, passed_s, share) + saving_ms / 1000,
        )


class WaitingLine:
    """Jobs by their turn, with estimates that follow what was measured.

    ``ms_per_unit`` is the first guess of ``CostEstimate``.
    """

    def __init__(self, *, ms_per_unit: float) -> None:
        self.in_hand: InHand | None = None
        self.is_paused = False
        self._queue: FairQueue[Job] = FairQueue()
        self._costs = CostEstimate(ms_per_unit=ms_per_unit)

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, job: Job) -> None:
        """Let ``job`` wait for its turn."""
        self._queue.put(
            job,
            key=job.id,
            guild_id=job.origin.guild_id,
            user_id=job.origin.user_id,
            cost=self._costs.units(job.request),
            weight=job.weight,
        )

    def take(self) -> Job | None:
        """The job whose turn it is; None if nothing waits."""
        return self._queue.take()

    def remove(self, job_id: int) -> bool:
        """Drop the job. False if it does not wait."""
        return self._queue.remove(job_id)

    def estimate_ms(self, request: GenerationRequest) -> int:
        """How long ``request`` should keep the GPU."""
        return round(self._costs.ms(request))

    def stage(self, job: Job) -> Stage | None:
        """Where ``job`` is; None if it neither waits nor is in hand."""
        if self.in_hand is not None and self.in_hand.job.id == job.id:
            return self._in_hand(self.in_hand)
        before = self._queue.before(job.id)
        if before is None:
            return None
        before_ms = sum(self._costs.ms(earlier.request) for earlier in before)
        return self._waiting(job, len(before), before_ms)

    def stages(self) -> list[tuple[Job, Stage]]:
        """The job in hand and all that wait, by their turn."""
        held = self.in_hand
        found: list[tuple[Job, Stage]] = [] if held is None else [(held.job, self._in_hand(held))]
        before_ms = 0.0
        for ahead, job in enumerate(self._queue.order()):
            found.append((job, self._waiting(job, ahead, before_ms)))
            before_ms += self._costs.ms(job.request)
        return found

    def learn(self, request: GenerationRequest, gpu_ms: int) -> None:
        """Correct the estimates by what ``request`` took the GPU."""
        self._costs.learn(request, gpu_ms)

    def learn_saving(self, request: GenerationRequest, ms: float) -> None:
        """Correct the estimates by how long the pictures of ``request`` took to be saved."""
        self._costs.learn_saving(request, ms)

    def _waiting(self, job: Job, ahead: int, before_ms: float) -> Waiting:
        """The stage of ``job`` behind ``ahead`` others, which take ``before_ms`` together."""
        held, costs = self.in_hand, self._costs
        held_s = 0.0
        if held is not None and not held.cancelled.is_set():
            held_s = held.stage(gpu_ms=costs.ms(held.job.request)).eta_s
        own_ms = costs.ms(job.request) + costs.saving_ms(job.request)
        return Waiting(
            ahead=ahead + (held is not None),
            eta_s=held_s + (before_ms + own_ms) / 1000,
            is_paused=self.is_paused,
        )

    def _in_hand(self, held: InHand) -> Stage:
        request = held.job.request
        return held.stage(gpu_ms=self._costs.ms(request), saving_ms=self._costs.saving_ms(request))


def _left_s(estimate_s: float, passed_s: float, share: float) -> float:
    """What is left of a job: first the estimate counts, and the more is done, its own pace."""
    by_estimate = max(0.0, estimate_s - passed_s)
    by_pace = passed_s * (1 - share) / share if share else 0.0
    return share * by_pace + (1 - share) * max(by_estimate, by_pace)
