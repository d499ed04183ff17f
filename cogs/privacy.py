"""/privacy: a copy of all that the bot stores about somebody, and its end."""

import io
import re
from typing import Any, Protocol, Self, cast

import discord
from discord import app_commands, ui
from discord.ext import commands

from cogs.answers import answer, refusing
from cogs.cards import ACCENT, MUTED, RED, card, row, small, text
from hypersd_core.errors import NotAllowed
from hypersd_core.i18n import say, say_many
from hypersd_core.privacy import Export, Privacy
from hypersd_core.service import Service

PRIVACY_COG = "Privacy"
_FILE_NAME = "my-data.zip"


class Erasing(Protocol):
    """What the button asks for; the cog answers."""

    async def erase(self, interaction: discord.Interaction[Any]) -> None:
        """Erase who pressed it."""


class EraseButton(
    ui.DynamicItem[ui.Button[ui.LayoutView]], template=r"erase:1:(?P<user_id>[0-9]{1,20})"
):
    """Yes, delete my data. Its id says whose: nobody else can mean it."""

    def __init__(self, user_id: int) -> None:
        super().__init__(
            ui.Button(
                label=say("Delete my data"),
                style=discord.ButtonStyle.danger,
                custom_id=f"erase:1:{user_id}",
            )
        )
        self._user_id = user_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """The button that has this id."""
        return cls(int(match["user_id"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Hand the press on."""
        async with refusing(interaction):
            if interaction.user.id != self._user_id:
                raise NotAllowed(say("Only whose data it is can delete it."))
            await cast(Erasing, interaction.client.get_cog(PRIVACY_COG)).erase(interaction)


class PrivacyCommands(commands.Cog, name=PRIVACY_COG):
    """Everybody's rights to their own data; all answers are private."""

    privacy = app_commands.Group(
        name="privacy",
        description="Your data: a copy of it, and its end.",
        allowed_contexts=app_commands.AppCommandContext(
            guild=True, dm_channel=True, private_channel=True
        ),
        allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
    )

    def __init__(self, privacy: Privacy, service: Service) -> None:
        self._privacy = privacy
        self._service = service

    @privacy.command(description="Get all that the bot stores about you, with your pictures.")
    @app_commands.describe(before="Only jobs with smaller numbers than this one.")
    async def export(
        self,
        interaction: discord.Interaction[Any],
        before: app_commands.Range[int, 1, 2**53 - 1] | None = None,
    ) -> None:
        """A zip file, as large as may be sent here; what it does not hold is in the next one."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        async with refusing(interaction):
            made = await self._privacy.export(
                interaction.user.id, limit_bytes=interaction.filesize_limit, before=before
            )
            file = discord.File(io.BytesIO(made.data), _FILE_NAME)
            await answer(interaction, _exported(made, file), files=[file])

    @privacy.command(description="Delete your prompts, pictures and settings from the bot.")
    async def delete(self, interaction: discord.Interaction[Any]) -> None:
        """Say what goes and what stays, and ask."""
        await answer(interaction, _question(interaction.user.id))

    async def erase(self, interaction: discord.Interaction[Any]) -> None:
        """Cancel what is open, then erase who pressed the button."""
        await interaction.response.defer()
        user_id = interaction.user.id
        for job in await self._service.open_jobs(user_id=user_id):
            await self._service.cancel(job.id, user_id=user_id)
        jobs = await self._privacy.erase(user_id)
        sentence = say_many(
            "Deleted: {n} job and everything else that the bot stored about you.",
            "Deleted: {n} jobs and everything else that the bot stored about you.",
            jobs,
        )
        await interaction.edit_original_response(view=card(MUTED, text(sentence)))


def _question(user_id: int) -> ui.LayoutView:
    return card(
        RED,
        text(say("**Delete all that the bot stores about you?**")),
        text(
            say(
                "Your prompts and pictures, your defaults and drafts, and your name in the history "
                "of presets go now and cannot be brought back. Open jobs are cancelled."
            )
        ),
        small(
            say(
                "Stays: anonymous counts of what was drawn, what you have spent of today's quota, "
                "and decisions of moderators (blocks and their log), by which a server protects "
                "itself. Messages in Discord stay too: use Delete under your pictures first. "
                "/privacy export gives you a copy."
            )
        ),
        row(EraseButton(user_id)),
    )


def _exported(made: Export, file: discord.File) -> ui.LayoutView:
    lines = [
        say_many("**{n} job**", "**{n} jobs**", made.jobs)
        + " · "
        + say_many("{n} picture", "{n} pictures", made.pictures)
    ]
    if made.jobs_left:
        lines.append(
            say_many(
                "The file is full: {n} older job is left. Get it with "
                "`/privacy export before:{before}`.",
                "The file is full: {n} older jobs are left. Get them with "
                "`/privacy export before:{before}`.",
                made.jobs_left,
                before=made.next_before,
            )
        )
    if made.pictures_left:
        lines.append(
            say_many(
                "{n} picture is too large for a file here or no longer on the disk.",
                "{n} pictures are too large for a file here or no longer on the disk.",
                made.pictures_left,
            )
        )
    attached: ui.File[ui.LayoutView] = ui.File(file)
    return card(ACCENT, text("\n".join(lines)), attached)
