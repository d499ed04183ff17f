"""A person's copy of their data, its end, and the end of what is old: files and rows."""

import io
import json
import os
import time
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hypersd_core.errors import JobsOpen
from hypersd_core.guild_settings import GuildSettings
from hypersd_core.input_pictures import InputPictures
from hypersd_core.policy import GuildPolicy
from hypersd_core.privacy import Export, Privacy
from hypersd_core.privacy_archive import Archive
from hypersd_core.request import Job, JobState, Picture, Source
from hypersd_core.retention import Retention, Swept
from hypersd_core.store import Store
from tests.jobs.sample_jobs import ALICE, BOB, GUILD, OTHER_GUILD, a_request, added, an_origin

MIB = 2**20


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store.open(tmp_path) as opened:
        yield opened


@pytest.fixture
def privacy(store: Store, tmp_path: Path) -> Privacy:
    return Privacy(store, pictures_folder=tmp_path / "pictures", inputs_folder=tmp_path / "inputs")


async def a_made_job(store: Store, folder: Path, *, size: int = 1_000, **where: Any) -> Job:
    """A job whose picture is a file, not delivered yet."""
    request = where.pop("request", a_request(prompt="a private fox"))
    job = await added(store, request, an_origin(**where))
    path = Path(str(job.id), "0.png")
    (folder / "pictures" / path.parent).mkdir(parents=True)
    (folder / "pictures" / path).write_bytes(os.urandom(size))
    await store.jobs.start(job.id)
    picture = Picture(
        index=0, seed=7, path=path, width=64, height=128, bytes=size, infotext="a private fox"
    )
    await store.jobs.finish(job.id, 1, [picture], 300)
    return job


async def a_job(store: Store, folder: Path, **values: Any) -> Job:
    job = await a_made_job(store, folder, **values)
    await store.jobs.deliver(job.id, 1, 2)
    return job


def files_in(export: Export) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(io.BytesIO(export.data))
    assert archive.testzip() is None
    return archive


def folders(folder: Path) -> set[int]:
    return {int(path.name) for path in (folder / "pictures").iterdir()}


async def test_an_export_has_words_and_pictures_of_the_asker_alone(
    store: Store, privacy: Privacy, tmp_path: Path
) -> None:
    inputs = InputPictures(tmp_path / "inputs")
    (tmp_path / "inputs").mkdir()
    name = f"{'a' * 64}.png"
    (tmp_path / "inputs" / name).write_bytes(b"input")
    source = Source(picture=name, strength=0.5)
    job = await a_job(store, tmp_path, request=a_request(prompt="a 狐", source=source))
    await a_job(store, tmp_path, user_id=BOB)
    export = await privacy.export(ALICE, limit_bytes=MIB)
    archive = files_in(export)
    picture = (tmp_path / "pictures" / str(job.id) / "0.png").read_bytes()
    assert set(archive.namelist()) == {
        "you.json", f"jobs/{job.id}/job.json", f"jobs/{job.id}/0.png", f"jobs/{job.id}/{name}",
    }  # fmt: skip
    assert archive.read(f"jobs/{job.id}/0.png") == picture
    assert json.loads(archive.read(f"jobs/{job.id}/job.json"))["request"]["prompt"] == "a 狐"
    assert (export.jobs, export.pictures, export.jobs_left, export.next_before) == (1, 2, 0, None)
    assert inputs is not None


async def test_exports_of_a_limited_size_hold_everything_one_after_another(
    store: Store, privacy: Privacy, tmp_path: Path
) -> None:
    ids = [(await a_job(store, tmp_path, size=30_000)).id for _ in range(7)]
    found: list[str] = []
    before = None
    for _ in ids:
        export = await privacy.export(ALICE, limit_bytes=100_000, before=before)
        assert len(export.data) <= 100_000
        assert export.pictures_left == 0
        found += [name for name in files_in(export).namelist() if name.endswith("0.png")]
        before = export.next_before
        if before is None:
            break
    assert found == [f"jobs/{i}/0.png" for i in reversed(ids)]


async def test_what_is_too_large_for_any_file_is_left_out_and_counted(
    store: Store, privacy: Privacy, tmp_path: Path
) -> None:
    large = await a_job(store, tmp_path, size=200_000)
    await a_job(store, tmp_path, size=10)
    exports = [await privacy.export(ALICE, limit_bytes=100_000)]
    exports.append(await privacy.export(ALICE, limit_bytes=100_000, before=exports[0].next_before))
    assert [(e.jobs, e.pictures, e.pictures_left) for e in exports] == [(1, 1, 0), (1, 0, 1)]
    assert f"jobs/{large.id}/job.json" in files_in(exports[1]).namelist()


async def test_a_person_without_data_gets_an_empty_copy(privacy: Privacy) -> None:
    export = await privacy.export(BOB, limit_bytes=MIB)
    assert files_in(export).namelist() == ["you.json"]
    assert (export.jobs, export.jobs_left, export.next_before) == (0, 0, None)


@pytest.mark.parametrize("limit_bytes", [300, 1_000, 5_000, 12_345])
def test_an_archive_never_exceeds_its_limit_and_uses_it(tmp_path: Path, limit_bytes: int) -> None:
    (tmp_path / "file").write_bytes(os.urandom(100))
    archive = Archive(limit_bytes=limit_bytes)
    added = [archive.add_file(f"☃{i}", tmp_path / "file") for i in range(60)]
    archive.add_text("text", "狐" * 40)
    data = archive.finished()
    assert len(data) <= limit_bytes
    assert sum(added) in {60, *range(max(0, limit_bytes // 420), limit_bytes // 180 + 1)}


async def test_an_erasure_deletes_the_files_of_the_asker_alone(
    store: Store, privacy: Privacy, tmp_path: Path
) -> None:
    await a_job(store, tmp_path)
    other = await a_job(store, tmp_path, user_id=BOB)
    assert await privacy.erase(ALICE) == 1
    assert folders(tmp_path) == {other.id}
    assert (await privacy.export(ALICE, limit_bytes=MIB)).jobs == 0


async def test_pictures_that_nobody_fetched_do_not_keep_a_person_from_being_erased(
    store: Store, privacy: Privacy, tmp_path: Path
) -> None:
    job = await a_made_job(store, tmp_path)
    await privacy.erase(ALICE)
    assert (await store.jobs.get(job.id)).state is JobState.FAILED
    assert folders(tmp_path) == set()


async def test_a_waiting_job_does(store: Store, privacy: Privacy, tmp_path: Path) -> None:
    done = await a_job(store, tmp_path)
    await added(store, a_request(), an_origin())
    with pytest.raises(JobsOpen):
        await privacy.erase(ALICE)
    assert folders(tmp_path) == {done.id}


async def _unrecorded(*_: object) -> None:
    """Nobody looks at the audit log here."""


def retention(store: Store, folder: Path, *, default_days: int) -> tuple[Retention, GuildSettings]:
    settings = GuildSettings(store, operator=GuildPolicy(), record=_unrecorded)
    inputs = InputPictures(folder / "inputs")
    made = Retention(
        store, settings, default_days=default_days, pictures_folder=folder / "pictures",
        inputs=inputs,
    )  # fmt: skip
    return made, settings


def in_days(days: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


async def test_each_guild_keeps_pictures_as_long_as_it_says(store: Store, tmp_path: Path) -> None:
    sweeper, settings = retention(store, tmp_path, default_days=10)
    short = await a_job(store, tmp_path)
    default = await a_job(store, tmp_path, guild_id=OTHER_GUILD)
    direct = await a_job(store, tmp_path, guild_id=None)
    await settings.update(GUILD, lambda _: GuildPolicy(retention_days=3), ALICE)
    assert (await sweeper.sweep(in_days(2.9))).jobs == 0
    assert (await sweeper.sweep(in_days(3.1))).jobs == 1
    assert folders(tmp_path) == {default.id, direct.id}
    assert (await sweeper.sweep(in_days(10.1))).jobs == 2
    assert folders(tmp_path) == set()
    assert (await store.jobs.get(short.id)).is_deleted


async def test_no_days_are_for_ever(store: Store, tmp_path: Path) -> None:
    job = await a_job(store, tmp_path)
    sweeper, _ = retention(store, tmp_path, default_days=0)
    assert await sweeper.sweep(in_days(36_500)) == Swept(jobs=0, inputs=0)
    assert folders(tmp_path) == {job.id}


async def test_pictures_that_nobody_fetched_expire_too(store: Store, tmp_path: Path) -> None:
    job = await a_made_job(store, tmp_path)
    sweeper, _ = retention(store, tmp_path, default_days=1)
    await sweeper.sweep(in_days(0.9))
    assert (await store.jobs.get(job.id)).state is JobState.MADE
    await sweeper.sweep(in_days(1.1))
    assert (await store.jobs.get(job.id)).state is JobState.FAILED
    assert folders(tmp_path) == set()


async def test_files_that_a_crash_left_behind_are_found(store: Store, tmp_path: Path) -> None:
    erased, kept = await a_job(store, tmp_path), await a_job(store, tmp_path, user_id=BOB)
    await store.privacy.erase(ALICE, datetime.now(UTC))
    (tmp_path / "pictures" / "not a job").mkdir()
    sweeper, _ = retention(store, tmp_path, default_days=0)
    await sweeper.sweep(datetime.now(UTC))
    left = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert left == {str(kept.id), "not a job"}
    assert erased.id != kept.id


async def test_input_pictures_and_drafts_go_when_nothing_needs_them(
    store: Store, tmp_path: Path
) -> None:
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    used, unused, new = (inputs / f"{letter * 64}.png" for letter in "abc")
    for path in (used, unused, new):
        path.write_bytes(b"x")
    for path in (used, unused):
        os.utime(path, (time.time() - 90_000,) * 2)
    source = Source(picture=used.name, strength=0.5)
    await a_job(store, tmp_path, request=a_request(source=source))
    draft = await store.drafts.add(ALICE, {"text": "a fox"})
    sweeper, _ = retention(store, tmp_path, default_days=0)
    assert await sweeper.sweep(datetime.now(UTC)) == Swept(jobs=0, inputs=1)
    assert {path.name for path in inputs.iterdir()} == {used.name, new.name}
    await sweeper.sweep(in_days(1.1))
    assert await store.drafts.take(draft, ALICE) is None
