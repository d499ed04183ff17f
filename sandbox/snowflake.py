"""Discord ids: milliseconds since 2015 in the upper 42 bits, so an id tells its own age."""

import time
from datetime import UTC, datetime

DISCORD_EPOCH_MS = 1_420_070_400_000
_TIMESTAMP_SHIFT = 22


class Snowflakes:
    """Hands out ids that are unique, rising and dated now."""

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> int:
        """Return a fresh id; ids made within one millisecond differ in their lower bits."""
        self._last = max(from_ms(time.time_ns() // 1_000_000), self._last + 1)
        return self._last


def from_ms(unix_ms: int) -> int:
    """Return the smallest id of the given moment."""
    return (unix_ms - DISCORD_EPOCH_MS) << _TIMESTAMP_SHIFT


def created_at(snowflake: int) -> datetime:
    """Return the moment an id was made, in UTC."""
    unix_ms = (snowflake >> _TIMESTAMP_SHIFT) + DISCORD_EPOCH_MS
    return datetime.fromtimestamp(unix_ms / 1000, tz=UTC)


def shard_of(guild_id: int, shard_count: int) -> int:
    """Return the shard that Discord assigns to a guild."""
    return (guild_id >> _TIMESTAMP_SHIFT) % shard_count
