"""Usage as CSV for spreadsheets (RFC 4180): one row for each ended job, the newest first.

A spreadsheet runs a cell that begins like a formula, and people choose the names of presets and
models: such cells get an apostrophe in front (OWASP, CSV Injection).
"""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hypersd_core.usage_statistics import JobUsage

COLUMNS = (
    "time_utc", "job_id", "user_id", "preset", "model", "sampler", "steps", "width", "height",
    "pictures", "gpu_ms", "waited_ms", "outcome",
)  # fmt: skip
_BYTE_ORDER_MARK = "\ufeff"  # without it Excel reads UTF-8 as something else
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvFile:
    """A finished file; ``left_out`` are the oldest jobs, for which it had no room."""

    data: bytes
    jobs: int
    left_out: int


class CsvWriter:
    """A file of at most ``limit_bytes`` that takes jobs until one does not fit."""

    def __init__(self, *, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._file = io.BytesIO()
        self._file.write((_BYTE_ORDER_MARK + _line(COLUMNS)).encode())
        self.jobs = 0
        self.is_full = False

    def add(self, jobs: Iterable[JobUsage]) -> None:
        """Write the jobs that fit."""
        for job in jobs:
            line = _line(_cells(job)).encode()
            self.is_full = self.is_full or self._file.tell() + len(line) > self._limit_bytes
            if self.is_full:
                return
            self._file.write(line)
            self.jobs += 1

    def finished(self, *, of: int) -> CsvFile:
        """The file, with what was left out ``of`` so many jobs."""
        return CsvFile(data=self._file.getvalue(), jobs=self.jobs, left_out=max(0, of - self.jobs))


def _cells(job: JobUsage) -> list[Any]:
    return [
        job.at.strftime("%Y-%m-%d %H:%M:%S"), job.job_id, job.user_id, _harmless(job.preset),
        _harmless(job.model), _harmless(job.sampler), job.steps, job.width, job.height,
        job.pictures, job.gpu_ms, job.waited_ms, job.outcome,
    ]  # fmt: skip


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULA) else cell


def _line(cells: Iterable[Any]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
