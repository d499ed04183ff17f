"""Checks of what concerns Discord: clock, token, application, commands, what each server grants.

They connect as the bot would, beside a bot that runs already, and change nothing.
"""

import asyncio
import contextlib
import email.utils
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path

import aiohttp
import discord
from discord import app_commands
from discord.http import Route

from cogs.command_sync import FILE_NAME, read_sent
from cogs.endpoint import Endpoint, explaining_refusals
from cogs.install_link import guild_link, lacking, user_link
from hypersd_core.doctor.check import Check, ok, problem, warning
from hypersd_core.errors import SettingsError

_SLOW_CLOCK_S, _WRONG_CLOCK_S = 5, 60
_CONNECTED_WITHIN_S = 30
_MOST_NAMED = 10
_SYNC = "Run: python bot.py sync"


async def check_discord(endpoint: Endpoint, folder: Path) -> AsyncIterator[Check]:
    """All of them, until one fails that the others need. ``folder``: the data folder."""
    clock = await check_clock()
    yield clock
    if clock.name != "clock":
        return  # Discord is out of reach
    async with discord.AutoShardedClient(
        intents=discord.Intents(guilds=True), chunk_guilds_at_startup=False
    ) as client:
        try:
            with explaining_refusals():
                await client.login(endpoint.token)
        except (SettingsError, discord.HTTPException) as error:
            yield problem("token", str(error), "Nothing else about Discord was looked at.")
            return
        yield ok("token", f"accepted: {client.user}")
        application = await client.application_info()
        for check in check_application(application):
            yield check
        yield await check_commands(client, folder)
        async for check in _check_gateway(client):
            yield check


def not_looked_at(error: SettingsError) -> Check:
    """What is said of Discord when nothing says how to get there."""
    advice = "That is enough to try the bot in its sandbox; README.md says how to get a token."
    return warning("Discord", f"Not looked at: {error}", advice)


async def check_clock() -> Check:
    """Whether Discord answers, and how far this clock is from its own."""
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{Route.BASE}/gateway") as reply,
        ):
            told = reply.headers.get("Date", "")
    except (aiohttp.ClientError, TimeoutError) as error:
        advice = "Look at the network, a firewall or proxy, and https://discordstatus.com."
        return problem("network", f"Discord cannot be reached ({error}).", advice)
    if not told:
        return ok("clock", "Discord did not tell its own")
    return compare_clocks(time.time(), email.utils.parsedate_to_datetime(told).timestamp())


def compare_clocks(here_s: float, there_s: float) -> Check:
    """Our clock decides when an interaction ends and a day's quota begins anew."""
    off_s = here_s - there_s
    sentence = f"{abs(off_s):.0f} s {'ahead of' if off_s > 0 else 'behind'} Discord's"
    advice = "Let the system set its clock: timedatectl set-ntp true."
    if abs(off_s) >= _WRONG_CLOCK_S:
        return problem("clock", f"{sentence}: results would miss their interactions.", advice)
    if abs(off_s) >= _SLOW_CLOCK_S:
        return warning("clock", f"{sentence}.", advice)
    return ok("clock", "as Discord's")


def check_application(application: discord.AppInfo) -> Iterator[Check]:
    """Whose it is, how it is installed, and that interactions come by the gateway."""
    whose = application.team.name if application.team else str(application.owner)
    everybody = "everybody" if application.bot_public else "its owner alone"
    yield ok("application", f"{application.name}, of {whose}; {everybody} may install it")
    if application.interactions_endpoint_url:
        yield problem(
            "application",
            f"Discord sends all commands to {application.interactions_endpoint_url}, not here.",
            "Empty the field Interactions Endpoint URL in the developer portal, General.",
        )
    yield ok("server link", guild_link(application.id))
    if application.user_integration_config is None:
        yield warning(
            "account link",
            "People cannot add the commands to their accounts, for use anywhere.",
            "Switch User Install on in the developer portal, page Installation.",
        )
    else:
        yield ok("account link", user_link(application.id))
    yield ok("intents", _about_intents(application.flags))


def _about_intents(flags: discord.ApplicationFlags) -> str:
    # Discord has a second flag for each, for applications in fewer than a hundred servers
    intents = {
        "Presence": flags.gateway_presence or flags.gateway_presence_limited,
        "Server Members": flags.gateway_guild_members or flags.gateway_guild_members_limited,
        "Message Content": flags.gateway_message_content or flags.gateway_message_content_limited,
    }
    if switched_on := ", ".join(name for name, is_on in intents.items() if is_on):
        return f"no privileged one is needed: {switched_on} may be switched off"
    return "no privileged one is asked for or needed"


async def check_commands(client: discord.AutoShardedClient, folder: Path) -> Check:
    """Whether Discord has the commands that were last sent to it."""
    assert client.application_id is not None
    sent = await asyncio.to_thread(read_sent, folder / FILE_NAME, client.application_id)
    try:
        found = await app_commands.CommandTree(client).fetch_commands()
    except discord.HTTPException as error:
        return problem("commands", f"Discord does not tell them ({error}).", _SYNC)
    there = {(command.type.value, command.name) for command in found}
    if sent is None:
        advice = f"The first start sends them. {_SYNC}"
        return warning("commands", f"None were sent from here; Discord has {len(there)}.", advice)
    if missing := sent.names - there:
        return problem("commands", f"Discord has lost {_names(missing)}.", _SYNC)
    if foreign := there - sent.names:
        return warning("commands", f"Discord also has {_names(foreign)}, not this bot's.", _SYNC)
    return ok("commands", f"Discord has all {len(there)}")


def _names(commands: Iterable[tuple[int, str]]) -> str:
    names = sorted(f"/{name}" if kind == 1 else name for kind, name in commands)
    more = [f"{len(names) - _MOST_NAMED} more"] if len(names) > _MOST_NAMED else []
    return ", ".join(names[:_MOST_NAMED] + more)


async def _check_gateway(client: discord.AutoShardedClient) -> AsyncIterator[Check]:
    connection = asyncio.create_task(client.connect(reconnect=False))
    ready = asyncio.create_task(client.wait_until_ready())
    try:
        await asyncio.wait(
            {connection, ready},
            timeout=_CONNECTED_WITHIN_S,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if not ready.done():
            yield problem(
                "gateway",
                f"No connection within {_CONNECTED_WITHIN_S} s ({_cause(connection)}).",
                "A firewall or proxy may refuse websockets; https://discordstatus.com tells more.",
            )
            return
        yield ok("gateway", f"connected; in {_servers(len(client.guilds))}")
        for check in check_guilds(client.guilds):
            yield check
    finally:
        await _end(connection, ready)


def _cause(connection: asyncio.Task[None]) -> str:
    error = connection.exception() if connection.done() else None
    return str(error) if error else "no answer"


async def _end(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, discord.DiscordException, OSError):
            await task


def check_guilds(guilds: Iterable[discord.Guild]) -> Iterator[Check]:
    """One line for each server that withholds something, one for all others."""
    well = 0
    for guild in guilds:
        if found := _check_guild(guild):
            yield found
        else:
            well += 1
    if well:
        yield ok("permissions", f"all that is needed in {_servers(well)}")


def _servers(count: int) -> str:
    return "1 server" if count == 1 else f"{count} servers"


def _check_guild(guild: discord.Guild) -> Check | None:
    if lacks := lacking(guild.me.guild_permissions):
        return _complain(guild.name, lacks, guild_link(guild.me.id))
    closed = dict(_closed_channels(guild))
    if not closed:
        return None
    shown = ", ".join(f"#{name}" for name in list(closed)[:_MOST_NAMED])
    lacks = tuple(dict.fromkeys(label for labels in closed.values() for label in labels))
    return _complain(f"{guild.name}, {shown}", lacks, "")


def _closed_channels(guild: discord.Guild) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Where the bot sees but cannot post; a channel that it does not see is not meant for it."""
    channels: list[discord.TextChannel | discord.ForumChannel]
    channels = [*guild.text_channels, *guild.forums]
    for channel in channels:
        granted = channel.permissions_for(guild.me)
        if granted.view_channel and (lacks := lacking(granted)):
            yield channel.name, lacks


def _complain(where: str, lacks: Iterable[str], link: str) -> Check:
    advice = "Grant it to the bot's role, or results that come late go to direct messages."
    if link:
        advice += f" Adding the bot again grants all: {link}"
    return warning("permissions", f"{where}: no {', '.join(lacks)}.", advice)
