"""What the jobs of a guild or of a person add up to: values only; ``store.usage`` counts them.

Days are days of UTC. A percentile is the nearest rank: the smallest waiting time that at least
that share of jobs did not exceed (Hyndman & Fan 1996, definition 1; numpy's ``inverted_cdf``), so
it is always a time that somebody has waited. Only delivered jobs have waited for something.
"""

import enum
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Generic, TypeVar

TOP = 5
"""How many users, presets and models are ranked."""
MAX_DAYS = 92

Key = TypeVar("Key", int, str)


class Span(enum.StrEnum):
    """How far back to look."""

    TODAY = "today"
    WEEK = "week"
    MONTH = "month"
    ALL = "all"

    def first_day(self, today: date) -> date:
        """The earliest day to count; ``date.min`` for all of them."""
        days = {Span.TODAY: 1, Span.WEEK: 7, Span.MONTH: 30}.get(self)
        return date.min if days is None else today - timedelta(days=days - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfGuild:
    """Everybody's jobs in one guild."""

    guild_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OfUser:
    """One person's jobs, wherever they were asked for."""

    user_id: int


Scope = OfGuild | OfUser


@dataclass(frozen=True, slots=True, kw_only=True)
class JobUsage:
    """One ended job. ``outcome`` is ``blocked`` for one that moderation stopped."""

    at: datetime
    job_id: int
    user_id: int
    preset: str
    model: str
    sampler: str
    steps: int
    width: int
    height: int
    pictures: int
    gpu_ms: int
    waited_ms: int
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Ended jobs added up. ``failed`` and ``blocked`` exclude each other."""

    jobs: int = 0
    pictures: int = 0
    gpu_ms: int = 0
    delivered: int = 0
    failed: int = 0
    blocked: int = 0
    cancelled: int = 0
    waited_p50_ms: int | None = None
    waited_p95_ms: int | None = None

    @property
    def failed_share(self) -> float:
        """From 0 to 1."""
        return self.failed / self.jobs if self.jobs else 0.0

    @property
    def blocked_share(self) -> float:
        """From 0 to 1."""
        return self.blocked / self.jobs if self.jobs else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked(Generic[Key]):
    """One of those that occur most; ``key`` is a user id, or the name of a preset or model."""

    key: Key
    jobs: int
    pictures: int
    gpu_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A day, or the month that begins with this day, and its jobs."""

    first_day: date
    sums: Sums


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """The answer for ``scope`` from ``first_day`` to ``last_day``, both counted.

    ``periods`` are all days in order, those without jobs too; months where it would be more than
    ``MAX_DAYS``. The rankings are by pictures, the most first; jobs without a preset are in none of
    the presets, and those of erased people in no user.
    """

    scope: Scope
    first_day: date
    last_day: date
    total: Sums
    periods: tuple[Period, ...]
    users: tuple[Ranked[int], ...]
    presets: tuple[Ranked[str], ...]
    models: tuple[Ranked[str], ...]


def counts_months(first_day: date, last_day: date) -> bool:
    """Whether so long a span is counted by months and not by days."""
    return (last_day - first_day).days + 1 > MAX_DAYS


def first_days(first_day: date, last_day: date) -> list[date]:
    """Where each period of the span begins."""
    if not counts_months(first_day, last_day):
        return [first_day + timedelta(days=i) for i in range((last_day - first_day).days + 1)]
    first, last = (day.year * 12 + day.month - 1 for day in (first_day, last_day))
    return [date(month // 12, month % 12 + 1, 1) for month in range(first, last + 1)]
