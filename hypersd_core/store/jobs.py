"""Jobs, pictures and usage in SQLite. The only file with SQL; it knows nothing of files or queues.

Every step of a job is one UPDATE guarded by the state before it, so whoever comes second is told
so: the methods return False or None and change nothing.
"""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import aiosqlite

from hypersd_core.errors import JobNotFound, StoreError
from hypersd_core.migrations import MIGRATIONS
from hypersd_core.request import GenerationRequest, Job, JobState, Origin, Picture

FILE_NAME = "bot.sqlite3"
BUSY_TIMEOUT_MS = 5_000
LOST_TWICE = "The bot stopped every time it drew this job, so it was given up."


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How many jobs wait: of one user everywhere, and of one guild (0 in direct messages)."""

    user: int
    guild: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What a new start finds, each in order of id. ``failed`` were given up just now."""

    queued: tuple[Job, ...]
    made: tuple[Job, ...]
    failed: tuple[Job, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one user's jobs with one outcome add up to."""

    outcome: JobState
    jobs: int
    pictures: int
    gpu_ms: int


class Store:
    """The database of one bot. Made by ``open``; used from one event loop."""

    def __init__(self, db: aiosqlite.Connection) -> None:
        self._db = db
        self._lock = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path) -> AsyncIterator[Self]:
        """Open the database in ``folder``, made and migrated as needed; closed at the end.

        Raises StoreError if the folder or the file in it cannot be used.
        """
        path = await asyncio.to_thread(_prepare, folder)
        db = await aiosqlite.connect(path, isolation_level=None)
        try:
            await _set_up(db, path)
            yield cls(db)
        finally:
            await db.close()  # else its thread keeps the process alive

    async def add_job(
        self, request: GenerationRequest, origin: Origin, parent_id: int | None = None
    ) -> Job:
        """A new job in ``queued``. ``parent_id`` is the job that it varies or repeats."""
        async with self._transaction() as db:
            rows = await _rows(
                db,
                """INSERT INTO jobs
                   (parent_id, guild_id, user_id, channel_id, request, origin, created_at)
                   VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING *""",
                (
                    parent_id,
                    origin.guild_id,
                    origin.user_id,
                    origin.channel_id,
                    json.dumps(request.to_json()),
                    json.dumps(origin.to_json()),
                    _now(),
                ),
            )
            return _job(rows[0])

    async def job(self, job_id: int) -> Job:
        """The job with its pictures. Raises JobNotFound."""
        async with self._transaction() as db:
            rows = await _rows(db, "SELECT * FROM jobs WHERE id = ?", (job_id,))
            if not rows:
                raise JobNotFound(f"There is no job {job_id}.")
            return await _job_with_pictures(db, rows[0])

    async def start(self, job_id: int) -> Job | None:
        """``queued -> running``, one more attempt. None if the job was not queued any more."""
        async with self._transaction() as db:
            rows = await _rows(
                db,
                """UPDATE jobs SET state = 'running', attempt = attempt + 1, started_at = ?
                   WHERE id = ? AND state = 'queued' RETURNING *""",
                (_now(), job_id),
            )
            return _job(rows[0]) if rows else None

    async def put_back(self, job_id: int) -> bool:
        """``running -> queued`` as if it had never been started: a stop in good order."""
        async with self._transaction() as db:
            rows = await _rows(
                db,
                """UPDATE jobs SET state = 'queued', attempt = attempt - 1, started_at = NULL
                   WHERE id = ? AND state = 'running' RETURNING id""",
                (job_id,),
            )
            return bool(rows)

    async def finish(
        self, job_id: int, attempt: int, pictures: Sequence[Picture], gpu_ms: int
    ) -> bool:
        """``running -> made``, with its pictures. False for a result of an older attempt."""
        async with self._transaction() as db:
            rows = await _rows(
                db,
                """UPDATE jobs SET state = 'made', made_at = ?, gpu_ms = ?
                   WHERE id = ? AND state = 'running' AND attempt = ? RETURNING id""",
                (_now(), gpu_ms, job_id, attempt),
            )
            if rows:
                await _add_pictures(db, job_id, pictures)
            return bool(rows)

    async def deliver(self, job_id: int, channel_id: int, message_id: int) -> bool:
        """``made -> delivered``: the message that shows the pictures exists."""
        return await self._end(
            """UPDATE jobs SET state = 'delivered', delivered_at = :at,
               message_channel_id = :channel_id, message_id = :message_id
               WHERE id = :job_id AND state = 'made' RETURNING id""",
            {"job_id": job_id, "channel_id": channel_id, "message_id": message_id},
        )

    async def fail(self, job_id: int, sentence: str) -> bool:
        """Any open state ``-> failed``. ``sentence`` is for the user."""
        return await self._end(
            """UPDATE jobs SET state = 'failed', failure = :sentence
               WHERE id = :job_id AND state IN ('queued', 'running', 'made') RETURNING id""",
            {"job_id": job_id, "sentence": sentence},
        )

    async def cancel(self, job_id: int) -> bool:
        """``queued`` or ``running -> cancelled``. False once the pictures are made."""
        return await self._end(
            """UPDATE jobs SET state = 'cancelled'
               WHERE id = :job_id AND state IN ('queued', 'running') RETURNING id""",
            {"job_id": job_id},
        )

    async def recover(self, max_attempts: int = 2) -> Recovered:
        """Take up what an earlier process left; call it before anything is started.

        ``running`` goes back to ``queued``, or to ``failed`` after ``max_attempts`` starts: a job
        that takes the process down with it would do so forever.
        """
        async with self._transaction() as db:
            lost = await _rows(
                db,
                """UPDATE jobs SET state = 'failed', failure = :sentence
                   WHERE state = 'running' AND attempt >= :max_attempts RETURNING *""",
                {"sentence": LOST_TWICE, "max_attempts": max_attempts},
            )
            for row in lost:
                await _add_usage(db, row["id"], _now())
            await db.execute(
                "UPDATE jobs SET state = 'queued', started_at = NULL WHERE state = 'running'"
            )
            return Recovered(
                queued=await _jobs_in(db, JobState.QUEUED),
                made=await _jobs_in(db, JobState.MADE),
                failed=tuple(sorted((_job(row) for row in lost), key=lambda job: job.id)),
            )

    async def waiting_count(self, user_id: int, guild_id: int | None) -> Waiting:
        """How many jobs are in ``queued`` of this user and of this guild."""
        async with self._transaction() as db:
            rows = await _rows(
                db,
                """SELECT count(*) FILTER (WHERE user_id = ?) AS user,
                          count(*) FILTER (WHERE guild_id = ?) AS guild
                   FROM jobs WHERE state = 'queued'""",
                (user_id, guild_id),
            )
            return Waiting(user=rows[0]["user"], guild=rows[0]["guild"])

    async def usage_of(self, user_id: int) -> tuple[Usage, ...]:
        """What the user's ended jobs add up to, one row for each outcome that occurred."""
        async with self._transaction() as db:
            rows = await _rows(
                db,
                """SELECT outcome, count(*) AS jobs, sum(pictures) AS pictures,
                          sum(gpu_ms) AS gpu_ms
                   FROM usage WHERE user_id = ? GROUP BY outcome ORDER BY outcome""",
                (user_id,),
            )
            return tuple(Usage(**{**row, "outcome": JobState(row["outcome"])}) for row in rows)

    async def _end(self, update: str, values: Mapping[str, Any]) -> bool:
        """Run ``update``; if it moved the job, write its row of usage in the same transaction."""
        at = _now()
        async with self._transaction() as db:
            rows = await _rows(db, update, {**values, "at": at})
            if rows:
                await _add_usage(db, values["job_id"], at)
            return bool(rows)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[aiosqlite.Connection]:
        """All or nothing, one at a time: tasks share the connection and would mix statements."""
        async with self._lock:
            try:
                await self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                await self._db.execute("COMMIT")
            except sqlite3.Error as error:
                await self._db.rollback()
                raise StoreError("The bot's database cannot be used at the moment.") from error
            except BaseException:
                await self._db.rollback()
                raise


def _prepare(folder: Path) -> Path:
    """The database's path, after proving that it can be written."""
    path = folder / FILE_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("ab"):
            return path
    except OSError as error:
        raise StoreError(
            f"The data folder {folder} cannot be used ({error.strerror}: {error.filename}): "
            "name another folder or make this one writable."
        ) from error


async def _set_up(db: aiosqlite.Connection, path: Path) -> None:
    db.row_factory = sqlite3.Row
    try:
        await db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        await db.execute("PRAGMA journal_mode = WAL")
        await db.execute("PRAGMA foreign_keys = ON")
        await _migrate(db, path)
    except sqlite3.Error as error:
        await db.rollback()
        raise StoreError(
            f"{path} cannot be used as the bot's database ({error}): "
            "restore a backup, or move it away to begin with an empty one."
        ) from error


async def _migrate(db: aiosqlite.Connection, path: Path) -> None:
    (row,) = await _rows(db, "PRAGMA user_version")
    done = row["user_version"]
    if done > len(MIGRATIONS):
        raise StoreError(
            f"{path} was written by a newer version of this bot (schema {done}, this one knows "
            f"{len(MIGRATIONS)}): update the bot or restore an older backup."
        )
    for version, script in enumerate(MIGRATIONS[done:], start=done + 1):
        await db.executescript(
            f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {version}; COMMIT;"
        )


async def _rows(
    db: aiosqlite.Connection, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()
) -> list[sqlite3.Row]:
    return list(await db.execute_fetchall(sql, values))


async def _jobs_in(db: aiosqlite.Connection, state: JobState) -> tuple[Job, ...]:
    rows = await _rows(db, "SELECT * FROM jobs WHERE state = ? ORDER BY id", (state,))
    return tuple([await _job_with_pictures(db, row) for row in rows])


async def _job_with_pictures(db: aiosqlite.Connection, row: sqlite3.Row) -> Job:
    pictures = await _rows(
        db, "SELECT * FROM pictures WHERE job_id = ? ORDER BY picture_index", (row["id"],)
    )
    return _job(row, tuple(_picture(picture) for picture in pictures))


async def _add_pictures(db: aiosqlite.Connection, job_id: int, pictures: Sequence[Picture]) -> None:
    await db.executemany(
        """INSERT INTO pictures
           (job_id, picture_index, seed, file, width, height, bytes, infotext)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        [
            (job_id, p.index, p.seed, p.path.as_posix(), p.width, p.height, p.bytes, p.infotext)
            for p in pictures
        ],
    )


async def _add_usage(db: aiosqlite.Connection, job_id: int, at: str) -> None:
    """A job that never started has waited until ``at``. The clock may have gone back."""
    await db.execute(
        """INSERT INTO usage (job_id, guild_id, user_id, outcome, pictures, steps, width, height,
                              sampler, model, gpu_ms, waited_ms, at)
           SELECT id, guild_id, user_id, state,
                  (SELECT count(*) FROM pictures WHERE job_id = jobs.id),
                  json_extract(request, '$.steps'),
                  json_extract(request, '$.width'),
                  json_extract(request, '$.height'),
                  json_extract(request, '$.sampler'),
                  json_extract(request, '$.model'),
                  gpu_ms,
                  max(0, CAST(round(86400000 * (
                      julianday(coalesce(started_at, :at)) - julianday(created_at)
                  )) AS INTEGER)),
                  :at
           FROM jobs WHERE id = :job_id""",
        {"job_id": job_id, "at": at},
    )


def _job(row: sqlite3.Row, pictures: tuple[Picture, ...] = ()) -> Job:
    return Job(
        id=row["id"],
        request=GenerationRequest.from_json(json.loads(row["request"])),
        origin=Origin.from_json(json.loads(row["origin"])),
        state=JobState(row["state"]),
        attempt=row["attempt"],
        created_at=datetime.fromisoformat(row["created_at"]),
        parent_id=row["parent_id"],
        failure=row["failure"],
        gpu_ms=row["gpu_ms"],
        pictures=pictures,
    )


def _picture(row: sqlite3.Row) -> Picture:
    return Picture(
        index=row["picture_index"],
        seed=row["seed"],
        path=Path(row["file"]),
        width=row["width"],
        height=row["height"],
        bytes=row["bytes"],
        infotext=row["infotext"],
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")  # fixed width: sorts as text
