"""Does what a person at the sandbox's page would do, and what a test wants to go wrong."""

from types import TracebackType
from typing import Any, Self

import aiohttp

Json = dict[str, Any]


class PageRefusal(Exception):
    """The sandbox said that a request makes no sense."""


class PageClient:
    """A person in a channel. ``act`` and the rest speak the sandbox's own interface."""

    def __init__(self, url: str) -> None:
        self._session = aiohttp.ClientSession(url)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def act(self, kind: str, **fields: object) -> Json:
        """Interact as Ada in #general, unless told otherwise; return what came of it."""
        body = {"kind": kind, "user": "ada", "channel": "general"} | fields
        answer: Json = await self.post("/sandbox/interact", body)
        return answer

    async def command(self, name: str, /, **options: object) -> Json:
        """Invoke a slash command as Ada in #general."""
        return await self.act("command", name=name, options=options)

    async def press(self, message_id: str, custom_id: str, **fields: object) -> Json:
        """Press a button or choose in a select."""
        return await self.act("component", message=message_id, custom_id=custom_id, **fields)

    async def messages(self, *, user: str = "ada", channel: str = "general") -> list[Json]:
        """Return the messages of a channel as somebody sees them; ``dm`` is theirs with the bot."""
        state = await self.get(f"/sandbox/state?user={user}")
        names = {c["name"] if c["guild"] else "dm": c["messages"] for c in state["channels"]}
        messages: list[Json] = names[channel]
        return messages

    async def message(self, message_id: str) -> Json:
        """Return one message in #general as Ada sees it."""
        return next(m for m in await self.messages() if m["id"] == message_id)

    async def say(self, content: str, **fields: object) -> Json:
        """Write a message as Ada in #general."""
        body = {"user": "ada", "channel": "general", "content": content} | fields
        answer: Json = await self.post("/sandbox/message", body)
        return answer

    async def upload(self, filename: str, data: bytes) -> Json:
        """Store a file for an option."""
        path = f"/sandbox/upload?user=ada&channel=general&filename={filename}"
        async with self._session.post(path, data=data) as response:
            stored: Json = await _read(response)
        return stored

    async def log(self) -> list[Json]:
        """Return the recorded REST exchanges."""
        exchanges: list[Json] = await self.get("/sandbox/log")
        return exchanges

    async def fault(self, route: str, **fields: object) -> None:
        """Order a failure."""
        await self.post("/sandbox/faults", {"route": route} | fields)

    async def download(self, url: str) -> tuple[int, bytes]:
        """Fetch a file."""
        async with self._session.get(url) as response:
            return response.status, await response.read()

    async def get(self, path: str) -> Any:
        """Read from the page's interface."""
        async with self._session.get(path) as response:
            return await _read(response)

    async def post(self, path: str, body: object) -> Any:
        """Write to the page's interface."""
        async with self._session.post(path, json=body) as response:
            return await _read(response)


async def _read(response: aiohttp.ClientResponse) -> Any:
    body = await response.json()
    if response.status != 200:
        raise PageRefusal(body["error"])
    return body
