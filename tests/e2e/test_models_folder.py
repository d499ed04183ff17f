"""Files that are put into the models folder while the bot runs."""

import asyncio
import shutil
from pathlib import Path

import pytest
import torch

from hypersd_core.engine.catalog import inspect
from hypersd_core.engine.loader import load_model
from sandbox import Sandbox
from tests.e2e.bot_process import ROOT, BotProcess
from tests.e2e.cards import picture_urls, text_of
from tests.e2e.visitor import WITHIN_S, Visitor
from tests.lora_files import random_factors, write_kohya

pytestmark = pytest.mark.asyncio(loop_scope="module")
SHIPPED = ROOT / "data" / "models" / "portrait-64"


async def test_a_lora_that_is_put_there_is_drawn_with_without_a_restart(
    sandbox: Sandbox, visitor: Visitor, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    shutil.copytree(SHIPPED, models / "portrait-64")
    bot = BotProcess(sandbox.url, tmp_path / "local", HYPERSD_MODELS_DIR=str(models))
    await bot.start()
    try:
        refused = await visitor.command("imagine", prompt="a man <lora:style>", seed=7, steps=1)
        assert "style" in text_of(await visitor.message(refused["message"]))
        model = load_model(inspect(SHIPPED), torch.device("cpu"))
        write_kohya(models / "style.safetensors", random_factors(model))
        plain, styled = await drawn(visitor, "a man"), await drawn(visitor, "a man <lora:style:1>")
        assert plain != styled
        assert await drawn(visitor, "a man") == plain
        await visitor.until(lambda message: "portrait-64 · style 1" in text_of(message))
    finally:
        assert await bot.stop() == 0


async def drawn(visitor: Visitor, prompt: str) -> bytes:
    """The picture's pixels in its file; asked for again until its files are known."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            answer = await visitor.command("imagine", prompt=prompt, seed=7, steps=1)
            if "There is no LoRA" not in text_of(await visitor.message(answer["message"])):
                break
            await asyncio.sleep(1)
    message = await visitor.until_drawn(answer["message"])
    _, data = await visitor.download(picture_urls(message)[0])
    return pixels_of(data)


def pixels_of(data: bytes) -> bytes:
    return data[data.index(b"IDAT") :]
