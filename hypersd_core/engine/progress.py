"""How far a batch is, and whether it is still wanted."""

from collections.abc import Callable

from hypersd_core.errors import Cancelled
from hypersd_core.i18n import say


class Progress:
    """Counts the model calls of a batch, tells of them, and stops where somebody asks for it."""

    def __init__(
        self, total: int, on_step: Callable[[int, int], None], should_stop: Callable[[], bool]
    ) -> None:
        self._done, self._total = 0, total
        self._on_step, self._should_stop = on_step, should_stop

    def check(self) -> None:
        """Raise Cancelled if nobody waits any more."""
        if self._should_stop():
            raise Cancelled(say("The job was cancelled."))

    def advance(self) -> None:
        """One model call is done."""
        self._done += 1
        self._on_step(self._done, self._total)
