"""The bot: builds every part, starts them in order, and stops them in the reverse order.

``python bot.py`` connects to Discord with DISCORD_TOKEN; without one it starts the sandbox, a
Discord on this machine alone, and connects to that.
"""

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
import time
import uuid
from dataclasses import dataclass
from typing import Any

import aiohttp
import discord
import numpy as np
import yarl
from discord import app_commands
from discord.ext import commands
from discord.gateway import DiscordWebSocket
from discord.http import Route
from numpy.typing import NDArray

from cogs import results, views
from cogs.answers import answer
from cogs.delivery import Delivery
from cogs.imagine import Imagine
from cogs.queue import Queue
from hypersd_core.assembly import Workshop, build_engine
from hypersd_core.encode import encode_picture
from hypersd_core.errors import HyperSDError, SettingsError
from hypersd_core.jobs.gpu_thread import GpuThread
from hypersd_core.library import Library
from hypersd_core.request import EncodedPicture, GenerationRequest
from hypersd_core.service import Caps, Service
from hypersd_core.settings import Settings
from hypersd_core.store import Store
from sandbox import Sandbox

log = logging.getLogger("bot")

EXIT_SETTINGS = 2
_SANDBOX_TOKEN = "sandbox"  # noqa: S105 - the sandbox takes any
# A guess until the first picture is measured: one unguided model call for a megapixel.
_GUESSED_MS_PER_UNIT = 1_000.0
_LOOK_EVERY_S = 10.0
_LOADING_EVERY_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Discord:
    """Which Discord to talk to. ``page`` is the sandbox's address, if it is the sandbox."""

    token: str
    page: str | None = None


class Bot(commands.AutoShardedBot):
    """The Discord client. It asks for no privileged intent and never pings anybody by accident."""

    def __init__(self, service: Service, library: Library) -> None:
        # The bot has no voice, so that its libraries are missing is no news.
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
        super().__init__(
            command_prefix=commands.when_mentioned,
            intents=discord.Intents(guilds=True),
            allowed_mentions=discord.AllowedMentions.none(),
            help_command=None,
            chunk_guilds_at_startup=False,
        )
        self._service = service
        self._library = library
        self.tree.error(_report)

    async def setup_hook(self) -> None:
        """Register cogs, buttons and commands, before the gateway is connected."""
        delivery = Delivery(self, self._service)
        await self.add_cog(delivery)
        await self.add_cog(Imagine(self._service, delivery, self._library))
        await self.add_cog(Queue(self._service))
        self.add_dynamic_items(results.JobButton)
        await self.tree.sync()


async def _report(
    interaction: discord.Interaction[Any], error: app_commands.AppCommandError
) -> None:
    """Our own mistakes: the log gets the cause, the user a number to find it by."""
    reference = uuid.uuid4().hex[:8]
    log.error("error %s in /%s", reference, interaction.command, exc_info=error)
    with contextlib.suppress(discord.HTTPException):  # the interaction may be over
        sentence = (
            f"Something went wrong inside the bot (error {reference}); its log has the cause."
        )
        await answer(interaction, views.refusal(sentence))


def main() -> int:
    """Run until stopped. Returns 2 after one sentence when the settings cannot work."""
    args = _arguments()
    try:
        settings = Settings.read()
        logging.basicConfig(level=settings.log_level, format="%(asctime)s %(name)s: %(message)s")
        asyncio.run(_serve(settings, use_sandbox=_wants_sandbox(args, settings)))
    except HyperSDError as error:
        print(error, file=sys.stderr)
        return EXIT_SETTINGS
    except (KeyboardInterrupt, asyncio.CancelledError):
        pass  # stopped by Ctrl+C or by a service manager: everything is closed by now
    return 0


def _wants_sandbox(args: argparse.Namespace, settings: Settings) -> bool:
    if args.discord and settings.discord_token is None:
        raise SettingsError(
            "DISCORD_TOKEN is not set: put the token from Discord's developer portal there or in "
            "a file .env, or start without --discord to use the sandbox."
        )
    return bool(args.sandbox or settings.discord_token is None)


async def _serve(settings: Settings, *, use_sandbox: bool) -> None:
    _stop_on_sigterm()
    workshop = await asyncio.to_thread(Workshop.open, settings)
    default = workshop.library.model()
    async with contextlib.AsyncExitStack() as stack:
        store = await stack.enter_async_context(Store.open(settings.local_dir))
        there = await _choose_discord(settings, stack, use_sandbox=use_sandbox)
        worker = GpuThread(
            lambda: build_engine(
                workshop.library, preload=default.file.name, on_load=_LoadingLog().tell
            )
        )
        worker.start()
        stack.push_async_callback(worker.close)
        print(f"Loading {default.file.name} …", flush=True)
        await worker.ready()
        service = _service(settings, store, worker, workshop)
        await service.recover()
        pump = asyncio.create_task(service.run())
        stack.push_async_callback(_stop, service, pump)
        watching = asyncio.create_task(_watch_models(workshop.library))
        stack.callback(watching.cancel)
        bot = Bot(service, workshop.library)
        await stack.enter_async_context(bot)
        announcing = asyncio.create_task(_announce(bot, there))
        stack.callback(announcing.cancel)
        await _connect(bot, there)


class _LoadingLog:
    """Tells of a model that loads, but not of every percent. On the GPU thread."""

    def __init__(self) -> None:
        self._told_s = time.monotonic()

    def tell(self, model: str, part: str, share: float) -> None:
        """Log a line every few seconds."""
        if time.monotonic() - self._told_s > _LOADING_EVERY_S:
            self._told_s = time.monotonic()
            log.info("loading %s: %.0f %%, %s", model, 100 * share, part)


async def _watch_models(library: Library) -> None:
    """Find new files without a restart. A folder that cannot be read is tried again."""
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        try:
            await asyncio.to_thread(library.refresh)
        except (HyperSDError, OSError):
            log.exception("the models folder cannot be read")


def _service(settings: Settings, store: Store, worker: GpuThread, workshop: Workshop) -> Service:
    def encode(pixels: NDArray[np.uint8], request: GenerationRequest, index: int) -> EncodedPicture:
        return encode_picture(pixels, request, index, hashes=workshop.known_hashes(request))

    return Service(
        store,
        worker,
        pictures_folder=settings.local_dir / "pictures",
        encode=encode,
        load_pictures=workshop.load_pictures,
        ms_per_unit=_GUESSED_MS_PER_UNIT,
        caps=Caps(per_user=settings.max_waiting_per_user, per_guild=settings.max_waiting_per_guild),
    )


async def _stop(service: Service, pump: asyncio.Task[None]) -> None:
    await service.close()
    await pump


async def _choose_discord(
    settings: Settings, stack: contextlib.AsyncExitStack, *, use_sandbox: bool
) -> Discord:
    """Discord itself, or a sandbox: one that runs already, or one started here."""
    if not use_sandbox:
        assert settings.discord_token is not None
        return Discord(token=settings.discord_token.get_secret_value())
    url = settings.sandbox_url
    if url is None:
        try:
            sandbox = await stack.enter_async_context(Sandbox(port=settings.sandbox_port))
        except OSError as error:
            raise SettingsError(
                f"The sandbox cannot listen on port {settings.sandbox_port} ({error.strerror}): "
                "is it running already? HYPERSD_SANDBOX_PORT names another port, 0 any free one."
            ) from error
        url = sandbox.url
    await _aim_at(url)
    return Discord(token=_SANDBOX_TOKEN, page=url)


async def _aim_at(url: str) -> None:
    """Make discord.py talk to the sandbox at ``url``; nothing else of the bot knows."""
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


async def _connect(bot: Bot, there: Discord) -> None:
    try:
        await bot.start(there.token)
    except discord.LoginFailure as error:
        raise SettingsError(
            "Discord does not accept the token in DISCORD_TOKEN: copy it anew from the developer "
            "portal, page Bot, Reset Token."
        ) from error
    except aiohttp.ClientConnectionError as error:
        raise SettingsError(f"Discord cannot be reached ({error}).") from error


async def _announce(bot: Bot, there: Discord) -> None:
    await bot.wait_until_ready()
    if there.page is None:
        print(f"Ready: connected to Discord as {bot.user}.", flush=True)
    else:
        print(f"Ready to draw. Open {there.page} and type /imagine. Ctrl+C stops.", flush=True)


def _stop_on_sigterm() -> None:
    """SIGTERM stops in good order, as Ctrl+C does."""
    task = asyncio.current_task()
    assert task is not None
    with contextlib.suppress(NotImplementedError):  # Windows has no signal handlers in loops
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--discord", action="store_true", help="refuse to start without a token")
    where.add_argument("--sandbox", action="store_true", help="use the sandbox despite a token")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
