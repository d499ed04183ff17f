"""What is left today, and when there is too little: with a clock of our own and real jobs."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypersd_core.asker import Asker
from hypersd_core.errors import QuotaSpent
from hypersd_core.policy import Allowance, GuildPolicy
from hypersd_core.quotas import Quotas, Unit, Whose
from hypersd_core.request import JobState
from hypersd_core.store import Store
from hypersd_core.store.database import as_text
from tests.jobs.sample_jobs import ALICE, BOB, GUILD, a_request, added, an_origin

NOON = datetime(2030, 1, 2, 12, tzinfo=UTC)
NEXT_DAY = datetime(2030, 1, 3, tzinfo=UTC)
VIP = 2**62 + 9
UNLIMITED = Allowance()


class Clock:
    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        return self.time


@dataclass
class Bot:
    """Accepts jobs as the service does: nobody else in between of the check and the insert."""

    store: Store
    quotas: Quotas
    clock: Clock
    accepting: asyncio.Lock

    async def ask(
        self,
        policy: GuildPolicy,
        *,
        count: int = 1,
        estimate_ms: int = 1_000,
        jobs: int = 1,
        **who: Any,
    ) -> list[int]:
        asker = an_asker(**who)
        requests = [a_request(count=count)] * jobs
        origin = an_origin(user_id=asker.user_id, guild_id=asker.guild_id)
        async with self.accepting:
            await self.quotas.check(policy, asker, requests, estimate_ms * jobs)
            return [await self.add(request, origin, estimate_ms) for request in requests]

    async def add(self, request: Any, origin: Any, estimate_ms: int) -> int:
        job = await added(self.store, request, origin, estimate_ms=estimate_ms)
        async with self.store.quotas._database.transaction() as db:
            values = (as_text(self.clock()), job.id)
            await db.execute("UPDATE jobs SET created_at = ? WHERE id = ?", values)
        return job.id

    async def spent(self, policy: GuildPolicy, **who: Any) -> list[float]:
        left = await self.quotas.left(policy, an_asker(**who))
        return [balance.spent for balance in left.balances]


def an_asker(**changes: Any) -> Asker:
    values: dict[str, Any] = {"user_id": ALICE, "guild_id": GUILD, "channel_id": 2**62 + 1}
    return Asker(**(values | changes))


@asynccontextmanager
async def a_bot(folder: Path, ceiling: Allowance = UNLIMITED) -> AsyncIterator[Bot]:
    clock = Clock()
    async with Store.open(folder) as store:
        quotas = Quotas(store, guild_ceiling=ceiling, now=clock)
        yield Bot(store, quotas, clock, asyncio.Lock())


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[Bot]:
    async with a_bot(tmp_path) as opened:
        yield opened


async def test_a_guild_without_quotas_refuses_nothing(bot: Bot) -> None:
    await bot.ask(GuildPolicy(), count=4, jobs=50, estimate_ms=10**9)


async def test_just_the_allowance_is_drawn_and_no_picture_more(bot: Bot) -> None:
    policy = GuildPolicy(user_quota=Allowance(pictures=4))
    await bot.ask(policy, count=3)
    with pytest.raises(QuotaSpent):
        await bot.ask(policy, count=2)
    await bot.ask(policy, count=1)
    with pytest.raises(QuotaSpent):
        await bot.ask(policy, count=1)


async def test_jobs_asked_for_together_are_counted_together(bot: Bot) -> None:
    policy = GuildPolicy(user_quota=Allowance(pictures=4))
    with pytest.raises(QuotaSpent):
        await bot.ask(policy, count=1, jobs=5)
    await bot.ask(policy, count=1, jobs=4)


@pytest.mark.parametrize(
    ("quotas", "sentence"),
    [
        (
            {"user_quota": Allowance(pictures=1_004)},
            "Of your 1,004 pictures a day 1,001 are left, and this takes 1,200: "
            "the next day begins at 2030-01-03 00:00 UTC.",
        ),
        (
            {"user_quota": Allowance(gpu_s=60)},
            "Of your 60 GPU seconds a day 57.5 are left, and this takes about 750.0: "
            "the next day begins at 2030-01-03 00:00 UTC.",
        ),
        (
            {"guild_quota": Allowance(pictures=3)},
            "Of this server's 3 pictures a day 0 are left, and this takes 1,200: "
            "the next day begins at 2030-01-03 00:00 UTC.",
        ),
        (
            {"guild_quota": Allowance(gpu_s=2)},
            "Of this server's 2 GPU seconds a day 0.0 are left, and this takes about 750.0: "
            "the next day begins at 2030-01-03 00:00 UTC.",
        ),
    ],
)
async def test_the_refusal_says_what_is_left_what_it_takes_and_when_there_is_more(
    bot: Bot, quotas: dict[str, Any], sentence: str
) -> None:
    await bot.ask(GuildPolicy(), count=3, estimate_ms=2_500)
    with pytest.raises(QuotaSpent) as refused:
        await bot.ask(GuildPolicy(**quotas), count=4, jobs=300, estimate_ms=2_500)
    assert str(refused.value) == sentence
    assert refused.value.resets_at == NEXT_DAY


async def test_a_role_gives_more_and_one_without_limit_gives_all(bot: Bot) -> None:
    policy = GuildPolicy(
        user_quota=Allowance(pictures=1, gpu_s=1),
        role_quotas={VIP: Allowance(pictures=3, gpu_s=None)},
    )
    vip: dict[str, Any] = {"role_ids": frozenset({VIP})}
    await bot.ask(policy, count=3, estimate_ms=10**6, **vip)
    with pytest.raises(QuotaSpent, match=r"^Of your 3 pictures"):
        await bot.ask(policy, **vip)


async def test_the_operators_ceiling_holds_whatever_a_guild_allows(tmp_path: Path) -> None:
    async with a_bot(tmp_path, Allowance(pictures=3)) as bot:
        await bot.ask(GuildPolicy(), count=3)
        with pytest.raises(QuotaSpent, match="this server's 3 pictures"):
            await bot.ask(GuildPolicy(guild_quota=Allowance(pictures=100)), user_id=BOB)
        await bot.ask(GuildPolicy(), count=4, guild_id=None)  # no guild there


async def test_direct_messages_have_the_operators_allowance(bot: Bot) -> None:
    operator = GuildPolicy(user_quota=Allowance(pictures=2), guild_quota=Allowance(pictures=0))
    await bot.ask(operator, count=2, guild_id=None)
    with pytest.raises(QuotaSpent):
        await bot.ask(operator, guild_id=None)
    await bot.ask(operator, count=2, guild_id=None, user_id=BOB)


async def test_a_new_day_begins_at_midnight_utc(bot: Bot) -> None:
    policy = GuildPolicy(user_quota=Allowance(pictures=1))
    bot.clock.time = NEXT_DAY - timedelta(seconds=1)
    await bot.ask(policy)
    with pytest.raises(QuotaSpent):
        await bot.ask(policy)
    bot.clock.time = NEXT_DAY
    await bot.ask(policy)
    with pytest.raises(QuotaSpent) as refused:
        await bot.ask(policy)
    assert refused.value.resets_at == NEXT_DAY + timedelta(days=1)


async def test_of_two_commands_at_once_one_gets_the_last_picture(bot: Bot) -> None:
    policy = GuildPolicy(user_quota=Allowance(pictures=1))
    asked = await asyncio.gather(*(bot.ask(policy) for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(answer, QuotaSpent) for answer in asked) == 3


async def test_what_is_left_is_told_line_by_line(bot: Bot) -> None:
    policy = GuildPolicy(user_quota=Allowance(pictures=5), guild_quota=Allowance(gpu_s=1))
    await bot.ask(GuildPolicy(), count=2, estimate_ms=1_500)
    left = await bot.quotas.left(policy, an_asker())
    assert left.resets_at == NEXT_DAY
    lines = [(b.whose, b.unit, b.allowed, b.spent, b.left) for b in left.balances]
    assert lines == [
        (Whose.USER, Unit.PICTURES, 5, 2, 3),
        (Whose.USER, Unit.GPU_S, None, 1.5, None),
        (Whose.GUILD, Unit.PICTURES, None, 2, None),
        (Whose.GUILD, Unit.GPU_S, 1, 1.5, 0),
    ]
    direct = await bot.quotas.left(policy, an_asker(guild_id=None))
    assert [balance.whose for balance in direct.balances] == [Whose.USER, Whose.USER]


@dataclass
class Modelled:
    """A job as simple arithmetic knows it."""

    user_id: int
    pictures: int
    estimate_ms: int
    gpu_ms: int
    state: str = "queued"

    @property
    def counts(self) -> bool:
        return self.state in ("queued", "running", "made", "delivered")

    @property
    def cost_ms(self) -> int:
        return self.gpu_ms if self.state in ("made", "delivered") else self.estimate_ms


ACTIONS = st.lists(
    st.tuples(st.just("ask"), st.sampled_from([ALICE, BOB]), st.integers(1, 4), st.integers(1, 3))
    | st.tuples(
        st.sampled_from(["start", "finish", "deliver", "fail", "cancel"]),
        st.integers(0, 3),
        st.just(0),
        st.just(0),
    ),
    max_size=40,
)
POLICY = GuildPolicy(
    user_quota=Allowance(pictures=7, gpu_s=7), guild_quota=Allowance(pictures=10, gpu_s=12)
)


@settings(max_examples=40, deadline=None)
@given(ACTIONS, st.lists(st.integers(0, 3_000), min_size=40, max_size=40))
def test_no_sequence_of_events_draws_more_than_the_quota(
    actions: list[tuple[Any, ...]], measured_ms: list[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_play(Path(folder), actions, measured_ms))


async def _play(folder: Path, actions: list[tuple[Any, ...]], measured_ms: list[int]) -> None:
    jobs: dict[int, Modelled] = {}
    async with a_bot(folder) as bot:
        for (action, who, count, seconds), gpu_ms in zip(actions, measured_ms, strict=False):
            if action == "ask":
                await _ask(bot, jobs, Modelled(who, count, seconds * 1_000, gpu_ms))
            else:
                await _move(bot, jobs, action, who)
            await _compare(bot, jobs)
        for job_id, job in jobs.items():
            await bot.store.jobs.fail(job_id, "It failed.")
            job.state = (await bot.store.jobs.get(job_id)).state
        await _compare(bot, jobs)


async def _ask(bot: Bot, jobs: dict[int, Modelled], job: Modelled) -> None:
    mine = [other for other in jobs.values() if other.user_id == job.user_id]
    fits = all(
        sum(j.pictures for j in counted if j.counts) + job.pictures <= quota.pictures
        and sum(j.cost_ms for j in counted if j.counts) + job.estimate_ms <= quota.gpu_s * 1_000
        for counted, quota in ((mine, POLICY.user_quota), (jobs.values(), POLICY.guild_quota))
        if quota.pictures is not None and quota.gpu_s is not None
    )
    try:
        (job_id,) = await bot.ask(
            POLICY, user_id=job.user_id, count=job.pictures, estimate_ms=job.estimate_ms
        )
    except QuotaSpent:
        assert not fits
    else:
        assert fits
        jobs[job_id] = job


async def _move(bot: Bot, jobs: dict[int, Modelled], action: str, which: int) -> None:
    if not jobs:
        return
    job_id = sorted(jobs)[which % len(jobs)]
    table = bot.store.jobs
    match action:
        case "start":
            await table.start(job_id)
        case "finish":
            await table.finish(job_id, 1, [], jobs[job_id].gpu_ms)
        case "deliver":
            await table.deliver(job_id, 1, 1)
        case "fail":
            await table.fail(job_id, "It failed.")
        case _:
            await table.cancel(job_id)
    jobs[job_id].state = JobState((await table.get(job_id)).state)


async def _compare(bot: Bot, jobs: dict[int, Modelled]) -> None:
    """The sums agree, pictures keep the quota, and GPU time all but the errors of estimates."""
    counted = [job for job in jobs.values() if job.counts]
    for user_id in (ALICE, BOB):
        mine = [job for job in counted if job.user_id == user_id]
        expected = [f(js) for js in (mine, counted) for f in (_pictures, _gpu_s)]
        assert await bot.spent(POLICY, user_id=user_id) == pytest.approx(expected)
        assert _pictures(mine) <= 7
        assert _gpu_s(mine) <= 7 + _errors_s(mine)
    assert _pictures(counted) <= 10
    assert _gpu_s(counted) <= 12 + _errors_s(counted)


def _pictures(jobs: list[Modelled]) -> float:
    return sum(job.pictures for job in jobs)


def _gpu_s(jobs: list[Modelled]) -> float:
    return sum(job.cost_ms for job in jobs) / 1_000


def _errors_s(jobs: list[Modelled]) -> float:
    return sum(max(0, job.cost_ms - job.estimate_ms) for job in jobs) / 1_000
