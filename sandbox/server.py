"""The whole server: builds the parts, listens, and stops without leaving anything behind."""

import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from sandbox.actions import Actions
from sandbox.commands import CommandRegistry
from sandbox.composer import Composer
from sandbox.control_api import ControlApi
from sandbox.errors import DiscordError, SandboxError
from sandbox.exchanges import ExchangeLog
from sandbox.faults import FaultQueue
from sandbox.files import FileStore
from sandbox.gateway import Gateway
from sandbox.interactions import Interactions
from sandbox.limits import AttachmentLimits
from sandbox.live import LiveFeed
from sandbox.messages import MessageBoard
from sandbox.page_api import PageApi
from sandbox.page_state import PageState
from sandbox.rest import API_PREFIX, MAX_REQUEST_BYTES, RestApi
from sandbox.rest_account import AccountRoutes
from sandbox.rest_channels import ChannelRoutes
from sandbox.rest_commands import CommandRoutes
from sandbox.rest_guilds import GuildRoutes
from sandbox.rest_interactions import InteractionRoutes
from sandbox.snowflake import Snowflakes
from sandbox.wire import json_answer
from sandbox.world import World

log = logging.getLogger(__name__)

DEFAULT_PORT = 8765
ANSWER_WITHIN_S = 3.0
ATTACHMENT_LIMIT_BYTES = 10 * 1024 * 1024
_PAGE = Path(__file__).parent / "page"
_SHUTDOWN_S = 1.0

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Sandbox:
    """A running server; use it as an async context manager.

    ``port`` 0 takes a free one. ``answer_within_s`` is the time a bot has for its first answer,
    ``attachment_limit_bytes`` the size from which a file is refused.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        answer_within_s: float = ANSWER_WITHIN_S,
        attachment_limit_bytes: int = ATTACHMENT_LIMIT_BYTES,
    ) -> None:
        self._host = host
        self._port = port
        self._answer_within_s = answer_within_s
        self._attachment_limit_bytes = attachment_limit_bytes
        self._runner: web.AppRunner | None = None
        self._gateway: Gateway | None = None
        self._live: LiveFeed | None = None

    @property
    def url(self) -> str:
        """The page's address; the port is known once the server runs."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def api_url(self) -> str:
        """What a bot's REST client takes as its base."""
        return self.url + API_PREFIX

    @property
    def gateway_url(self) -> str:
        """What a bot's gateway client connects to."""
        return self.url.replace("http", "ws", 1) + "/gateway"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: The address is taken or not this machine's.
        """
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listener = socket.create_server((self._host, self._port), family=family)
        self._port = listener.getsockname()[1]
        self._runner = web.AppRunner(self._build(), shutdown_timeout=_SHUTDOWN_S, access_log=None)
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()
        log.info("sandbox at %s", self.url)

    async def stop(self) -> None:
        """Close every connection and stop listening."""
        if self._live is not None:
            self._live.close()
        if self._gateway is not None:
            await self._gateway.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def _build(self) -> web.Application:
        """Make the parts and connect them; only this function knows all of them."""
        world, snowflakes, faults, exchanges = World(), Snowflakes(), FaultQueue(), ExchangeLog()
        files = FileStore(self.url, snowflakes)
        live = self._live = LiveFeed(world)
        gateway = self._gateway = Gateway(world, self.gateway_url, on_presence=live.refresh)
        board = MessageBoard(Composer(world, files, snowflakes), files)
        board.listen(gateway.announce)
        board.listen(live.announce)
        commands = CommandRegistry(world, snowflakes, on_change=live.refresh)
        limits = AttachmentLimits(world, self._attachment_limit_bytes)
        interactions = Interactions(
            world,
            gateway,
            snowflakes,
            board,
            answer_within_s=self._answer_within_s,
            limits=limits,
        )
        rest = RestApi(
            AccountRoutes(world, self.gateway_url).routes()
            + CommandRoutes(world, commands).routes()
            + GuildRoutes(world).routes()
            + ChannelRoutes(world, board, snowflakes, live).routes()
            + InteractionRoutes(world, board, snowflakes, interactions).routes(),
            faults=faults,
            exchanges=exchanges,
            limit_bytes=lambda path: limits.of_channel(_channel_id(path, interactions)),
        )
        actions = Actions(world, commands, board, files, interactions, snowflakes)
        page = PageApi(PageState(world, commands, board, gateway), actions, live)
        control = ControlApi(
            world, gateway, interactions, limits, faults=faults, exchanges=exchanges
        )

        app = web.Application(
            client_max_size=MAX_REQUEST_BYTES,
            middlewares=[_refuse_other_sites, _explain_refusals],
        )
        app.router.add_get("/gateway", gateway.handle)
        app.router.add_get("/gateway/", gateway.handle)
        app.router.add_get("/attachments/{channel_id}/{attachment_id}/{filename}", _download(files))
        app.router.add_get("/", _index)
        app.router.add_static("/page", _PAGE)
        rest.install(app)
        page.install(app)
        control.install(app)
        return app


@web.middleware
async def _refuse_other_sites(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Keep other pages in the same browser from acting here; bots send no Origin."""
    origin = request.headers.get("Origin")
    if origin is not None and origin.partition("://")[2] != request.host:
        raise web.HTTPForbidden
    return await handler(request)


@web.middleware
async def _explain_refusals(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Answer what a caller of the page's interface got wrong with a sentence."""
    try:
        return await handler(request)
    except (SandboxError, DiscordError) as error:
        return json_answer({"error": str(error)}, status=400)


def _channel_id(path: Mapping[str, str], interactions: Interactions) -> str:
    """Return the channel that a request is about, by its path or its interaction's token."""
    token = path.get("interaction_token") or path.get("webhook_token")
    return interactions.channel_id_of(token) if token else path.get("channel_id", "")


def _download(files: FileStore) -> _Handler:
    async def download(request: web.Request) -> web.StreamResponse:
        file = files.find(request.match_info["attachment_id"])
        if file is None:
            raise web.HTTPNotFound
        return web.Response(
            body=file.data,
            content_type=file.attachment.content_type,
            headers={
                "X-Content-Type-Options": "nosniff",
                "Content-Security-Policy": "sandbox",  # a file with scripts stays a file
            },
        )

    return download


async def _index(_: web.Request) -> web.StreamResponse:
    return web.FileResponse(_PAGE / "index.html")
