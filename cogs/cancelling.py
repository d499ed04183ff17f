"""Cancel a job for somebody, and say what became of it."""

from typing import Any

import discord

from cogs.asking import may_moderate
from hypersd_core.errors import JobNotFound
from hypersd_core.i18n import say
from hypersd_core.request import JobState
from hypersd_core.service import Service
from hypersd_core.stages import Waiting


async def cancel_job(service: Service, interaction: discord.Interaction[Any], job_id: int) -> str:
    """Cancel it and return a sentence that says at which point, or that it is too late.

    Raises JobNotFound, also for a job that is over, and NotAllowed for another's.
    """
    job = await service.job(job_id)
    stage = service.stage(job)
    is_cancelled = await service.cancel(
        job_id, user_id=interaction.user.id, may_moderate=may_moderate(interaction, job)
    )
    if not is_cancelled:
        if (await service.job(job_id)).state is JobState.MADE:
            return say("Too late: job {job_id} is drawn and on its way.", job_id=job_id)
        raise JobNotFound(say("Job {job_id} is over already.", job_id=job_id))
    if isinstance(stage, Waiting):
        return say("Job {job_id} was cancelled before it began.", job_id=job_id)
    if stage is not None:
        return say("Job {job_id} is cancelled: it stops at its next step.", job_id=job_id)
    return say(
        "Job {job_id} is cancelled: its pictures were drawn already and are thrown away.",
        job_id=job_id,
    )
