"""Is the wait that people are told the wait that they have? ``python -m hypersd_core.evals.eta``.

Gives the real service, with the embedded model on the real GPU thread, jobs of random sizes, steps,
counts and samplers, a few at a time, and compares what each ticket said with when the pictures were
made. Prints a table by how many jobs were ahead, then one JSON line. It measures the machine as it
is: what else runs there is in the numbers.
"""

import argparse
import asyncio
import json
import platform
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hypersd_core.assembly import Workshop, build_engine
from hypersd_core.compose import compose
from hypersd_core.doors import Doors
from hypersd_core.engine.device import best_device, network_dtype
from hypersd_core.flags import PromptFlags
from hypersd_core.jobs.gpu_thread import GpuThread
from hypersd_core.library import Library
from hypersd_core.metrics import UNWATCHED
from hypersd_core.policy import Caps
from hypersd_core.request import Origin
from hypersd_core.service import Order, Service
from hypersd_core.settings import Settings
from hypersd_core.store import Store

_CAPS = Caps(per_user=1_000, per_guild=1_000)
_SIZES = ("64x64", "56x72", "64x96", "96x96", "128x128")
_STEPS = (1, 2, 4, 8, 16)
_COUNTS = (1, 1, 2, 3, 4)
_GUIDANCE = (1.0, 2.0)
_SAMPLERS = ("tcd", "lcm", "ddim", "dpmpp_sde")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """What a ticket said and what came of it, in seconds. ``ahead``: jobs before it."""

    ahead: int
    predicted_s: float
    real_s: float

    @property
    def error(self) -> float:
        """Relative, positive where the wait was shorter than told."""
        return (self.predicted_s - self.real_s) / self.real_s


def main() -> None:
    """Measure and print."""
    args = _arguments()
    waits = asyncio.run(_measured(args.jobs, args.warm_up, random.Random(args.seed)))  # noqa: S311 - no secret
    _print_table(waits)
    print(json.dumps({**_machine(), "warm_up": args.warm_up, "seed": args.seed, **_scores(waits)}))


async def _measured(jobs: int, warm_up: int, rng: random.Random) -> list[Wait]:
    """What ``jobs`` jobs waited, after ``warm_up`` others from which the estimates are learnt."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.read().model_copy(update={"local_dir": Path(folder)})
        workshop = Workshop.open(settings)
        library = workshop.library
        worker = GpuThread(lambda: build_engine(library, preload=library.model().file.name))
        async with Store.open(settings.local_dir) as store:
            service = Doors.open(settings, workshop, worker, store, UNWATCHED).service
            worker.start()
            await worker.ready()
            pump = asyncio.create_task(service.run())
            try:
                await _burst(service, [_order(library, rng) for _ in range(warm_up)])
                waits: list[Wait] = []
                while len(waits) < jobs:
                    size = min(rng.randint(1, 6), jobs - len(waits))
                    waits += await _burst(service, [_order(library, rng) for _ in range(size)])
            finally:
                await service.close()
                await pump
                await worker.close()
    return waits


async def _burst(service: Service, orders: Sequence[Order]) -> list[Wait]:
    """What ``orders`` waited that came at once."""
    since_s = time.perf_counter()
    tickets = {t.job.id: t for t in await service.submit(orders, caps=_CAPS)}
    waits = []
    for _ in tickets:
        job = await service.next_finished()
        ticket, real_s = tickets[job.id], time.perf_counter() - since_s
        waits.append(Wait(ahead=ticket.position, predicted_s=ticket.eta_s, real_s=real_s))
    return waits


def _order(library: Library, rng: random.Random) -> Order:
    options = PromptFlags(
        size=rng.choice(_SIZES),
        steps=rng.choice(_STEPS),
        count=rng.choice(_COUNTS),
        guidance=rng.choice(_GUIDANCE),
        sampler=rng.choice(_SAMPLERS),
        seed=rng.randrange(2**32),
    )
    request = compose("portrait of a lady, red hair, big smile", options, library).request
    return Order(request=request, origin=_ORIGIN)


_ORIGIN = Origin(
    user_id=1,
    guild_id=1,
    channel_id=1,
    application_id=1,
    token="none",  # noqa: S106 - nobody is answered
    token_expires_at=datetime(2000, 1, 1, tzinfo=UTC),
)


def _print_table(waits: Sequence[Wait]) -> None:
    groups = {"none": (0, 0), "1": (1, 1), "2 or 3": (2, 3), "4 or more": (4, 1_000)}
    print(f"{'ahead':<12}{'jobs':>6}{'median wait':>13}{'median error':>14}{'p90':>8}{'bias':>8}")
    for title, (least, most) in groups.items():
        _print_row(title, [wait for wait in waits if least <= wait.ahead <= most])
    _print_row("all", waits)


def _print_row(title: str, waits: Sequence[Wait]) -> None:
    if not waits:
        return
    scores = _scores(waits)
    print(
        f"{title:<12}{scores['jobs']:>6}{scores['median_wait_s']:>11.2f} s"
        f"{scores['median_error']:>14.0%}{scores['p90_error']:>8.0%}{scores['bias']:>+8.0%}"
    )


def _scores(waits: Sequence[Wait]) -> dict[str, float]:
    """``bias`` is the median of signed errors: positive says that people are told too much."""
    errors = sorted(abs(wait.error) for wait in waits)
    return {
        "jobs": len(waits),
        "median_wait_s": round(statistics.median(wait.real_s for wait in waits), 3),
        "median_error": round(statistics.median(errors), 3),
        "p90_error": round(errors[min(len(errors) - 1, int(0.9 * len(errors)))], 3),
        "bias": round(statistics.median(wait.error for wait in waits), 3),
    }


def _machine() -> dict[str, object]:
    return {
        "machine": platform.processor() or platform.machine(),
        "device": str(best_device()),
        "dtype": str(network_dtype(best_device())).removeprefix("torch."),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=60, help="how many to measure")
    parser.add_argument("--warm-up", type=int, default=10, help="how many before that")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn and when")
    return parser.parse_args()


if __name__ == "__main__":
    main()
