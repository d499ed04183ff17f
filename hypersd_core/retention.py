"""Ends what is older than a guild wants kept, and what nothing points to any more."""

import asyncio
import itertools
import logging
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypersd_core.errors import StoreError
from hypersd_core.guild_settings import GuildSettings
from hypersd_core.i18n import say
from hypersd_core.input_pictures import InputPictures
from hypersd_core.request import JobState
from hypersd_core.store import Store

log = logging.getLogger(__name__)

_BATCH_JOBS = 200
_LOOK_EVERY_S = 3_600.0
_CONFIRM_WITHIN = timedelta(days=1)
"""How long drafts wait to be confirmed, and input pictures for the job that is drawn from them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """How many jobs have expired, and how many input pictures were of no more use."""

    jobs: int
    inputs: int


class Retention:
    """Erases words and pictures of old jobs; their rows stay for the statistics.

    ``default_days`` hold where a guild has set nothing, and in direct messages; 0 is for ever.
    """

    def __init__(
        self,
        store: Store,
        settings: GuildSettings,
        *,
        default_days: int,
        pictures_folder: Path,
        inputs: InputPictures,
    ) -> None:
        self._jobs = store.jobs
        self._stored = store.privacy
        self._settings = settings
        self._default_days = default_days
        self._pictures_folder = pictures_folder
        self._inputs = inputs

    async def run(self) -> None:
        """Sweep now and then, until cancelled."""
        while True:
            try:
                swept = await self.sweep(datetime.now(UTC))
                log.info("retention: %d jobs expired, %d inputs deleted", swept.jobs, swept.inputs)
            except (StoreError, OSError):
                log.exception("retention is tried again later")
            await asyncio.sleep(_LOOK_EVERY_S)

    async def sweep(self, now: datetime) -> Swept:
        """End all that is due at ``now``, in small steps between which others can work."""
        await self._give_up(now)
        expired = 0
        for guild_id in await self._stored.guilds():
            before = await self._oldest_kept(guild_id, now)
            if before is not None:
                expired += await self._expire(guild_id, before=before, now=now)
        await self._delete_left_behind()
        await self._stored.delete_drafts(before=now - _CONFIRM_WITHIN)
        used = await self._stored.inputs_in_use()
        inputs = await asyncio.to_thread(
            self._inputs.delete_unused, used, min_age_s=_CONFIRM_WITHIN.total_seconds()
        )
        return Swept(jobs=expired, inputs=inputs)

    async def _oldest_kept(self, guild_id: int | None, now: datetime) -> datetime | None:
        """What was asked for before has expired; None if nothing ever does."""
        days = (await self._settings.get(guild_id)).retention_days
        days = self._default_days if days is None else days
        return now - timedelta(days=days) if days else None

    async def _give_up(self, now: datetime) -> None:
        """End old jobs whose pictures no route to their user would take."""
        for job in await self._jobs.open():
            before = await self._oldest_kept(job.origin.guild_id, now)
            if job.state is JobState.MADE and before is not None and job.created_at < before:
                await self._jobs.fail(job.id, say("Nobody fetched the pictures in time."))

    async def _expire(self, guild_id: int | None, *, before: datetime, now: datetime) -> int:
        expired = 0
        while job_ids := await self._stored.expire(
            guild_id, before=before, at=now, most=_BATCH_JOBS
        ):
            await asyncio.to_thread(delete_pictures, self._pictures_folder, job_ids)
            expired += len(job_ids)
        return expired

    async def _delete_left_behind(self) -> None:
        """Delete the files of rows that have forgotten them: the process ended between the two."""
        there = iter(await asyncio.to_thread(_job_ids, self._pictures_folder))
        while batch := tuple(itertools.islice(there, _BATCH_JOBS)):
            gone = await self._stored.without_pictures(batch)
            await asyncio.to_thread(delete_pictures, self._pictures_folder, gone)


def delete_pictures(pictures_folder: Path, job_ids: Iterable[int]) -> None:
    """Delete the files of jobs. Blocks."""
    for job_id in job_ids:
        shutil.rmtree(pictures_folder / str(job_id), ignore_errors=True)


def _job_ids(pictures_folder: Path) -> list[int]:
    """The jobs that have files."""
    if not pictures_folder.is_dir():
        return []
    return [int(path.name) for path in pictures_folder.iterdir() if path.name.isdecimal()]
