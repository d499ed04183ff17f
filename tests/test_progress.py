"""Which edits of an acknowledgement are made, with the real service and a clock of the test's."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio
from discord.ext import commands

from cogs.progress import EVERY_S, MOST_EVERY_S, Progress
from hypersd_core.request import Job
from hypersd_core.service import Order, Service, Ticket
from hypersd_core.stages import Drawing, Stage, Waiting
from tests.jobs.sample_jobs import Gate, a_request, an_origin
from tests.test_service import Bot, a_bot, reached

NO_DISCORD = cast(commands.AutoShardedBot, None)


@dataclass
class Clock:
    now_s: float = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Edit:
    job_id: int
    stage: Stage


@dataclass
class Discord:
    """What arrives there; an edit takes until ``answers`` is set."""

    edits: list[Edit] = field(default_factory=list)
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)


class Told(Progress):
    """Sends its edits to the test."""

    def __init__(self, service: Service, clock: Clock) -> None:
        super().__init__(NO_DISCORD, service, clock)
        self.clock = clock
        self.discord = Discord()
        self.discord.answers.set()

    async def _edit(self, job: Job, stage: Stage) -> None:
        self.discord.arrived.set()
        await self.discord.answers.wait()
        self.discord.edits.append(Edit(job.id, stage))

    async def look_after(self, seconds: float) -> list[Edit]:
        """What is told when so much time has passed."""
        before = len(self.discord.edits)
        self.clock.now_s += seconds
        await self.look()
        return self.discord.edits[before:]


@pytest_asyncio.fixture
async def bot(tmp_path: Path) -> AsyncIterator[Bot]:
    async with a_bot(tmp_path) as started:
        yield started


@pytest.fixture
def progress(bot: Bot) -> Told:
    return Told(bot.service, Clock())


async def submit(bot: Bot, progress: Told, prompt: str = "a fox", **origin: Any) -> Ticket:
    """An acknowledged job."""
    order = Order(request=a_request(prompt=prompt), origin=an_origin(**origin))
    tickets = await bot.service.submit([order])
    progress.begin(tickets)
    return tickets[0]


async def hold(bot: Bot, progress: Told) -> tuple[Job, Gate]:
    """A job that is being drawn until the gate is opened."""
    gate = bot.engine.gates["held"] = Gate()
    ticket = await submit(bot, progress, "held")
    await reached(gate)
    await progress.look_after(0)
    bot.service._line.in_hand.on_step(0, 4)  # type: ignore[union-attr]
    assert await progress.look_after(EVERY_S) == []  # the acknowledgement has said so
    return ticket.job, gate


async def test_a_job_that_is_drawn_tells_each_step_once(bot: Bot, progress: Told) -> None:
    held, _ = await hold(bot, progress)
    bot.service._line.in_hand.on_step(2, 4)  # type: ignore[union-attr]
    (edit,) = await progress.look_after(EVERY_S)
    assert edit.job_id == held.id
    assert isinstance(edit.stage, Drawing)
    assert (edit.stage.step, edit.stage.steps) == (2, 4)
    assert await progress.look_after(EVERY_S) == []


async def test_nothing_is_told_more_often_than_every_three_seconds(
    bot: Bot, progress: Told
) -> None:
    await hold(bot, progress)
    await progress.look_after(0)
    told = 0
    for half_s in range(40):
        bot.service._line.in_hand.on_step(half_s % 4 + 1, 4)  # type: ignore[union-attr]
        told += len(await progress.look_after(0.5))
    assert told == 7  # in 20 s: one at once, then one every three seconds


async def test_a_job_that_waits_tells_when_it_moves_up_and_not_that_time_passes(
    bot: Bot, progress: Told
) -> None:
    _, gate = await hold(bot, progress)
    first, second = await submit(bot, progress), await submit(bot, progress)
    await progress.look_after(0)
    await bot.service.cancel(first.job.id, user_id=first.job.origin.user_id)
    told = await progress.look_after(EVERY_S)
    ahead = {e.job_id: e.stage.ahead for e in told if isinstance(e.stage, Waiting)}
    assert ahead == {second.job.id: 1}
    gate.opened.set()


async def test_a_pause_and_its_end_are_told_however_short_the_job(bot: Bot, progress: Told) -> None:
    await bot.submit()
    await bot.finished()  # now it is known that jobs take no time
    bot.service.pause()
    ticket = await submit(bot, progress)
    assert ticket.is_paused
    assert await progress.look_after(0) == []
    assert await progress.look_after(EVERY_S) == []  # the acknowledgement has said so
    bot.service.resume()
    await bot.finished()


async def test_a_quick_job_is_never_told_of(bot: Bot, progress: Told) -> None:
    await bot.submit()
    await bot.finished()
    await hold(bot, progress)
    await progress.look_after(0)
    bot.service._line.in_hand.since_s += 3_600  # type: ignore[union-attr]  # it has just begun
    bot.service._line.in_hand.on_step(3, 4)  # type: ignore[union-attr]
    assert await progress.look_after(EVERY_S) == []


@pytest.mark.parametrize(
    "origin",
    [
        {"has_own_message": True},
        {"token_expires_at": datetime.now(UTC) + timedelta(seconds=10)},
    ],
)
async def test_no_edit_where_its_token_dies_or_the_message_is_of_several(
    bot: Bot, progress: Told, origin: dict[str, Any]
) -> None:
    _, gate = await hold(bot, progress)
    first = await submit(bot, progress)
    await submit(bot, progress, **origin)
    await progress.look_after(0)
    await bot.service.cancel(first.job.id, user_id=first.job.origin.user_id)
    assert await progress.look_after(EVERY_S) == []
    gate.opened.set()


async def test_what_an_earlier_life_said_is_corrected(bot: Bot, progress: Told) -> None:
    held, _ = await hold(bot, progress)
    later = Told(bot.service, Clock())
    await later.look_after(0)
    (edit,) = await later.look_after(EVERY_S)
    assert edit.job_id == held.id


async def test_a_result_waits_for_an_edit_that_is_under_way_and_none_comes_after_it(
    bot: Bot, progress: Told
) -> None:
    held, gate = await hold(bot, progress)
    await progress.look_after(0)
    bot.service._line.in_hand.on_step(2, 4)  # type: ignore[union-attr]
    progress.discord.answers.clear()
    looking = asyncio.create_task(progress.look_after(EVERY_S))
    await progress.discord.arrived.wait()
    ending = asyncio.create_task(progress.end(held.id))
    done, _ = await asyncio.wait({ending}, timeout=0.05)
    assert not done
    progress.discord.answers.set()
    await ending
    assert len(progress.discord.edits) == 1  # it was there before the result
    await looking
    bot.service._line.in_hand.on_step(3, 4)  # type: ignore[union-attr]
    assert await progress.look_after(EVERY_S) == []
    gate.opened.set()


async def test_a_cancelled_job_that_is_still_in_hand_is_told_of_no_more(
    bot: Bot, progress: Told
) -> None:
    held, gate = await hold(bot, progress)
    await progress.look_after(0)
    await bot.service.cancel(held.id, user_id=held.origin.user_id)
    await progress.end(held.id)
    bot.service._line.in_hand.on_step(2, 4)  # type: ignore[union-attr]
    assert await progress.look_after(EVERY_S) == []
    gate.opened.set()


async def test_when_discord_asks_for_patience_edits_become_rarer_and_the_result_does_not_wait(
    bot: Bot, progress: Told
) -> None:
    held, _ = await hold(bot, progress)
    await progress.look_after(0)
    bot.service._line.in_hand.on_step(2, 4)  # type: ignore[union-attr]
    progress.discord.answers.clear()  # discord.py would try again, later
    looking = asyncio.create_task(progress.look_after(EVERY_S))
    await progress.discord.arrived.wait()
    progress.answered(f"/webhooks/1/{held.origin.token}/messages/@original", 429)
    assert await looking == []
    await asyncio.wait_for(progress.end(-1), 1)
    progress.discord.answers.set()
    assert await progress.look_after(EVERY_S) == []  # twice as rare now
    assert len(await progress.look_after(EVERY_S)) == 1
    for _ in range(10):
        progress.answered("/channels/1/messages", 429)
    bot.service._line.in_hand.on_step(3, 4)  # type: ignore[union-attr]
    assert await progress.look_after(MOST_EVERY_S - 1) == []
    assert len(await progress.look_after(1)) == 1


async def test_those_that_have_waited_longest_are_told_first_and_only_some_at_a_time(
    bot: Bot, progress: Told
) -> None:
    held, gate = await hold(bot, progress)
    waiting = [(await submit(bot, progress)).job.id for _ in range(7)]
    await progress.look_after(0)
    bot.service.pause()
    first, second = await progress.look_after(EVERY_S), await progress.look_after(0)
    assert {e.job_id for e in first} < set(waiting)
    assert {e.job_id for e in (*first, *second)} == set(waiting)
    assert len(first) == 5
    bot.service.resume()
    gate.opened.set()
    assert held.id not in {e.job_id for e in (*first, *second)}
