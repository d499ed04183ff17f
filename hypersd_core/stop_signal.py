"""SIGTERM, as service managers send it: the first one asks politely, a second one means it."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable


class StopSignal:
    """Cancels the task that made it, on SIGTERM. For the event loop's own thread."""

    def __init__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._stop: Callable[[], object] = task.cancel
        self._draining: asyncio.Task[None] | None = None
        self._on_sigterm(self._stop)

    def drain_first(self, drain: Callable[[], Awaitable[None]]) -> None:
        """From now on the first SIGTERM awaits ``drain`` before it stops; a second one does not."""
        self._on_sigterm(lambda: self._begin(drain))

    def _begin(self, drain: Callable[[], Awaitable[None]]) -> None:
        self._on_sigterm(self._stop)
        self._draining = asyncio.create_task(self._drain_and_stop(drain))

    async def _drain_and_stop(self, drain: Callable[[], Awaitable[None]]) -> None:
        try:
            await drain()
        finally:
            self._stop()

    def _on_sigterm(self, act: Callable[[], object]) -> None:
        with contextlib.suppress(NotImplementedError):  # Windows has no signal handlers in loops
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, act)
