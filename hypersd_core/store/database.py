"""One SQLite file: opened, migrated, and written by one task at a time."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import aiosqlite

from hypersd_core.errors import StoreError
from hypersd_core.i18n import say
from hypersd_core.store.migrations import MIGRATIONS

FILE_NAME = "bot.sqlite3"
BUSY_TIMEOUT_MS = 5_000


class Database:
    """The database of one bot. Made by ``open``; used from one event loop."""

    def __init__(self, connection: aiosqlite.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._lock = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path) -> AsyncIterator[Self]:
        """Open the database in ``folder``, made and migrated as needed; closed at the end.

        Raises StoreError if the folder or the file in it cannot be used.
        """
        path = await asyncio.to_thread(_prepare, folder)
        connection = await aiosqlite.connect(path, isolation_level=None)
        try:
            await _set_up(connection, path)
            yield cls(connection, path)
        finally:
            await connection.close()  # else its thread keeps the process alive

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[aiosqlite.Connection]:
        """All or nothing, one at a time: tasks share the connection and would mix statements."""
        async with self._lock:
            try:
                await self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                await self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                await self._connection.rollback()
                raise StoreError(say("The bot's database cannot be used at the moment.")) from error
            except BaseException:
                await self._connection.rollback()
                raise

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[aiosqlite.Connection]:
        """A connection of its own that cannot write and sees one moment, for what takes long.

        It waits for no transaction, and none waits for it.
        """
        where = f"{self._path.absolute().as_uri()}?mode=ro"
        try:
            async with aiosqlite.connect(where, uri=True, isolation_level=None) as connection:
                connection.row_factory = sqlite3.Row
                await connection.execute("BEGIN")
                yield connection
        except sqlite3.Error as error:
            raise StoreError(say("The bot's database cannot be used at the moment.")) from error


async def rows(
    connection: aiosqlite.Connection, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()
) -> list[sqlite3.Row]:
    """All rows that ``sql`` gives."""
    return list(await connection.execute_fetchall(sql, values))


def now() -> str:
    """The time (UTC) as text of fixed width, so that it sorts."""
    return as_text(datetime.now(UTC))


def as_text(time: datetime) -> str:
    """``time`` as the database holds it."""
    return time.astimezone(UTC).isoformat(timespec="microseconds")


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


async def _set_up(connection: aiosqlite.Connection, path: Path) -> None:
    connection.row_factory = sqlite3.Row
    try:
        await connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        await connection.execute("PRAGMA journal_mode = WAL")
        await connection.execute("PRAGMA foreign_keys = ON")
        await _migrate(connection, path)
    except sqlite3.Error as error:
        await connection.rollback()
        raise StoreError(
            f"{path} cannot be used as the bot's database ({error}): "
            "restore a backup, or move it away to begin with an empty one."
        ) from error


async def _migrate(connection: aiosqlite.Connection, path: Path) -> None:
    (row,) = await rows(connection, "PRAGMA user_version")
    done = row["user_version"]
    if done > len(MIGRATIONS):
        raise StoreError(
            f"{path} was written by a newer version of this bot (schema {done}, this one knows "
            f"{len(MIGRATIONS)}): update the bot or restore an older backup."
        )
    for version, script in enumerate(MIGRATIONS[done:], start=done + 1):
        await connection.executescript(
            f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {version}; COMMIT;"
        )
