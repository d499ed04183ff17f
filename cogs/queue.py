"""/show: a finished job again, anywhere, with live buttons."""

from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from cogs.answers import refusing
from cogs.delivery import card
from hypersd_core.errors import JobNotFound, NotAllowed
from hypersd_core.request import Job, JobState
from hypersd_core.service import Service


class Queue(commands.Cog):
    """What people may ask about jobs."""

    def __init__(self, service: Service) -> None:
        self._service = service

    @app_commands.command(description="Post a finished job again.")
    @app_commands.describe(job="The number behind “job” on its card.")
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    @app_commands.allowed_installs(guilds=True, users=True)
    async def show(self, interaction: discord.Interaction[Any], job: int) -> None:
        """Post the pictures of ``job``; a private one is shown privately, to its owner alone."""
        async with refusing(interaction):
            found = await self._service.job(job)
            _check_may_see(found, interaction)
            await interaction.response.defer(ephemeral=found.origin.private, thinking=True)
            view, files = card(found, mention=False)
            message = await interaction.followup.send(view=view, files=files, wait=True)
            if found.state is JobState.MADE:  # it was kept because no other route was open
                await self._service.delivered(found.id, message.channel.id, message.id)


def _check_may_see(job: Job, interaction: discord.Interaction[Any]) -> None:
    is_owner = job.origin.user_id == interaction.user.id
    is_here = job.origin.guild_id is not None and job.origin.guild_id == interaction.guild_id
    if not is_owner and (job.origin.private or not is_here):
        raise NotAllowed(f"Job {job.id} belongs to somebody else.")
    if job.state not in {JobState.MADE, JobState.DELIVERED}:
        raise JobNotFound(f"Job {job.id} has no pictures: it is {job.state}.")
    if not all(picture.path.exists() for picture in job.pictures):
        raise JobNotFound(f"The pictures of job {job.id} are no longer kept.")
