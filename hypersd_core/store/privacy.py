"""Everything that is stored about one person, and its end: by their wish, or because it is old.

A job whose words and pictures are gone stays as a row: ``kept`` is 0, ``deleted_at`` is set, and of
its request remain the settings that say what it has cost. After an erasure it belongs to nobody.
"""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import aiosqlite

from hypersd_core.errors import JobsOpen
from hypersd_core.i18n import say_many
from hypersd_core.store.database import Database, as_text, rows
from hypersd_core.store.quotas import QuotaTable
from hypersd_core.store.usage import NOBODY

ERASED = "(erased)"
"""The prompt of a job whose user had everything erased."""
EXPIRED = "(expired)"
"""The prompt of a job that is older than what is kept."""
_END_OF_TIME = "9999"  # as text it sorts after every time


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredJob:
    """All that is stored of one job, for its owner: the row and its pictures, as plain values.

    ``files`` are the pictures' paths below the folder of pictures, ``inputs`` the names of the
    input pictures that it was drawn from.
    """

    job_id: int
    values: dict[str, Any]
    files: tuple[str, ...]
    inputs: tuple[str, ...]


# Left of the request is what ``GenerationRequest.from_json`` needs; what requests may hold besides
# is gone, whatever it will be one day.
_BLANK = """
    UPDATE jobs SET kept = 0, deleted_at = coalesce(deleted_at, :at), failure = '',
        origin = json_set(origin, '$.token', ''),
        request = json_object(
            'prompt', :prompt, 'seed', 0, 'model', json_extract(request, '$.model'),
            'sampler', json_extract(request, '$.sampler'),
            'steps', json_extract(request, '$.steps'),
            'guidance', json_extract(request, '$.guidance'),
            'width', json_extract(request, '$.width'), 'height', json_extract(request, '$.height'),
            'count', json_extract(request, '$.count'))
    WHERE id IN (SELECT value FROM json_each(:ids))"""
_DISOWN = """
    UPDATE jobs SET user_id = :nobody, guild_id = NULL, channel_id = 0,
        message_id = NULL, message_channel_id = NULL,
        origin = json_object(
            'user_id', :nobody, 'guild_id', NULL, 'channel_id', 0, 'private', json('true'),
            'application_id', 0, 'token', '', 'token_expires_at', :at)
    WHERE user_id = :user_id"""
OVERDUE = """
    SELECT id FROM jobs INDEXED BY jobs_kept
    WHERE kept AND guild_id IS :guild_id AND created_at < :before
    AND state IN ('delivered', 'failed', 'cancelled') ORDER BY created_at LIMIT :most"""
INPUTS_IN_USE = """
    SELECT json_extract(request, '$.source.picture') AS picture,
           json_extract(request, '$.source.mask') AS mask
    FROM jobs WHERE kept AND json_extract(request, '$.source.picture') IS NOT NULL"""
# An id is given out after all before it, but the clock, which the index sorts by, may go back.
_OLDER_JOBS_OF = """
    FROM jobs WHERE user_id = :user_id AND created_at <= :before_at
    AND (created_at, id) < (:before_at, :before)"""
JOBS_OF = f"""
    SELECT id, parent_id, guild_id, channel_id, state, preset, failure, blocked, gpu_ms, kept,
           created_at, started_at, made_at, delivered_at, deleted_at, message_channel_id,
           message_id, request,
           json_remove(origin, '$.token', '$.application_id', '$.token_expires_at') AS origin
    {_OLDER_JOBS_OF} ORDER BY created_at DESC, id DESC LIMIT :most"""
# Who blocked somebody, and who else is named in the log, are other people's data.
ABOUT = {
    "defaults": "SELECT defaults FROM people WHERE user_id = :user_id",
    "blocks": "SELECT guild_id, reason, at, until FROM blocks WHERE user_id = :user_id",
    "actions": "SELECT guild_id, action, job_id, detail, at FROM audit WHERE actor_id = :user_id",
    "preset_changes": "SELECT guild_id, name, at FROM preset_changes WHERE user_id = :user_id",
    "wildcards": "SELECT guild_id, name, at FROM wildcards WHERE user_id = :user_id",
    "drafts": "SELECT value, at FROM drafts WHERE user_id = :user_id",
    "spent": "SELECT guild_id, day, pictures, gpu_ms FROM spent WHERE user_id = :user_id",
}
# What they made for a guild is the guild's and stays; that they made it is forgotten.
_FORGET = (
    "DELETE FROM people WHERE user_id = :user_id",
    "DELETE FROM drafts WHERE user_id = :user_id",
    "DELETE FROM audit WHERE actor_id = :user_id AND action = 'job_reported'",
    "UPDATE usage SET user_id = :nobody WHERE user_id = :user_id",
    "UPDATE preset_changes SET user_id = :nobody WHERE user_id = :user_id",
    "UPDATE wildcards SET user_id = :nobody WHERE user_id = :user_id",
)
_JSON = ("request", "origin", "defaults", "detail", "value")


class PrivacyTable:
    """Reads and ends what is stored about a person, in every table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def about(self, user_id: int) -> dict[str, list[dict[str, Any]]]:
        """All but the jobs."""
        async with self._database.transaction() as db:
            return {
                name: [_plain(row) for row in await rows(db, sql, {"user_id": user_id})]
                for name, sql in ABOUT.items()
            }

    async def jobs(self, user_id: int, *, before: int | None, most: int) -> tuple[StoredJob, ...]:
        """Up to ``most`` jobs that came before job ``before``, the newest first."""
        async with self._database.transaction() as db:
            values = await _older_than(db, before) | {"user_id": user_id, "most": most}
            return tuple([await _stored_job(db, row) for row in await rows(db, JOBS_OF, values)])

    async def count_jobs(self, user_id: int, *, before: int | None) -> int:
        """How many jobs ``jobs`` would list in all."""
        async with self._database.transaction() as db:
            values = await _older_than(db, before) | {"user_id": user_id}
            (row,) = await rows(db, f"SELECT count(*) AS jobs {_OLDER_JOBS_OF}", values)
            return int(row["jobs"])

    async def erase(self, user_id: int, at: datetime) -> tuple[int, ...]:
        """Erase the person; returns the ids of their jobs, whose files are to be deleted.

        What they have drawn on the day of ``at`` still counts for their quota. Blocks and the audit
        log stay: a guild has to be able to protect itself from who comes back. Raises JobsOpen.
        """
        values = {"user_id": user_id, "nobody": NOBODY, "at": as_text(at)}
        async with self._database.transaction() as db:
            await _check_none_open(db, user_id)
            await QuotaTable.keep_spent(db, user_id, at)
            found = await rows(db, "SELECT id FROM jobs WHERE user_id = :user_id", values)
            ids = await _blank(db, found, prompt=ERASED, at=at)
            for sql in (_DISOWN, *_FORGET):
                await db.execute(sql, values)
        return ids

    async def guilds(self) -> tuple[int | None, ...]:
        """Where kept jobs are from; None stands for direct messages."""
        async with self._database.transaction() as db:
            found = await rows(db, "SELECT DISTINCT guild_id FROM jobs WHERE kept")
            return tuple(row["guild_id"] for row in found)

    async def expire(
        self, guild_id: int | None, *, before: datetime, at: datetime, most: int
    ) -> tuple[int, ...]:
        """Take words and pictures from up to ``most`` ended jobs that are older than ``before``.

        Returns their ids: their files are to be deleted.
        """
        overdue = {"guild_id": guild_id, "before": as_text(before), "most": most}
        async with self._database.transaction() as db:
            return await _blank(db, await rows(db, OVERDUE, overdue), prompt=EXPIRED, at=at)

    async def delete_drafts(self, *, before: datetime) -> None:
        """Delete what nobody has confirmed since ``before``."""
        async with self._database.transaction() as db:
            await db.execute("DELETE FROM drafts WHERE at < ?", (as_text(before),))

    async def without_pictures(self, job_ids: Sequence[int]) -> tuple[int, ...]:
        """Those of ``job_ids`` whose pictures were deleted, erased or have expired."""
        async with self._database.transaction() as db:
            found = await rows(
                db,
                """SELECT id FROM jobs WHERE deleted_at IS NOT NULL
                   AND id IN (SELECT value FROM json_each(?))""",
                (json.dumps(job_ids),),
            )
            return tuple(row["id"] for row in found)

    async def inputs_in_use(self) -> frozenset[str]:
        """The names of the input pictures and masks of kept jobs."""
        async with self._database.transaction() as db:
            found = await rows(db, INPUTS_IN_USE)
            return frozenset(name for row in found for name in row if name)


async def _older_than(db: aiosqlite.Connection, job_id: int | None) -> dict[str, Any]:
    found = await rows(db, "SELECT created_at FROM jobs WHERE id = ?", (job_id,))
    return {"before_at": found[0]["created_at"] if found else _END_OF_TIME, "before": job_id or 0}


async def _check_none_open(db: aiosqlite.Connection, user_id: int) -> None:
    (row,) = await rows(
        db,
        """SELECT count(*) AS jobs FROM jobs
           WHERE user_id = ? AND state IN ('queued', 'running', 'made')""",
        (user_id,),
    )
    if row["jobs"]:
        raise JobsOpen(
            say_many(
                "One of your jobs is not finished: cancel it or wait for it first.",
                "{n} of your jobs are not finished: cancel them or wait for them first.",
                row["jobs"],
            )
        )


async def _blank(
    db: aiosqlite.Connection, found: Sequence[sqlite3.Row], *, prompt: str, at: datetime
) -> tuple[int, ...]:
    """Take words and pictures from the jobs ``found``; returns their ids."""
    ids = tuple(row["id"] for row in found)
    values = {"ids": json.dumps(ids), "prompt": prompt, "at": as_text(at)}
    await db.execute(_BLANK, values)
    await db.execute(
        "DELETE FROM pictures WHERE job_id IN (SELECT value FROM json_each(:ids))", values
    )
    return ids


async def _stored_job(db: aiosqlite.Connection, row: sqlite3.Row) -> StoredJob:
    sql = "SELECT * FROM pictures WHERE job_id = ? ORDER BY picture_index"
    pictures = [dict(picture) for picture in await rows(db, sql, (row["id"],))]
    values = _plain(row)
    source = values["request"].get("source") or {}
    return StoredJob(
        job_id=row["id"],
        values=values | {"pictures": pictures},
        files=tuple(picture["file"] for picture in pictures),
        inputs=tuple(source[key] for key in ("picture", "mask") if source.get(key)),
    )


def _plain(row: sqlite3.Row) -> dict[str, Any]:
    """The row with its JSON read."""
    values = dict(row)
    for name in values.keys() & set(_JSON):
        if values[name] is not None:
            values[name] = json.loads(values[name])
    return values
