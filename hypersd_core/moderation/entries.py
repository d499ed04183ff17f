"""What moderators can look up later: who was blocked, and what happened."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

EVERYWHERE = 0
"""In the place of a guild's id: all guilds and direct messages. Only the operator blocks so."""
BOT = 0
"""In the place of a user's id: nobody asked the bot to."""

MessagePlace = tuple[int, int]
"""Where a message is: (channel id, message id)."""


class AuditAction(enum.StrEnum):
    """What happened."""

    PROMPT_BLOCKED = "prompt_blocked"
    PICTURE_BLOCKED = "picture_blocked"
    JOB_REPORTED = "job_reported"
    REPORT_DISMISSED = "report_dismissed"
    PICTURES_REMOVED = "pictures_removed"
    USER_BLOCKED = "user_blocked"
    USER_UNBLOCKED = "user_unblocked"
    SETTINGS_CHANGED = "settings_changed"
    PRESET_DEFAULT_CHANGED = "preset_default_changed"


STRIKES = frozenset({AuditAction.PROMPT_BLOCKED, AuditAction.PICTURE_BLOCKED})
"""What counts against a user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """``actor_id`` did it, or the bot did; it is about ``user_id`` and ``job_id``, if any.

    ``guild_id`` is None in direct messages. ``detail`` holds JSON's values.
    """

    id: int
    guild_id: int | None
    actor_id: int
    action: AuditAction
    user_id: int | None
    job_id: int | None
    detail: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One user who may draw nothing in a guild. ``until`` of None is for good."""

    guild_id: int
    user_id: int
    reason: str
    by_user_id: int
    at: datetime
    until: datetime | None
