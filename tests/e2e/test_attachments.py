"""What is attached to a result: in the server's layout, small enough, covered, described."""

import dataclasses
import functools
import io
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from PIL import Image

from hypersd_core.encode import parameters_of
from hypersd_core.policy import Layout
from hypersd_core.store import Store
from sandbox import Sandbox
from tests.e2e.bot_process import BotProcess
from tests.e2e.cards import BUTTON, GALLERY, parts, picture_urls, text_of
from tests.e2e.drawing import drawn, file_of, shown
from tests.e2e.visitor import Visitor
from tests.sandbox.page_client import Json

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("bot")]

LAYOUTS = {"Studio": Layout.GRID, "Atelier": Layout.BOTH}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(sandbox: Sandbox, visitor: Visitor, local_dir: Path) -> AsyncIterator[BotProcess]:
    """A bot in servers that want grids."""
    async with Store.open(local_dir) as store:
        for guild, layout in LAYOUTS.items():
            change = functools.partial(dataclasses.replace, layout=layout)
            await store.guilds.edit(int(await visitor.id_of(guild)), change)
    process = BotProcess(sandbox.url, local_dir)
    await process.start()
    yield process
    await process.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def small_files(visitor: Visitor) -> AsyncIterator[None]:
    """Discord takes little, and says so."""
    await visitor.limit_files(30_000)
    yield
    await visitor.limit_files(10 * 2**20)


def items(message: Json) -> list[list[Json]]:
    """The items of each gallery."""
    return [gallery["items"] for gallery in parts(message, GALLERY)]


def names(message: Json) -> list[str]:
    """The names of its pictures' files."""
    return [urlsplit(url).path.rsplit("/", 1)[1] for url in picture_urls(message)]


async def opened(visitor: Visitor, message: Json, index: int = 0) -> Image.Image:
    return Image.open(io.BytesIO(await file_of(visitor, message, index)))


async def test_a_grid_is_one_picture_and_each_of_its_parts_has_a_button(visitor: Visitor) -> None:
    message = await drawn(visitor, "four cats", count=4, steps=1, seed=5)
    assert [len(gallery) for gallery in items(message)] == [1]
    assert items(message)[0][0]["description"] == "four cats (4 pictures in a grid)"
    assert (await opened(visitor, message)).size == (512, 512)
    labels = {button.get("label") for button in parts(message, BUTTON)}
    assert {"1", "2", "3", "4"} <= labels


async def test_both_is_the_grid_and_then_each_picture(visitor: Visitor) -> None:
    message = await drawn(visitor.at(channel="drawings"), "two dogs", count=2, steps=1, seed=5)
    assert [len(gallery) for gallery in items(message)] == [1, 2]
    assert [item["description"] for item in items(message)[1]] == [
        "two dogs (seed 5)",
        "two dogs (seed 6)",
    ]
    sizes = [(await opened(visitor, message, index)).size for index in range(3)]
    assert sizes == [(512, 256), (256, 256), (256, 256)]


async def test_a_single_picture_needs_no_grid_and_direct_messages_have_no_layout(
    visitor: Visitor,
) -> None:
    one = await drawn(visitor, "one cat", steps=1)
    assert names(one) == [f"job-{job_of(one)}-1.png"]
    two = await drawn(visitor.at(channel="dm"), "two cats", count=2, steps=1)
    assert [len(gallery) for gallery in items(two)] == [2]


@pytest.mark.usefixtures("small_files")
async def test_a_file_that_is_too_large_is_posted_in_a_smaller_form_and_says_so(
    visitor: Visitor,
) -> None:
    message = await drawn(visitor, "a detailed face", steps=1, seed=4)
    (name,) = names(message)
    data = await file_of(visitor, message)
    assert len(data) <= 30_000
    assert not name.endswith(".png")
    assert (parameters_of(data) or "").startswith("a detailed face")
    assert "MiB is too large here." in text_of(message)


@pytest.mark.usefixtures("small_files")
async def test_a_grid_is_kept_to_the_limit_as_well(visitor: Visitor) -> None:
    message = await drawn(visitor, "four faces", steps=1, count=4)
    assert len(await file_of(visitor, message)) <= 30_000
    assert (await opened(visitor, message)).width >= 256


async def test_what_discord_finds_too_large_nevertheless_is_made_smaller(
    visitor: Visitor,
) -> None:
    await visitor.fault("PATCH /webhooks/*/*/messages/@original", status=413, code=40005, times=2)
    message = await drawn(visitor, "a stubborn face", steps=1, seed=4)
    assert "is too large here." in text_of(message)
    assert len(await file_of(visitor, message)) > 0


async def test_show_keeps_to_the_limit_of_the_place_where_it_is_used(visitor: Visitor) -> None:
    message = await drawn(visitor, "a wide face", steps=1)
    await visitor.limit_files(30_000)
    answer = await visitor.command("show", job=job_of(message))
    again = await shown(visitor, answer["message"])
    await visitor.limit_files(10 * 2**20)
    assert len(await file_of(visitor, again)) <= 30_000


async def test_a_spoiler_covers_every_picture_and_its_file(visitor: Visitor) -> None:
    there = visitor.at(channel="drawings")
    message = await drawn(there, "a surprise", count=2, steps=1, spoiler=True)
    assert [[item["spoiler"] for item in gallery] for gallery in items(message)] == [
        [True],
        [True, True],
    ]
    assert len(names(message)) == 3
    assert all(name.startswith("SPOILER_job-") for name in names(message))


async def test_pictures_are_described_in_the_language_of_who_asked(visitor: Visitor) -> None:
    answer = await visitor.act(
        "command", name="imagine", options={"prompt": "猫", "steps": 1, "seed": 3}, locale="zh-CN"
    )
    message = await shown(visitor, answer["message"])
    ((item,),) = items(message)
    assert "猫" in item["description"]
    assert "3" in item["description"]
    assert picture_urls(message)


def job_of(message: Json) -> int:
    """The number on its card."""
    return int(text_of(message).rsplit("job ", 1)[1].split()[0])
