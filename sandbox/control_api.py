"""The control interface: what goes wrong, and what went over the wire. For tests.

``POST /sandbox/faults``
    ``{"route": "POST /channels/*/messages", "status": 403, "code": 50013, "times": 1}`` refuses
    the next matching request; ``"retry_after": 0.1`` answers 429; ``"drop": true`` cuts the
    connection; ``"after": true`` lets the request take effect first and loses only its answer.
    ``*`` is one part of the path, ``**`` any number. ``DELETE`` forgets what did not happen yet.
``POST /sandbox/gateway``
    ``{"action": "cut", "hold_s": 0.5}`` breaks the connections and delays the next HELLO;
    ``{"action": "reconnect"}`` sends op 7;
    ``{"action": "invalidate", "resumable": false}`` sends op 9.
``POST /sandbox/permissions``
    ``{"channel": "general", "allow": ["ATTACH_FILES"], "deny": ["SEND_MESSAGES"]}`` changes what
    the bot may do there; the names are those of ``permissions.Permission``.
``POST /sandbox/limits``
    ``{"attachment_bytes": 1000000}`` sets how large a file may be; ``{"guild": "Studio",
    "premium_tier": 2}`` what a guild's boosts have reached (2: 50 MiB, 3: 100 MiB per file).
``POST /sandbox/expire``
    Makes every interaction token that exists too old.
``GET /sandbox/log``
    The recorded REST exchanges; ``DELETE`` forgets them.
"""

from collections.abc import Awaitable, Callable

from aiohttp import web

from sandbox.errors import SandboxError
from sandbox.exchanges import ExchangeLog
from sandbox.faults import Fault, FaultQueue
from sandbox.gateway import Gateway
from sandbox.interactions import Interactions
from sandbox.limits import AttachmentLimits
from sandbox.permissions import Permission
from sandbox.rest import MAX_REQUEST_BYTES
from sandbox.wire import Json, json_answer, read_object
from sandbox.world import MAX_PREMIUM_TIER, World


class ControlApi:
    """Handlers of the control interface."""

    def __init__(
        self,
        world: World,
        gateway: Gateway,
        interactions: Interactions,
        limits: AttachmentLimits,
        *,
        faults: FaultQueue,
        exchanges: ExchangeLog,
    ) -> None:
        self._world = world
        self._gateway = gateway
        self._interactions = interactions
        self._limits = limits
        self._faults = faults
        self._exchanges = exchanges
        self._actions: dict[str, Callable[[Json], Awaitable[None]]] = {
            "cut": self._cut,
            "reconnect": self._reconnect,
            "invalidate": self._invalidate,
        }

    def install(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_post("/sandbox/faults", self._add_fault)
        app.router.add_delete("/sandbox/faults", self._clear_faults)
        app.router.add_post("/sandbox/gateway", self._disturb_gateway)
        app.router.add_post("/sandbox/permissions", self._set_permissions)
        app.router.add_post("/sandbox/limits", self._set_limits)
        app.router.add_post("/sandbox/expire", self._expire)
        app.router.add_get("/sandbox/log", self._log)
        app.router.add_delete("/sandbox/log", self._clear_log)

    async def _add_fault(self, request: web.Request) -> web.Response:
        body = await read_object(request)
        times = body.get("times", 1)
        if not isinstance(times, int) or not 1 <= times <= 1_000:
            raise SandboxError(f"times must be in 1..1000, got {times!r}")
        self._faults.add(Fault.from_json(body), times=times)
        return json_answer({})

    async def _clear_faults(self, _: web.Request) -> web.Response:
        self._faults.clear()
        return json_answer({})

    async def _disturb_gateway(self, request: web.Request) -> web.Response:
        body = await read_object(request)
        if body.get("action") not in self._actions:
            names = ", ".join(self._actions)
            raise SandboxError(f"action must be one of {names}, got {body.get('action')!r}")
        await self._actions[body["action"]](body)
        return json_answer({})

    async def _cut(self, body: Json) -> None:
        await self._gateway.cut(hold_s=float(body.get("hold_s", 0)))

    async def _reconnect(self, _: Json) -> None:
        self._gateway.ask_to_reconnect()

    async def _invalidate(self, body: Json) -> None:
        self._gateway.invalidate(is_resumable=bool(body.get("resumable")))

    async def _set_permissions(self, request: web.Request) -> web.Response:
        body = await read_object(request)
        names = [channel.name for channel in self._world.channels]
        for channel in self._world.channels:
            if body.get("channel") in {channel.name, str(channel.id)}:
                allowed = channel.bot_permissions | _bits(body, "allow")
                changed = self._world.set_bot_permissions(channel, allowed & ~_bits(body, "deny"))
                self._gateway.announce_channel(changed)
                return json_answer({"app_permissions": str(int(changed.bot_permissions))})
        raise SandboxError(f"there is no channel {body.get('channel')!r}; there are {names}")

    async def _set_limits(self, request: web.Request) -> web.Response:
        body = await read_object(request)
        if "attachment_bytes" in body:
            self._limits.everywhere_bytes = _whole(body, "attachment_bytes", 1, MAX_REQUEST_BYTES)
        if "guild" in body:
            tier = _whole(body, "premium_tier", 0, MAX_PREMIUM_TIER)
            guild = self._world.find_guild(body["guild"])
            self._gateway.announce_guild(self._world.set_premium_tier(guild, tier))
        return json_answer({})

    async def _expire(self, _: web.Request) -> web.Response:
        return json_answer({"expired": self._interactions.expire_all()})

    async def _log(self, _: web.Request) -> web.Response:
        return json_answer(self._exchanges.payload())

    async def _clear_log(self, _: web.Request) -> web.Response:
        self._exchanges.clear()
        return json_answer({})


def _whole(body: Json, key: str, least: int, most: int) -> int:
    value = body.get(key)
    if not isinstance(value, int) or not least <= value <= most:
        raise SandboxError(f"{key} must be in {least}..{most}, got {value!r}")
    return value


def _bits(body: Json, key: str) -> Permission:
    bits = Permission(0)
    for name in body.get(key) or []:
        if name not in Permission.__members__:
            names = ", ".join(Permission.__members__)
            raise SandboxError(f"there is no permission {name!r}; there are {names}")
        bits |= Permission[name]
    return bits
