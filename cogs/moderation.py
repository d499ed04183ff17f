"""/moderation: who may not draw, what happened, who made this. And what becomes of reports.

Discord itself decides who may use the commands: by default those who may manage messages. All
answers are private.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from cogs import moderation_cards
from cogs.answers import answer, refusing, say_privately
from cogs.asking import guild_of
from cogs.forms import sent_form, values_of
from cogs.moderation_buttons import (
    BLOCK_FORM,
    DAYS,
    MODERATION_COG,
    REASON,
    REPORT_FORM,
    BlockedButton,
    LogButton,
    Verb,
    block_form,
)
from cogs.reports import Reports, link_to, moderated_guild
from hypersd_core.errors import InvalidRequest, JobNotFound, NotAllowed
from hypersd_core.i18n import say
from hypersd_core.moderation.entries import EVERYWHERE, AuditAction, Block
from hypersd_core.moderation.records import MAX_REASON_CHARS, Moderation
from hypersd_core.request import Job
from hypersd_core.service import Service

MAX_DAYS = 3_650
_PAGE = 10
_IN_SERVERS = app_commands.AppCommandContext(guild=True, dm_channel=False, private_channel=False)
_BY_SERVERS = app_commands.AppInstallationType(guild=True, user=False)
_MODERATORS = discord.Permissions(manage_messages=True)

ACTION_CHOICES = [
    app_commands.Choice(name=str(name), value=str(action))
    for action, name in moderation_cards.ACTIONS.items()
]


class ModerationCommands(commands.Cog, name=MODERATION_COG):
    """What moderators use, and what the buttons on their cards ask for."""

    moderation = app_commands.Group(
        name="moderation",
        description="Block people from drawing, and look up what happened.",
        default_permissions=_MODERATORS,
        allowed_contexts=_IN_SERVERS,
        allowed_installs=_BY_SERVERS,
    )

    def __init__(
        self,
        bot: commands.AutoShardedBot,
        reports: Reports,
        moderation: Moderation,
        service: Service,
    ) -> None:
        self._bot = bot
        self._reports = reports
        self._moderation = moderation
        self._service = service
        self._menu = app_commands.ContextMenu(
            name="Block from drawing",
            callback=self.open_block_form,
            allowed_contexts=_IN_SERVERS,
            allowed_installs=_BY_SERVERS,
        )
        self._menu.default_permissions = _MODERATORS

    async def cog_load(self) -> None:
        """Add the menu of people, which discord.py does not find in a cog."""
        self._bot.tree.add_command(self._menu)

    async def cog_unload(self) -> None:
        """Take it away again."""
        self._bot.tree.remove_command(self._menu.name, type=self._menu.type)

    @moderation.command(description="Let somebody draw nothing here.")
    @app_commands.describe(
        user="Who.",
        days="For how many days; without it for good.",
        reason="They read it when they try to draw.",
        everywhere="In all servers and direct messages; for the bot's owner alone.",
    )
    async def block(
        self,
        interaction: discord.Interaction[Any],
        user: discord.User,
        days: app_commands.Range[int, 1, MAX_DAYS] | None = None,
        reason: app_commands.Range[str, 1, MAX_REASON_CHARS] | None = None,
        everywhere: bool = False,
    ) -> None:
        """Block; takes the place of an earlier block."""
        async with refusing(interaction):
            place = await self._place(interaction, everywhere=everywhere)
            block = await self._block(interaction, place, user.id, days, reason or "")
            await say_privately(interaction, _blocked(block))

    @moderation.command(description="Let somebody draw again.")
    @app_commands.describe(
        user="Who.", everywhere="End the block that the bot's owner put on all servers."
    )
    async def unblock(
        self, interaction: discord.Interaction[Any], user: discord.User, everywhere: bool = False
    ) -> None:
        """End a block, and forgive the strikes."""
        async with refusing(interaction):
            place = await self._place(interaction, everywhere=everywhere)
            by_user_id = interaction.user.id
            if await self._moderation.unblock(place, user.id, by_user_id=by_user_id):
                sentence = say("{user} may draw again.", user=user.mention)
            else:
                sentence = say("{user} is not blocked.", user=user.mention)
            await say_privately(interaction, sentence)

    @moderation.command(description="See who may draw nothing here.")
    @app_commands.describe(everywhere="Who is blocked in all servers; for the bot's owner alone.")
    async def blocked(
        self, interaction: discord.Interaction[Any], everywhere: bool = False
    ) -> None:
        """The first page, the newest first."""
        async with refusing(interaction):
            place = await self._place(interaction, everywhere=everywhere)
            await answer(interaction, await self._blocked_page(place, 0))

    @moderation.command(description="See what happened: blocks, reports, changed settings.")
    @app_commands.describe(
        action="Only what is of this kind.", user="Only what this person did or met with."
    )
    @app_commands.choices(action=ACTION_CHOICES)
    async def log(
        self,
        interaction: discord.Interaction[Any],
        action: str | None = None,
        user: discord.User | None = None,
    ) -> None:
        """The first page, the newest first."""
        async with refusing(interaction):
            kind = None if action is None else AuditAction(action)
            page = await self._log_page(interaction, None, kind, None if user is None else user.id)
            await answer(interaction, page)

    @moderation.command(description="See who made something, when, and from which words.")
    @app_commands.describe(job="The number behind “job” on its card.")
    async def who(self, interaction: discord.Interaction[Any], job: int) -> None:
        """What is known of a job of this server."""
        async with refusing(interaction):
            guild_id = _guild(interaction)
            found = await self._job(job, guild_id)
            entries = await self._moderation.about_job(guild_id, job)
            is_shown = found.message is not None and not found.origin.private
            link = link_to(guild_id, found.message) if is_shown and found.message else ""
            await answer(interaction, moderation_cards.who(found, entries, link))

    async def open_block_form(
        self, interaction: discord.Interaction[Any], user: discord.User
    ) -> None:
        """The menu of people."""
        async with refusing(interaction):
            moderated_guild(interaction)
            await interaction.response.send_modal(block_form(user.id))

    async def report(self, interaction: discord.Interaction[Any], job: Job) -> None:
        """Ask what is wrong with the pictures of ``job``; must be the first response."""
        async with refusing(interaction):
            await self._reports.ask(interaction, job)

    async def press(self, interaction: discord.Interaction[Any], verb: Verb, job_id: int) -> None:
        """Do ``verb`` about the reports of the job, or say why not."""
        async with refusing(interaction):
            await self._reports.decide(interaction, verb, job_id)

    async def show_log(
        self,
        interaction: discord.Interaction[Any],
        before: int | None,
        action: AuditAction | None,
        user_id: int | None,
    ) -> None:
        """Show another page of the log in the same message."""
        async with refusing(interaction):
            page = await self._log_page(interaction, before, action, user_id)
            await interaction.response.edit_message(view=page)

    async def show_blocked(
        self, interaction: discord.Interaction[Any], first: int, *, everywhere: bool
    ) -> None:
        """Show another page of who is blocked in the same message."""
        async with refusing(interaction):
            place = await self._place(interaction, everywhere=everywhere)
            await interaction.response.edit_message(view=await self._blocked_page(place, first))

    @commands.Cog.listener()
    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """Take the forms of this cog."""
        if sent := sent_form(interaction, REPORT_FORM):
            reason = values_of(interaction)[REASON]
            channel_id, message_id = int(sent["channel"]), int(sent["message"])
            message = (channel_id, message_id) if message_id else None
            async with refusing(interaction, typed=reason):
                await self._reports.take(interaction, int(sent["job"]), message, reason)
        elif sent := sent_form(interaction, BLOCK_FORM):
            values = values_of(interaction)
            async with refusing(interaction, typed=values[REASON]):
                await self._take_block(
                    interaction, int(sent["user"]), int(sent["job"]), values[DAYS], values[REASON]
                )

    async def _take_block(
        self,
        interaction: discord.Interaction[Any],
        user_id: int,
        job_id: int,
        days: str,
        reason: str,
    ) -> None:
        """Block by a form: one of the menu of people, or one of a report, which then says so."""
        guild_id = moderated_guild(interaction)
        job = job_id or None
        block = await self._block(interaction, guild_id, user_id, _days(days), reason, job)
        if job is None:
            await say_privately(interaction, _blocked(block))
            return
        await interaction.response.defer()
        await self._reports.refresh(interaction, guild_id, job)

    async def _block(
        self,
        interaction: discord.Interaction[Any],
        place: int,
        user_id: int,
        days: int | None,
        reason: str,
        job_id: int | None = None,
    ) -> Block:
        if user_id == interaction.user.id:
            raise InvalidRequest(say("You cannot block yourself."))
        return await self._moderation.block(
            place,
            user_id,
            by_user_id=interaction.user.id,
            reason=reason,
            until=None if days is None else datetime.now(UTC) + timedelta(days=days),
            job_id=job_id,
        )

    async def _place(self, interaction: discord.Interaction[Any], *, everywhere: bool) -> int:
        """The guild, or ``EVERYWHERE`` for the owner of the bot."""
        if not everywhere:
            return _guild(interaction)
        if not await self._bot.is_owner(interaction.user):
            raise NotAllowed(say("Only the bot's owner can block everywhere."))
        return EVERYWHERE

    async def _job(self, job_id: int, guild_id: int) -> Job:
        job = await self._service.job(job_id)
        if job.origin.guild_id != guild_id:
            raise JobNotFound(say("There is no job {job_id} in this server.", job_id=job_id))
        return job

    async def _blocked_page(self, place: int, first: int) -> discord.ui.LayoutView:
        blocks = await self._moderation.blocked(place)
        everywhere = place == EVERYWHERE
        buttons = [BlockedButton(0, everywhere=everywhere)] if first else []
        if len(blocks) > first + _PAGE:
            buttons.append(BlockedButton(first + _PAGE, everywhere=everywhere))
        page = blocks[first : first + _PAGE]
        return moderation_cards.blocked(page, len(blocks), buttons)

    async def _log_page(
        self,
        interaction: discord.Interaction[Any],
        before: int | None,
        action: AuditAction | None,
        user_id: int | None,
    ) -> discord.ui.LayoutView:
        page = await self._moderation.log(
            _guild(interaction), before=before, action=action, user_id=user_id, most=_PAGE
        )
        buttons = [LogButton(None, action, user_id)] if before is not None else []
        if page.before is not None:
            buttons.append(LogButton(page.before, action, user_id))
        return moderation_cards.log(page, buttons)


def _guild(interaction: discord.Interaction[Any]) -> int:
    guild_id = guild_of(interaction)
    if guild_id is None:
        raise NotAllowed(say("The bot is not installed in this server."))
    return guild_id


def _days(typed: str) -> int | None:
    """The days that were typed into a form; None if none were."""
    if not typed.strip():
        return None
    try:
        days = int(typed)
    except ValueError:
        days = 0
    if not 1 <= days <= MAX_DAYS:
        raise InvalidRequest(
            say(
                "The days must be a number from 1 to {most:,}, got {typed!r}.",
                most=MAX_DAYS,
                typed=typed,
            )
        )
    return days


def _blocked(block: Block) -> str:
    who = f"<@{block.user_id}>"
    time = moderation_cards.until(block.until)
    if block.guild_id == EVERYWHERE:
        return say("{who} may draw nothing anywhere, {time}.", who=who, time=time)
    return say("{who} may draw nothing here, {time}.", who=who, time=time)
