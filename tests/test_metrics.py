"""Numbers for Prometheus, read back by its own parser; health over a real socket."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from hypersd_core.errors import SettingsError
from hypersd_core.metrics import UNWATCHED, Metrics, Watcher
from hypersd_core.monitoring import Health, finite, serving, watch_loop

WELL = Health(is_ready=True, is_worker_alive=True, waiting=3, gateway_latency_s=0.05)
STARTING = Health(is_ready=False, is_worker_alive=True, waiting=0, gateway_latency_s=None)


def samples(text: bytes) -> dict[str, float]:
    """``name{label}`` to value."""
    return {
        f"{sample.name}{''.join(sample.labels.values())}": sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def one_job(watcher: Watcher) -> None:
    watcher.job_drawn(model="portrait-64", pictures=4, gpu_s=1.5, waited_s=7)
    watcher.posted("token")
    watcher.job_ended(42, "delivered")


def test_a_job_is_counted_with_its_pictures_seconds_and_route() -> None:
    metrics = Metrics()
    one_job(metrics)
    found = samples(metrics.text())
    assert found["hypersd_jobs_totaldelivered"] == 1
    assert found["hypersd_pictures_totalportrait-64"] == 4
    assert found["hypersd_gpu_seconds_totalportrait-64"] == 1.5
    assert found["hypersd_deliveries_totaltoken"] == 1
    assert found["hypersd_waiting_seconds_sum"] == 7
    assert (
        found["hypersd_waiting_seconds_bucket5.0"],
        found["hypersd_waiting_seconds_bucket10.0"],
    ) == (0, 1)
    assert found["hypersd_drawing_seconds_sum"] == 1.5
    assert metrics.last_job is not None
    assert (metrics.last_job["id"], metrics.last_job["outcome"]) == (42, "delivered")


def test_only_errors_of_discord_are_counted() -> None:
    metrics = Metrics()
    for status in (200, 204, 404, 429, 429):
        metrics.discord_answered(status)
    found = {name: v for name, v in samples(metrics.text()).items() if "errors_total" in name}
    assert found == {"hypersd_discord_errors_total404": 1, "hypersd_discord_errors_total429": 2}


def test_a_gauge_is_read_when_somebody_asks() -> None:
    metrics, waiting = Metrics(), [0]
    metrics.gauge("queue_length", "Jobs that wait.", lambda: waiting[0])
    waiting[0] = 5
    assert samples(metrics.text())["hypersd_queue_length"] == 5


def test_two_bots_in_one_process_count_apart() -> None:
    first, second = Metrics(), Metrics()
    one_job(first)
    assert "hypersd_jobs_totaldelivered" not in samples(second.text())


def test_who_is_not_watched_may_tell_as_well() -> None:
    one_job(UNWATCHED)


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.1, 0.1), (float("inf"), None), (float("nan"), None)]
)
def test_a_latency_that_is_not_known_is_null(seconds: float, said: float | None) -> None:
    assert finite(seconds) == said


async def test_a_loop_that_is_held_up_is_seen() -> None:
    metrics = Metrics()
    watching = asyncio.create_task(watch_loop(metrics, every_s=0.01))
    await asyncio.sleep(0)
    time.sleep(0.15)  # noqa: ASYNC251 - what nobody may do otherwise
    await asyncio.sleep(0.02)
    watching.cancel()
    found = samples(metrics.text())
    assert (
        found["hypersd_event_loop_lag_seconds_bucket0.1"]
        < found["hypersd_event_loop_lag_seconds_count"]
    )


@pytest_asyncio.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_health_is_json_with_the_last_job(client: aiohttp.ClientSession) -> None:
    metrics = Metrics()
    one_job(metrics)
    async with serving(metrics, lambda: WELL, host="127.0.0.1", port=0) as url:
        reply = await client.get(f"{url}/health")
        body = await reply.json()
    assert reply.status == 200
    assert (body["is_ready"], body["waiting"], body["gateway_latency_s"]) == (True, 3, 0.05)
    assert body["last_job"]["id"] == 42


@pytest.mark.parametrize(
    "health",
    [STARTING, Health(is_ready=True, is_worker_alive=False, waiting=0, gateway_latency_s=0.1)],
)
async def test_a_bot_that_cannot_draw_is_not_well(
    client: aiohttp.ClientSession, health: Health
) -> None:
    async with serving(Metrics(), lambda: health, host="127.0.0.1", port=0) as url:
        assert (await client.get(f"{url}/health")).status == 503


async def test_metrics_are_served_as_prometheus_text(client: aiohttp.ClientSession) -> None:
    metrics = Metrics()
    one_job(metrics)
    async with serving(metrics, lambda: WELL, host="127.0.0.1", port=0) as url:
        reply = await client.get(f"{url}/metrics")
        found = samples(await reply.read())
    assert reply.headers["Content-Type"].startswith("text/plain; version=")
    assert found["hypersd_jobs_totaldelivered"] == 1


async def test_a_busy_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"port {port} .* HYPERSD_METRICS_PORT"):
            async with serving(Metrics(), lambda: WELL, host="127.0.0.1", port=port):
                pass
