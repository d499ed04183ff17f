"""``/metrics`` and ``/health`` for the operator's monitoring, on a port of their own.

Nothing here asks for a password: it listens on this machine alone unless told otherwise, and knows
no prompts and no names of people.
"""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass
from typing import Any

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from hypersd_core.errors import SettingsError
from hypersd_core.metrics import Metrics

_LOOK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How the bot is right now. ``gateway_latency_s`` is None while it is not connected."""

    is_ready: bool
    is_worker_alive: bool
    waiting: int
    gateway_latency_s: float | None

    @property
    def is_well(self) -> bool:
        """Whether jobs are accepted and drawn."""
        return self.is_ready and self.is_worker_alive


def finite(value: float) -> float | None:
    """``value``, or None for what JSON has no word for."""
    return value if math.isfinite(value) else None


@contextlib.asynccontextmanager
async def serving(
    metrics: Metrics, health: Callable[[], Health], *, host: str, port: int
) -> AsyncIterator[str]:
    """Serve until the end of the block; gives the address. ``port`` 0 takes a free one.

    ``/health`` answers 200, or 503 when the bot is not well. Raises SettingsError when the port
    is taken.
    """
    runner = web.AppRunner(_build(metrics, health), access_log=None, shutdown_timeout=1)
    await runner.setup()
    watching = asyncio.create_task(watch_loop(metrics))
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise SettingsError(
                f"Metrics cannot be served at {host}, port {port} ({error.strerror}): "
                "HYPERSD_METRICS_PORT names another port, HYPERSD_METRICS_HOST another address."
            ) from error
        yield f"http://{_in_url(host)}:{runner.addresses[0][1]}"
    finally:
        watching.cancel()
        await runner.cleanup()


async def watch_loop(metrics: Metrics, *, every_s: float = _LOOK_EVERY_S) -> None:
    """Measure forever how late the event loop is: somebody may hold it up."""
    loop = asyncio.get_running_loop()
    while True:
        due_s = loop.time() + every_s
        await asyncio.sleep(every_s)
        metrics.loop_lagged(max(0.0, loop.time() - due_s))


def _build(metrics: Metrics, health: Callable[[], Health]) -> web.Application:
    async def show_metrics(_: web.Request) -> web.Response:
        return web.Response(body=metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def show_health(_: web.Request) -> web.Response:
        now = health()
        body: dict[str, Any] = asdict(now) | {"last_job": metrics.last_job}
        return web.json_response(body, status=200 if now.is_well else 503)

    app = web.Application()
    app.router.add_get("/metrics", show_metrics)
    app.router.add_get("/health", show_health)
    return app


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
