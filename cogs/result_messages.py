"""Finished jobs as messages: what is posted, wherever it is posted.

The routes are in ``cogs.delivery_routes``; ``/show`` and whoever else posts a result again come
here, too.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

import discord
from discord import ui

from cogs import job_cards, results
from cogs.cards import Item, row
from cogs.result_files import result_files
from hypersd_core.asker import Asker
from hypersd_core.errors import NotAllowed
from hypersd_core.guild_settings import GuildSettings
from hypersd_core.i18n import say
from hypersd_core.moderation.policy import Action, Place, Rating
from hypersd_core.request import MAX_FILE_BYTES, Job, JobState

log = logging.getLogger(__name__)

T = TypeVar("T")
_TRIES = 4
_TOO_LARGE = 40005  # Discord's code for it


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultMessage:
    """What to send, once: Discord's library uses files up."""

    view: ui.LayoutView
    files: list[discord.File]
    largest_bytes: int = 0


class ResultMessages:
    """Builds messages by the rules of guilds."""

    def __init__(self, settings: GuildSettings) -> None:
        self._settings = settings

    async def post(
        self,
        job: Job,
        send: Callable[[ResultMessage], Awaitable[T]],
        *,
        mention: bool,
        most_bytes: int,
        covered: bool = False,
    ) -> T:
        """``await send(message)``, with smaller files as long as Discord finds them too large.

        ``most_bytes`` is what each file may have, as far as is known. Raises what ``send`` does.
        """
        for tries_left in reversed(range(_TRIES)):
            message = await self._message(
                job, mention=mention, most_bytes=most_bytes, covered=covered
            )
            try:
                return await send(message)
            except discord.HTTPException as error:
                if not (tries_left and message.files and _is_too_large(error)):
                    raise
                log.info("job %d: %d bytes are too large", job.id, message.largest_bytes)
                most_bytes = _next_limit(message.largest_bytes)
        raise AssertionError("the last try returns or raises")

    async def is_covered(self, job: Job, asker: Asker) -> bool:
        """Whether the pictures of ``job`` must be covered where ``asker`` wants them.

        Raises NotAllowed where they may not be shown at all: rules differ from place to place.
        """
        policy = await self._settings.get(asker.guild_id)
        place = Place.of(asker)
        actions = {
            policy.moderation.action(place, Rating(picture.rating))
            for picture in job.pictures
            if picture.rating
        }
        is_unrated = not all(picture.rating for picture in job.pictures)
        is_behind_gate = asker.is_age_restricted or asker.is_direct
        if is_unrated and job.origin.is_age_restricted and not is_behind_gate:
            actions.add(Action.BLOCK)  # nobody knows what it shows
        if Action.BLOCK in actions:
            raise NotAllowed(
                say(
                    "The pictures of job {job_id} may not be shown here; where they were drawn "
                    "they may.",
                    job_id=job.id,
                )
            )
        return Action.SPOILER in actions

    async def _message(
        self, job: Job, *, mention: bool, most_bytes: int, covered: bool
    ) -> ResultMessage:
        if job.state is JobState.CANCELLED:
            return ResultMessage(view=job_cards.cancelled(job), files=[])
        if job.state is JobState.FAILED:
            failed = job_cards.failed(job, _controls(job), mention=mention)
            return ResultMessage(view=failed, files=[])
        layout = (await self._settings.get(job.origin.guild_id)).layout
        made = await asyncio.to_thread(
            result_files, job, layout, most_bytes=most_bytes, covered=covered
        )
        return ResultMessage(
            view=job_cards.result(job, made, _controls(job), mention=mention),
            files=made.all,
            largest_bytes=made.largest_bytes,
        )


def _controls(job: Job) -> list[Item]:
    return [row(*buttons) for buttons in results.result_buttons(job)]


def _is_too_large(error: discord.HTTPException) -> bool:
    return error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or error.code == _TOO_LARGE


def _next_limit(refused_bytes: int) -> int:
    """What every place takes, if more was refused; then ever less."""
    return MAX_FILE_BYTES if refused_bytes > MAX_FILE_BYTES else refused_bytes // 2
