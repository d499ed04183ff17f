"""The log of moderation as people read it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from discord import ui

from cogs import moderation_cards
from hypersd_core.moderation.entries import AuditAction, AuditEntry
from hypersd_core.moderation.records import AuditPage

DETAILS: dict[AuditAction, dict[str, Any]] = {
    AuditAction.PROMPT_BLOCKED: {"word": "gun", "rule": "gun*"},
    AuditAction.USER_BLOCKED: {"reason": "spam", "until": None},
    AuditAction.JOB_REPORTED: {"reason": "bad", "message": None},
    AuditAction.SETTINGS_CHANGED: {"changes": [{"field": "roles", "before": [], "after": [1]}]},
    AuditAction.PRESET_DEFAULT_CHANGED: {"channel_id": 5, "preset": "Ink"},
}


def text_of(view: ui.LayoutView) -> str:
    parts = view.walk_children()
    return "\n".join(part.content for part in parts if isinstance(part, ui.TextDisplay))


@pytest.mark.parametrize("action", AuditAction)
def test_every_kind_of_entry_can_be_read_and_looked_for(action: AuditAction) -> None:
    entry = AuditEntry(
        id=1,
        guild_id=2,
        actor_id=3,
        action=action,
        user_id=4,
        job_id=None,
        detail=DETAILS.get(action, {}),
        at=datetime(2026, 1, 2, tzinfo=UTC),
    )
    view = moderation_cards.log(AuditPage(entries=(entry,), before=None), [])
    assert str(moderation_cards.ACTIONS[action]) in text_of(view)


def test_the_log_says_which_preset_became_the_default_of_which_channel() -> None:
    entry = AuditEntry(
        id=1,
        guild_id=2,
        actor_id=3,
        action=AuditAction.PRESET_DEFAULT_CHANGED,
        user_id=None,
        job_id=None,
        detail={"channel_id": 5, "preset": "Ink"},
        at=datetime(2026, 1, 2, tzinfo=UTC),
    )
    shown = text_of(moderation_cards.log(AuditPage(entries=(entry,), before=None), []))
    assert "<#5>" in shown
    assert "Ink" in shown
