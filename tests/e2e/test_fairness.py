"""Whoever floods the queue, the others' turn comes, and how long that takes is said rightly."""

import dataclasses
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from hypersd_core.store import Store
from sandbox import Sandbox
from sandbox.places import REGULARS, STUDIO
from tests.e2e.bot_process import BotProcess
from tests.e2e.cards import custom_id, text_of
from tests.e2e.database import rows, until_rows
from tests.e2e.visitor import Visitor

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("bot")]

WEIGHT = 4.0
"""What a Regular's job counts less than another's."""
BEGUN = """SELECT json_extract(request, '$.prompt') FROM jobs
           WHERE started_at IS NOT NULL AND json_extract(request, '$.prompt') LIKE ?
           ORDER BY started_at"""
TOOK = """SELECT (julianday(made_at) - julianday(created_at)) * 86400 FROM jobs
          WHERE json_extract(request, '$.prompt') = ?"""
OPEN = "SELECT count(*) FROM jobs WHERE state IN ('queued', 'running', 'made')"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(sandbox: Sandbox, visitor: Visitor, local_dir: Path) -> AsyncIterator[BotProcess]:
    """A bot in a guild that gives Regulars a larger share."""
    async with Store.open(local_dir) as store:
        shares = {REGULARS.id: WEIGHT}
        await store.guilds.edit(
            STUDIO.id, lambda policy: dataclasses.replace(policy, role_weights=shares)
        )
    process = BotProcess(sandbox.url, local_dir, HYPERSD_IMAGE_CLASSIFIER="false")
    await process.start()
    yield process
    await process.stop()


class busy:  # noqa: N801 - reads as a sentence
    """The GPU draws something long of Mia's until all that is asked for meanwhile waits."""

    def __init__(self, visitor: Visitor, local_dir: Path) -> None:
        self._visitor, self._local_dir = visitor.at(user="mia", channel="dm"), local_dir

    async def __aenter__(self) -> None:
        await self._ended()
        self._message_id = await self._visitor.imagine("something long", steps=50, count=4)

    async def __aexit__(self, kind: object, *_: object) -> None:
        if kind is None:
            waiting = rows(self._local_dir, "SELECT count(*) FROM jobs WHERE state = 'running'")
            assert waiting == [(1,)], "what was asked for meanwhile does not wait any more"
        message = await self._visitor.message(self._message_id)
        await self._visitor.press(self._message_id, custom_id(message, "cancel"))
        await self._ended()

    async def _ended(self) -> None:
        await until_rows(self._local_dir, OPEN, expected=[(0,)])


async def flood(visitor: Visitor, prompt: str, jobs: int) -> None:
    for number in range(jobs):
        await visitor.imagine(f"{prompt} {number}", steps=1)


async def test_a_server_that_floods_the_queue_does_not_hold_up_another(
    visitor: Visitor, local_dir: Path
) -> None:
    async with busy(visitor, local_dir):
        await flood(visitor, "one, flood", 6)
        await visitor.at(user="ben", channel="drawings").imagine("one, elsewhere", steps=1)
    order = [prompt for (prompt,) in rows(local_dir, BEGUN, "one,%")]
    assert len(order) == 7
    assert order.index("one, elsewhere") <= 1


async def test_a_person_who_floods_the_queue_does_not_hold_up_another_in_the_same_server(
    visitor: Visitor, local_dir: Path
) -> None:
    async with busy(visitor, local_dir):
        await flood(visitor.at(user="lin"), "two, flood", 6)
        await visitor.at(user="mia").imagine("two, alone", steps=1)
    order = [prompt for (prompt,) in rows(local_dir, BEGUN, "two,%")]
    assert order.index("two, alone") <= 1


async def test_a_role_with_a_larger_share_has_more_turns_but_not_all(
    visitor: Visitor, local_dir: Path
) -> None:
    async with busy(visitor, local_dir):
        await flood(visitor.at(user="mia"), "three, anybody", 8)
        await flood(visitor.at(user="ben"), "three, regular", 8)
    first = [prompt.split()[1] for (prompt,) in rows(local_dir, BEGUN, "three,%")][:10]
    assert first.count("regular") == 8
    assert first.count("anybody") == 2


async def test_the_time_that_is_said_is_about_the_time_that_it_takes(
    visitor: Visitor, local_dir: Path
) -> None:
    for number in range(4):  # the first one is to be learnt from
        message_id = await visitor.imagine(f"four, job {number}", steps=20)
        said = text_of(await visitor.message(message_id))
        if number == 0:
            await until_rows(local_dir, OPEN, expected=[(0,)])
    await until_rows(local_dir, OPEN, expected=[(0,)])
    found = re.search(r"2 ahead in the queue, about ([0-9.]+) s", said)
    assert found is not None, said
    ((took_s,),) = rows(local_dir, TOOK, "four, job 3")
    assert took_s / 3 < float(found[1]) < took_s * 3  # other programs run on this machine as well
