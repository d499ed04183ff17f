"""CSV files of usage, read as a spreadsheet does."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hypersd_core.store import Store
from hypersd_core.usage_export import COLUMNS, CsvFile, CsvWriter
from hypersd_core.usage_reports import UsageReports
from hypersd_core.usage_statistics import JobUsage, OfGuild, Span
from tests.jobs.sample_jobs import ALICE, GUILD, a_request, added, an_origin


def a_job(job_id: int = 7, **changes: object) -> JobUsage:
    values = {
        "at": datetime(2026, 11, 23, 12, 0, 1, 5, tzinfo=UTC), "job_id": job_id, "user_id": ALICE,
        "preset": "fox", "model": "small", "sampler": "tcd", "steps": 4, "width": 64, "height": 128,
        "pictures": 2, "gpu_ms": 310, "waited_ms": 40, "outcome": "delivered",
    }  # fmt: skip
    return JobUsage(**(values | changes))  # type: ignore[arg-type]  # a test names its fields


def read(file: CsvFile) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.data.decode("utf-8-sig"))))


def written(*jobs: JobUsage, limit_bytes: int = 10_000) -> CsvFile:
    writer = CsvWriter(limit_bytes=limit_bytes)
    writer.add(jobs)
    return writer.finished(of=len(jobs))


def test_a_job_is_one_row_with_every_column() -> None:
    (row,) = read(written(a_job()))
    assert list(row) == list(COLUMNS)
    assert row["time_utc"] == "2026-11-23 12:00:01"
    assert row["user_id"] == str(ALICE)
    assert row["waited_ms"] == "40"


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=1"])
def test_no_cell_begins_a_formula(name: str) -> None:
    (row,) = read(written(a_job(preset=name, model=name)))
    assert row["preset"].startswith("'")
    assert row["model"] == f"'{name}"


def test_commas_quotes_and_every_script_come_back() -> None:
    name = 'a "fox", 狐\nß'
    (row,) = read(written(a_job(preset=name)))
    assert row["preset"] == name


def test_the_limit_cuts_the_last_jobs_and_says_how_many() -> None:
    jobs = [a_job(i) for i in range(100)]
    file = written(*jobs, limit_bytes=2_000)
    assert len(file.data) <= 2_000 < len(file.data) + 100
    assert [row["job_id"] for row in read(file)] == [str(i) for i in range(file.jobs)]
    assert file.left_out == 100 - file.jobs


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store.open(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("limit_bytes", [10**6, 20_000])
async def test_a_report_is_the_newest_jobs_of_all_pages(store: Store, limit_bytes: int) -> None:
    for _ in range(520):
        await store.jobs.cancel((await added(store, a_request(), an_origin())).id)
    other = await added(store, a_request(), an_origin(guild_id=None))
    await store.jobs.cancel(other.id)
    reports = UsageReports(store)
    file = await reports.csv(OfGuild(guild_id=GUILD), Span.TODAY, limit_bytes=limit_bytes)
    ids = [int(row["job_id"]) for row in read(file)]
    assert ids == list(range(520, 520 - file.jobs, -1))
    assert file.jobs + file.left_out == 520
    assert (file.left_out == 0) == (limit_bytes == 10**6)


async def test_reports_are_as_of_their_clock(store: Store) -> None:
    await store.jobs.cancel((await added(store, a_request(), an_origin())).id)
    tomorrow = UsageReports(store, now=lambda: datetime.now(UTC) + timedelta(days=1))
    scope = OfGuild(guild_id=GUILD)
    assert (await tomorrow.statistics(scope, Span.TODAY)).total.jobs == 0
    assert (await tomorrow.statistics(scope, Span.WEEK)).total.cancelled == 1
