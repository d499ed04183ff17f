"""Crashes and lost answers at the worst moment: each result is posted, and posted once."""

import shutil
from pathlib import Path

import pytest

from sandbox import Sandbox
from tests.e2e import bot_process
from tests.e2e.bot_process import ROOT, BotProcess
from tests.e2e.cards import picture_urls, text_of
from tests.e2e.database import rows, until_rows
from tests.e2e.drawing import drawn
from tests.e2e.visitor import SLOW, Visitor
from tests.sandbox.page_client import Json

pytestmark = pytest.mark.asyncio(loop_scope="module")

STATE = "SELECT state FROM jobs WHERE json_extract(request, '$.prompt') = ?"
ATTEMPT = "SELECT state, attempt FROM jobs WHERE json_extract(request, '$.prompt') = ?"
USAGE = """SELECT outcome, pictures FROM usage JOIN jobs ON jobs.id = usage.job_id
           WHERE json_extract(request, '$.prompt') = ?"""
RESULT = "PATCH /webhooks/*/*/messages/@original"


async def results(visitor: Visitor, prompt: str) -> list[Json]:
    """All messages in this channel that show pictures of ``prompt``."""
    return [m for m in await visitor.messages() if prompt in text_of(m) and picture_urls(m)]


async def until_delivered(local_dir: Path, prompt: str) -> None:
    await until_rows(local_dir, STATE, prompt, expected=[("delivered",)])


async def test_a_kill_at_the_worst_moment_loses_nothing_and_posts_nothing_twice(
    visitor: Visitor, bot: BotProcess, local_dir: Path
) -> None:
    posted, cut_off, waiting = "a man, posted in the dark", "a man, cut off", "a man, waiting"
    await visitor.fault(RESULT, status=502, after=True, times=3)  # it is there, nobody says so
    await visitor.imagine(posted, steps=1)
    await visitor.imagine(cut_off, **SLOW)
    await visitor.imagine(waiting, steps=1)
    await visitor.until(lambda m: posted in text_of(m) and picture_urls(m) != [])
    await until_rows(local_dir, ATTEMPT, cut_off, expected=[("running", 1)])
    await bot.kill()
    assert rows(local_dir, STATE, posted) == [("made",)]
    await bot.start()
    for prompt, attempt, pictures in ((posted, 1, 1), (cut_off, 2, 2), (waiting, 1, 1)):
        await until_rows(local_dir, ATTEMPT, prompt, expected=[("delivered", attempt)])
        await until_rows(local_dir, USAGE, prompt, expected=[("delivered", pictures)])
        assert len(await results(visitor, prompt)) == 1


@pytest.mark.usefixtures("bot")
@pytest.mark.parametrize("loss", [{"status": 502}, {"drop": True}])
async def test_a_lost_answer_to_a_posted_result_posts_nothing_twice(
    visitor: Visitor, local_dir: Path, loss: dict[str, object]
) -> None:
    prompt = f"a man, unheard after {loss}"
    await visitor.fault(RESULT, after=True, **loss)
    await visitor.imagine(prompt, steps=1)
    await until_delivered(local_dir, prompt)
    assert len(await results(visitor, prompt)) == 1


@pytest.mark.usefixtures("bot")
@pytest.mark.parametrize("loss", [{"status": 502}, {"drop": True}])
async def test_a_lost_answer_to_a_late_result_posts_nothing_twice(
    visitor: Visitor, local_dir: Path, loss: dict[str, object]
) -> None:
    prompt = f"a man, late and unheard after {loss}"
    await visitor.imagine(prompt, steps=16)
    await visitor.expire()
    await visitor.fault("POST /channels/*/messages", after=True, **loss)
    await until_delivered(local_dir, prompt)
    assert len(await results(visitor, prompt)) == 1


@pytest.mark.usefixtures("bot")
async def test_a_gateway_that_breaks_meanwhile_changes_nothing(
    visitor: Visitor, local_dir: Path
) -> None:
    prompt = "a man, cut from the gateway"
    await visitor.imagine(prompt, steps=16)
    await visitor.post("/sandbox/gateway", {"action": "cut", "hold_s": 0.3})
    await until_delivered(local_dir, prompt)
    assert len(await results(visitor, prompt)) == 1


async def test_what_the_container_image_copies_is_all_that_the_bot_needs(
    sandbox: Sandbox, visitor: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = tmp_path / "bot"
    for line in (ROOT / "data/deploy/Dockerfile").read_text("utf-8").splitlines():
        if line.startswith("COPY "):
            for name in line.split()[1:-1]:
                copy(ROOT / name, image / name)
    monkeypatch.setattr(bot_process, "ROOT", image)
    process = BotProcess(sandbox.url, tmp_path / "local")
    await process.start()
    await drawn(visitor, "a man in a container", steps=1)
    assert await process.stop() == 0


def copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_file():
        shutil.copy(source, target)
    else:
        left_out = shutil.ignore_patterns("local", "__pycache__", ".env")
        shutil.copytree(source, target, ignore=left_out)
