"""Every row of the policy's table, with drawings, the real classifier and ones that are sure."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from hypersd_core.asker import Asker
from hypersd_core.errors import PictureBlocked, UserBlocked
from hypersd_core.guild_settings import GuildSettings
from hypersd_core.jobs.gpu_thread import GpuThread
from hypersd_core.jobs.picture_files import Reviewed
from hypersd_core.moderation.entries import AuditAction
from hypersd_core.moderation.images import ImageClassifier, Rated, rating_of
from hypersd_core.moderation.policy import STRICT, Action, ModerationPolicy, Place, Rating
from hypersd_core.moderation.records import Moderation
from hypersd_core.picture_review import Classifier, PictureReview
from hypersd_core.policy import Allowance, Caps, GuildPolicy
from hypersd_core.pretrain.drawings import draw
from hypersd_core.quotas import Quotas
from hypersd_core.request import EncodedPicture, GenerationRequest, Job, JobState
from hypersd_core.service import Order, Service
from hypersd_core.store import Store
from tests.jobs.sample_jobs import ALICE, GUILD, GradientEngine, a_request, added, an_origin

ADMIN = 7
Pixels = NDArray[np.uint8]
ORIGINS = {
    Place.GENERAL: an_origin(),
    Place.AGE_RESTRICTED: an_origin(is_age_restricted=True),
    Place.DIRECT: an_origin(guild_id=None),
}


class Sure:
    """A classifier with an opinion of its own: the score is the first value of the picture."""

    def rate(self, pixels: Pixels) -> Rated:
        score = int(pixels[0, 0, 0]) / 255
        return Rated(rating=rating_of(score), score=score)


def picture(rating: Rating) -> Pixels:
    """What ``Sure`` rates so."""
    score = {Rating.SAFE: 0, Rating.SUGGESTIVE: 127, Rating.EXPLICIT: 255}[rating]
    return np.full((8, 8, 3), score, np.uint8)


class Guild:
    """A server's rules and its review."""

    def __init__(self, store: Store, classifier: Classifier | None) -> None:
        self.store = store
        self.moderation = Moderation(store)
        self.settings = GuildSettings(store, operator=GuildPolicy(), record=_no_record)
        self.review = PictureReview(self.settings, self.moderation, classifier)

    async def allow(self, **changes: object) -> None:
        moderation = ModerationPolicy(**changes)  # type: ignore[arg-type]
        await self.settings.update(GUILD, lambda p: replace(p, moderation=moderation), ADMIN)

    async def job(self, place: Place = Place.GENERAL) -> Job:
        return await added(self.store, a_request(), ORIGINS[place])

    async def happened(self) -> list[AuditAction]:
        return [entry.action for entry in (await self.moderation.log(GUILD)).entries]


async def _no_record(*_: object) -> None:
    return None


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store.open(tmp_path) as opened:
        yield opened


@pytest.fixture
def guild(store: Store) -> Guild:
    return Guild(store, Sure())


@pytest.mark.parametrize("place", Place)
@pytest.mark.parametrize("rating", Rating)
async def test_every_row_of_the_strict_table_is_kept(
    guild: Guild, place: Place, rating: Rating
) -> None:
    job, drawn = await guild.job(place), [picture(rating)]
    action = STRICT.get((place, rating), Action.ALLOW)
    if action is Action.BLOCK:
        with pytest.raises(PictureBlocked, match="thrown away and counts for nothing"):
            await guild.review(job, drawn)
    else:
        expected = Reviewed(rating=rating, spoiler=action is Action.SPOILER)
        assert await guild.review(job, drawn) == [expected]


async def test_a_guild_has_a_table_of_its_own(guild: Guild) -> None:
    await guild.allow(
        actions={
            (Place.GENERAL, Rating.SUGGESTIVE): Action.BLOCK,
            (Place.GENERAL, Rating.EXPLICIT): Action.ALLOW,
        }
    )
    (seen,) = await guild.review(await guild.job(), [picture(Rating.EXPLICIT)])
    assert not seen.spoiler
    with pytest.raises(PictureBlocked):
        await guild.review(await guild.job(), [picture(Rating.SUGGESTIVE)])


async def test_each_picture_is_covered_for_itself_and_one_that_is_blocked_stops_all(
    guild: Guild,
) -> None:
    drawn = [picture(rating) for rating in (Rating.SAFE, Rating.SUGGESTIVE)]
    seen = await guild.review(await guild.job(), drawn)
    assert [one.spoiler for one in seen] == [False, True]
    with pytest.raises(PictureBlocked):
        await guild.review(await guild.job(), [*drawn, picture(Rating.EXPLICIT)])


async def test_a_blocked_picture_is_a_strike_in_the_log_and_strikes_block(guild: Guild) -> None:
    await guild.allow(strikes=2)
    for _ in range(2):
        with pytest.raises(PictureBlocked):
            await guild.review(await guild.job(), [picture(Rating.EXPLICIT)])
    assert await guild.happened() == [
        AuditAction.USER_BLOCKED,
        AuditAction.PICTURE_BLOCKED,
        AuditAction.PICTURE_BLOCKED,
    ]
    with pytest.raises(UserBlocked):
        await guild.moderation.check_user(GUILD, ALICE)


async def test_without_a_classifier_everything_is_shown_unrated(store: Store) -> None:
    guild = Guild(store, None)
    seen = await guild.review(await guild.job(), [picture(Rating.EXPLICIT)] * 2)
    assert seen == [Reviewed(), Reviewed()]


async def test_the_real_classifier_finds_the_shipped_models_drawings_safe(store: Store) -> None:
    guild = Guild(store, ImageClassifier())
    sheet = Path(__file__).parents[1] / "data" / "models" / "portrait-64" / "sheet.png"
    drawings = [draw(seed, size_px=128)[0] for seed in range(4)]
    with Image.open(sheet) as drawn:
        drawings.append(np.asarray(drawn.convert("RGB")))
    seen = await guild.review(await guild.job(), drawings)
    assert {one.rating for one in seen} == {Rating.SAFE}
    assert not any(one.spoiler for one in seen)


class Sized(Sure):
    """Finds pictures of 64 pixels a side explicit, all others safe."""

    def rate(self, pixels: Pixels) -> Rated:
        score = 1.0 if pixels.shape[0] == 64 else 0.0
        return Rated(rating=rating_of(score), score=score)


def encode(pixels: Pixels, _: GenerationRequest, __: int) -> EncodedPicture:
    height, width, _ = pixels.shape
    return EncodedPicture(
        data=pixels.tobytes(), suffix="raw", width=width, height=height, infotext=""
    )


async def drawn_by_a_service(
    guild: Guild, folder: Path, requests: Sequence[GenerationRequest]
) -> list[Job]:
    """What becomes of ``requests``, drawn one after another."""
    worker = GpuThread(GradientEngine)
    service = Service(
        guild.store,
        worker,
        pictures_folder=folder,
        encode=encode,
        load_pictures=lambda _: {},
        review=guild.review,
        ms_per_unit=1000,
        caps=Caps(),
    )
    worker.start()
    await worker.ready()
    pump = asyncio.create_task(service.run())
    try:
        for request in requests:
            await service.submit([Order(request=request, origin=an_origin())])
        finished = [await service.next_finished() for _ in requests]
        return sorted(finished, key=lambda job: job.id)
    finally:
        await service.close()
        await pump
        await worker.close()


async def test_a_blocked_job_says_so_leaves_no_file_and_counts_for_nothing(
    store: Store, tmp_path: Path
) -> None:
    guild = Guild(store, Sized())
    explicit, safe = a_request(height=64, width=64), a_request(height=128, width=128)
    blocked, made = await drawn_by_a_service(guild, tmp_path / "pictures", [explicit, safe])
    assert (blocked.state, blocked.blocked) == (JobState.FAILED, True)
    assert "may not be shown here" in blocked.failure
    assert made.state is JobState.MADE
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == [str(made.id)]
    quota = GuildPolicy(user_quota=Allowance(pictures=10))
    asker = Asker(user_id=ALICE, guild_id=GUILD, channel_id=1)
    left = await Quotas(store, guild_ceiling=Allowance()).left(quota, asker)
    assert left.balances[0].spent == safe.count
    assert await guild.happened() == [AuditAction.PICTURE_BLOCKED]
