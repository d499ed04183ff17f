"""What a person may ask about their own data: a copy of it, and its end."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypersd_core.i18n import say
from hypersd_core.privacy_archive import Archive
from hypersd_core.request import JobState
from hypersd_core.retention import delete_pictures
from hypersd_core.store import Store
from hypersd_core.store.privacy import StoredJob

_PAGE_JOBS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A zip file with ``jobs`` jobs and ``pictures`` pictures, the newest first.

    ``jobs_left`` older ones had no room: they are in the export from before job ``next_before``.
    ``pictures_left`` of the jobs in it are too large for any file, or gone from the disk.
    """

    data: bytes
    jobs: int
    pictures: int
    jobs_left: int
    next_before: int | None
    pictures_left: int


@dataclass(slots=True, kw_only=True)
class _Packing:
    """An export on its way. Blocking."""

    archive: Archive
    pictures_folder: Path
    inputs_folder: Path
    job_ids: list[int] = field(default_factory=list)
    pictures: int = 0
    pictures_left: int = 0

    def add_all(self, jobs: Sequence[StoredJob]) -> bool:
        """Add jobs until one does not fit: then False."""
        return all(self._add(job) for job in jobs)

    def _add(self, job: StoredJob) -> bool:
        text = _json(job.values)
        paths = [
            *(self.pictures_folder / file for file in job.files),
            *(self.inputs_folder / name for name in job.inputs),
        ]
        files = {f"jobs/{job.job_id}/{path.name}": path for path in paths}
        sizes = {name: path.stat().st_size for name, path in files.items() if path.is_file()}
        # The first one goes without what is too large for any file, or none would ever come after.
        if self.job_ids and not self.archive.has_room(sizes | {"job.json": len(text) * 4}):
            return False
        if not self.archive.add_text(f"jobs/{job.job_id}/job.json", text):
            return False
        added = sum(self.archive.add_file(name, path) for name, path in files.items())
        self.job_ids.append(job.job_id)
        self.pictures += added
        self.pictures_left += len(files) - added
        return True


class Privacy:
    """Copies and erases what is stored about a person. Who asks for whom is decided before."""

    def __init__(
        self,
        store: Store,
        *,
        pictures_folder: Path,
        inputs_folder: Path,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._jobs = store.jobs
        self._stored = store.privacy
        self._pictures_folder = pictures_folder
        self._inputs_folder = inputs_folder
        self._now = now

    async def export(self, user_id: int, *, limit_bytes: int, before: int | None = None) -> Export:
        """All that is stored about the user; of the jobs those that came before job ``before``."""
        packing = _Packing(
            archive=Archive(limit_bytes=limit_bytes),
            pictures_folder=self._pictures_folder,
            inputs_folder=self._inputs_folder,
        )
        about = _json(await self._stored.about(user_id))
        await asyncio.to_thread(packing.archive.add_text, "you.json", about)
        has_room, last = True, before
        while has_room and (page := await self._stored.jobs(user_id, before=last, most=_PAGE_JOBS)):
            has_room = await asyncio.to_thread(packing.add_all, page)
            last = packing.job_ids[-1] if packing.job_ids else before
        jobs_left = await self._stored.count_jobs(user_id, before=last)
        return Export(
            data=await asyncio.to_thread(packing.archive.finished),
            jobs=len(packing.job_ids),
            pictures=packing.pictures,
            jobs_left=jobs_left,
            next_before=last if jobs_left else None,
            pictures_left=packing.pictures_left,
        )

    async def erase(self, user_id: int) -> int:
        """Erase the user and their pictures; returns how many jobs were theirs.

        Raises JobsOpen unless all of them are finished; pictures that nobody has fetched are given
        up. Input pictures go with the next ``Retention.sweep``, messages in Discord stay.
        """
        for job in await self._jobs.open(user_id=user_id):
            if job.state is JobState.MADE:
                await self._jobs.fail(job.id, say("Its pictures were erased."))
        job_ids = await self._stored.erase(user_id, self._now())
        await asyncio.to_thread(delete_pictures, self._pictures_folder, job_ids)
        return len(job_ids)


def _json(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, indent=2)
