"""Who may do something with a job, decided from what is stored and what Discord says of a press."""

from typing import Any

import discord

from cogs.asking import guild_of, may_moderate
from hypersd_core.errors import JobNotFound, NotAllowed
from hypersd_core.i18n import say
from hypersd_core.request import Job


def check_may_see(interaction: discord.Interaction[Any], job: Job) -> None:
    """Raise NotAllowed unless the person sees the results of ``job`` where it was asked for.

    That is its owner, and for what is not private whoever is in the same guild or channel.
    """
    origin = job.origin
    if origin.user_id == interaction.user.id:
        return
    guild_id = guild_of(interaction)
    is_here = origin.channel_id == interaction.channel_id or (
        guild_id is not None and origin.guild_id == guild_id
    )
    if origin.private or not is_here:
        raise NotAllowed(say("Job {job_id} belongs to somebody else.", job_id=job.id))


def check_is_kept(job: Job) -> None:
    """Raise JobNotFound for a job whose words or pictures are gone."""
    if job.is_deleted or not job.is_kept:
        raise _gone(job)


def check_has_picture(job: Job, index: int | None) -> None:
    """Raise JobNotFound unless picture ``index``, or any if it is None, is still there."""
    check_is_kept(job)
    if not 0 <= (index or 0) < len(job.pictures):
        raise _gone(job)
    if not all(picture.path.exists() for picture in job.pictures):
        raise _gone(job)


def may_change(interaction: discord.Interaction[Any], job: Job) -> bool:
    """Whether the person may delete or cover the pictures: the owner, or a moderator there."""
    return job.origin.user_id == interaction.user.id or may_moderate(interaction, job)


def check_may_change(interaction: discord.Interaction[Any], job: Job) -> None:
    """Raise NotAllowed unless ``may_change``."""
    if not may_change(interaction, job):
        raise NotAllowed(say("Job {job_id} belongs to somebody else.", job_id=job.id))


def _gone(job: Job) -> JobNotFound:
    return JobNotFound(say("The pictures of job {job_id} are no longer kept.", job_id=job.id))
