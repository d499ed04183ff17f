"""Which Discord the bot talks to: the real one, or a sandbox at some address."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import aiohttp
import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from hypersd_core.errors import SettingsError

SANDBOX_TOKEN = "sandbox"  # noqa: S105 - the sandbox takes any


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where to log in. ``page`` is the sandbox's address, if it is the sandbox."""

    token: str
    page: str | None = None


async def sandbox_at(url: str) -> Endpoint:
    """Make discord.py talk to the sandbox at ``url``; nothing else of the bot knows.

    Raises SettingsError if nothing answers there.
    """
    Route.BASE = f"{url}/api/v10"
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{Route.BASE}/gateway") as reply,
        ):
            gateway = (await reply.json())["url"]
    except aiohttp.ClientError as error:
        raise SettingsError(f"No sandbox answers at {url} ({error}).") from error
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway)
    return Endpoint(token=SANDBOX_TOKEN, page=url)


@contextlib.contextmanager
def explaining_refusals() -> Iterator[None]:
    """Turn what keeps a client from logging in into SettingsError."""
    try:
        yield
    except discord.LoginFailure as error:
        raise SettingsError(
            "Discord does not accept the token in DISCORD_TOKEN: copy it anew from the developer "
            "portal, page Bot, Reset Token."
        ) from error
    except aiohttp.ClientConnectionError as error:
        raise SettingsError(f"Discord cannot be reached ({error}).") from error
