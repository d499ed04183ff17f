"""Who is next: guilds take turns, users take turns inside their guild, a user's own jobs are FIFO.

Turns are measured in cost, not in jobs. This is deficit round robin (Shreedhar and Varghese, 1995)
with a quantum that goes to zero, which is start-time fair queueing (Goyal, Vin and Cheng, 1996).
A quantum would have to be chosen: too large, and many cheap jobs of one guild pass in a row; too
small, and one dear job takes many empty rounds.

Each flow (a guild, or a user inside one) has a start tag: the cost it has been given so far. The
flow with the least tag is next, and its tag grows by the cost of what it got. A new flow starts at
the tag that is being served, so it is next but has no claim on the past; one that just got much
keeps its tag while others catch up, so coming back with one job at a time gains nothing.
"""

import heapq
import itertools
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field, replace
from typing import Generic, Protocol, Self, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry(Generic[T]):
    key: int
    item: T
    guild: Hashable
    user: int
    cost: float
    weight: float


class _Flow(Protocol[T]):
    """A source of entries that takes its turn among others."""

    def __len__(self) -> int: ...
    def put(self, entry: _Entry[T]) -> None: ...
    def take(self) -> _Entry[T]: ...
    def remove(self, entry: _Entry[T]) -> None: ...
    def copy(self) -> Self: ...


class FairQueue(Generic[T]):
    """Items with a key, waiting for their turn. Not thread-safe; caps are the caller's business.

    ``put`` and ``take`` are O(log n), ``remove`` O(1); the forecasts walk the queue, O(n log n).
    """

    def __init__(self) -> None:
        self._guilds: _Turns[T] = _Turns(_guild, _cost, _users)
        self._entries: dict[int, _Entry[T]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def put(
        self,
        item: T,
        *,
        key: int,
        guild_id: int | None,
        user_id: int,
        cost: float,
        weight: float = 1.0,
    ) -> None:
        """Add ``item``. ``cost`` may be in any unit that adds up. ``guild_id`` None: own bucket.

        A user of ``weight`` 2 is given twice as much as others in their guild; guilds are alike.
        """
        assert key not in self._entries, f"{key} waits already"
        assert cost >= 0
        assert weight > 0
        guild = ("direct messages", user_id) if guild_id is None else guild_id
        entry = _Entry(key=key, item=item, guild=guild, user=user_id, cost=cost, weight=weight)
        self._entries[key] = entry
        self._guilds.put(entry)

    def take(self) -> T | None:
        """Remove and return the item whose turn it is; None if nothing waits.

        A None also forgets who got how much: a queue that stood idle owes nobody anything.
        """
        entry = self._guilds.take_if_any()
        if entry is None:
            return None
        del self._entries[entry.key]
        return entry.item

    def remove(self, key: int) -> bool:
        """Drop the item. False if it does not wait (any more)."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._guilds.remove(entry)
        return entry is not None

    def position(self, key: int) -> int | None:
        """How many items are taken before it if nothing else comes; None if it does not wait."""
        before = self.before(key)
        return None if before is None else len(before)

    def before(self, key: int) -> list[T] | None:
        """Those items, the next one first; None if it does not wait."""
        if key not in self._entries:
            return None
        entries = itertools.takewhile(lambda entry: entry.key != key, self._rehearsed())
        return [entry.item for entry in entries]

    def order(self) -> list[T]:
        """All items, as they are taken if nothing else comes."""
        return [entry.item for entry in self._rehearsed()]

    def _rehearsed(self) -> Iterator[_Entry[T]]:
        """Rehearse on a copy, so that the forecast is what ``take`` does."""
        rehearsal = self._guilds.copy()
        while len(rehearsal):
            yield rehearsal.take()


@dataclass(slots=True)
class _Turns(Generic[T]):
    """Flows that take turns by cost. ``heap`` holds (start tag, serial, name) of every flow.

    A flow that runs empty stays until its tag comes up, which is when it has no debt left.
    """

    name_of: Callable[[_Entry[T]], Hashable]
    cost_of: Callable[[_Entry[T]], float]
    new_flow: Callable[[], _Flow[T]]
    flows: dict[Hashable, _Flow[T]] = field(default_factory=dict)
    heap: list[tuple[float, int, Hashable]] = field(default_factory=list)
    now: float = 0  # the tag that is being served
    serial: int = 0  # settles equal tags: who has waited longer for a turn
    size: int = 0

    def __len__(self) -> int:
        return self.size

    def put(self, entry: _Entry[T]) -> None:
        name = self.name_of(entry)
        if name not in self.flows:
            self.flows[name] = self.new_flow()
            self.push(self.now, name)
        self.flows[name].put(entry)
        self.size += 1

    def take(self) -> _Entry[T]:
        entry = self.take_if_any()
        assert entry is not None, "nothing waits"
        return entry

    def take_if_any(self) -> _Entry[T] | None:
        while self.heap:
            tag, _, name = heapq.heappop(self.heap)
            flow = self.flows[name]
            if len(flow):
                self.now = tag
                self.size -= 1
                entry = flow.take()
                self.push(tag + self.cost_of(entry), name)
                return entry
            del self.flows[name]
        return None

    def remove(self, entry: _Entry[T]) -> None:
        self.flows[self.name_of(entry)].remove(entry)
        self.size -= 1

    def copy(self) -> Self:
        flows = {name: flow.copy() for name, flow in self.flows.items()}
        return replace(self, flows=flows, heap=self.heap.copy())

    def push(self, tag: float, name: Hashable) -> None:
        self.serial += 1
        heapq.heappush(self.heap, (tag, self.serial, name))


@dataclass(slots=True)
class _Line(Generic[T]):
    """First in, first out: one user's jobs."""

    entries: OrderedDict[int, _Entry[T]] = field(default_factory=OrderedDict)

    def __len__(self) -> int:
        return len(self.entries)

    def put(self, entry: _Entry[T]) -> None:
        self.entries[entry.key] = entry

    def take(self) -> _Entry[T]:
        _, entry = self.entries.popitem(last=False)
        return entry

    def remove(self, entry: _Entry[T]) -> None:
        del self.entries[entry.key]

    def copy(self) -> Self:
        return replace(self, entries=self.entries.copy())


def _guild(entry: _Entry[T]) -> Hashable:
    return entry.guild


def _user(entry: _Entry[T]) -> Hashable:
    return entry.user


def _cost(entry: _Entry[T]) -> float:
    return entry.cost


def _weighed_cost(entry: _Entry[T]) -> float:
    return entry.cost / entry.weight


def _users() -> _Turns[T]:
    return _Turns(_user, _weighed_cost, _Line)
