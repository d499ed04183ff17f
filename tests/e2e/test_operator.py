"""What an operator meets: health, metrics, logs, stopping, and commands that are sent once."""

import asyncio
import json
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from sandbox import Sandbox
from tests.e2e.bot_process import BotProcess, run_bot
from tests.e2e.cards import picture_urls, text_of
from tests.e2e.database import rows, until_rows
from tests.e2e.visitor import SLOW, Visitor
from tests.test_metrics import samples

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "wombat"
STATE = "SELECT state FROM jobs WHERE json_extract(request, '$.prompt') = ?"
COMMANDS = "/applications/{application_id}/commands"


@pytest.fixture(scope="module")
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number: int = free.getsockname()[1]
    return number


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(
    sandbox: Sandbox, visitor: Visitor, local_dir: Path, port: int
) -> AsyncIterator[BotProcess]:
    """A bot as it runs on a server. What is not running is started by the test that needs it."""
    process = BotProcess(
        sandbox.url,
        local_dir,
        HYPERSD_LOG_FORMAT="json",
        HYPERSD_METRICS_PORT=str(port),
        HYPERSD_DRAIN_S="30",
    )
    await process.start()
    yield process
    await process.stop()


async def read(port: int, path: str) -> tuple[int, bytes]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}{path}") as reply,
    ):
        return reply.status, await reply.read()


async def until_drawing(local_dir: Path, prompt: str) -> None:
    await until_rows(local_dir, STATE, prompt, expected=[("running",)])


def log_of(bot: BotProcess) -> list[dict[str, Any]]:
    return [json.loads(line) for line in bot.output if line.startswith("{")]


async def commands_sent(visitor: Visitor) -> int:
    log = await visitor.log()
    return sum(e["method"] == "PUT" and e["template"] == COMMANDS for e in log)


async def tokens(visitor: Visitor) -> set[str]:
    """Of the interactions so far: they stand in the addresses of what the bot sent."""
    paths = [e["path"].split("/") for e in await visitor.log()]
    return {path[3] for path in paths if path[1] in {"webhooks", "interactions"}}


@pytest.mark.usefixtures("bot")
async def test_health_and_metrics_tell_of_a_job(
    visitor: Visitor, local_dir: Path, port: int
) -> None:
    await visitor.until_drawn(await visitor.imagine("a man, counted", steps=1, count=2))
    await until_rows(local_dir, STATE, "a man, counted", expected=[("delivered",)])
    status, body = await read(port, "/health")
    health = json.loads(body)
    assert (status, health["is_ready"], health["is_worker_alive"]) == (200, True, True)
    assert health["last_job"]["outcome"] == "delivered"
    found = samples((await read(port, "/metrics"))[1])
    assert found["hypersd_jobs_totaldelivered"] == 1
    assert found["hypersd_pictures_totalportrait-64"] == 2
    assert found["hypersd_gpu_seconds_totalportrait-64"] > 0
    assert found["hypersd_deliveries_totaltoken"] == 1
    assert found["hypersd_waiting_seconds_count"] == found["hypersd_drawing_seconds_count"] == 1
    assert found["hypersd_model_loads_totalportrait-64"] == 1
    assert (found["hypersd_queue_length"], found["hypersd_running"]) == (0, 0)


@pytest.mark.usefixtures("bot")
async def test_errors_of_discord_are_counted_with_those_that_are_tried_again(
    visitor: Visitor, port: int
) -> None:
    await visitor.fault("PATCH /webhooks/*/*/messages/@original", status=502, code=0)
    await visitor.until_drawn(await visitor.imagine("a man, 502", steps=1))
    found = samples((await read(port, "/metrics"))[1])
    assert found["hypersd_discord_errors_total502"] == 1


async def test_no_prompt_is_logged_whatever_becomes_of_it(
    visitor: Visitor, bot: BotProcess, local_dir: Path
) -> None:
    drawn = await visitor.imagine(f"a {SECRET}", steps=1)
    await visitor.until_drawn(drawn)
    await visitor.command("imagine", prompt=f"a {SECRET} --{SECRET} 4")  # refused
    await visitor.command("imagine", prompt=f"({SECRET}", negative=SECRET)
    await visitor.cancel(await visitor.imagine(f"a slow {SECRET}", **SLOW))
    with no_room_for_pictures(local_dir):
        await visitor.imagine(f"a {SECRET} that fails", steps=1)
        await visitor.until(lambda m: SECRET in text_of(m) and "could not be written" in text_of(m))
    await visitor.fault("PATCH /webhooks/*/*/messages/@original", status=400, code=50035)
    await visitor.imagine(f"a {SECRET} that Discord refuses", steps=1)
    await until_rows(local_dir, STATE, f"a {SECRET} that Discord refuses", expected=[("made",)])
    await until_logged(bot, "could not be posted")
    log = "".join(bot.output)
    issued = await tokens(visitor)
    assert SECRET not in log
    assert not any(token in log for token in issued)
    ((job_id,),) = rows(local_dir, "SELECT min(id) FROM jobs")
    about = [entry["message"] for entry in log_of(bot) if entry.get("job") == job_id]
    assert any(message.startswith(f"job {job_id} -> queued") for message in about)


class no_room_for_pictures:  # noqa: N801 - reads as a sentence
    """A file where the folder of pictures was."""

    def __init__(self, local_dir: Path) -> None:
        self._folder, self._away = local_dir / "pictures", local_dir / "elsewhere"

    def __enter__(self) -> None:
        self._folder.rename(self._away)
        self._folder.touch()

    def __exit__(self, *_: object) -> None:
        self._folder.unlink()
        self._away.rename(self._folder)


async def until_logged(bot: BotProcess, words: str) -> None:
    async with asyncio.timeout(30):
        while not any(words in line for line in bot.output):
            await asyncio.sleep(0.05)


async def test_the_first_sigterm_finishes_and_posts_the_job_in_hand(
    visitor: Visitor, bot: BotProcess, local_dir: Path
) -> None:
    in_hand = await visitor.imagine("a man, in hand", **SLOW)
    waiting = await visitor.imagine("a man, waiting", **SLOW)
    await until_drawing(local_dir, "a man, in hand")
    assert await bot.stop() == 0
    assert picture_urls(await visitor.message(in_hand))
    assert not picture_urls(await visitor.message(waiting))
    assert rows(local_dir, STATE, "a man, in hand") == [("delivered",)]
    assert rows(local_dir, STATE, "a man, waiting") == [("queued",)]


async def test_a_second_start_sends_no_commands_and_a_second_sigterm_stops_at_once(
    visitor: Visitor, bot: BotProcess, local_dir: Path
) -> None:
    before = await commands_sent(visitor)
    await bot.start(HYPERSD_LOG_LEVEL="DEBUG", HYPERSD_LOG_FORMAT="text")
    assert await commands_sent(visitor) == before > 0
    await visitor.imagine("a man, debugged", steps=1)
    await until_drawing(local_dir, "a man, waiting")
    bot.send(signal.SIGTERM)
    await asyncio.sleep(0.2)
    assert await bot.stop() == 0
    assert rows(local_dir, STATE, "a man, waiting") == [("queued",)]


async def test_the_most_talkative_log_has_no_tokens(visitor: Visitor, bot: BotProcess) -> None:
    log, issued = "".join(bot.output), await tokens(visitor)
    assert "/[hidden]/callback" in log
    assert "'token': '[hidden]'" in log
    assert issued
    assert not any(token in log for token in issued)


async def test_sync_sends_the_commands_or_takes_them_away(
    visitor: Visitor, sandbox: Sandbox, local_dir: Path
) -> None:
    def names() -> Any:
        return visitor.get("/sandbox/state?user=ada")

    run = await asyncio.to_thread(run_bot, sandbox.url, local_dir, "sync", "--clear")
    assert (run.returncode, run.stdout.count("no commands")) == (0, 1), run.stderr
    assert (await names())["commands"] == []
    run = await asyncio.to_thread(run_bot, sandbox.url, local_dir, "sync")
    assert run.returncode == 0, run.stderr
    assert "imagine" in json.dumps((await names())["commands"])
