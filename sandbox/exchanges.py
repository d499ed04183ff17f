"""The record of REST exchanges, for checking them against Discord's published document."""

from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

from sandbox.wire import Json

KEPT_EXCHANGES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and its answer. ``files`` are names and sizes in bytes of what was uploaded."""

    method: str
    path: str
    template: str
    request: Any
    files: tuple[tuple[str, int], ...]
    status: int
    response: Any


class ExchangeLog:
    """Keeps the latest exchanges."""

    def __init__(self) -> None:
        self._exchanges: deque[Exchange] = deque(maxlen=KEPT_EXCHANGES)

    def add(self, exchange: Exchange) -> None:
        """Record one exchange."""
        self._exchanges.append(exchange)

    def clear(self) -> None:
        """Forget all of them."""
        self._exchanges.clear()

    def payload(self) -> list[Json]:
        """Return them as JSON, oldest first."""
        return [asdict(exchange) for exchange in self._exchanges]
