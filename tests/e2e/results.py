"""Presses the buttons of results, and looks at what the bot stored."""

import json
from pathlib import Path
from typing import Any

from tests.e2e.cards import BUTTON, custom_id, parts
from tests.e2e.database import rows
from tests.e2e.drawing import shown
from tests.e2e.visitor import Visitor
from tests.sandbox.page_client import Json

EPHEMERAL = 1 << 6


async def pressed(visitor: Visitor, message: Json, verb: str) -> Json:
    """What the bot answers at once: a card of its own, or the acknowledgement of a new job."""
    answer = await visitor.press(message["id"], button(message, verb))
    assert answer["outcome"] == "message", answer
    return await visitor.message(answer["message"])


async def noted(visitor: Visitor, message: Json, verb: str) -> Json:
    """The private answer, once it has come: that of a slow button follows a pause."""
    answer = await visitor.press(message["id"], button(message, verb))
    return await visitor.until(
        lambda m: m["id"] == answer["message"] and m["components"] != [],
        user=visitor.user,
        channel=visitor.channel,
    )


async def redrawn(visitor: Visitor, message: Json, verb: str) -> Json:
    """The result of the job that a button has started."""
    return await shown(visitor, (await pressed(visitor, message, verb))["id"])


def button(message: Json, wanted: str) -> str:
    """The custom id ``wanted``, or the one of the button that does it."""
    return wanted if wanted in ids_on(message) else custom_id(message, wanted)


def ids_on(message: Json) -> list[str]:
    """The custom ids of its buttons."""
    return [part["custom_id"] for part in parts(message, BUTTON)]


def job_of(message: Json) -> int:
    """The job that its buttons are about."""
    return int(ids_on(message)[0].split(":")[2])


def stored(local_dir: Path, job_id: int) -> dict[str, Any]:
    """Its request, with ``parent_id``."""
    sql = "SELECT request, parent_id FROM jobs WHERE id = ?"
    ((request, parent_id),) = rows(local_dir, sql, job_id)
    values: dict[str, Any] = json.loads(request)
    return values | {"parent_id": parent_id}
