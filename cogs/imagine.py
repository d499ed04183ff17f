"""/imagine: what a person typed to a request, to the service, to an acknowledgement.

The picture itself comes back through ``cogs.delivery``.
"""

import dataclasses
import logging
import secrets
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from cogs import results, views
from cogs.answers import answer, refusing
from cogs.delivery import Delivery
from hypersd_core.compose import compose
from hypersd_core.errors import HyperSDError
from hypersd_core.flags import PromptFlags
from hypersd_core.library import Library
from hypersd_core.request import (
    MAX_COUNT,
    MAX_GUIDANCE,
    MAX_SEED,
    MAX_STEPS,
    GenerationRequest,
    Job,
    Origin,
)
from hypersd_core.sampling import SAMPLING_METHODS
from hypersd_core.service import Service

log = logging.getLogger(__name__)

_MAX_CHOICES, _MAX_CHOICE_CHARS = 25, 100  # Discord's limits

SAMPLER_CHOICES = [
    app_commands.Choice(name=method.full_label, value=key)
    for key, method in SAMPLING_METHODS.items()
]


class Imagine(commands.Cog, name=results.REQUESTS_COG):
    """Accepts requests: from the command, and from the buttons on results."""

    def __init__(self, service: Service, delivery: Delivery, library: Library) -> None:
        self._service = service
        self._delivery = delivery
        self._library = library

    @app_commands.command(description="Draw pictures from words.")
    @app_commands.describe(
        prompt="What to draw. (Brackets) weigh more; flags such as --steps 2 --ar 3:2 work too.",
        model="Which model draws.",
        negative="What to keep out of the picture; needs a guidance above 1.",
        steps="More steps take longer and show more detail.",
        guidance="How strictly to follow the prompt; 1 or less is fastest.",
        sampler="The sampling method.",
        size="Width x height in pixels, or a ratio such as 3:2.",
        seed="The same seed and settings give the same picture.",
        count="How many pictures.",
        private="Show the result to you alone.",
    )
    @app_commands.choices(sampler=SAMPLER_CHOICES)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    @app_commands.allowed_installs(guilds=True, users=True)
    async def imagine(  # noqa: PLR0913, PLR0917 - one parameter for each option of the command
        self,
        interaction: discord.Interaction[Any],
        prompt: str,
        model: str | None = None,
        negative: str | None = None,
        steps: app_commands.Range[int, 1, MAX_STEPS] | None = None,
        guidance: app_commands.Range[float, 0.0, MAX_GUIDANCE] | None = None,
        sampler: str | None = None,
        size: str | None = None,
        seed: app_commands.Range[int, 0, MAX_SEED] | None = None,
        count: app_commands.Range[int, 1, MAX_COUNT] | None = None,
        private: bool | None = None,
    ) -> None:
        """Draw ``prompt``. Ranges are checked by the request: Discord checks in its client only."""
        options = PromptFlags(
            model=model,
            negative=negative,
            steps=steps,
            guidance=guidance,
            sampler=sampler,
            size=size,
            seed=seed,
            count=count,
            private=private,
        )
        async with refusing(interaction, typed=prompt):
            composed = compose(prompt, options, self._library)
            await self._submit(interaction, composed.request, private=composed.private)

    @imagine.autocomplete("model")
    async def _complete_model(
        self, _interaction: discord.Interaction[Any], typed: str
    ) -> list[app_commands.Choice[str]]:
        names = [choice.file.name for choice in self._library.models()]
        matching = [name for name in names if typed.lower() in name.lower()]
        return [
            app_commands.Choice(name=name, value=name)
            for name in matching[:_MAX_CHOICES]
            if len(name) <= _MAX_CHOICE_CHARS
        ]

    @imagine.autocomplete("size")
    async def _complete_size(
        self, interaction: discord.Interaction[Any], typed: str
    ) -> list[app_commands.Choice[str]]:
        try:
            recipe = self._library.model(interaction.namespace.model).recipe
        except HyperSDError:  # a name that is not typed to its end yet
            return []
        return [
            app_commands.Choice(name=label, value=value)
            for label, value in (recipe.size_choices() if recipe else [])
            if typed.lower() in label.lower()
        ]

    async def press(
        self, interaction: discord.Interaction[Any], verb: results.Verb, job_id: int
    ) -> None:
        """Answer a button on a card."""
        act = {results.Verb.REROLL: self._reroll, results.Verb.CANCEL: self._cancel}[verb]
        async with refusing(interaction):
            await act(interaction, await self._service.job(job_id))

    async def _reroll(self, interaction: discord.Interaction[Any], job: Job) -> None:
        """Draw the stored request again with a new seed, for whoever asks."""
        request = dataclasses.replace(job.request, seed=secrets.randbelow(MAX_SEED + 1))
        await self._submit(interaction, request, private=job.origin.private, parent_id=job.id)

    async def _cancel(self, interaction: discord.Interaction[Any], job: Job) -> None:
        """Stop the job for its owner or for who manages messages there; say if it is too late."""
        await interaction.response.defer()
        is_here = job.origin.guild_id == interaction.guild_id
        stopped = await self._service.cancel(
            job.id,
            user_id=interaction.user.id,
            may_moderate=is_here and interaction.permissions.manage_messages,
        )
        if not stopped:
            await answer(interaction, views.note("Too late: this job is finished already."))

    async def _submit(
        self,
        interaction: discord.Interaction[Any],
        request: GenerationRequest,
        *,
        private: bool,
        parent_id: int | None = None,
    ) -> None:
        """Queue ``request`` and acknowledge it; once queued, it is drawn whatever happens here."""
        ticket = await self._service.submit(request, _origin(interaction, private), parent_id)
        job = ticket.job
        view = views.queued(
            job,
            [results.JobButton(results.Verb.CANCEL, job.id)],
            ahead=ticket.position,
            eta_s=ticket.eta_s,
        )
        async with self._delivery.held(job.id):
            try:
                await interaction.response.send_message(view=view, ephemeral=private)
            except discord.NotFound:
                log.warning("job %d: the interaction ended before it was acknowledged", job.id)


def _origin(interaction: discord.Interaction[Any], private: bool) -> Origin:
    assert interaction.channel_id is not None, "commands are used in channels"
    return Origin(
        user_id=interaction.user.id,
        guild_id=interaction.guild_id,
        channel_id=interaction.channel_id,
        private=private,
        application_id=interaction.application_id,
        token=interaction.token,
        token_expires_at=interaction.expires_at,
        locale=interaction.locale.value,
    )
