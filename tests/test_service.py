"""The service with a real store, queue and thread: nothing accepted is lost or told twice."""

import asyncio
import logging
import random
import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hypersd_core.errors import (
    GenerationFailed,
    HyperSDError,
    JobNotFound,
    NotAccepting,
    NotAllowed,
    OutOfMemory,
    QueueFull,
)
from hypersd_core.jobs.gpu_thread import GpuThread
from hypersd_core.jobs.picture_files import Reviewed
from hypersd_core.policy import Caps
from hypersd_core.request import EncodedPicture, GenerationRequest, Job, JobState
from hypersd_core.service import Order, Service, Ticket
from hypersd_core.stages import Drawing, Loading, Waiting
from hypersd_core.store import FILE_NAME, Store
from tests.jobs.sample_jobs import (
    ALICE,
    BOB,
    CAROL,
    GUILD,
    OTHER_GUILD,
    WAIT_S,
    Gate,
    GradientEngine,
    a_request,
    an_origin,
    gradient,
)

ROOT = Path(__file__).resolve().parents[1]
MANY = Caps(per_user=1000, per_guild=1000)


class Encoder:
    """Raw bytes. Gates and errors are given for single prompts."""

    def __init__(self) -> None:
        self.gates: dict[str, Gate] = {}
        self.errors: dict[str, Exception] = {}
        self.threads: set[str] = set()

    def __call__(
        self, pixels: NDArray[np.uint8], request: GenerationRequest, index: int
    ) -> EncodedPicture:
        self.threads.add(threading.current_thread().name)
        if request.prompt in self.gates:
            self.gates[request.prompt].pass_through()
        if request.prompt in self.errors:
            raise self.errors[request.prompt]
        height, width, _ = pixels.shape
        return EncodedPicture(
            data=pixels.tobytes(), suffix="raw", width=width, height=height, infotext=f"{index}"
        )


async def pass_all(_: Job, drawn: Sequence[NDArray[np.uint8]]) -> list[Reviewed]:
    return [Reviewed() for _ in drawn]


@dataclass(kw_only=True)
class Bot:
    """One life of the program around the service."""

    folder: Path
    store: Store
    service: Service
    engine: GradientEngine
    encoder: Encoder
    running: list[asyncio.Task[None]] = field(default_factory=list)

    async def submit(
        self, prompt: str = "a fox", *, user_id: int = ALICE, guild_id: int | None = GUILD
    ) -> Ticket:
        origin = an_origin(user_id=user_id, guild_id=guild_id)
        order = Order(request=a_request(prompt=prompt), origin=origin)
        return (await self.service.submit([order]))[0]

    async def finished(self) -> Job:
        return await asyncio.wait_for(self.service.next_finished(), WAIT_S)

    async def hold(self, prompt: str = "held") -> tuple[Job, Gate]:
        """A job that stays in the engine until the gate is opened."""
        gate = self.engine.gates[prompt] = Gate()
        ticket = await self.submit(prompt)
        await reached(gate)
        return ticket.job, gate

    def run(self) -> None:
        self.running.append(asyncio.create_task(self.service.run()))

    async def stop(self) -> None:
        await self.service.close()
        await asyncio.gather(*self.running)

    def pictures(self, job_id: int) -> list[Path]:
        return list((self.folder / "pictures").glob(f"{job_id}/*"))


@asynccontextmanager
async def a_bot(
    folder: Path,
    *,
    engine: GradientEngine | None = None,
    caps: Caps = MANY,
    run: bool = True,
) -> AsyncIterator[Bot]:
    engine, encoder = engine or GradientEngine(), Encoder()
    worker = GpuThread(lambda: engine)
    async with Store.open(folder) as store:
        service = Service(
            store,
            worker,
            pictures_folder=folder / "pictures",
            encode=encoder,
            load_pictures=lambda request: {request.prompt: np.zeros((1, 1), np.uint8)},
            review=pass_all,
            ms_per_unit=1e6,
            caps=caps,
        )
        bot = Bot(folder=folder, store=store, service=service, engine=engine, encoder=encoder)
        worker.start()
        try:
            await service.recover()
            if run:
                bot.run()
            yield bot
        finally:
            gates = (*engine.gates.values(), *encoder.gates.values())
            await asyncio.gather(bot.stop(), open_all(*gates))
            await worker.close()


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[Bot]:
    async with a_bot(tmp_path) as started:
        yield started


async def reached(gate: Gate) -> None:
    assert await asyncio.to_thread(gate.reached.wait, WAIT_S)


async def open_all(*gates: Gate) -> None:
    for gate in gates:
        gate.opened.set()


async def refusal(call: Awaitable[object]) -> HyperSDError | None:
    try:
        await call
    except HyperSDError as error:
        return error
    return None


def forbid(folder: Path, condition: str) -> None:
    """Make every update of a job that fits ``condition`` fail, as a broken disk would."""
    with closing(sqlite3.connect(folder / FILE_NAME)) as db:
        db.execute(
            f"""CREATE TRIGGER broken BEFORE UPDATE ON jobs WHEN {condition}
                BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END"""
        )


async def test_a_job_is_drawn_written_told_and_delivered(bot: Bot) -> None:
    request = a_request(count=2)
    ticket = (await bot.service.submit([Order(request=request, origin=an_origin())]))[0]
    job = await bot.finished()
    assert (job.id, job.state, job.request) == (ticket.job.id, JobState.MADE, request)
    assert [p.path.read_bytes() for p in job.pictures] == [
        gradient(request, seed).tobytes() for seed in (7, 8)
    ]
    assert all(p.path.is_relative_to(bot.folder / "pictures") for p in job.pictures)
    assert await bot.service.delivered(job.id, 1, 2)
    assert not await bot.service.delivered(job.id, 1, 3)
    assert (await bot.service.job(job.id)).state is JobState.DELIVERED


async def test_encoding_happens_neither_on_the_loop_nor_on_the_gpu_thread(bot: Bot) -> None:
    await bot.submit()
    await bot.finished()
    assert bot.encoder.threads.isdisjoint({threading.main_thread().name, "gpu"})


async def test_the_engine_is_given_the_pictures_that_the_request_names(bot: Bot) -> None:
    await bot.submit("a fox")
    await bot.finished()
    assert [list(pictures) for pictures in bot.engine.pictures] == [["a fox"]]


async def test_a_ticket_says_how_many_are_before_and_how_long_it_takes(bot: Bot) -> None:
    await bot.hold()
    first, second = await bot.submit(), await bot.submit()
    assert (first.position, second.position) == (1, 2)  # one is being drawn
    one_s = 4 * 2 * 64 * 128 / 1e6 * 1e6 / 1000  # steps x guidance x megapixels x ms per unit
    assert first.eta_s == pytest.approx(2 * one_s, abs=WAIT_S)
    assert second.eta_s == pytest.approx(3 * one_s, abs=WAIT_S)
    stage = bot.service.stage(second.job)
    assert isinstance(stage, Waiting)
    assert stage.ahead == 2
    assert stage.eta_s == pytest.approx(second.eta_s, abs=WAIT_S)


async def test_a_ticket_of_an_idle_bot_has_nothing_before_it(bot: Bot) -> None:
    assert (await bot.submit()).position == 0


async def test_estimates_follow_the_measured_time(bot: Bot) -> None:
    slow = await bot.submit()
    await bot.finished()
    await bot.hold()
    fast = await bot.submit()
    assert fast.eta_s < slow.eta_s / 10


async def test_progress_is_told_while_a_job_is_drawn(bot: Bot) -> None:
    held, gate = await bot.hold()
    waiting = await bot.submit()
    (drawn, stage), (other, its_stage) = bot.service.stages()
    assert (drawn.id, other.id) == (held.id, waiting.job.id)
    assert isinstance(stage, Drawing)
    assert (stage.step, stage.steps) == (1, 4)
    assert isinstance(its_stage, Waiting)
    assert its_stage.ahead == 1
    assert bot.service.stage(held) is not None
    gate.opened.set()
    assert {(await bot.finished()).id for _ in range(2)} == {held.id, waiting.job.id}
    assert bot.service.stage(held) is None
    assert bot.service.stages() == []


async def test_a_model_that_loads_is_told_of_until_it_is_there(bot: Bot) -> None:
    bot.service.model_loads("small", 0.2)  # nobody waits for it: the bot has just started
    held, _ = await bot.hold()
    bot.service.model_loads("small", 0.25)
    stage = bot.service.stage(held)
    assert isinstance(stage, Loading)
    assert (stage.model, stage.share) == ("small", 0.25)
    assert bot.service.model == ""
    bot.service.model_loads("small", 1.0)
    assert bot.service.model == "small"
    assert isinstance(bot.service.stage(held), Drawing)


async def test_a_paused_bot_accepts_and_says_so_but_begins_nothing(tmp_path: Path) -> None:
    async with a_bot(tmp_path, run=False) as bot:
        bot.service.pause()
        bot.run()
        ticket = await bot.submit()
        assert ticket.is_paused
        assert bot.service.is_paused
        await asyncio.sleep(0.05)
        assert bot.engine.drawn == []
        bot.service.resume()
        assert (await bot.finished()).id == ticket.job.id


async def test_who_is_turned_away_is_told_and_what_waits_is_drawn(bot: Bot) -> None:
    _, gate = await bot.hold()
    waiting = await bot.submit()
    bot.service.turn_away()
    assert not bot.service.is_accepting
    with pytest.raises(NotAccepting, match="What waits is still drawn"):
        await bot.submit()
    gate.opened.set()
    assert {(await bot.finished()).id for _ in range(2)} >= {waiting.job.id}
    bot.service.resume()
    await bot.submit()
    assert (await bot.finished()).state is JobState.MADE


async def test_caps_refuse_with_a_sentence(tmp_path: Path) -> None:
    async with a_bot(tmp_path, run=False, caps=Caps(per_user=2, per_guild=3)) as bot:
        await bot.submit()
        await bot.submit(guild_id=OTHER_GUILD)
        with pytest.raises(QueueFull, match="You have 2 jobs waiting and may have 2"):
            await bot.submit()
        await bot.submit(user_id=BOB)
        await bot.submit(user_id=BOB)
        with pytest.raises(QueueFull, match="This server has 3 jobs waiting and may have 3"):
            await bot.submit(user_id=CAROL)
        assert await refusal(bot.submit(user_id=CAROL, guild_id=None)) is None


async def test_submitting_at_once_does_not_slip_past_the_caps(tmp_path: Path) -> None:
    async with a_bot(tmp_path, run=False, caps=Caps(per_user=5)) as bot:
        refused = await asyncio.gather(*(refusal(bot.submit()) for _ in range(12)))
        assert sum(error is None for error in refused) == 5


async def test_a_job_that_runs_does_not_count_as_waiting(tmp_path: Path) -> None:
    async with a_bot(tmp_path, caps=Caps(per_user=1)) as bot:
        await bot.hold()
        assert await refusal(bot.submit()) is None


async def test_a_guild_that_floods_does_not_delay_another(bot: Bot) -> None:
    _, gate = await bot.hold()
    for _ in range(6):
        await bot.submit("flood")
    await bot.submit("other", user_id=BOB, guild_id=OTHER_GUILD)
    gate.opened.set()
    for _ in range(8):
        await bot.finished()
    assert bot.engine.drawn.index("other") <= 2


async def test_encoding_overlaps_with_the_next_job(bot: Bot) -> None:
    encoding = bot.encoder.gates["first"] = Gate()
    await bot.submit("first")
    await reached(encoding)
    second, drawing = await bot.hold("second")  # it reached the engine
    drawing.opened.set()
    assert (await bot.finished()).id == second.id
    encoding.opened.set()
    assert (await bot.finished()).request.prompt == "first"


async def test_the_gpu_waits_rather_than_pile_up_pictures_to_encode(bot: Bot) -> None:
    first, second, third = (bot.encoder.gates.setdefault(prompt, Gate()) for prompt in "abc")
    for prompt in "abcd":
        await bot.submit(prompt)
    await reached(first)
    await reached(second)
    assert not await asyncio.to_thread(third.reached.wait, 0.1)  # as long as it takes to fail
    assert "d" not in bot.engine.drawn
    await open_all(first, second, third)
    assert [(await bot.finished()).state for _ in range(4)] == [JobState.MADE] * 4


async def test_a_queued_job_is_cancelled_at_once(bot: Bot) -> None:
    held, gate = await bot.hold()
    waiting = (await bot.submit("never")).job
    assert await bot.service.cancel(waiting.id, user_id=ALICE)
    assert bot.service.stage(waiting) is None
    assert (await bot.finished()).state is JobState.CANCELLED
    gate.opened.set()
    assert (await bot.finished()).id == held.id
    assert "never" not in bot.engine.drawn


async def test_a_running_job_is_cancelled_at_its_next_step(bot: Bot) -> None:
    held, gate = await bot.hold()
    assert await bot.service.cancel(held.id, user_id=ALICE)
    assert await bot.finished() == await bot.service.job(held.id)
    gate.opened.set()
    await bot.submit()
    assert (await bot.finished()).state is JobState.MADE
    assert (await bot.service.job(held.id)).state is JobState.CANCELLED
    assert bot.engine.steps["held"] == 1


async def test_a_late_result_of_a_cancelled_job_is_dropped_with_its_files(bot: Bot) -> None:
    encoding = bot.encoder.gates["late"] = Gate()
    late = (await bot.submit("late")).job
    await reached(encoding)
    assert await bot.service.cancel(late.id, user_id=ALICE)
    encoding.opened.set()
    await bot.stop()
    assert (await bot.finished()).state is JobState.CANCELLED
    assert (await bot.service.job(late.id)).pictures == ()
    assert bot.pictures(late.id) == []


async def test_it_says_truthfully_when_it_is_too_late_to_cancel(bot: Bot) -> None:
    job = (await bot.submit()).job
    await bot.finished()
    assert not await bot.service.cancel(job.id, user_id=ALICE)
    await bot.service.delivered(job.id, 1, 2)
    assert not await bot.service.cancel(job.id, user_id=ALICE)
    assert len(bot.pictures(job.id)) == 1


async def test_only_the_owner_or_a_moderator_cancels(bot: Bot) -> None:
    held, _ = await bot.hold()
    with pytest.raises(NotAllowed, match="belongs to somebody else"):
        await bot.service.cancel(held.id, user_id=BOB)
    with pytest.raises(JobNotFound):
        await bot.service.cancel(held.id + 1, user_id=ALICE)
    assert await bot.service.cancel(held.id, user_id=BOB, may_moderate=True)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OutOfMemory("64x128 needs more memory."), "64x128 needs more memory."),
        (RuntimeError("secret"), "The device could not finish this picture."),
    ],
)
async def test_a_failed_job_is_told_with_a_sentence_and_the_next_one_runs(
    bot: Bot, error: Exception, sentence: str
) -> None:
    bot.engine.errors["bad"] = error
    await bot.submit("bad")
    await bot.submit("good")
    bad, good = await bot.finished(), await bot.finished()
    assert (bad.state, bad.failure) == (JobState.FAILED, sentence)
    assert good.state is JobState.MADE


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (GenerationFailed("Black picture."), "Black picture."),
        (OSError(28, "No space left"), "The pictures could not be written to the bot's disk."),
        (ValueError("secret"), "Something went wrong inside the bot; its log has the cause."),
    ],
)
async def test_a_job_that_cannot_be_saved_is_told_and_leaves_no_files(
    bot: Bot, error: Exception, sentence: str
) -> None:
    bot.encoder.errors["bad"] = error
    await bot.submit("bad")
    bad = await bot.finished()
    assert (bad.state, bad.failure) == (JobState.FAILED, sentence)
    await bot.submit("good")
    assert (await bot.finished()).state is JobState.MADE
    await bot.stop()
    assert bot.pictures(bad.id) == []


async def test_a_folder_that_cannot_be_written_fails_the_job(bot: Bot) -> None:
    (bot.folder / "pictures").write_text("in the way")
    await bot.submit()
    assert "could not be written" in (await bot.finished()).failure


@pytest.mark.parametrize(
    ("condition", "left_in"),
    [
        ("NEW.id = 1 AND NEW.state = 'running'", JobState.FAILED),
        ("NEW.id = 1 AND NEW.state = 'made'", JobState.FAILED),
        ("NEW.id = 1", JobState.QUEUED),
        ("NEW.id = 1 AND NEW.state IN ('made', 'failed')", JobState.RUNNING),
    ],
)
async def test_a_broken_database_does_not_end_the_run(
    bot: Bot, condition: str, left_in: JobState
) -> None:
    forbid(bot.folder, condition)
    await bot.submit("broken")
    await bot.submit("good")
    states = {(await bot.finished()).state for _ in range(2 if left_in is JobState.FAILED else 1)}
    assert JobState.MADE in states
    assert (await bot.service.job(1)).state is left_in  # an open one is found by the next start


async def test_a_stop_in_good_order_puts_the_running_job_back(tmp_path: Path) -> None:
    async with a_bot(tmp_path) as bot:
        held, gate = await bot.hold()
        waiting = (await bot.submit("waiting")).job
        await asyncio.gather(bot.stop(), open_all(gate))
        assert [(await bot.service.job(j.id)).attempt for j in (held, waiting)] == [0, 0]
        late = (await bot.submit("late")).job  # accepted, for the next start
    async with a_bot(tmp_path) as bot:
        jobs = [await bot.finished() for _ in range(3)]
        assert {job.state for job in jobs} == {JobState.MADE}
        assert {job.id for job in jobs} == {held.id, waiting.id, late.id}
        assert bot.engine.drawn == ["held", "waiting", "late"]


async def test_a_cancelled_run_puts_its_job_back_too(bot: Bot) -> None:
    held, _ = await bot.hold()
    task = bot.running.pop()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    job = await bot.service.job(held.id)
    assert (job.state, job.attempt) == (JobState.QUEUED, 0)


async def test_a_job_cancelled_by_its_user_is_not_put_back(bot: Bot) -> None:
    held, gate = await bot.hold()
    await bot.service.cancel(held.id, user_id=ALICE)
    await asyncio.gather(bot.stop(), open_all(gate))
    assert (await bot.service.job(held.id)).state is JobState.CANCELLED


async def test_close_waits_until_made_pictures_are_saved(bot: Bot) -> None:
    encoding = bot.encoder.gates["a fox"] = Gate()
    job = (await bot.submit()).job
    await reached(encoding)
    await asyncio.gather(bot.stop(), open_all(encoding))
    assert (await bot.service.job(job.id)).state is JobState.MADE


async def test_close_before_or_without_run_is_harmless(tmp_path: Path) -> None:
    async with a_bot(tmp_path, run=False) as bot:
        await bot.submit()
        await bot.stop()
        bot.run()
        await bot.stop()
        assert bot.engine.drawn == []


async def test_a_made_job_is_told_again_after_a_restart(tmp_path: Path) -> None:
    async with a_bot(tmp_path) as bot:
        await bot.submit()
        first = await bot.finished()
    async with a_bot(tmp_path) as bot:
        assert await bot.finished() == first
        assert first.pictures[0].path.exists()
        await bot.service.delivered(first.id, 1, 2)
    async with a_bot(tmp_path) as bot:
        await bot.submit("next")
        assert (await bot.finished()).request.prompt == "next"


DRAW_UNTIL_KILLED = """
import asyncio, sys
from pathlib import Path
from tests.jobs.sample_jobs import Gate, GradientEngine
from tests.test_service import a_bot, reached

async def main():
    engine = GradientEngine()
    gate = engine.gates["poison"] = Gate()
    async with a_bot(Path(sys.argv[1]), engine=engine) as bot:
        if sys.argv[2] == "submit":
            await bot.submit("poison")
        await reached(gate)
        print("drawing", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def draw_until_killed(folder: Path, what: str) -> None:
    command = [sys.executable, "-c", DRAW_UNTIL_KILLED, str(folder), what]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.kill()
    assert line == b"drawing\n"


async def test_a_killed_process_loses_nothing(tmp_path: Path) -> None:
    await asyncio.to_thread(draw_until_killed, tmp_path, "submit")
    async with a_bot(tmp_path) as bot:
        job = await bot.finished()
        assert (job.state, job.attempt) == (JobState.MADE, 2)
        assert job.pictures[0].path.read_bytes() == gradient(job.request, 7).tobytes()


async def test_a_job_that_kills_the_process_twice_is_given_up_and_told(tmp_path: Path) -> None:
    for what in ("submit", "recover"):
        await asyncio.to_thread(draw_until_killed, tmp_path, what)
    half_written = tmp_path / "pictures" / "1"
    half_written.mkdir(parents=True)
    async with a_bot(tmp_path) as bot:
        job = await bot.finished()
        assert (job.state, job.attempt) == (JobState.FAILED, 2)
        assert "given up" in job.failure
        assert not half_written.exists()
        assert bot.engine.drawn == []


async def test_every_job_is_told_exactly_once_whatever_is_cancelled(bot: Bot) -> None:
    chance = random.Random(1)
    bot.engine.errors["bad"] = RuntimeError("CUDA error")

    async def submit_and_maybe_cancel() -> int:
        job = (await bot.submit(chance.choice(["good", "bad"]))).job
        for _ in range(chance.randrange(200)):
            await asyncio.sleep(0)  # another place each time, not a time to wait
        if chance.random() < 0.6:
            await bot.service.cancel(job.id, user_id=ALICE)
        return job.id

    job_ids = await asyncio.gather(*(submit_and_maybe_cancel() for _ in range(60)))
    told = [await bot.finished() for _ in job_ids]
    assert sorted(job.id for job in told) == sorted(job_ids)
    await bot.stop()
    for job in told:
        assert (await bot.service.job(job.id)).state is job.state
        assert bool(bot.pictures(job.id)) == (job.state is JobState.MADE)
    assert {job.state for job in told} == {JobState.MADE, JobState.FAILED, JobState.CANCELLED}


async def test_the_log_has_a_line_for_each_event_and_never_a_prompt(
    bot: Bot, caplog: pytest.LogCaptureFixture
) -> None:
    bot.engine.errors["secret bad"] = OutOfMemory("Too large.")
    with caplog.at_level(logging.INFO):
        await bot.submit("secret good")
        await bot.submit("secret bad")
        await bot.finished()
        await bot.finished()
    lines = [record.getMessage() for record in caplog.records]
    assert "job 1 -> queued, 0 before it" in lines
    drawn = re.compile(r"job 1 <- \d+\.\d\d s gpu, \d+\.\d\d s queued")
    assert sum(drawn.fullmatch(line) is not None for line in lines) == 1
    assert any(line.startswith("job 2 <- failed: ") for line in lines)
    assert "secret" not in caplog.text
