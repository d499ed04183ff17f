"""A look at the database from outside, without changing it; for the operator."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from hypersd_core.store.database import BUSY_TIMEOUT_MS, FILE_NAME
from hypersd_core.store.migrations import MIGRATIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """``version`` of the schema that was found; ``damage`` is SQLite's word, empty for none."""

    path: Path
    version: int
    newest_version: int
    jobs: int
    damage: str = ""


def examine(folder: Path) -> Checkup | None:
    """What is wrong with the database in ``folder``; None if there is none. Blocks."""
    path = folder / FILE_NAME
    if not path.exists() or path.stat().st_size == 0:
        return None
    try:
        with closing(_open(path)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            jobs = _count_jobs(connection) if version else 0
    except sqlite3.Error as error:
        return _checkup(path, damage=str(error))
    return _checkup(path, version, jobs, "" if verdict == "ok" else str(verdict))


def _open(path: Path) -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?mode=ro"
    return sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_MS / 1000)


def _count_jobs(connection: sqlite3.Connection) -> int:
    (count,) = connection.execute("SELECT count(*) FROM jobs").fetchone()
    return int(count)


def _checkup(path: Path, version: int = 0, jobs: int = 0, damage: str = "") -> Checkup:
    return Checkup(
        path=path, version=version, newest_version=len(MIGRATIONS), jobs=jobs, damage=damage
    )
