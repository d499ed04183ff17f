"""Requests, origins and an engine for the tests of everything around the GPU model."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypersd_core.errors import Cancelled
from hypersd_core.jobs.gpu_thread import Pictures
from hypersd_core.request import GenerationRequest, Job, Origin
from hypersd_core.store import Store
from hypersd_core.store.jobs import NewJob
from tests.any_request import make_request

WAIT_S = 20
ALICE, BOB, CAROL = 2**60 + 1, 2**60 + 3, 2**60 + 5  # no float holds these
GUILD, OTHER_GUILD = 2**61 + 1, 2**61 + 3


def a_request(**changes: Any) -> GenerationRequest:
    small = {"prompt": "a fox", "model": "small", "sampler": "tcd", "height": 128, "seed": 7}
    return make_request(**(small | changes))


def an_origin(**changes: Any) -> Origin:
    values: dict[str, Any] = {
        "user_id": ALICE,
        "guild_id": GUILD,
        "channel_id": 2**62 + 1,
        "application_id": 2**59 + 1,
        "token": "secret",
        "token_expires_at": datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
    }
    return Origin(**(values | changes))


async def added(store: Store, request: GenerationRequest, origin: Origin, **more: Any) -> Job:
    """One new job in ``store``."""
    (job,) = await store.jobs.add([NewJob(request=request, origin=origin, **more)])
    return job


@dataclass
class Gate:
    """A place in a job where a test can hold a thread: it says so, and waits to be let on."""

    reached: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)

    def pass_through(self) -> None:
        self.reached.set()
        assert self.opened.wait(WAIT_S)


class GradientEngine:
    """Draws gradients that depend on the seed. Gates and errors are given for single prompts."""

    def __init__(self) -> None:
        self.gates: dict[str, Gate] = {}
        self.errors: dict[str, BaseException] = {}
        self.drawn: list[str] = []
        self.pictures: list[Pictures] = []
        self.steps: Counter[str] = Counter()
        self.threads: set[str] = {threading.current_thread().name}

    def prepare(self, request: GenerationRequest, *, should_stop: Callable[[], bool]) -> None:
        pass

    def generate(
        self,
        request: GenerationRequest,
        pictures: Pictures,
        *,
        on_step: Callable[[int, int], None],
        should_stop: Callable[[], bool],
    ) -> list[NDArray[np.uint8]]:
        self.drawn.append(request.prompt)
        self.pictures.append(pictures)
        self.threads.add(threading.current_thread().name)
        for step in range(request.steps):
            if should_stop():
                raise Cancelled("The job was cancelled.")
            self.steps[request.prompt] += 1
            on_step(step + 1, request.steps)
            if request.prompt in self.errors:
                raise self.errors[request.prompt]
            if request.prompt in self.gates:
                self.gates[request.prompt].pass_through()
        return [gradient(request, seed) for seed in request.seeds]


def gradient(request: GenerationRequest, seed: int) -> NDArray[np.uint8]:
    ramp = np.arange(request.height * request.width * 3, dtype=np.uint32) + seed
    return ramp.astype(np.uint8).reshape(request.height, request.width, 3)
