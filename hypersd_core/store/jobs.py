"""Jobs and their pictures, and the row of usage that each job leaves when it ends.

Every step of a job is one UPDATE guarded by the state before it, so whoever comes second is told
so: the methods return False or None and change nothing.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import aiosqlite

from hypersd_core.errors import JobNotFound
from hypersd_core.i18n import say
from hypersd_core.request import GenerationRequest, Job, JobState, Origin, Picture
from hypersd_core.store.database import Database, now, rows


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
class NewJob:
    """A job to be added. ``parent_id`` is the job that it varies or repeats.

    ``estimate_ms`` of the GPU count for its user's quota until they are measured.
    """

    request: GenerationRequest
    origin: Origin
    parent_id: int | None = None
    preset: str = ""
    weight: float = 1.0
    estimate_ms: int = 0


class JobTable:
    """Jobs with their pictures."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, new: Sequence[NewJob]) -> tuple[Job, ...]:
        """New jobs in ``queued``, all or none; their ids follow one another."""
        async with self._database.transaction() as db:
            return tuple([await _added(db, job) for job in new])

    async def get(self, job_id: int) -> Job:
        """The job with its pictures. Raises JobNotFound."""
        async with self._database.transaction() as db:
            found = await rows(db, "SELECT * FROM jobs WHERE id = ?", (job_id,))
            if not found:
                raise JobNotFound(say("There is no job {job_id}.", job_id=job_id))
            return await _job_with_pictures(db, found[0])

    async def shown_by(self, message_id: int) -> Job | None:
        """The job of a message: its pictures are shown there, or that it waits."""
        async with self._database.transaction() as db:
            found = await rows(
                db, "SELECT * FROM jobs WHERE message_id = ? ORDER BY id", (message_id,)
            )
            return await _job_with_pictures(db, found[0]) if found else None

    async def open(
        self, *, user_id: int | None = None, guild_id: int | None = None
    ) -> tuple[Job, ...]:
        """Jobs of a user or guild, or of all, that wait, are drawn or are not delivered yet."""
        async with self._database.transaction() as db:
            found = await rows(
                db,
                """SELECT * FROM jobs WHERE state IN ('queued', 'running', 'made')
                   AND (user_id = :user_id OR :user_id IS NULL)
                   AND (guild_id = :guild_id OR :guild_id IS NULL) ORDER BY id""",
                {"user_id": user_id, "guild_id": guild_id},
            )
            return tuple(_job(row) for row in found)

    async def acknowledged(self, job_ids: Sequence[int], channel_id: int, message_id: int) -> None:
        """Record the message that says that the jobs wait; that of the result will replace it."""
        async with self._database.transaction() as db:
            await db.executemany(
                """UPDATE jobs SET message_channel_id = ?, message_id = ?
                   WHERE id = ? AND state != 'delivered'""",
                [(channel_id, message_id, job_id) for job_id in job_ids],
            )

    async def start(self, job_id: int) -> Job | None:
        """``queued -> running``, one more attempt. None if the job was not queued any more."""
        async with self._database.transaction() as db:
            found = await rows(
                db,
                """UPDATE jobs SET state = 'running', attempt = attempt + 1, started_at = ?
                   WHERE id = ? AND state = 'queued' RETURNING *""",
                (now(), job_id),
            )
            return _job(found[0]) if found else None

    async def put_back(self, job_id: int) -> bool:
        """``running -> queued`` as if it had never been started: a stop in good order."""
        return await self._changed(
            """UPDATE jobs SET state = 'queued', attempt = attempt - 1, started_at = NULL
               WHERE id = ? AND state = 'running' RETURNING id""",
            (job_id,),
        )

    async def finish(
        self, job_id: int, attempt: int, pictures: Sequence[Picture], gpu_ms: int
    ) -> bool:
        """``running -> made``, with its pictures. False for a result of an older attempt."""
        async with self._database.transaction() as db:
            found = await rows(
                db,
                """UPDATE jobs SET state = 'made', made_at = ?, gpu_ms = ?
                   WHERE id = ? AND state = 'running' AND attempt = ? RETURNING id""",
                (now(), gpu_ms, job_id, attempt),
            )
            if found:
                await _add_pictures(db, job_id, pictures)
            return bool(found)

    async def deliver(self, job_id: int, channel_id: int, message_id: int) -> bool:
        """``made -> delivered``: the message that shows the pictures exists."""
        return await self._end(
            """UPDATE jobs SET state = 'delivered', delivered_at = :at,
               message_channel_id = :channel_id, message_id = :message_id
               WHERE id = :job_id AND state = 'made' RETURNING id""",
            {"job_id": job_id, "channel_id": channel_id, "message_id": message_id},
        )

    async def fail(self, job_id: int, sentence: str, *, blocked: bool = False) -> bool:
        """Any open state ``-> failed``. ``sentence`` is for the user.

        ``blocked`` tells a job that moderation stopped from one that broke.
        """
        return await self._end(
            """UPDATE jobs SET state = 'failed', failure = :sentence, blocked = :blocked
               WHERE id = :job_id AND state IN ('queued', 'running', 'made') RETURNING id""",
            {"job_id": job_id, "sentence": sentence, "blocked": int(blocked)},
        )

    async def cancel(self, job_id: int) -> bool:
        """``queued`` or ``running -> cancelled``. False once the pictures are made."""
        return await self._end(
            """UPDATE jobs SET state = 'cancelled'
               WHERE id = :job_id AND state IN ('queued', 'running') RETURNING id""",
            {"job_id": job_id},
        )

    async def delete_pictures(self, job_id: int) -> bool:
        """Forget the pictures of a job that ended; the job itself stays. False if it has none."""
        async with self._database.transaction() as db:
            found = await rows(
                db,
                """UPDATE jobs SET deleted_at = ?
                   WHERE id = ? AND state = 'delivered' AND deleted_at IS NULL RETURNING id""",
                (now(), job_id),
            )
            if found:
                await db.execute("DELETE FROM pictures WHERE job_id = ?", (job_id,))
            return bool(found)

    async def recover(self, max_attempts: int = 2) -> Recovered:
        """Take up what an earlier process left; call it before anything is started.

        ``running`` goes back to ``queued``, or to ``failed`` after ``max_attempts`` starts: a job
        that takes the process down with it would do so forever.
        """
        sentence = say("The bot stopped every time it drew this job, so it was given up.")
        async with self._database.transaction() as db:
            lost = await rows(
                db,
                """UPDATE jobs SET state = 'failed', failure = :sentence
                   WHERE state = 'running' AND attempt >= :max_attempts RETURNING *""",
                {"sentence": sentence, "max_attempts": max_attempts},
            )
            for row in lost:
                await _add_usage(db, row["id"], now())
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
        async with self._database.transaction() as db:
            (row,) = await rows(
                db,
                """SELECT count(*) FILTER (WHERE user_id = ?) AS user,
                          count(*) FILTER (WHERE guild_id = ?) AS guild
                   FROM jobs WHERE state = 'queued'""",
                (user_id, guild_id),
            )
            return Waiting(user=row["user"], guild=row["guild"])

    async def _changed(self, update: str, values: Sequence[Any]) -> bool:
        async with self._database.transaction() as db:
            return bool(await rows(db, update, values))

    async def _end(self, update: str, values: Mapping[str, Any]) -> bool:
        """Run ``update``; if it moved the job, write its row of usage in the same transaction."""
        at = now()
        async with self._database.transaction() as db:
            found = await rows(db, update, {**values, "at": at})
            if found:
                await _add_usage(db, values["job_id"], at)
            return bool(found)


async def _added(db: aiosqlite.Connection, new: NewJob) -> Job:
    (row,) = await rows(
        db,
        """INSERT INTO jobs (parent_id, guild_id, user_id, channel_id, request, origin,
                             preset, weight, estimate_ms, created_at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *""",
        (
            new.parent_id,
            new.origin.guild_id,
            new.origin.user_id,
            new.origin.channel_id,
            json.dumps(new.request.to_json()),
            json.dumps(new.origin.to_json()),
            new.preset,
            new.weight,
            new.estimate_ms,
            now(),
        ),
    )
    return _job(row)


async def _jobs_in(db: aiosqlite.Connection, state: JobState) -> tuple[Job, ...]:
    found = await rows(db, "SELECT * FROM jobs WHERE state = ? ORDER BY id", (state,))
    return tuple([await _job_with_pictures(db, row) for row in found])


async def _job_with_pictures(db: aiosqlite.Connection, row: sqlite3.Row) -> Job:
    pictures = await rows(
        db, "SELECT * FROM pictures WHERE job_id = ? ORDER BY picture_index", (row["id"],)
    )
    return _job(row, tuple(_picture(picture) for picture in pictures))


async def _add_pictures(db: aiosqlite.Connection, job_id: int, pictures: Sequence[Picture]) -> None:
    await db.executemany(
        """INSERT INTO pictures (job_id, picture_index, seed, file, width, height, bytes, infotext,
                                 rating, spoiler)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        [
            (
                job_id,
                picture.index,
                picture.seed,
                picture.path.as_posix(),
                picture.width,
                picture.height,
                picture.bytes,
                picture.infotext,
                picture.rating,
                int(picture.spoiler),
            )
            for picture in pictures
        ],
    )


async def _add_usage(db: aiosqlite.Connection, job_id: int, at: str) -> None:
    """A job that never started has waited until ``at``. The clock may have gone back."""
    await db.execute(
        """INSERT INTO usage (job_id, guild_id, user_id, outcome, blocked, preset, pictures, steps,
                              width, height, sampler, model, gpu_ms, waited_ms, at)
           SELECT id, guild_id, user_id, state, blocked, preset,
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
        started_at=row["started_at"] and datetime.fromisoformat(row["started_at"]),
        parent_id=row["parent_id"],
        preset=row["preset"],
        weight=float(row["weight"]),
        failure=row["failure"],
        blocked=bool(row["blocked"]),
        gpu_ms=row["gpu_ms"],
        message=_message(row),
        is_deleted=row["deleted_at"] is not None,
        is_kept=bool(row["kept"]),
        pictures=pictures,
    )


def _message(row: sqlite3.Row) -> tuple[int, int] | None:
    if row["message_id"] is None:
        return None
    return row["message_channel_id"], row["message_id"]


def _picture(row: sqlite3.Row) -> Picture:
    return Picture(
        index=row["picture_index"],
        seed=row["seed"],
        path=Path(row["file"]),
        width=row["width"],
        height=row["height"],
        bytes=row["bytes"],
        infotext=row["infotext"],
        rating=row["rating"],
        spoiler=bool(row["spoiler"]),
    )
