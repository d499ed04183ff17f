"""/admin: the operator holds, empties and looks at the bot; nobody else does."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sandbox import Sandbox
from tests.e2e.bot_process import ROOT, BotProcess
from tests.e2e.cards import BUTTON, parts, picture_urls, text_of
from tests.e2e.database import rows, until_rows
from tests.e2e.visitor import Visitor

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("bot")]

STATE = "SELECT state FROM jobs WHERE json_extract(request, '$.prompt') = ?"


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bot") / "models"
    shutil.copytree(ROOT / "data" / "models" / "portrait-64", folder / "portrait-64")
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(
    sandbox: Sandbox, visitor: Visitor, local_dir: Path, models_dir: Path
) -> AsyncIterator[BotProcess]:
    """A bot whose operator wants to look at the queue before anything is drawn."""
    process = BotProcess(
        sandbox.url, local_dir, HYPERSD_START_PAUSED="1", HYPERSD_MODELS_DIR=str(models_dir)
    )
    await process.start()
    yield process
    await process.stop()


async def said(visitor: Visitor, command: str, **options: object) -> str:
    """What is answered, privately."""
    return text_of(await visitor.answered(command, **options))


async def test_a_bot_that_starts_paused_draws_nothing_before_it_is_told_to(
    visitor: Visitor, local_dir: Path
) -> None:
    answer = await visitor.command("imagine", prompt="poison", steps=1)
    card = await visitor.message(answer["message"])
    assert "Paused by the bot's operator, next in the queue" in text_of(card)
    assert "Paused: requests wait" in await said(visitor, "admin status")
    assert rows(local_dir, STATE, "poison") == [("queued",)]
    assert await said(visitor, "admin resume") == "Going on: 1 job waits."
    await visitor.until_drawn(answer["message"])


async def test_pause_lets_requests_in_and_the_queue_outlives_a_restart(
    visitor: Visitor, bot: BotProcess, local_dir: Path
) -> None:
    assert "Paused." in await said(visitor, "admin pause")
    answer = await visitor.command("imagine", prompt="patient", steps=1)
    card = await visitor.message((await visitor.command("queue"))["message"])
    assert "patient" in text_of(card)
    assert await bot.stop() == 0
    await bot.start()
    assert rows(local_dir, STATE, "patient") == [("queued",)]
    refresh = next(b["custom_id"] for b in parts(card, BUTTON) if b["label"] == "Refresh")
    await visitor.press(card["id"], refresh)
    await visitor.command("admin resume")
    await visitor.until_drawn(answer["message"])
    await visitor.press(card["id"], refresh)
    await visitor.until(lambda m: m["id"] == card["id"] and "None of yours" in text_of(m))


async def test_drain_turns_new_requests_away_and_draws_what_waits(
    visitor: Visitor, local_dir: Path
) -> None:
    await said(visitor, "admin pause")
    answer = await visitor.command("imagine", prompt="the last one", steps=1)
    assert "1 job is still to be drawn" in await said(visitor, "admin drain")
    refused = await visitor.at(user="ben").command("imagine", prompt="too late", steps=1)
    ben = visitor.at(user="ben")
    assert "takes no new requests" in text_of(await ben.message(refused["message"]))
    await visitor.until_drawn(answer["message"])
    assert rows(local_dir, STATE, "too late") == []
    assert "Draining" in await said(visitor, "admin status")
    await said(visitor, "admin resume")
    await visitor.until_drawn(await visitor.imagine("open again", steps=1))


async def test_status_tells_of_queue_model_machine_and_versions(visitor: Visitor) -> None:
    text = await said(visitor, "admin status")
    for words in (
        "Running",
        "Queue: 0 jobs wait",
        "Model loaded last: portrait-64",
        "GiB free",
        "No errors since the start",
        "in 2 servers",
        "torch 2.",
        "discord.py 2.",
    ):
        assert words in text


async def test_reload_finds_what_was_put_there(visitor: Visitor, models_dir: Path) -> None:
    assert "Models: 1" in await said(visitor, "admin reload")
    shutil.copytree(models_dir / "portrait-64", models_dir / "another-64")
    text = await said(visitor, "admin reload")
    assert "Models: 2" in text
    choices = await visitor.complete("imagine", "model", prompt="x", model="another")
    assert [choice["value"] for choice in choices] == ["another-64"]


async def test_members_are_not_offered_it_and_refused_where_discord_cannot_hide_it(
    visitor: Visitor, local_dir: Path
) -> None:
    assert not any(name.startswith("admin") for name in await visitor.at(user="ben").offered())
    assert not any(name.startswith("admin") for name in await visitor.at(user="mia").offered())
    assert any(name.startswith("admin") for name in await visitor.offered())
    dm = visitor.at(user="ben", channel="dm")
    for command in ("pause", "resume", "drain", "status", "reload"):
        assert "for who runs this bot" in await said(dm, f"admin {command}")
    assert "Running" in await said(visitor.at(channel="dm"), "admin status")
    await until_rows(local_dir, "SELECT count(*) FROM jobs WHERE state = 'queued'", expected=[(0,)])


async def test_an_admin_of_a_server_is_not_the_operator(visitor: Visitor) -> None:
    assert await said(visitor.at(user="lin", channel="dm"), "admin pause")  # a no, in Chinese
    message_id = await visitor.imagine("still drawing", steps=1)
    assert picture_urls(await visitor.until_drawn(message_id))
