"""From what a person asks for to queued jobs and an acknowledgement: the one way in.

Commands, buttons and modals all come through here. The pictures come back through
``cogs.delivery``.
"""

import dataclasses
import logging
from collections.abc import Sequence
from typing import Any

import discord

from cogs import job_cards
from cogs.answers import answer, refusing
from cogs.asking import asker_of, missing_permissions, origin_of
from cogs.batch_buttons import CancelBatch, ConfirmDraft
from cogs.delivery import Delivery
from cogs.draft_cards import confirmation
from cogs.install_link import labels
from cogs.pictures import Brought
from cogs.results import JobButton, Verb
from hypersd_core.errors import HyperSDError
from hypersd_core.front_desk import Ask, FrontDesk, Plan
from hypersd_core.i18n import say
from hypersd_core.input_pictures import InputPictures
from hypersd_core.service import Ticket

log = logging.getLogger(__name__)

TOKEN_LIVES_S = 14 * 60.0
"""How long after a command its token is safe to be used: Discord gives it 15 minutes."""


class Requests:
    """Plans, asks back where several jobs are meant, queues and acknowledges."""

    def __init__(self, desk: FrontDesk, delivery: Delivery, inputs: InputPictures) -> None:
        self._desk = desk
        self._delivery = delivery
        self._inputs = inputs

    async def ask(
        self, interaction: discord.Interaction[Any], ask: Ask, brought: Brought | None = None
    ) -> None:
        """Draw what ``ask`` stands for. Raises HyperSDError for what is refused."""
        if brought is None:
            await self._draw_or_ask_back(interaction, ask)
            return
        ask = await self._with_pictures(interaction, ask, brought)
        try:
            await self._draw_or_ask_back(interaction, ask)
        except HyperSDError:
            await interaction.delete_original_response()  # else the refusal would be public
            raise

    async def _draw_or_ask_back(self, interaction: discord.Interaction[Any], ask: Ask) -> None:
        plan = await self._desk.plan(ask, asker_of(interaction))
        if len(plan.requests) == 1:
            await self.place(interaction, plan)
            return
        draft_id = await self._desk.keep_draft(ask, interaction.user.id)
        await answer(interaction, confirmation(plan, [ConfirmDraft(draft_id)]))

    async def confirm(self, interaction: discord.Interaction[Any], draft_id: int) -> None:
        """Draw all that a draft stands for. What is refused by now is given back as typed."""
        ask = await self._desk.take_draft(draft_id, interaction.user.id)
        async with refusing(interaction, typed=ask.text):
            await self.place(interaction, await self._desk.plan(ask, asker_of(interaction)))

    async def place(self, interaction: discord.Interaction[Any], plan: Plan) -> None:
        """Queue ``plan`` and acknowledge it; once queued, it is drawn whatever happens here."""
        origin = origin_of(
            interaction,
            private=plan.private,
            spoiler=plan.spoiler,
            has_own_message=len(plan.requests) > 1,
        )
        tickets = await self._desk.accept(plan, asker_of(interaction), origin)
        view = _acknowledgement(tickets, _warning(interaction, tickets[-1].eta_s))
        job_ids = [ticket.job.id for ticket in tickets]
        async with self._delivery.held(job_ids):
            try:
                message_id = await _acknowledge(interaction, view, private=plan.private)
                await self._delivery.acknowledged(tickets, origin.channel_id, message_id)
            except discord.NotFound:
                log.warning("job %d: the interaction ended unacknowledged", job_ids[0])

    async def _with_pictures(
        self, interaction: discord.Interaction[Any], ask: Ask, brought: Brought
    ) -> Ask:
        """``ask`` with its pictures read, which takes longer than Discord waits for an answer.

        All that can be refused before they are read is, since then the answer can be private.
        """
        announced = dataclasses.replace(ask, start=brought.announced)
        plan = await self._desk.plan(announced, asker_of(interaction))
        is_question = len(plan.requests) > 1
        await interaction.response.defer(ephemeral=plan.private or is_question, thinking=True)
        try:
            return dataclasses.replace(ask, start=await brought.read(self._inputs))
        except HyperSDError:
            await interaction.delete_original_response()  # else the refusal would be public
            raise


async def _acknowledge(
    interaction: discord.Interaction[Any], view: discord.ui.LayoutView, *, private: bool
) -> int:
    """Answer, and return the id of the message."""
    if interaction.response.is_done():
        return (await interaction.edit_original_response(view=view)).id
    answered = await interaction.response.send_message(view=view, ephemeral=private)
    assert answered.message_id is not None, "a message was sent"
    return answered.message_id


def _acknowledgement(tickets: Sequence[Ticket], warning: str) -> discord.ui.LayoutView:
    first, last = tickets[0].job.id, tickets[-1].job.id
    if len(tickets) == 1:
        return job_cards.queued(tickets[0], [JobButton(Verb.CANCEL, first)], warning=warning)
    return job_cards.queued_together(tickets, [CancelBatch(first, last)], warning=warning)


def _warning(interaction: discord.Interaction[Any], eta_s: float) -> str:
    """What to know before the pictures are drawn, where the bot may not post by itself."""
    missing = missing_permissions(interaction)
    is_expected = not interaction.is_guild_integration()  # a user brought the bot here
    if not missing or (is_expected and eta_s < TOKEN_LIVES_S):
        return ""
    return say(
        "The bot may not post here by itself ({missing}): a result that takes more than 15 minutes "
        "comes as a direct message.",
        missing=", ".join(labels(missing)),
    )
