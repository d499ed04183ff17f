"""/imagine: what a person typed and brought along, handed to ``cogs.requests``."""

from collections.abc import Sequence
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from cogs import job_cards
from cogs.answers import refusing
from cogs.asking import guild_of, may_moderate
from cogs.batch_buttons import REQUESTS_COG
from cogs.pictures import Brought
from cogs.requests import Requests
from hypersd_core.errors import HyperSDError, InvalidRequest
from hypersd_core.flags import PromptFlags
from hypersd_core.front_desk import Ask, FrontDesk
from hypersd_core.i18n import say
from hypersd_core.library import Library
from hypersd_core.matching import rank
from hypersd_core.policy import MAX_PERMUTATIONS
from hypersd_core.recipes import Speed
from hypersd_core.request import MAX_COUNT, MAX_GUIDANCE, MAX_SEED, MAX_STEPS
from hypersd_core.sampling import SAMPLING_METHODS
from hypersd_core.service import Service

_MAX_CHOICE_CHARS = 100  # Discord's limit

SAMPLER_CHOICES = [
    app_commands.Choice(name=method.full_label, value=key)
    for key, method in SAMPLING_METHODS.items()
]
SPEED_CHOICES = [app_commands.Choice(name=str(speed), value=str(speed)) for speed in Speed]


class Imagine(commands.Cog, name=REQUESTS_COG):
    """The command, and the buttons on its acknowledgements."""

    def __init__(
        self, requests: Requests, service: Service, library: Library, desk: FrontDesk
    ) -> None:
        self._requests = requests
        self._service = service
        self._library = library
        self._desk = desk

    @app_commands.command(description="Draw pictures from words.")
    @app_commands.describe(
        prompt="What to draw. (Brackets) weigh more; flags such as --steps 2 --ar 3:2 work too.",
        preset="A style with settings, made by this server's admins.",
        size="Width x height in pixels, or a ratio such as 3:2.",
        count="How many pictures.",
        speed="How many steps: the fewest, the model's own, or the most it was made for.",
        negative="What to keep out of the picture; needs a guidance above 1.",
        picture="A picture to start from.",
        strength="How much of that picture is drawn anew, from 0 to 1.",
        mask="A picture that is white where to draw anew and black where to keep.",
        seed="The same seed and settings give the same picture.",
        model="Which model draws.",
        lora="A LoRA to draw with, at its usual weight; <lora:NAME:0.5> in the prompt says another",
        steps="More steps take longer and show more detail.",
        guidance="How strictly to follow the prompt; 1 or less is fastest.",
        sampler="The sampling method.",
        repeat="How many jobs to make of it, each with seeds of its own.",
        private="Show the result to you alone.",
        spoiler="Cover the pictures until somebody looks.",
    )
    @app_commands.choices(sampler=SAMPLER_CHOICES, speed=SPEED_CHOICES)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    @app_commands.allowed_installs(guilds=True, users=True)
    async def imagine(  # noqa: PLR0913, PLR0917 - one parameter for each option of the command
        self,
        interaction: discord.Interaction[Any],
        prompt: str,
        preset: str | None = None,
        size: str | None = None,
        count: app_commands.Range[int, 1, MAX_COUNT] | None = None,
        speed: str | None = None,
        negative: str | None = None,
        picture: discord.Attachment | None = None,
        strength: app_commands.Range[float, 0.0, 1.0] | None = None,
        mask: discord.Attachment | None = None,
        seed: app_commands.Range[int, 0, MAX_SEED] | None = None,
        model: str | None = None,
        lora: str | None = None,
        steps: app_commands.Range[int, 1, MAX_STEPS] | None = None,
        guidance: app_commands.Range[float, 0.0, MAX_GUIDANCE] | None = None,
        sampler: str | None = None,
        repeat: app_commands.Range[int, 1, MAX_PERMUTATIONS] | None = None,
        private: bool | None = None,
        spoiler: bool | None = None,
    ) -> None:
        """Draw ``prompt``. Ranges are checked by the request: Discord checks in its client only."""
        options = PromptFlags(
            model=model,
            preset=preset,
            negative=negative,
            steps=steps,
            speed=speed,
            guidance=guidance,
            sampler=sampler,
            size=size,
            seed=seed,
            count=count,
            strength=strength,
            repeat=repeat,
            private=private,
            spoiler=spoiler,
        )
        async with refusing(interaction, typed=prompt):
            if picture is None and mask is not None:
                raise InvalidRequest(say("A mask needs a picture: add the option picture."))
            brought = Brought(picture=picture, mask=mask) if picture is not None else None
            text = f"{prompt} <lora:{lora}>" if lora else prompt
            await self._requests.ask(interaction, Ask(text=text, options=options), brought)

    @imagine.autocomplete("preset")
    async def _complete_preset(
        self, interaction: discord.Interaction[Any], typed: str
    ) -> list[app_commands.Choice[str]]:
        return _choices(await self._desk.preset_names(guild_of(interaction)), typed)

    @imagine.autocomplete("model")
    async def _complete_model(
        self, interaction: discord.Interaction[Any], typed: str
    ) -> list[app_commands.Choice[str]]:
        return _choices(await self._desk.model_names(guild_of(interaction)), typed)

    @imagine.autocomplete("lora")
    async def _complete_lora(
        self, interaction: discord.Interaction[Any], typed: str
    ) -> list[app_commands.Choice[str]]:
        return _choices(await self._desk.lora_names(guild_of(interaction)), typed)

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

    async def confirm(self, interaction: discord.Interaction[Any], draft_id: int) -> None:
        """Draw all that a draft stands for."""
        async with refusing(interaction):
            await self._requests.confirm(interaction, draft_id)

    async def cancel_all(
        self, interaction: discord.Interaction[Any], first_id: int, last_id: int
    ) -> None:
        """Cancel the jobs of one acknowledgement."""
        async with refusing(interaction):
            await interaction.response.defer()
            cancelled = [
                await self._service.cancel(
                    job_id,
                    user_id=interaction.user.id,
                    may_moderate=may_moderate(interaction, await self._service.job(job_id)),
                )
                for job_id in range(first_id, last_id + 1)
            ]
            view = job_cards.cancelled_together(sum(cancelled), len(cancelled))
            await interaction.edit_original_response(view=view)


def _choices(names: Sequence[str], typed: str) -> list[app_commands.Choice[str]]:
    fitting = [name for name in names if len(name) <= _MAX_CHOICE_CHARS]
    return [app_commands.Choice(name=name, value=name) for name in rank(fitting, typed)]
