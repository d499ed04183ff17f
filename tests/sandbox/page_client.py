"""Does what a person at the sandbox's page would do, and what a test wants to go wrong.

A person, channel, guild or role is given by its name, as ``sandbox/places.py`` lists them.
"""

import copy
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import aiohttp

Json = dict[str, Any]
File = tuple[str, bytes]
"""The name and the bytes of a file."""

DM = 1


class PageRefusal(Exception):
    """The sandbox said that a request makes no sense."""


class PageClient:
    """A person in a channel: Ada in #general, unless ``at`` says otherwise."""

    def __init__(self, url: str) -> None:
        self._session = aiohttp.ClientSession(url)
        self.user = "ada"
        self.channel = "general"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._session.close()

    def at(self, *, user: str | None = None, channel: str | None = None) -> Self:
        """Return the same client as somebody else or elsewhere, for all its methods."""
        other = copy.copy(self)
        other.user = user or self.user
        other.channel = channel or self.channel
        return other

    # Interactions ---------------------------------------------------------------------------

    async def act(self, kind: str, **fields: object) -> Json:
        """Interact; ``user``, ``channel`` and ``locale`` may be among the fields."""
        body = {"kind": kind, "user": self.user, "channel": self.channel} | fields
        answer: Json = await self.post("/sandbox/interact", body)
        return answer

    async def command(self, name: str, /, **options: object) -> Json:
        """Invoke a slash command, ``"preset show"`` for a subcommand; files are ``File``."""
        return await self.act("command", name=name, options=await self._without_files(options))

    async def complete(self, name: str, focused: str, /, **options: object) -> list[Json]:
        """Return the choices that autocomplete offers for one option, given what is typed."""
        answer = await self.act("autocomplete", name=name, focused=focused, options=options)
        choices: list[Json] = answer["choices"]
        return choices

    async def context(self, message_id: str, name: str, **fields: object) -> Json:
        """Invoke a command in the menu of a message."""
        return await self.act("command", name=name, target=message_id, **fields)

    async def user_context(self, person: str, name: str, **fields: object) -> Json:
        """Invoke a command in the menu of a person."""
        return await self.act("command", name=name, target=person, **fields)

    async def press(self, message_id: str, custom_id: str, **fields: object) -> Json:
        """Press a button, or choose ``values=[...]`` in a select."""
        return await self.act("component", message=message_id, custom_id=custom_id, **fields)

    async def choose(self, message_id: str, custom_id: str, *values: str) -> Json:
        """Choose in a select: option values, or names of people, roles or channels."""
        return await self.press(message_id, custom_id, values=list(values))

    async def submit(self, opened: Json, values: Mapping[str, object], /, **fields: object) -> Json:
        """Send the modal that an answer has opened.

        ``values`` are by custom id or by label: a text, a bool, a value, a list of values, a
        ``File`` or a list of them.
        """
        ids = _inputs(opened["modal"])
        unknown = [name for name in values if name not in ids]
        assert not unknown, f"the modal has no input {unknown}; it has {sorted(ids)}"
        named = {ids[name]: value for name, value in values.items()}
        return await self.act(
            "modal",
            interaction=opened["interaction"],
            values=await self._without_files(named),
            **fields,
        )

    async def offered(self) -> list[str]:
        """Return the names of the commands, typed or in menus, that this person has here."""
        state = await self.get(f"/sandbox/state?user={self.user}")
        here = self._channel(state, self.channel)["id"]
        return [c["name"] for c in state["commands"] if here in c["channels"]]

    # Messages -------------------------------------------------------------------------------

    async def messages(self, *, user: str | None = None, channel: str | None = None) -> list[Json]:
        """Return the messages of a channel as somebody sees them; ``dm`` is theirs with the bot."""
        state = await self.get(f"/sandbox/state?user={user or self.user}")
        messages: list[Json] = self._channel(state, channel or self.channel)["messages"]
        return messages

    async def message(self, message_id: str) -> Json:
        """Return one message of this channel as this person sees it."""
        return next(m for m in await self.messages() if m["id"] == message_id)

    async def say(self, content: str, *, files: list[File] | None = None, **fields: object) -> Json:
        """Write a message."""
        ids = [(await self.upload(*file))["id"] for file in files or []]
        body = {"user": self.user, "channel": self.channel, "content": content, "attachments": ids}
        answer: Json = await self.post("/sandbox/message", body | fields)
        return answer

    async def upload(self, filename: str, data: bytes) -> Json:
        """Store a file for an option, a modal or a message; ``command`` and ``submit`` do it."""
        place = {"user": self.user, "channel": self.channel, "filename": filename}
        path = f"/sandbox/upload?{urlencode(place)}"
        async with self._session.post(path, data=data) as response:
            stored: Json = await _read(response)
        return stored

    async def download(self, url: str) -> tuple[int, bytes]:
        """Fetch a file."""
        async with self._session.get(url) as response:
            return response.status, await response.read()

    async def id_of(self, name: str) -> str:
        """Return the id of a person, channel, guild or role that this person sees."""
        state = await self.get(f"/sandbox/state?user={self.user}")
        named = [(user["username"], user["id"]) for user in state["users"]]
        named += [(channel["name"], channel["id"]) for channel in state["channels"]]
        for guild in state["guilds"]:
            named += [(guild["name"], guild["id"])]
            named += [(role["name"], role["id"]) for role in guild["roles"]]
        return str(dict(reversed(named))[name])

    # What goes wrong, and what went over the wire -------------------------------------------

    async def fault(self, route: str, **fields: object) -> None:
        """Order a failure of the next requests to a REST route."""
        await self.post("/sandbox/faults", {"route": route} | fields)

    async def permit(
        self, channel: str, *, allow: Sequence[str] = (), deny: Sequence[str] = ()
    ) -> None:
        """Change what the bot may do in a channel: names such as ``ATTACH_FILES``."""
        changes = {"allow": list(allow), "deny": list(deny)}
        await self.post("/sandbox/permissions", {"channel": channel} | changes)

    async def limit_files(self, attachment_bytes: int) -> None:
        """Set how large each file may be; interactions say so from now on."""
        await self.post("/sandbox/limits", {"attachment_bytes": attachment_bytes})

    async def boost(self, guild: str, premium_tier: int) -> None:
        """Set what a guild's boosts have reached: 2 allows 50 MiB per file, 3 allows 100."""
        await self.post("/sandbox/limits", {"guild": guild, "premium_tier": premium_tier})

    async def expire(self) -> None:
        """Make every interaction token that exists too old."""
        await self.post("/sandbox/expire", {})

    async def log(self) -> list[Json]:
        """Return the recorded REST exchanges."""
        exchanges: list[Json] = await self.get("/sandbox/log")
        return exchanges

    async def get(self, path: str) -> Any:
        """Read from the page's interface."""
        async with self._session.get(path) as response:
            return await _read(response)

    async def post(self, path: str, body: object) -> Any:
        """Write to the page's interface."""
        async with self._session.post(path, json=body) as response:
            return await _read(response)

    async def _without_files(self, values: Mapping[str, object]) -> Json:
        """Return the values with the id of an uploaded file for each file."""
        return {name: await self._stored(value) for name, value in values.items()}

    async def _stored(self, value: object) -> object:
        if isinstance(value, list):
            return [await self._stored(entry) for entry in value]
        if isinstance(value, tuple):
            return (await self.upload(*value))["id"]
        return value

    def _channel(self, state: Json, name: str) -> Json:
        named = {"dm" if c["type"] == DM else c["name"]: c for c in state["channels"]}
        channel: Json = named[name]
        return channel


def _inputs(modal: Json) -> dict[str, str]:
    """Return the custom ids of a modal's inputs by custom id and by label."""
    found: dict[str, str] = {}
    for component in modal["components"]:
        for field in (*component.get("components", ()), component.get("component")):
            if field and "custom_id" in field:
                label = component.get("label") or field.get("label") or field["custom_id"]
                found.setdefault(label, field["custom_id"])
                found[field["custom_id"]] = field["custom_id"]
    return found


async def _read(response: aiohttp.ClientResponse) -> Any:
    body = await response.json()
    if response.status != 200:
        raise PageRefusal(body["error"])
    return body
