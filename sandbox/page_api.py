"""The page's own interface: what a person at Discord's client would do, over plain JSON.

Also for tests. Users, channels and roles are given by name or id; ``dm`` is the conversation with
the bot. A request that makes no sense is answered with status 400 and ``{"error": sentence}``.

``GET /sandbox/state?user=ada``
    Users, guilds with channels and roles, all visible messages, usable commands, bot's presence.
``POST /sandbox/interact``
    ``{"kind": "command", "user", "channel", "name": "preset show", "options": {name: value}}``,
    for a command in a menu with ``"target"``, the id of the message or user;
    ``{"kind": "autocomplete", ..., "options": {...}, "focused": option}``;
    ``{"kind": "component", "user", "channel", "message": id, "custom_id", "values": [...]}``;
    ``{"kind": "modal", "user", "interaction": id, "values": {custom_id: value}}``.
    ``"locale"`` is optional. Waits for the bot's first answer and returns
    ``{"interaction", "outcome", "message", "choices", "modal"}``; outcome is ``message``,
    ``deferred_message``, ``deferred_update``, ``update``, ``choices``, ``modal``, or ``failed``
    when the bot did not answer in time.
``POST /sandbox/message`` ``{"user", "channel", "content", "attachments": [id]}``
    Writes a message as a person; the attachments were uploaded before.
``POST /sandbox/upload?user=ada&channel=general&filename=cat.png``
    Stores the request body; returns an attachment whose id is an option's value,
    one of the values of a modal, or in a message's attachments.
``GET /sandbox/live?user=ada``
    Websocket: ``{"type": "MESSAGE_CREATE" | "MESSAGE_UPDATE" | "MESSAGE_DELETE", "message"}``,
    ``{"type": "TYPING", "channel"}``, ``{"type": "REFRESH"}``.
"""

from aiohttp import web

from sandbox.actions import Actions
from sandbox.live import LiveFeed
from sandbox.page_state import PageState
from sandbox.payloads import attachment_payload, message_payload
from sandbox.wire import json_answer, read_object


class PageApi:
    """Handlers of the page's interface."""

    def __init__(self, state: PageState, actions: Actions, live: LiveFeed) -> None:
        self._page_state = state
        self._actions = actions
        self._live = live

    def install(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/sandbox/state", self._state)
        app.router.add_get("/sandbox/live", self._live.handle)
        app.router.add_post("/sandbox/interact", self._interact)
        app.router.add_post("/sandbox/message", self._write)
        app.router.add_post("/sandbox/upload", self._upload)

    async def _state(self, request: web.Request) -> web.Response:
        return json_answer(self._page_state.as_seen_by(request.query.get("user")))

    async def _interact(self, request: web.Request) -> web.Response:
        return json_answer(await self._actions.act(await read_object(request)))

    async def _write(self, request: web.Request) -> web.Response:
        message = self._actions.write(await read_object(request))
        return json_answer(message_payload(message))

    async def _upload(self, request: web.Request) -> web.Response:
        attachment = self._actions.upload(dict(request.query), await request.read())
        return json_answer(attachment_payload(attachment))
