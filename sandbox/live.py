"""Tells open pages what happens, each only what its user may see."""

import asyncio
import json
from contextlib import suppress

from aiohttp import web

from sandbox.messages import MessageChange
from sandbox.model import Channel, User
from sandbox.payloads import message_payload
from sandbox.wire import Json
from sandbox.world import World

_BACKLOG = 1_000


class LiveFeed:
    """The open pages; each has its queue, so that a slow page delays nobody."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._pages: dict[asyncio.Queue[Json | None], User] = {}

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one page until it leaves."""
        user = self._world.find_person(request.query.get("user", self._world.people[0].id))
        socket = web.WebSocketResponse(heartbeat=30)
        await socket.prepare(request)
        queue: asyncio.Queue[Json | None] = asyncio.Queue(maxsize=_BACKLOG)
        self._pages[queue] = user
        writer = asyncio.create_task(_write(socket, queue))
        try:
            async for _ in socket:
                pass  # a page only listens
        finally:
            del self._pages[queue]
            writer.cancel()
        return socket

    def announce(self, change: MessageChange) -> None:
        """Show a new, changed or deleted message to those who may see it."""
        message = change.message
        event = {"type": change.kind.value, "message": message_payload(message)}
        self._send(
            event, [user for user in self._world.people if self._world.can_read(user, message)]
        )

    def typing(self, channel: Channel) -> None:
        """Show that the bot is typing."""
        event = {"type": "TYPING", "channel": str(channel.id)}
        self._send(event, [u for u in self._world.people if self._world.can_see(u, channel)])

    def refresh(self) -> None:
        """Let every page fetch the state anew: the bot came, went, or changed its commands."""
        self._send({"type": "REFRESH"}, self._world.people)

    def close(self) -> None:
        """End the feeds."""
        for queue in self._pages:
            with suppress(asyncio.QueueFull):
                queue.put_nowait(None)

    def _send(self, event: Json, users: list[User] | tuple[User, ...]) -> None:
        for queue, user in self._pages.items():
            if user in users:
                with suppress(asyncio.QueueFull):
                    queue.put_nowait(event)


async def _write(socket: web.WebSocketResponse, queue: asyncio.Queue[Json | None]) -> None:
    while (event := await queue.get()) is not None:
        await socket.send_str(json.dumps(event))
    await socket.close()
