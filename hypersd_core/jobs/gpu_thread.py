"""The one thread that touches the GPU: builds the engine, owns it, draws one job after another.

It takes work from a SimpleQueue and answers through ``call_soon_threadsafe``. It knows nothing of
stores, guilds or files, and nothing that a job does can end it.
"""

import asyncio
import contextlib
import contextvars
import inspect
import logging
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hypersd_core.errors import Cancelled, GenerationFailed, HyperSDError, ModelError
from hypersd_core.i18n import say, say_again
from hypersd_core.request import GenerationRequest

log = logging.getLogger(__name__)

OnStep = Callable[[int, int], None]
"""``on_step(done, total)``; called on the GPU thread, so it must be cheap."""

Pictures = Mapping[str, NDArray[np.uint8]]
"""The input pictures that a request names: (height, width, 3), masks (height, width)."""

Drawn = tuple[list[NDArray[np.uint8]], int]
"""One (height, width, 3) array for each picture, and the milliseconds that they took."""

SUSPENDABLE = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
"""Code flags of frames that must not be cleared: a coroutine that waits would be closed."""


class Engine(Protocol):
    """What draws. Built and used on the GPU thread alone."""

    def prepare(self, request: GenerationRequest, *, should_stop: Callable[[], bool]) -> None:
        """Load what ``request`` is drawn with. Raises Cancelled if ``should_stop()`` is true."""
        ...

    def generate(
        self,
        request: GenerationRequest,
        pictures: Pictures,
        *,
        on_step: OnStep,
        should_stop: Callable[[], bool],
    ) -> Sequence[NDArray[np.uint8]]:
        """One array for each picture. Raises Cancelled if ``should_stop()`` is true at a step."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    request: GenerationRequest
    pictures: Pictures
    cancelled: threading.Event
    on_step: OnStep
    answer: asyncio.Future[Drawn]
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    """The asker's, so that errors speak their language."""


class GpuThread:
    """Runs requests on an engine that ``build`` makes. Its methods are for the event loop."""

    def __init__(self, build: Callable[[], Engine]) -> None:
        self._build = build
        self._inbox: SimpleQueue[_Task | None] = SimpleQueue()
        self._built = asyncio.Event()
        self._build_error: ModelError | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs, and is not lost in a fault."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin to build the engine, in the background. Once."""
        assert self._thread is None, "started twice"
        loop = asyncio.get_running_loop()
        # daemon: a device call that hangs must not keep a process alive that wants to end
        self._thread = threading.Thread(target=self._serve, args=(loop,), name="gpu", daemon=True)
        self._thread.start()

    async def ready(self) -> None:
        """Return when the engine is built. Raises ModelError if it cannot be."""
        await self._built.wait()
        if self._build_error is not None:
            raise self._build_error

    async def run(
        self,
        request: GenerationRequest,
        pictures: Pictures,
        cancelled: threading.Event,
        on_step: OnStep,
    ) -> Drawn:
        """The pictures of ``request`` and their GPU milliseconds, in turn with other calls.

        Raises Cancelled soon after ``cancelled`` is set or the thread is closed, ModelError if
        there is no engine, and otherwise what the engine raised or GenerationFailed around it.
        """
        if self._stopping.is_set():
            raise Cancelled(say("The bot is stopping."))
        answer: asyncio.Future[Drawn] = asyncio.get_running_loop().create_future()
        task = _Task(
            request=request,
            pictures=pictures,
            cancelled=cancelled,
            on_step=on_step,
            answer=answer,
        )
        self._inbox.put(task)
        return await answer

    async def close(self) -> None:
        """Stop the job that runs, answer those that wait with Cancelled, and end the thread."""
        self._stopping.set()
        self._inbox.put(None)
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        engine = self._built_engine()
        _post(loop, self._built.set)
        for task in iter(self._inbox.get, None):
            task.context.run(self._answer, engine, task)
            del task  # else its pictures stay in memory until the next job comes

    def _built_engine(self) -> Engine | None:
        try:
            return self._build()
        except BaseException as error:  # noqa: BLE001 - whoever waits for the build is told
            self._build_error = _as_model_error(error)
            return None

    def _answer(self, engine: Engine | None, task: _Task) -> None:
        try:
            drawn = self._draw(engine, task)
        except BaseException as error:  # noqa: BLE001 - the thread must outlive any one job
            _post(task.answer.get_loop(), _fail, task.answer, _as_ours(error))
        else:
            _post(task.answer.get_loop(), _succeed, task.answer, drawn)

    def _draw(self, engine: Engine | None, task: _Task) -> Drawn:
        def should_stop() -> bool:
            stop = task.cancelled.is_set() or self._stopping.is_set()
            return stop or task.answer.cancelled()  # nobody waits for it any more

        if should_stop():
            raise Cancelled(say("The job was cancelled."))
        if engine is None:
            assert self._build_error is not None
            raise ModelError(say_again(self._build_error.sentence)) from self._build_error
        engine.prepare(task.request, should_stop=should_stop)
        since_s = time.perf_counter()  # a load happens once and would spoil the next estimates
        pictures = engine.generate(
            task.request, task.pictures, on_step=task.on_step, should_stop=should_stop
        )
        return list(pictures), round((time.perf_counter() - since_s) * 1000)


def _post(
    loop: asyncio.AbstractEventLoop,
    callback: Callable[..., None],
    *values: object,
) -> None:
    try:
        loop.call_soon_threadsafe(callback, *values)
    except RuntimeError:  # the loop is closed
        log.warning("a result came after the event loop had closed and was dropped")


def _succeed(answer: asyncio.Future[Drawn], drawn: Drawn) -> None:
    if not answer.done():
        answer.set_result(drawn)


def _fail(answer: asyncio.Future[Drawn], error: HyperSDError) -> None:
    if not answer.done():
        answer.set_exception(error)


def _as_ours(error: BaseException) -> HyperSDError:
    _release_frames(error)
    if isinstance(error, HyperSDError):
        return error
    ours = GenerationFailed(say("The device could not finish this picture."))
    ours.__cause__ = error
    return ours


def _as_model_error(error: BaseException) -> ModelError:
    _release_frames(error)
    if isinstance(error, ModelError):
        return error
    ours = ModelError(say("The model could not be loaded: the log has the cause."))
    ours.__cause__ = error
    return ours


def _release_frames(error: BaseException) -> None:
    """Let go of the tensors in a traceback's frames; its lines stay readable for the log."""
    link: BaseException | None = error
    while link is not None:
        for frame, _ in traceback.walk_tb(link.__traceback__):
            if not frame.f_code.co_flags & SUSPENDABLE:
                with contextlib.suppress(RuntimeError):  # a frame that still runs
                    frame.clear()
        link = link.__cause__ or link.__context__
