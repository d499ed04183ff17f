"""What a person and a guild may still draw today (UTC), and the refusal when it is not enough."""

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from hypersd_core.asker import Asker
from hypersd_core.errors import QuotaSpent
from hypersd_core.i18n import Said, say
from hypersd_core.policy import Allowance, GuildPolicy, user_allowance
from hypersd_core.request import GenerationRequest
from hypersd_core.store import Store
from hypersd_core.store.quotas import Spent, next_day


class Whose(enum.StrEnum):
    """Whom a balance is for."""

    USER = "user"
    GUILD = "guild"


class Unit(enum.StrEnum):
    """What a balance counts."""

    PICTURES = "pictures"
    GPU_S = "gpu_s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """One line of a quota. ``allowed`` of None is without limit."""

    whose: Whose
    unit: Unit
    allowed: int | None
    spent: float

    @property
    def left(self) -> float | None:
        """What is left, never below 0; None is without limit."""
        return None if self.allowed is None else max(0, self.allowed - self.spent)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaLeft:
    """The user's balances, then those of the guild if there is one. ``resets_at`` is UTC."""

    balances: tuple[Balance, ...]
    resets_at: datetime


class Quotas:
    """Compares what policies allow with what the store says was spent.

    ``guild_ceiling`` is the most that any guild may draw, whatever its policy says.
    """

    def __init__(
        self,
        store: Store,
        *,
        guild_ceiling: Allowance,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._spent = store.quotas.spent
        self._guild_ceiling = guild_ceiling
        self._now = now

    async def left(self, policy: GuildPolicy, asker: Asker) -> QuotaLeft:
        """What the asker may still draw here today."""
        at = self._now()
        spent = await self._spent(asker.user_id, asker.guild_id, at)
        balances = _balances(Whose.USER, user_allowance(policy, asker), spent.user)
        if asker.guild_id is not None:
            allowed = policy.guild_quota.at_most(self._guild_ceiling)
            balances += _balances(Whose.GUILD, allowed, spent.guild)
        return QuotaLeft(balances=balances, resets_at=next_day(at))

    async def check(
        self,
        policy: GuildPolicy,
        asker: Asker,
        requests: Sequence[GenerationRequest],
        estimate_ms: float,
    ) -> None:
        """Raise QuotaSpent unless all of ``requests`` fit, which take ``estimate_ms`` together.

        Nothing is set aside: who adds the jobs keeps others from doing so between this and that.
        """
        costs = {
            Unit.PICTURES: sum(request.count for request in requests),
            Unit.GPU_S: estimate_ms / 1000,
        }
        quota = await self.left(policy, asker)
        for balance in quota.balances:
            cost = costs[balance.unit]
            if balance.allowed is not None and balance.spent + cost > balance.allowed:
                raise QuotaSpent(
                    _sentence(balance, cost, quota.resets_at), resets_at=quota.resets_at
                )


def _balances(whose: Whose, allowed: Allowance, spent: Spent) -> tuple[Balance, ...]:
    return (
        Balance(whose=whose, unit=Unit.PICTURES, allowed=allowed.pictures, spent=spent.pictures),
        Balance(whose=whose, unit=Unit.GPU_S, allowed=allowed.gpu_s, spent=spent.gpu_ms / 1000),
    )


def _sentence(balance: Balance, cost: float, resets_at: datetime) -> Said:
    numbers = {"left": balance.left, "allowed": balance.allowed, "cost": cost, "at": resets_at}
    match balance.whose, balance.unit:
        case Whose.USER, Unit.PICTURES:
            return say(
                "Of your {allowed:,} pictures a day {left:,} are left, and this takes {cost:,}: "
                "the next day begins at {at:%Y-%m-%d %H:%M} UTC.",
                **numbers,
            )
        case Whose.USER, Unit.GPU_S:
            return say(
                "Of your {allowed:,} GPU seconds a day {left:,.1f} are left, and this takes about "
                "{cost:,.1f}: the next day begins at {at:%Y-%m-%d %H:%M} UTC.",
                **numbers,
            )
        case Whose.GUILD, Unit.PICTURES:
            return say(
                "Of this server's {allowed:,} pictures a day {left:,} are left, and this takes "
                "{cost:,}: the next day begins at {at:%Y-%m-%d %H:%M} UTC.",
                **numbers,
            )
        case _:
            return say(
                "Of this server's {allowed:,} GPU seconds a day {left:,.1f} are left, and this "
                "takes about {cost:,.1f}: the next day begins at {at:%Y-%m-%d %H:%M} UTC.",
                **numbers,
            )
