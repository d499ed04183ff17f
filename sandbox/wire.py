"""JSON as it travels: the alias for objects, reading it, and answers with the exact type.

discord.py compares the header with ``application/json`` to the letter, so the usual
``; charset=utf-8`` suffix would turn every answer into plain text.
"""

import json
from typing import Any

from aiohttp import web

from sandbox.errors import SandboxError

Json = dict[str, Any]


def json_answer(
    body: object, *, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """Return a response whose content type is ``application/json`` and nothing more."""
    return web.Response(
        body=json.dumps(body).encode(),
        status=status,
        headers={**(headers or {}), "Content-Type": "application/json"},
    )


async def read_object(request: web.Request) -> Json:
    """Return the JSON object in a request to the page's or the control interface.

    Raises:
        SandboxError: The body is something else.
    """
    try:
        body = await request.json()
    except json.JSONDecodeError as error:
        raise SandboxError("the body must be JSON") from error
    if not isinstance(body, dict):
        raise SandboxError("the body must be a JSON object")
    return body
