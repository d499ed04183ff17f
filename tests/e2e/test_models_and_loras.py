"""Models and LoRAs that an operator has added: chosen by name, found by a part of it."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import torch

from hypersd_core.engine.catalog import inspect
from hypersd_core.engine.loader import load_model
from sandbox import Sandbox
from tests.e2e.bot_process import ROOT, BotProcess
from tests.e2e.cards import text_of
from tests.e2e.drawing import difference, drawn, file_of, picture, pixels
from tests.e2e.visitor import Visitor
from tests.lora_files import random_factors, write_kohya

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("bot")]

SHIPPED = ROOT / "data" / "models" / "portrait-64"
MAN = "man, short black hair, glasses, yellow background"
MAX_CHOICES = 25  # Discord's limit
QUICK = """
title = "Quick 64"
about = "The shipped model, said to be made for one to four steps."
sampler = "ddim"
steps = 2
steps_made_for = [1, 4]
guidance = 1.0
width = 64
height = 64
max_side_px = 128
"""


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped model, one like it for few steps, and thirty-one LoRAs."""
    folder = tmp_path_factory.mktemp("models")
    shutil.copytree(SHIPPED, folder / "portrait-64")
    shutil.copytree(SHIPPED, folder / "quick-64")
    (folder / "quick-64" / "recipe.toml").write_text(QUICK, "utf-8")
    model = load_model(inspect(SHIPPED), torch.device("cpu"))
    factors = random_factors(model, rank=1)
    write_kohya(folder / "style.safetensors", factors)
    one = dict(list(factors.items())[:1])
    for number in range(1, 31):
        write_kohya(folder / f"look-{number:02}.safetensors", one, family=inspect(SHIPPED).family)
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(
    sandbox: Sandbox, visitor: Visitor, local_dir: Path, models_dir: Path
) -> AsyncIterator[BotProcess]:
    process = BotProcess(sandbox.url, local_dir, HYPERSD_MODELS_DIR=str(models_dir))
    await process.start()
    yield process
    await process.stop()


async def test_a_model_is_chosen_by_its_name_and_brings_its_own_settings(visitor: Visitor) -> None:
    answer = await visitor.complete("imagine", "model", prompt="x", model="quick")
    assert [choice["value"] for choice in answer] == ["quick-64"]
    text = text_of(await drawn(visitor, MAN, model="quick-64", seed=7))
    assert "DDIM · 2 steps · CFG 1 · 64×64 · quick-64" in text
    assert "8 steps · CFG 3" in text_of(await drawn(visitor, MAN, seed=7))


@pytest.mark.parametrize(
    ("speed", "steps"), [("draft", "1 step "), ("fast", "2 steps "), ("quality", "4 steps ")]
)
async def test_a_speed_is_the_steps_that_the_model_was_made_for(
    visitor: Visitor, speed: str, steps: str
) -> None:
    message = await drawn(visitor, MAN, model="quick-64", speed=speed)
    assert f"DDIM · {steps}" in text_of(message)


async def test_steps_that_the_model_was_not_made_for_are_said_to_be(visitor: Visitor) -> None:
    message = await drawn(visitor, MAN, model="quick-64", steps=6, negative="hat")
    text = text_of(message)
    assert "Quick 64 is made for 1 to 4 steps: 6 may look worse." in text
    assert "The negative prompt does nothing: it needs a guidance above 1, and Quick 64" in text


async def test_a_lora_is_chosen_by_option_or_in_the_prompt(visitor: Visitor) -> None:
    plain = await picture(visitor, MAN, seed=7, steps=1)
    by_option = await drawn(visitor, MAN, lora="style", seed=7, steps=1)
    by_prompt = await picture(visitor, f"{MAN} <lora:style:1>", seed=7, steps=1)
    lighter = await picture(visitor, f"{MAN} <lora:style:0.3>", seed=7, steps=1)
    with_option = pixels(await file_of(visitor, by_option))
    assert "portrait-64 · style 1" in text_of(by_option)
    assert difference(with_option, by_prompt) == 0
    assert difference(plain, by_prompt) > difference(plain, lighter) > 0


async def test_more_loras_than_discord_shows_are_found_by_typing(visitor: Visitor) -> None:
    first = await visitor.complete("imagine", "lora", prompt="x", lora="")
    assert len(first) == MAX_CHOICES
    for typed in ("look-30", "30", "LOOK 30"):
        choices = await visitor.complete("imagine", "lora", prompt="x", lora=typed)
        assert choices[0] == {"name": "look-30", "value": "look-30"}


async def test_a_name_that_is_nearly_right_is_answered_with_those_it_may_be(
    visitor: Visitor,
) -> None:
    answer = await visitor.command("imagine", prompt=MAN, lora="stile")
    assert "style" in text_of(await visitor.message(answer["message"]))
