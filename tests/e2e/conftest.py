from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sandbox import Sandbox
from tests.contract import assert_kept
from tests.e2e.bot_process import BotProcess
from tests.e2e.visitor import Visitor

# A bot takes seconds to start, so the tests of a module share one. A test that needs its own world
# writes in its own words and looks only at its own messages.


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(port=0) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def visitor(sandbox: Sandbox) -> AsyncIterator[Visitor]:
    """Afterwards every request of the bot and every answer must satisfy Discord's contract."""
    async with Visitor(sandbox.url) as client:
        yield client
        assert_kept(await client.log())


@pytest.fixture(scope="module")
def local_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bot") / "local"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(sandbox: Sandbox, visitor: Visitor, local_dir: Path) -> AsyncIterator[BotProcess]:
    """The real bot with the embedded model, ready to draw."""
    process = BotProcess(sandbox.url, local_dir)
    await process.start()
    yield process
    await process.stop()
