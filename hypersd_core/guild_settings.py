"""The policies that hold: each guild's own, and the operator's where there is no guild."""

from collections.abc import Awaitable, Callable

from hypersd_core.policy import Allowance, Change, GuildPolicy, changes
from hypersd_core.settings import Settings
from hypersd_core.store import Store

_MAX_KEPT = 1_000


Record = Callable[[int, int, tuple[Change, ...]], Awaitable[object]]
"""Writes down what was changed: (guild id, user id, what)."""


def operator_policy(settings: Settings) -> GuildPolicy:
    """What holds in direct messages; its ``guild_quota`` is the most that any guild may draw."""
    return GuildPolicy(
        user_quota=Allowance(
            pictures=settings.quota_pictures_per_user, gpu_s=settings.quota_gpu_s_per_user
        ),
        guild_quota=Allowance(
            pictures=settings.quota_pictures_per_guild, gpu_s=settings.quota_gpu_s_per_guild
        ),
    )


class GuildSettings:
    """Reads and changes policies; reading one again costs nothing.

    ``operator`` is the policy of direct messages. ``record`` is told of every change that was made.
    """

    def __init__(self, store: Store, *, operator: GuildPolicy, record: Record) -> None:
        self._guilds = store.guilds
        self._operator = operator
        self._record = record
        self._kept: dict[int, GuildPolicy] = {}

    async def get(self, guild_id: int | None) -> GuildPolicy:
        """The policy that holds in the guild, or in direct messages."""
        if guild_id is None:
            return self._operator
        if guild_id not in self._kept:
            policy = await self._guilds.policy(guild_id)
            while len(self._kept) >= _MAX_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[guild_id] = policy
        return self._kept[guild_id]

    async def update(
        self, guild_id: int, change: Callable[[GuildPolicy], GuildPolicy], user_id: int
    ) -> tuple[Change, ...]:
        """Put ``change`` of the guild's policy in its place; returns and records what differs.

        ``change`` is given the policy as it is by then: ``dataclasses.replace`` of a field leaves
        what somebody else changed meanwhile. What it raises leaves all as it was.
        """
        try:
            edited = await self._guilds.edit(guild_id, change)
        finally:  # also when the task is cancelled: the edit may have been made
            self._kept.pop(guild_id, None)
        changed = changes(edited.before, edited.after)
        if changed:
            await self._record(guild_id, user_id, changed)
        return changed
