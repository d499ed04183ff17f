"""What the acknowledgement of several jobs says: nobody edits it when they are drawn."""

from datetime import UTC, datetime

import pytest
from discord import ui

from cogs.job_cards import queued_together
from hypersd_core.request import Job, JobState, Origin
from hypersd_core.service import Ticket
from tests.any_request import make_request

AT = datetime(2026, 1, 2, tzinfo=UTC)


def tickets(*, is_paused: bool) -> list[Ticket]:
    origin = Origin(
        user_id=1, guild_id=2, channel_id=3, application_id=4, token="t", token_expires_at=AT
    )
    return [
        Ticket(
            job=Job(
                id=i,
                request=make_request(),
                origin=origin,
                state=JobState.QUEUED,
                attempt=0,
                created_at=AT,
            ),
            position=i,
            eta_s=60.0 * i,
            is_paused=is_paused,
        )
        for i in (1, 2)
    ]


def text_of(view: ui.LayoutView) -> str:
    parts = view.walk_children()
    return "\n".join(part.content for part in parts if isinstance(part, ui.TextDisplay))


def test_when_several_jobs_are_due_is_a_time_that_stays_true() -> None:
    text = text_of(queued_together(tickets(is_paused=False), []))
    assert f"<t:{AT.timestamp() + 120:.0f}:R>" in text


@pytest.mark.parametrize("promise", ["due", "<t:", "2 min"])
def test_several_jobs_promise_no_time_while_the_bot_is_paused(promise: str) -> None:
    text = text_of(queued_together(tickets(is_paused=True), []))
    assert "Paused by the bot's operator, 2 ahead" in text
    assert promise not in text
