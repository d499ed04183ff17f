"""The buttons of results: what they make, what they show, who may press them."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.e2e.bot_process import BotProcess
from tests.e2e.cards import BUTTON, GALLERY, TEXT, custom_id, parts, picture_urls, text_of
from tests.e2e.database import until_rows
from tests.e2e.drawing import difference, drawn, file_of, pixels, shown
from tests.e2e.results import (
    EPHEMERAL,
    ids_on,
    job_of,
    noted,
    pressed,
    redrawn,
    stored,
)
from tests.e2e.settings_card import choose
from tests.e2e.visitor import SLOW, Visitor
from tests.sandbox.page_client import Json

FILE = 13

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("bot")]


def spoilers(message: Json) -> list[bool]:
    return [item["spoiler"] for gallery in parts(message, GALLERY) for item in gallery["items"]]


def rewrite(local_dir: Path, job_id: int, *changes: str) -> None:
    """Change who owns a job and where it is from, as if a custom id named another one."""
    with sqlite3.connect(local_dir / "bot.sqlite3", timeout=10) as connection:
        for change in changes:
            connection.execute(
                f"UPDATE jobs SET origin = json_set(origin, {change}) WHERE id = ?", (job_id,)
            )


async def covered_as(visitor: Visitor, message: Json, wanted: list[bool]) -> Json:
    return await visitor.until(lambda m: m["id"] == message["id"] and spoilers(m) == wanted)


# What they make -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("verb", "strength"), [("vary-subtle", 0.45), ("vary-strong", 0.75)])
async def test_variations_are_drawn_from_the_picture_by_whoever_asks(
    visitor: Visitor, local_dir: Path, verb: str, strength: float
) -> None:
    first = await drawn(visitor, "a man, red hair, to vary", seed=7, steps=2)
    second = await redrawn(visitor.at(user="ben"), first, verb)
    request = stored(local_dir, job_of(second))
    assert request["parent_id"] == job_of(first)
    assert request["source"]["strength"] == strength
    assert request["prompt"] == "a man, red hair, to vary"
    one, other = [pixels(await file_of(visitor, m)) for m in (first, second)]
    assert 0 < difference(one, other) < 60


async def test_variations_of_one_of_several_are_as_many_and_differ(
    visitor: Visitor, local_dir: Path
) -> None:
    first = await drawn(visitor, "two men to vary", seed=7, steps=1, count=2)
    one = await pressed(visitor, first, f"pick:1:{job_of(first)}:1")
    varied = await redrawn(visitor, one, "vary-strong")
    assert len(picture_urls(varied)) == 2
    a, b = [pixels(await file_of(visitor, varied, i)) for i in range(2)]
    assert difference(a, b) > 0


async def test_upscaling_shows_the_same_picture_at_twice_the_size_and_says_how(
    visitor: Visitor,
) -> None:
    first = await drawn(visitor, "a man to enlarge", seed=7, steps=1)
    second = await redrawn(visitor, first, "upscale")
    small, large = [pixels(await file_of(visitor, m)) for m in (first, second)]
    assert large.shape == (512, 512, 3)
    halved = Image.fromarray(large.astype(np.uint8)).resize((256, 256), Image.Resampling.BOX)
    assert difference(np.asarray(halved, dtype=float), small) < 3
    assert "Twice as large. Nothing was drawn anew" in text_of(second)
    note = await pressed(visitor, second, "reroll")
    assert "it would come out the same" in text_of(note)
    assert note["flags"] & EPHEMERAL
    varied = await redrawn(visitor, second, "vary-subtle")  # at a size that its model draws well
    assert pixels(await file_of(visitor, varied)).shape == (256, 256, 3)


async def test_zooming_out_draws_around_the_picture_on_a_canvas_of_its_size(
    visitor: Visitor, local_dir: Path
) -> None:
    first = await drawn(visitor, "a man from afar", seed=7, steps=1)
    second = await redrawn(visitor, first, "zoom-out")
    request = stored(local_dir, job_of(second))
    assert (request["width"], request["height"], request["source"]["strength"]) == (64, 64, 1)
    assert request["source"]["mask"]
    more = await pressed(visitor, second, "more")
    farther = await redrawn(visitor, more, "zoom-out-far")
    assert pixels(await file_of(visitor, farther)).shape == (256, 256, 3)


async def test_panning_keeps_the_picture_and_draws_more_beside_it(visitor: Visitor) -> None:
    first = await drawn(visitor, "a man at the right", seed=7, steps=1)
    more = await pressed(visitor, first, "more")
    second = await redrawn(visitor, more, "pan-left")
    before, after = [pixels(await file_of(visitor, m)) for m in (first, second)]
    assert after.shape == (256, 384, 3)
    kept = 4 * 24  # from where the mask ends, which reaches a little into the picture
    assert difference(after[:, 128 + kept :], before[:, kept:]) < 3


async def test_only_what_is_not_square_can_be_made_square(visitor: Visitor) -> None:
    square = await drawn(visitor, "a square man", steps=1)
    assert not any("square:" in i for i in ids_on(await pressed(visitor, square, "more")))
    tall = await drawn(visitor, "a tall man", steps=1, size="56x72")
    second = await redrawn(visitor, await pressed(visitor, tall, "more"), "square")
    assert pixels(await file_of(visitor, second)).shape == (288, 288, 3)


async def test_a_number_opens_a_private_card_of_that_picture_alone(
    visitor: Visitor, local_dir: Path
) -> None:
    first = await drawn(visitor, "three men", seed=7, steps=1, count=3)
    job_id = job_of(first)
    card = await pressed(visitor.at(user="ben"), first, f"pick:1:{job_id}:2")
    assert card["flags"] & EPHEMERAL
    assert "seed 9" in text_of(card)
    assert await file_of(visitor, card) == await file_of(visitor, first, 2)
    again = await redrawn(visitor.at(user="ben"), card, "reroll")
    assert len(picture_urls(again)) == 1
    assert not again["flags"] & EPHEMERAL
    assert stored(local_dir, job_of(again))["parent_id"] == job_id


async def test_what_comes_of_a_private_result_is_private(visitor: Visitor) -> None:
    first = await drawn(visitor, "a secret man", steps=1, private=True)
    second = await redrawn(visitor, first, "vary-subtle")
    assert second["flags"] & EPHEMERAL


# What they show -----------------------------------------------------------------------------------


async def test_details_tell_everything_and_link_to_the_parent(visitor: Visitor) -> None:
    first = await drawn(visitor, "a man in detail", seed=7, steps=1, negative="hat")
    second = await redrawn(visitor, first, "vary-subtle")
    card = await noted(visitor, second, "details")
    text = text_of(card)
    assert card["flags"] & EPHEMERAL
    for part in (
        "a man in detail",
        "Negative prompt: **hat**",
        "Steps: **1**",
        "45% drawn anew",
        "Drawn in",
        "--steps 1",
        "Negative prompt: hat\nSteps: 1, Sampler: DPM++ SDE",
        f"/{first['channel_id']}/{first['id']}",
    ):
        assert part in text, part
    assert f"<@{await visitor.id_of('ada')}>" in text


async def test_long_parameters_come_as_a_file(visitor: Visitor) -> None:
    first = await drawn(visitor, "a man, " + "very long words, " * 70, seed=7, steps=1)
    card = await noted(visitor, first, "details")
    (file,) = parts(card, FILE)
    status, data = await visitor.download(file["file"]["url"])
    assert status == 200
    assert b"Steps: 1, Sampler: DPM++ SDE" in data
    assert sum(len(part["content"]) for part in parts(card, TEXT)) <= 4000


async def test_pictures_are_sent_to_direct_messages_of_whoever_wants_them(
    visitor: Visitor,
) -> None:
    first = await drawn(visitor, "a man for the pocket", seed=7, steps=1)
    ben = visitor.at(user="ben")
    note = await noted(ben, await pressed(ben, first, "more"), "send")
    assert "look into your direct messages" in text_of(note)
    sent = await visitor.until(
        lambda m: "a man for the pocket" in text_of(m), user="ben", channel="dm"
    )
    assert await file_of(visitor, sent) == await file_of(visitor, first)


async def test_closed_direct_messages_are_said_so(visitor: Visitor) -> None:
    first = await drawn(visitor, "a man for nobody", steps=1)
    more = await pressed(visitor, first, "more")
    await visitor.fault("POST /channels/*/messages", status=403, code=50007, times=1)
    assert "Your direct messages are closed" in text_of(await noted(visitor, more, "send"))


async def test_owner_and_moderators_cover_a_picture_and_nobody_else(visitor: Visitor) -> None:
    first = await drawn(visitor.at(user="ben"), "a man to cover", steps=1)
    more = await pressed(visitor.at(user="ben"), first, "more")
    await noted(visitor.at(user="ben"), more, "spoiler")
    card = await covered_as(visitor, first, [True])
    assert await file_of(visitor, card) == await file_of(visitor, first)
    assert ids_on(card) == ids_on(first)
    mia = visitor.at(user="mia")
    await noted(mia, await pressed(mia, first, "more"), "spoiler")
    await covered_as(visitor, first, [False])
    lin = await pressed(visitor.at(user="lin"), first, "more")
    assert not any(i.startswith("spoiler:") for i in ids_on(lin))


async def test_a_favourite_is_posted_to_the_gallery_once_with_who_made_it(
    visitor: Visitor,
) -> None:
    first = await drawn(visitor.at(user="ben"), "a man to love", seed=7, steps=1)
    before = await pressed(visitor.at(user="lin"), first, "more")
    assert not any(i.startswith("favourite:") for i in ids_on(before))
    await choose(visitor, "results", "gallery_channel_id", "pictures")
    mia = visitor.at(user="mia")
    more = await pressed(mia, first, "more")
    assert "It is in the gallery" in text_of(await noted(mia, more, "favourite"))
    posted = await visitor.until(lambda m: "a man to love" in text_of(m), channel="pictures")
    assert f"<@{await visitor.id_of('ben')}>" in text_of(posted)
    assert posted["mentions"] == []
    assert await file_of(visitor, posted) == await file_of(visitor, first)
    assert "in the gallery already" in text_of(await noted(mia, more, "favourite"))
    at_gallery = visitor.at(user="lin", channel="pictures")
    assert len(picture_urls(await redrawn(at_gallery, posted, "reroll"))) == 1


async def test_who_manages_the_server_saves_a_result_as_a_preset(visitor: Visitor) -> None:
    first = await drawn(visitor, "a man to keep", steps=1)
    more = await pressed(visitor, first, "more")
    opened = await visitor.press(more["id"], custom_id(more, "preset"))
    assert opened["outcome"] == "modal"
    ben = await pressed(visitor.at(user="ben"), first, "more")
    assert not any(i.startswith("preset:") for i in ids_on(ben))


# Who may, and what is gone ------------------------------------------------------------------------


async def test_the_owner_deletes_for_good(visitor: Visitor, local_dir: Path) -> None:
    first = await drawn(visitor, "a man to delete", steps=1)
    job_id = job_of(first)
    card = await pressed(visitor, first, "more")
    refusal = await pressed(visitor.at(user="ben"), first, "delete")
    assert "belongs to somebody else" in text_of(refusal)
    await visitor.press(first["id"], custom_id(first, "delete"))
    gone = await visitor.until(lambda m: m["id"] == first["id"] and picture_urls(m) == [])
    assert f"Deleted by <@{await visitor.id_of('ada')}>" in text_of(gone)
    assert gone["attachments"] == []
    assert ids_on(gone) == []
    assert not (local_dir / "pictures" / str(job_id)).exists()
    for verb in ("send", "zoom-out-far"):  # a card that was opened before
        assert "no longer kept" in text_of(await noted(visitor, card, verb))


async def test_a_moderator_deletes_and_the_log_knows(visitor: Visitor, local_dir: Path) -> None:
    first = await drawn(visitor.at(user="ben"), "a man to take away", steps=1)
    mia = visitor.at(user="mia")
    await mia.press(first["id"], custom_id(first, "delete"))
    await visitor.until(lambda m: m["id"] == first["id"] and "Deleted by" in text_of(m))
    log = "SELECT count(*) FROM audit WHERE job_id = ? AND action = 'pictures_removed'"
    await until_rows(local_dir, log, job_of(first), expected=[(1,)])


@pytest.mark.parametrize("verb", ["reroll", "details", "upscale", "more", "remix"])
async def test_another_servers_job_is_refused_whatever_the_id_says(
    visitor: Visitor, local_dir: Path, verb: str
) -> None:
    first = await drawn(visitor, "a man of another server", steps=1)
    rewrite(local_dir, job_of(first), "'$.guild_id', 1", "'$.channel_id', 2")
    refusal = await pressed(visitor.at(user="ben"), first, verb)
    assert "belongs to somebody else" in text_of(refusal)
    assert refusal["flags"] & EPHEMERAL


async def test_a_private_job_is_its_owners_alone_whatever_the_id_says(
    visitor: Visitor, local_dir: Path
) -> None:
    first = await drawn(visitor, "a man of mine", steps=1)
    rewrite(local_dir, job_of(first), "'$.private', json('true')")
    for user in ("ben", "mia"):
        refusal = await pressed(visitor.at(user=user), first, "details")
        assert "belongs to somebody else" in text_of(refusal)


async def test_pictures_that_are_gone_from_the_disk_are_said_so(
    visitor: Visitor, local_dir: Path
) -> None:
    first = await drawn(visitor, "a man without a file", steps=1)
    for file in (local_dir / "pictures" / str(job_of(first))).iterdir():
        file.unlink()
    assert "no longer kept" in text_of(await pressed(visitor, first, "upscale"))


async def test_a_failed_job_offers_the_same_again(visitor: Visitor, local_dir: Path) -> None:
    first = await drawn(visitor, "a man to start from", steps=1)
    slow = await visitor.imagine("a man who takes his time", **SLOW)
    waiting = await pressed(visitor, first, "vary-subtle")
    request = stored(local_dir, job_of(waiting))
    (local_dir / "inputs" / request["source"]["picture"]).unlink()
    await visitor.end(slow)
    failed = await visitor.until(
        lambda m: m["id"] == waiting["id"] and "no longer here" in text_of(m)
    )
    assert [part["label"] for part in parts(failed, BUTTON)] == ["Try again", "Remix"]
    again = stored(local_dir, job_of(await pressed(visitor, failed, "reroll")))
    assert again["seed"] == request["seed"]
    assert again["parent_id"] == job_of(failed)


async def test_buttons_outlive_a_kill(visitor: Visitor, bot: BotProcess) -> None:
    first = await drawn(visitor, "a man who stays", steps=1)
    card = await pressed(visitor, first, "more")
    await bot.kill()
    await bot.start()
    varied = await redrawn(visitor, first, "vary-strong")
    await redrawn(visitor, varied, "upscale")
    await redrawn(visitor, card, "zoom-out-far")
    assert "a man who stays" in text_of(await shown(visitor, first["id"]))
