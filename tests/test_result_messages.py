"""Whether results may be posted again in another place than where they were drawn."""

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cogs.result_messages import ResultMessages
from hypersd_core.asker import Asker
from hypersd_core.errors import NotAllowed
from hypersd_core.guild_settings import GuildSettings
from hypersd_core.moderation.policy import Rating
from hypersd_core.policy import GuildPolicy
from hypersd_core.request import Job, JobState
from hypersd_core.store import Store
from tests.jobs.sample_jobs import ALICE, GUILD, a_request, added, an_origin
from tests.store.test_jobs import a_picture

GENERAL = Asker(user_id=ALICE, guild_id=GUILD, channel_id=5)
GATED = dataclasses.replace(GENERAL, is_age_restricted=True)
DIRECT = dataclasses.replace(GENERAL, guild_id=None, is_direct=True)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store.open(tmp_path) as opened:
        yield opened


@pytest.fixture
def messages(store: Store) -> ResultMessages:
    async def record(*_: object) -> None:
        return None

    return ResultMessages(GuildSettings(store, operator=GuildPolicy(), record=record))


async def drawn(store: Store, rating: str) -> Job:
    """A picture of an age-restricted channel."""
    job = await added(store, a_request(), an_origin(is_age_restricted=True))
    return dataclasses.replace(
        job,
        state=JobState.DELIVERED,
        pictures=(dataclasses.replace(a_picture(), rating=rating),),
    )


async def test_an_unrated_picture_stays_behind_the_age_gate(
    store: Store, messages: ResultMessages
) -> None:
    job = await drawn(store, "")
    with pytest.raises(NotAllowed, match="may not be shown here"):
        await messages.is_covered(job, GENERAL)
    with pytest.raises(NotAllowed):
        await messages.is_covered(job, dataclasses.replace(GENERAL, guild_id=None))
    assert not await messages.is_covered(job, GATED)
    assert not await messages.is_covered(job, DIRECT)


async def test_a_rated_picture_goes_by_the_rules_of_the_place(
    store: Store, messages: ResultMessages
) -> None:
    assert not await messages.is_covered(await drawn(store, Rating.SAFE), GENERAL)
    assert await messages.is_covered(await drawn(store, Rating.SUGGESTIVE), GENERAL)
    with pytest.raises(NotAllowed):
        await messages.is_covered(await drawn(store, Rating.EXPLICIT), GENERAL)
