"""What must outlast a restart, in SQLite. The only folder with SQL: one file for each table."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from hypersd_core.store.audit import AuditTable
from hypersd_core.store.blocks import BlockTable
from hypersd_core.store.database import FILE_NAME, Database
from hypersd_core.store.drafts import DraftTable
from hypersd_core.store.guilds import GuildTable
from hypersd_core.store.jobs import JobTable
from hypersd_core.store.people import PeopleTable
from hypersd_core.store.presets import PresetTable
from hypersd_core.store.privacy import PrivacyTable
from hypersd_core.store.quotas import QuotaTable
from hypersd_core.store.usage import UsageTable
from hypersd_core.store.wildcards import WildcardTable

__all__ = ["FILE_NAME", "Store"]


class Store:
    """The tables of one bot's database. Made by ``open``; used from one event loop."""

    def __init__(self, database: Database) -> None:
        self.jobs = JobTable(database)
        self.usage = UsageTable(database)
        self.presets = PresetTable(database)
        self.guilds = GuildTable(database)
        self.quotas = QuotaTable(database)
        self.wildcards = WildcardTable(database)
        self.people = PeopleTable(database)
        self.privacy = PrivacyTable(database)
        self.drafts = DraftTable(database)
        self.blocks = BlockTable(database)
        self.audit = AuditTable(database)

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path) -> AsyncIterator[Self]:
        """Open the database in ``folder``. Raises StoreError as ``Database.open`` does."""
        async with Database.open(folder) as database:
            yield cls(database)
