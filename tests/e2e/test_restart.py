"""The bot is killed and started again: nothing accepted is lost, nothing is posted twice."""

from pathlib import Path

import pytest

from tests.e2e.bot_process import BotProcess
from tests.e2e.cards import custom_id, text_of
from tests.e2e.database import until_rows
from tests.e2e.visitor import SLOW, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_kill_loses_no_job_and_no_button(
    visitor: Visitor, bot: BotProcess, local_dir: Path
) -> None:
    shown = await visitor.until_drawn(await visitor.imagine("a lady, big smile", seed=7, steps=1))
    waiting = [await visitor.imagine(f"a woman, number {i}", **SLOW) for i in range(2)]
    await bot.kill()
    await bot.start()
    answer = await visitor.press(shown["id"], custom_id(shown, "reroll"))
    for message_id in (*waiting, answer["message"]):
        await visitor.until_drawn(message_id)
    rerolled = await visitor.message(answer["message"])
    assert "a lady, big smile" in text_of(rerolled)
    assert "seed 7 " not in text_of(rerolled)
    assert len(await visitor.messages()) == 4
    outcomes = "SELECT outcome, pictures FROM usage ORDER BY job_id"
    await until_rows(
        local_dir, outcomes,
        expected=[("delivered", 1), ("delivered", 2), ("delivered", 2), ("delivered", 1)],
    )  # fmt: skip


async def test_a_stop_in_good_order_ends_with_status_0_and_the_job_goes_on_after(
    visitor: Visitor, bot: BotProcess, local_dir: Path
) -> None:
    message_id = await visitor.imagine("a man, interrupted", **SLOW)
    assert await bot.stop() == 0
    assert not any("Traceback" in line for line in bot.output)
    attempts = "SELECT state, attempt FROM jobs WHERE json_extract(request, '$.prompt') = ?"
    await until_rows(local_dir, attempts, "a man, interrupted", expected=[("queued", 0)])
    await bot.start()
    await visitor.until_drawn(message_id)
