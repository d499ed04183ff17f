"""Looks at what was drawn before anybody else does, and decides by the rules of the place."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hypersd_core.asker import Asker
from hypersd_core.errors import PictureBlocked
from hypersd_core.guild_settings import GuildSettings
from hypersd_core.i18n import say
from hypersd_core.jobs.picture_files import Reviewed
from hypersd_core.moderation.images import Rated
from hypersd_core.moderation.policy import Action, Place
from hypersd_core.moderation.records import Moderation
from hypersd_core.request import Job


class Classifier(Protocol):
    """What rates pictures; ``moderation.images.ImageClassifier`` does."""

    def rate(self, pixels: NDArray[np.uint8]) -> Rated:
        """What (height, width, 3) shows. Blocks; from any thread."""
        ...


class PictureReview:
    """Rates every picture of a job. Without a ``classifier`` all are shown."""

    def __init__(
        self, settings: GuildSettings, moderation: Moderation, classifier: Classifier | None
    ) -> None:
        self._settings = settings
        self._moderation = moderation
        self._classifier = classifier

    async def __call__(self, job: Job, drawn: Sequence[NDArray[np.uint8]]) -> list[Reviewed]:
        """What may be shown of ``drawn``. Raises PictureBlocked if one of them may not."""
        if self._classifier is None:
            return [Reviewed() for _ in drawn]
        rate = self._classifier.rate
        ratings = await asyncio.to_thread(lambda: [rate(pixels).rating for pixels in drawn])
        policy = await self._settings.get(job.origin.guild_id)
        place = Place.of(_asker(job))
        actions = [policy.moderation.action(place, rating) for rating in ratings]
        if Action.BLOCK in actions:
            await self._moderation.picture_blocked(job, policy.moderation)
            raise PictureBlocked(
                say(
                    "What was drawn may not be shown here, so it was thrown away and counts for "
                    "nothing. Other words, or an age-restricted channel, may help."
                )
            )
        return [
            Reviewed(rating=rating, spoiler=action is Action.SPOILER)
            for rating, action in zip(ratings, actions, strict=True)
        ]


def _asker(job: Job) -> Asker:
    origin = job.origin
    return Asker(
        user_id=origin.user_id,
        guild_id=origin.guild_id,
        channel_id=origin.channel_id,
        is_age_restricted=origin.is_age_restricted,
    )
