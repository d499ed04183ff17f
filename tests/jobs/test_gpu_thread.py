"""The GPU thread: what goes in comes out, and nothing ends it but ``close``."""

import asyncio
import logging
import threading
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np
import pytest
from numpy.typing import NDArray

from hypersd_core.errors import Cancelled, GenerationFailed, ModelError, OutOfMemory
from hypersd_core.i18n import language, speaking
from hypersd_core.jobs.gpu_thread import Drawn, Engine, GpuThread
from hypersd_core.request import GenerationRequest
from tests.jobs.sample_jobs import WAIT_S, Gate, GradientEngine, a_request, gradient


@asynccontextmanager
async def started(build: Callable[[], Engine]) -> AsyncIterator[GpuThread]:
    thread = GpuThread(build)
    thread.start()
    try:
        yield thread
    finally:
        await thread.close()


async def draw(thread: GpuThread, prompt: str = "a fox") -> Drawn:
    return await thread.run(
        a_request(prompt=prompt), {}, threading.Event(), lambda _done, _total: None
    )


async def reached(gate: Gate) -> None:
    assert await asyncio.to_thread(gate.reached.wait, WAIT_S)


async def test_it_returns_a_picture_for_each_seed_and_the_time() -> None:
    request = a_request(count=3)
    async with started(GradientEngine) as thread:
        pictures, gpu_ms = await thread.run(request, {}, threading.Event(), lambda _d, _t: None)
    assert gpu_ms >= 0
    np.testing.assert_array_equal(pictures, [gradient(request, seed) for seed in (7, 8, 9)])


async def test_one_thread_builds_and_runs_the_engine() -> None:
    engines: list[GradientEngine] = []

    def build() -> Engine:
        engines.append(GradientEngine())
        return engines[0]

    async with started(build) as thread:
        await thread.ready()
        await asyncio.gather(draw(thread), draw(thread))
    assert len(engines) == 1
    assert engines[0].threads == {"gpu"}


async def test_jobs_run_one_after_another_in_order() -> None:
    engine = GradientEngine()
    async with started(lambda: engine) as thread:
        await asyncio.gather(*(draw(thread, prompt) for prompt in "abcd"))
    assert engine.drawn == list("abcd")


async def test_every_step_is_reported() -> None:
    steps: list[tuple[int, int]] = []
    async with started(GradientEngine) as thread:
        await thread.run(a_request(), {}, threading.Event(), lambda *step: steps.append(step))
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize(
    ("raised", "seen"),
    [
        (RuntimeError("CUDA error"), GenerationFailed),
        (MemoryError(), GenerationFailed),
        (OutOfMemory("too large"), OutOfMemory),
        (SystemExit(1), GenerationFailed),
        (KeyboardInterrupt(), GenerationFailed),
        (StopIteration(), GenerationFailed),
        (asyncio.CancelledError(), GenerationFailed),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
async def test_a_failing_job_never_kills_the_thread(
    raised: BaseException, seen: type[Exception]
) -> None:
    engine = GradientEngine()
    engine.errors["bad"] = raised
    async with started(lambda: engine) as thread:
        with pytest.raises(seen) as caught:
            await draw(thread, "bad")
        assert raised in (caught.value, caught.value.__cause__)
        assert len((await draw(thread))[0]) == 1


class LeakyEngine:
    """Fails while a large array is a local variable."""

    def __init__(self) -> None:
        self.large: weakref.ref[NDArray[np.uint8]] | None = None

    def prepare(self, *_: object, **__: object) -> None:
        pass

    def generate(
        self, request: GenerationRequest, *_: object, **__: object
    ) -> list[NDArray[np.uint8]]:
        latents = np.zeros((request.height, request.width), dtype=np.uint8)
        self.large = weakref.ref(latents)
        raise RuntimeError("CUDA error")


async def test_an_error_that_is_kept_does_not_keep_the_tensors() -> None:
    engine = LeakyEngine()
    async with started(lambda: engine) as thread:
        with pytest.raises(GenerationFailed) as caught:
            await draw(thread)
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert engine.large is not None
    assert engine.large() is None


async def test_an_error_that_is_raised_again_does_not_close_those_who_saw_it() -> None:
    engine = GradientEngine()
    engine.errors["bad"] = GenerationFailed("the same object each time")
    async with started(lambda: engine) as thread:
        for _ in range(3):
            with pytest.raises(GenerationFailed):
                await draw(thread, "bad")


async def test_a_running_job_stops_at_the_next_step() -> None:
    engine, gate, cancelled = GradientEngine(), Gate(), threading.Event()
    engine.gates["a fox"] = gate
    async with started(lambda: engine) as thread:
        job = asyncio.create_task(thread.run(a_request(), {}, cancelled, lambda _d, _t: None))
        await reached(gate)
        cancelled.set()
        gate.opened.set()
        with pytest.raises(Cancelled):
            await job
    assert engine.steps["a fox"] == 1


async def test_a_job_cancelled_while_it_waits_never_reaches_the_engine() -> None:
    engine, gate, cancelled = GradientEngine(), Gate(), threading.Event()
    engine.gates["first"] = gate
    async with started(lambda: engine) as thread:
        first = asyncio.create_task(draw(thread, "first"))
        await reached(gate)
        second = asyncio.create_task(thread.run(a_request(), {}, cancelled, lambda _d, _t: None))
        cancelled.set()
        gate.opened.set()
        await first
        with pytest.raises(Cancelled):
            await second
    assert engine.drawn == ["first"]


@pytest.mark.parametrize("steps", [1, 4])  # it comes as a result, and as Cancelled
async def test_an_answer_that_nobody_awaits_any_more_is_left_alone(steps: int) -> None:
    engine, gate = GradientEngine(), Gate()
    engine.gates["a fox"] = gate
    complaints: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
    async with started(lambda: engine) as thread:
        request = a_request(steps=steps)
        job = asyncio.create_task(
            thread.run(request, {}, threading.Event(), lambda _done, _total: None)
        )
        await reached(gate)
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job
        gate.opened.set()
        assert len((await draw(thread, "another"))[0]) == 1
    assert engine.steps["a fox"] == 1  # it also stopped
    assert complaints == []


async def test_finished_pictures_do_not_stay_in_memory_until_the_next_job() -> None:
    async with started(GradientEngine) as thread:
        freed = threading.Event()
        weakref.finalize((await draw(thread))[0][0], freed.set)
        assert await asyncio.to_thread(freed.wait, WAIT_S)


async def test_a_failed_build_is_told_to_everybody_who_asks() -> None:
    def build() -> Engine:
        raise ModelError("models/x lacks unet.safetensors.")

    async with started(build) as thread:
        for wait in (thread.ready(), draw(thread), draw(thread), thread.ready()):
            with pytest.raises(ModelError, match=r"lacks unet\.safetensors"):
                await wait


@pytest.mark.parametrize("cause", [RuntimeError("secret path"), SystemExit(1), MemoryError()])
async def test_a_build_that_breaks_otherwise_is_a_model_error_with_its_cause(
    cause: BaseException,
) -> None:
    def build() -> Engine:
        raise cause

    async with started(build) as thread:
        with pytest.raises(ModelError) as caught:
            await thread.ready()
    assert caught.value.__cause__ is cause
    assert "secret" not in str(caught.value)


async def test_close_stops_the_running_job_and_answers_the_waiting_ones() -> None:
    engine, gate = GradientEngine(), Gate()
    engine.gates["first"] = gate
    thread = GpuThread(lambda: engine)
    thread.start()
    jobs = [asyncio.create_task(draw(thread, prompt)) for prompt in ("first", "second")]
    await reached(gate)

    async def open_gate() -> None:
        gate.opened.set()

    await asyncio.gather(thread.close(), open_gate())  # started in this order
    results = await asyncio.gather(*jobs, return_exceptions=True)
    assert [type(result) for result in results] == [Cancelled, Cancelled]
    assert engine.drawn == ["first"]
    assert not any(t.name == "gpu" for t in threading.enumerate())


async def test_close_is_harmless_twice_and_before_start() -> None:
    thread = GpuThread(GradientEngine)
    await thread.close()
    async with started(GradientEngine) as thread:
        await thread.close()
        with pytest.raises(Cancelled):
            await draw(thread)


def test_a_result_after_the_loop_has_closed_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    engine, gate = GradientEngine(), Gate()
    engine.gates["a fox"] = gate
    thread = GpuThread(lambda: engine)
    left_behind: list[asyncio.Task[Drawn]] = []

    async def leave_in_the_middle() -> None:
        thread.start()
        left_behind.append(asyncio.create_task(draw(thread)))
        await reached(gate)

    asyncio.run(leave_in_the_middle())
    with caplog.at_level(logging.WARNING):
        gate.opened.set()
        asyncio.run(thread.close())  # joins; a broken thread would fail the test as a warning
    assert "dropped" in caplog.text


async def test_the_engine_speaks_the_language_of_whoever_asked() -> None:
    spoken: list[str] = []

    class Listening(GradientEngine):
        def prepare(self, request: GenerationRequest, *, should_stop: Callable[[], bool]) -> None:
            spoken.append(language())

    async with started(Listening) as thread:
        with speaking("zh-CN"):
            await draw(thread)
        await draw(thread)
    assert spoken == ["zh-CN", "en"]
