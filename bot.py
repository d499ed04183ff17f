"""The bot: builds every part, starts them in order, and stops them in the reverse order.

``python bot.py`` connects to Discord with DISCORD_TOKEN; without one it starts the sandbox, a
Discord on this machine alone, and connects to that. ``python bot.py doctor`` checks everything that
it needs and says what to do; ``python bot.py sync`` sends the commands to Discord again.

Exit status: 0, stopped in good order; 1, a crash, or the doctor found a problem; 2, the settings or
what they name cannot work, and one sentence on standard error says why, so that to start it again
does not help. The first SIGTERM finishes the job in hand, a second one or Ctrl+C stops at once.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import sys
from collections.abc import Coroutine, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cogs.client import Bot
from cogs.command_sync import CommandSync
from cogs.doctor import check_discord, not_looked_at
from cogs.endpoint import Endpoint, explaining_refusals, sandbox_at
from hypersd_core import logs, monitoring
from hypersd_core.assembly import Workshop, build_engine
from hypersd_core.doctor.check import Check, Verdict
from hypersd_core.doctor.local import examine
from hypersd_core.doors import Doors
from hypersd_core.errors import HyperSDError, SettingsError
from hypersd_core.jobs.gpu_thread import GpuThread
from hypersd_core.metrics import Metrics
from hypersd_core.operations import Operations
from hypersd_core.service import Service
from hypersd_core.settings import Settings
from hypersd_core.stop_signal import StopSignal
from hypersd_core.store import Store
from sandbox import Sandbox

log = logging.getLogger("bot")

EXIT_PROBLEM, EXIT_SETTINGS = 1, 2
_LOOK_EVERY_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """All but Discord."""

    doors: Doors
    worker: GpuThread
    metrics: Metrics


def main() -> int:
    """Run until stopped; returns the exit status."""
    args = parse(sys.argv[1:])
    try:
        settings = Settings.read()
        token = settings.discord_token
        logs.set_up(
            settings.log_level, settings.log_format, [token.get_secret_value()] if token else []
        )
        status: int = asyncio.run(args.run(args, settings))
    except HyperSDError as error:
        print(error, file=sys.stderr)
        return EXIT_SETTINGS
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 0  # stopped by Ctrl+C or by a service manager: everything is closed by now
    return status


async def _serve(args: argparse.Namespace, settings: Settings) -> int:
    """Draw until stopped."""
    stop = StopSignal()
    async with contextlib.AsyncExitStack() as stack:
        parts = await _assemble(settings, stack)
        endpoint = await _endpoint(args, settings, stack)
        await _begin_to_draw(parts, stack)
        bot = await stack.enter_async_context(Bot(parts.doors, parts.metrics))
        await _publish(bot, parts, settings, stack)
        _keep(_announce(bot, endpoint), stack)
        stop.drain_first(lambda: _drain(bot, parts.doors.service, settings.drain_s))
        with explaining_refusals():
            await bot.login(endpoint.token)
            await CommandSync(bot.tree, settings.local_dir).if_changed()
            await bot.connect()
    return 0


async def _sync(args: argparse.Namespace, settings: Settings) -> int:
    """Send the commands to Discord, or take them away, whatever is there."""
    async with contextlib.AsyncExitStack() as stack:
        parts = await _assemble(settings, stack)
        endpoint = await _endpoint(args, settings, None)
        bot = await stack.enter_async_context(Bot(parts.doors, parts.metrics))
        with explaining_refusals():
            await bot.login(endpoint.token)
        command_sync = CommandSync(bot.tree, settings.local_dir)
        if args.clear:
            await command_sync.clear()
            print("Discord has no commands of this bot now; the next start sends them again.")
        else:
            print(f"Discord has {await command_sync.send()} commands of this bot now.")
    return 0


async def _doctor(args: argparse.Namespace, settings: Settings) -> int:
    """Check everything, one line each, and say what to do."""
    logging.getLogger().setLevel(logging.CRITICAL)  # what matters here is printed

    def shown(check: Check) -> bool:
        line = check.line(is_coloured=sys.stdout.isatty())
        print(json.dumps(asdict(check)) if args.json else line, flush=True)
        return check.verdict is Verdict.PROBLEM

    problems = [shown(check) for check in examine(settings)]
    try:
        endpoint = await _endpoint(args, settings, None)
    except SettingsError as error:
        problems.append(shown(not_looked_at(error)))
    else:
        problems += [shown(c) async for c in check_discord(endpoint, settings.local_dir)]
    return EXIT_PROBLEM if any(problems) else 0


async def _assemble(settings: Settings, stack: contextlib.AsyncExitStack) -> Parts:
    """Build what draws; nothing runs yet."""
    workshop = await asyncio.to_thread(Workshop.open, settings)
    library, metrics = workshop.library, Metrics()
    default = library.model().file.name
    loading = logs.LoadingLog(metrics.model_loaded)

    def on_load(model: str, part: str, share: float) -> None:
        loading.tell(model, part, share)
        doors.service.model_loads(model, share)

    worker = GpuThread(lambda: build_engine(library, preload=default, on_load=on_load))
    store = await stack.enter_async_context(Store.open(settings.local_dir))
    doors = Doors.open(settings, workshop, worker, store, metrics)
    return Parts(doors=doors, worker=worker, metrics=metrics)


async def _begin_to_draw(parts: Parts, stack: contextlib.AsyncExitStack) -> None:
    parts.worker.start()
    stack.push_async_callback(parts.worker.close)
    doors, library = parts.doors, parts.doors.workshop.library
    print(f"Loading {library.model().file.name} …", flush=True)
    if doors.classifier is not None:  # while the worker loads, too
        await asyncio.to_thread(doors.classifier.load)
    await parts.worker.ready()
    await doors.service.recover()
    pump = asyncio.create_task(doors.service.run())
    stack.push_async_callback(_stop, doors.service, pump)
    _keep(_watch_models(doors.operations), stack)
    _keep(doors.retention.run(), stack)


async def _drain(bot: Bot, service: Service, timeout_s: float) -> None:
    """Finish the job in hand and post it, if that does not take too long."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            if await service.drain(timeout_s):
                await bot.delivery.settle()


async def _stop(service: Service, pump: asyncio.Task[None]) -> None:
    await service.close()
    await pump


async def _watch_models(operations: Operations) -> None:
    """Find new files without a restart. A folder that cannot be read is tried again."""
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        try:
            await operations.refresh()
        except (HyperSDError, OSError):
            log.exception("the models folder cannot be read")


def _keep(work: Coroutine[Any, Any, None], stack: contextlib.AsyncExitStack) -> None:
    """Let ``work`` go on until ``stack`` is closed."""
    stack.callback(asyncio.create_task(work).cancel)


async def _publish(
    bot: Bot, parts: Parts, settings: Settings, stack: contextlib.AsyncExitStack
) -> None:
    """Serve metrics and health, if the operator wants them."""
    if settings.metrics_port is None:
        return
    service, metrics = parts.doors.service, parts.metrics

    def health() -> monitoring.Health:
        return monitoring.Health(
            is_ready=bot.is_ready(),
            is_worker_alive=parts.worker.is_alive,
            waiting=service.waiting,
            gateway_latency_s=monitoring.finite(bot.latency),
        )

    metrics.gauge("queue_length", "Jobs that wait.", lambda: service.waiting)
    metrics.gauge("running", "Jobs that are drawn.", lambda: service.is_drawing)
    metrics.gauge("gateway_latency_seconds", "To Discord and back.", lambda: bot.latency)
    url = await stack.enter_async_context(
        monitoring.serving(metrics, health, host=settings.metrics_host, port=settings.metrics_port)
    )
    log.info("metrics are at %s/metrics", url)


async def _endpoint(
    args: argparse.Namespace, settings: Settings, stack: contextlib.AsyncExitStack | None
) -> Endpoint:
    """Discord itself, or a sandbox: one that runs already, or one started on ``stack``."""
    token = settings.discord_token
    if token is not None and not args.sandbox:
        return Endpoint(token=token.get_secret_value())
    if args.discord:
        raise SettingsError(
            "DISCORD_TOKEN is not set: put the token from Discord's developer portal there or in "
            "a file .env, or start without --discord to use the sandbox."
        )
    if settings.sandbox_url is not None:
        return await sandbox_at(settings.sandbox_url)
    if stack is None:
        raise SettingsError("DISCORD_TOKEN is not set, and HYPERSD_SANDBOX_URL names no sandbox.")
    try:
        sandbox = await stack.enter_async_context(Sandbox(port=settings.sandbox_port))
    except OSError as error:
        raise SettingsError(
            f"The sandbox cannot listen on port {settings.sandbox_port} ({error.strerror}): "
            "is it running already? HYPERSD_SANDBOX_PORT names another port, 0 any free one."
        ) from error
    return await sandbox_at(sandbox.url)


async def _announce(bot: Bot, endpoint: Endpoint) -> None:
    await bot.wait_until_ready()
    if endpoint.page is None:
        print(f"Ready: connected to Discord as {bot.user}.", flush=True)
    else:
        print(f"Ready to draw. Open {endpoint.page} and type /imagine. Ctrl+C stops.", flush=True)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line; ``run`` is the coroutine function to be called."""
    where = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    either = where.add_mutually_exclusive_group()
    either.add_argument("--discord", action="store_true", help="refuse to start without a token")
    either.add_argument("--sandbox", action="store_true", help="use the sandbox despite a token")
    parser = argparse.ArgumentParser(description=__doc__, parents=[where])
    parser.set_defaults(run=_serve, discord=False, sandbox=False)
    commands = parser.add_subparsers(metavar="COMMAND")
    sync = commands.add_parser("sync", parents=[where], help="send the commands to Discord")
    sync.add_argument("--clear", action="store_true", help="take them away instead")
    sync.set_defaults(run=_sync)
    checks = commands.add_parser("doctor", parents=[where], help="check everything, say what to do")
    checks.add_argument("--json", action="store_true", help="one object a line, for programs")
    checks.set_defaults(run=_doctor)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
