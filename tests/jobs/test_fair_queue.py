"""The fair queue against its promises: turns, order, conservation, true forecasts."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypersd_core.jobs.fair_queue import FairQueue


def filled(*jobs: tuple[str, int | None, int, float]) -> FairQueue[str]:
    """A queue of (item, guild, user, cost); keys count from 0."""
    queue: FairQueue[str] = FairQueue()
    for key, (item, guild_id, user_id, cost) in enumerate(jobs):
        queue.put(item, key=key, guild_id=guild_id, user_id=user_id, cost=cost)
    return queue


def drained(queue: FairQueue[str]) -> list[str]:
    return [item for item in iter(queue.take, None) if item is not None]


def test_one_user_is_served_in_order() -> None:
    assert drained(filled(*((name, 1, 1, 5.0) for name in "abcd"))) == list("abcd")


@pytest.mark.parametrize("flood_cost", [0.0, 0.01, 1, 900])
@pytest.mark.parametrize("taken_before", [0, 1, 100])
def test_one_guild_cannot_starve_another(flood_cost: float, taken_before: int) -> None:
    queue = filled(*(("a", 1, user % 7, flood_cost) for user in range(500)))
    for _ in range(taken_before):
        queue.take()
    queue.put("b", key=500, guild_id=2, user_id=99, cost=50)
    assert "b" in [queue.take(), queue.take()]


def test_users_inside_a_guild_take_turns() -> None:
    flood = (("a", 1, 1, 2.0) for _ in range(5))
    queue = filled(*flood, ("b1", 1, 2, 2.0), ("b2", 1, 2, 2.0))
    assert drained(queue) == ["a", "b1", "a", "b2", "a", "a", "a"]


def test_a_user_gains_nothing_from_a_guild_full_of_others() -> None:
    crowd = ((f"a{user}", 1, user, 1.0) for user in range(4))
    queue = filled(*crowd, ("b1", 2, 9, 1.0), ("b2", 2, 9, 1.0))
    assert drained(queue) == ["a0", "b1", "a1", "b2", "a2", "a3"]


def test_turns_are_measured_in_cost_not_in_jobs() -> None:
    dear = (("A", 1, 1, 10.0) for _ in range(3))
    cheap = (("b", 2, 2, 1.0) for _ in range(30))
    order = "".join(drained(filled(*dear, *cheap)))
    assert order.startswith("A" + "b" * 10 + "A" + "b" * 10 + "A" + "b" * 10)


def test_coming_back_with_one_dear_job_at_a_time_gains_nothing() -> None:
    queue = filled(("A", 1, 1, 10), *(("b", 2, 2, 1.0) for _ in range(20)))
    assert queue.take() == "A"
    queue.put("A", key=100, guild_id=1, user_id=1, cost=10)
    assert drained(queue)[:11] == ["b"] * 10 + ["A"]


def test_a_newcomer_has_no_claim_on_the_past() -> None:
    queue = filled(*(("a", 1, 1, 1.0) for _ in range(100)))
    for _ in range(50):
        queue.take()
    for key in range(100, 110):
        queue.put("b", key=key, guild_id=2, user_id=2, cost=1)
    assert 4 <= drained(queue)[:10].count("b") <= 6


def test_each_direct_message_is_a_guild_of_its_own() -> None:
    flood = (("a", 1, user, 1.0) for user in range(10))
    queue = filled(*flood, ("dm1", None, 7, 1.0), ("dm2", None, 8, 1.0))
    assert drained(queue)[:3] == ["a", "dm1", "dm2"]


def test_an_idle_queue_owes_nobody_anything() -> None:
    queue = filled(("A", 1, 1, 1e9))
    assert drained(queue) == ["A"]
    queue.put("A", key=1, guild_id=1, user_id=1, cost=1)
    queue.put("b", key=2, guild_id=2, user_id=2, cost=1)
    assert drained(queue) == ["A", "b"]


def test_a_removed_item_is_neither_taken_nor_counted() -> None:
    queue = filled(("a", 1, 1, 1), ("b", 1, 1, 1), ("c", 2, 2, 1))
    assert queue.remove(0)
    assert not queue.remove(0)
    assert len(queue) == 2
    assert drained(queue) == ["b", "c"]


def test_what_does_not_wait_has_no_position() -> None:
    queue = filled(("a", 1, 1, 1))
    queue.take()
    assert queue.position(0) is None
    assert queue.before(0) is None


puts = st.tuples(
    st.none() | st.integers(1, 3), st.integers(1, 3), st.sampled_from([0.0, 0.1, 1.0, 2.5, 40.0])
)
commands = st.lists(
    st.tuples(st.just("put"), puts)
    | st.tuples(st.just("take"), st.none())
    | st.tuples(st.just("remove"), st.integers(0, 60)),
    max_size=60,
)


class History:
    """A queue of keys and what happened to each."""

    def __init__(self, script: list[tuple[str, object]]) -> None:
        self.queue: FairQueue[int] = FairQueue()
        self.owner: dict[int, tuple[int | None, int]] = {}
        self.cost: dict[int, float] = {}
        self.taken: list[int] = []
        self.removed: set[int] = set()
        for verb, value in script:
            getattr(self, verb)(value)

    def put(self, job: tuple[int | None, int, float]) -> None:
        key = len(self.cost)
        guild_id, user_id, self.cost[key] = job
        self.owner[key] = (guild_id, user_id)
        self.queue.put(key, key=key, guild_id=guild_id, user_id=user_id, cost=job[2])

    def take(self, _: None = None) -> None:
        key = self.queue.take()
        assert (key is None) == (len(self.waiting) == 0)
        if key is not None:
            self.taken.append(key)

    def remove(self, key: int) -> None:
        assert self.queue.remove(key) == (key in self.waiting)
        if key in self.waiting:
            self.removed.add(key)

    @property
    def waiting(self) -> set[int]:
        return set(self.cost) - set(self.taken) - self.removed

    def drain(self) -> list[int]:
        before = len(self.taken)
        while self.waiting:
            self.take()
        return self.taken[before:]


@given(commands)
def test_every_item_leaves_exactly_once(script: list[tuple[str, object]]) -> None:
    history = History(script)
    assert len(history.queue) == len(history.waiting)
    history.drain()
    assert sorted([*history.taken, *history.removed]) == sorted(history.cost)
    assert history.queue.take() is None


@given(commands)
def test_forecasts_are_what_take_does(script: list[tuple[str, object]]) -> None:
    history = History(script)
    positions = {key: history.queue.position(key) for key in history.waiting}
    before = {key: history.queue.before(key) for key in history.waiting}
    forecast = history.queue.order()
    order = history.drain()
    assert forecast == order
    assert positions == {key: index for index, key in enumerate(order)}
    assert before == {key: order[:index] for index, key in enumerate(order)}


@given(commands)
def test_each_user_is_first_in_first_out(script: list[tuple[str, object]]) -> None:
    history = History(script)
    history.drain()
    by_owner = defaultdict(list)
    for key in history.taken:
        by_owner[history.owner[key]].append(key)
    assert all(keys == sorted(keys) for keys in by_owner.values())


@given(
    st.lists(st.floats(0.1, 50), min_size=1, max_size=40),
    st.lists(st.floats(0.1, 50), min_size=1, max_size=40),
)
def test_two_busy_guilds_never_drift_further_apart_than_two_jobs(
    first: list[float], second: list[float]
) -> None:
    """Goyal, Vin and Cheng (1996), theorem 1: |W_f - W_m| <= l_f^max + l_m^max."""
    jobs = {1: first, 2: second}
    queue: FairQueue[tuple[int, float]] = FairQueue()
    for guild_id, costs in jobs.items():
        for index, cost in enumerate(costs):
            key = guild_id * 1000 + index
            queue.put((guild_id, cost), key=key, guild_id=guild_id, user_id=1, cost=cost)
    given_ = {1: 0.0, 2: 0.0}
    left = {1: len(first), 2: len(second)}
    while all(left.values()):
        item = queue.take()
        assert item is not None
        given_[item[0]] += item[1]
        left[item[0]] -= 1
        assert abs(given_[1] - given_[2]) <= max(first) + max(second) + 1e-6
