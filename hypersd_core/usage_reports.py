"""The door to usage: statistics and CSV files of a guild or of a user, as of today (UTC)."""

from collections.abc import Callable
from datetime import UTC, datetime

from hypersd_core.store import Store
from hypersd_core.usage_export import CsvFile, CsvWriter
from hypersd_core.usage_statistics import Scope, Span, Statistics

_PAGE_JOBS = 500


class UsageReports:
    """Counts what the store has kept. Who may ask for a scope is decided before."""

    def __init__(
        self, store: Store, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._usage = store.usage
        self._now = now

    async def statistics(self, scope: Scope, span: Span) -> Statistics:
        """What the jobs that ended in ``span`` add up to."""
        return await self._usage.statistics(scope, span, self._now().date())

    async def csv(self, scope: Scope, span: Span, *, limit_bytes: int) -> CsvFile:
        """The jobs that ended in ``span``, in a file of at most ``limit_bytes``."""
        today = self._now().date()
        writer = CsvWriter(limit_bytes=limit_bytes)
        before = None
        while not writer.is_full:
            page = await self._usage.page(scope, span, today, before=before, most=_PAGE_JOBS)
            writer.add(page)
            if len(page) < _PAGE_JOBS:
                break
            before = page[-1]
        return writer.finished(of=await self._usage.count(scope, span, today))
