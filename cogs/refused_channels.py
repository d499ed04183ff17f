"""Channels that have refused several messages in a row, and are left alone for a while.

Discord bans an address for ten minutes after 10,000 refused requests in ten minutes.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

AFTER = 3
FOR_S = 600.0
_MAX_KEPT = 1_000


@dataclass(slots=True)
class _Refusals:
    in_a_row: int = 0
    until_s: float = 0.0


class RefusedChannels:
    """Memory only. ``clock`` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._channels: dict[int, _Refusals] = {}

    def is_left_alone(self, channel_id: int) -> bool:
        """Whether nothing should be sent there now."""
        found = self._channels.get(channel_id)
        return found is not None and self._clock() < found.until_s

    def refused(self, channel_id: int) -> None:
        """A message was refused. After a pause, a single one is tried."""
        found = self._channels.pop(channel_id, _Refusals())
        while len(self._channels) >= _MAX_KEPT:
            del self._channels[next(iter(self._channels))]
        self._channels[channel_id] = found
        found.in_a_row += 1
        if found.in_a_row >= AFTER:
            found.until_s = self._clock() + FOR_S

    def accepted(self, channel_id: int) -> None:
        """A message was posted."""
        self._channels.pop(channel_id, None)
