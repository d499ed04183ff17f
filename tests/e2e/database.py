"""Looks into the bot's database from outside, as an operator might."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

Rows = list[tuple[Any, ...]]


def rows(local_dir: Path, sql: str, *values: object) -> Rows:
    """What ``sql`` selects now."""
    connection = sqlite3.connect(local_dir / "bot.sqlite3")
    try:
        return connection.execute(sql, values).fetchall()
    finally:
        connection.close()


async def until_rows(local_dir: Path, sql: str, *values: object, expected: Rows) -> None:
    """Wait until ``sql`` selects what is expected: a row follows its message, not precedes it."""
    async with asyncio.timeout(30):
        while rows(local_dir, sql, *values) != expected:
            await asyncio.sleep(0.05)
