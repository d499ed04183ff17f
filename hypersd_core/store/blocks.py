"""Who may draw nothing in which guild. What has ended counts as if it were not there."""

import sqlite3
from datetime import datetime

from hypersd_core.moderation.entries import EVERYWHERE, Block
from hypersd_core.store.database import Database, as_text, rows


class BlockTable:
    """One block at most of each user in each guild; ``EVERYWHERE`` is a guild of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, block: Block) -> None:
        """Keep ``block`` in the place of an earlier one."""
        async with self._database.transaction() as db:
            await db.execute(
                """INSERT OR REPLACE INTO blocks
                   (guild_id, user_id, reason, by_user_id, at, until) VALUES (?, ?, ?, ?, ?, ?)""",
                (
                    block.guild_id,
                    block.user_id,
                    block.reason,
                    block.by_user_id,
                    as_text(block.at),
                    block.until and as_text(block.until),
                ),
            )

    async def remove(self, guild_id: int, user_id: int, at: datetime) -> bool:
        """End the block. False if there was none at the time ``at``."""
        async with self._database.transaction() as db:
            found = await rows(
                db,
                "DELETE FROM blocks WHERE guild_id = ? AND user_id = ? RETURNING until",
                (guild_id, user_id),
            )
            return any(row["until"] is None or row["until"] > as_text(at) for row in found)

    async def of_user(self, guild_id: int, user_id: int, at: datetime) -> Block | None:
        """What keeps the user from drawing in the guild at the time ``at``; the longest of two."""
        async with self._database.transaction() as db:
            found = await rows(
                db,
                """SELECT * FROM blocks WHERE user_id = ? AND guild_id IN (?, ?)
                   AND (until IS NULL OR until > ?) ORDER BY until IS NOT NULL, until DESC""",
                (user_id, guild_id, EVERYWHERE, as_text(at)),
            )
            return _block(found[0]) if found else None

    async def of_guild(self, guild_id: int, at: datetime) -> tuple[Block, ...]:
        """All that hold in the guild at the time ``at``, the newest first."""
        async with self._database.transaction() as db:
            found = await rows(
                db,
                """SELECT * FROM blocks WHERE guild_id = ? AND (until IS NULL OR until > ?)
                   ORDER BY at DESC, user_id""",
                (guild_id, as_text(at)),
            )
            return tuple(map(_block, found))


def _block(row: sqlite3.Row) -> Block:
    until = row["until"]
    return Block(
        **{
            **row,
            "at": datetime.fromisoformat(row["at"]),
            "until": until and datetime.fromisoformat(until),
        }
    )
