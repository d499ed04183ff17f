"""/queue, /cancel and /show: what waits, no more of it, and what was drawn once more."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.cards import BUTTON, parts, picture_urls, text_of
from tests.e2e.database import rows, until_rows
from tests.e2e.visitor import SLOW, Visitor
from tests.sandbox.page_client import Json

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("bot")]

EPHEMERAL = 1 << 6
SELECT = 3
NEWEST = "SELECT id FROM jobs ORDER BY id DESC LIMIT 1"
STATE_OF = "SELECT state FROM jobs WHERE id = ?"


@pytest_asyncio.fixture(loop_scope="module")
async def paused(visitor: Visitor) -> AsyncIterator[None]:
    """Nothing is begun, and nothing is left behind."""
    await visitor.command("admin pause")
    yield
    for user in ("ada", "ben", "mia"):
        await sentence(visitor.at(user=user), "cancel", job="all")
    await visitor.command("admin resume")


class Jobs:
    """Asks for pictures, and looks up the number of each job."""

    def __init__(self, local_dir: Path) -> None:
        self.local_dir = local_dir

    async def ask(self, visitor: Visitor, prompt: str, **options: object) -> tuple[int, str]:
        """The number of a new job, and the id of its acknowledgement."""
        answer = await visitor.command("imagine", prompt=prompt, **{"steps": 1, **options})
        ((job_id,),) = rows(self.local_dir, NEWEST)
        return job_id, answer["message"]


@pytest.fixture
def jobs(local_dir: Path) -> Jobs:
    return Jobs(local_dir)


async def queue(visitor: Visitor) -> Json:
    """The card, as this visitor sees it."""
    return await visitor.message((await visitor.command("queue"))["message"])


async def sentence(visitor: Visitor, command: str, **options: object) -> str:
    """What a command answers, privately."""
    return text_of(await visitor.answered(command, **options))


async def until_shown(visitor: Visitor, message_id: str) -> Json:
    """Wait until the message shows pictures, here."""
    return await visitor.until(
        lambda m: m["id"] == message_id and picture_urls(m) != [],
        user=visitor.user,
        channel=visitor.channel,
    )


async def until_said(visitor: Visitor, message_id: str, words: str) -> Json:
    """Wait until the message has these words."""
    return await visitor.until(
        lambda m: m["id"] == message_id and words in text_of(m),
        user=visitor.user,
        channel=visitor.channel,
    )


@pytest.mark.usefixtures("paused")
async def test_the_queue_shows_my_jobs_with_their_place_and_a_link(
    visitor: Visitor, jobs: Jobs
) -> None:
    first, message_id = await jobs.ask(visitor, "a lighthouse")
    second, _ = await jobs.ask(visitor.at(channel="sketches"), "a ferry")
    card = await queue(visitor)
    assert card["flags"] & EPHEMERAL
    lines = text_of(card).split("\n")
    assert lines[1] == f"**job {first}** · a lighthouse"
    assert lines[3] == f"**job {second}** · a ferry"
    assert "Paused by the bot's operator, next in the queue" in lines[2]
    assert "Paused by the bot's operator, 1 ahead" in lines[4]
    place = f"{await visitor.id_of('Studio')}/{await visitor.id_of('general')}"
    assert f"https://discord.com/channels/{place}/{message_id}" in lines[2]


@pytest.mark.usefixtures("paused")
async def test_of_others_it_says_who_and_where_but_no_words_and_of_private_jobs_nothing(
    visitor: Visitor, jobs: Jobs
) -> None:
    secret, _ = await jobs.ask(visitor, "a hidden treasure", private=True)
    public, _ = await jobs.ask(visitor, "a birthday surprise")
    text = text_of(await queue(visitor.at(user="ben")))
    assert "None of yours is waiting" in text
    assert f"<@{await visitor.id_of('ada')}> · **job {public}**" in text
    assert "a private job" in text
    assert f"job {secret}" not in text
    assert "treasure" not in text
    assert "surprise" not in text
    elsewhere = text_of(await queue(visitor.at(user="ben", channel="drawings")))
    assert "Others" not in elsewhere
    assert "in this server" not in text_of(await queue(visitor.at(channel="dm")))


@pytest.mark.usefixtures("paused")
async def test_one_is_chosen_to_be_cancelled_and_says_at_which_point(
    visitor: Visitor, jobs: Jobs, local_dir: Path
) -> None:
    job_id, message_id = await jobs.ask(visitor, "a mistake")
    card = await queue(visitor)
    assert [option["value"] for option in menu(card)["options"]] == [str(job_id)]
    await visitor.choose(card["id"], menu(card)["custom_id"], str(job_id))
    news = f"Job {job_id} was cancelled before it began."
    shown = await until_said(visitor, card["id"], news)
    assert "None of yours is waiting" in text_of(shown)
    assert parts(shown, SELECT) == []
    await until_rows(local_dir, STATE_OF, job_id, expected=[("cancelled",)])
    await visitor.until(lambda m: m["id"] == message_id and "Cancelled" in text_of(m))


@pytest.mark.usefixtures("paused")
async def test_only_moderators_may_choose_among_all_jobs_of_the_server(
    visitor: Visitor, jobs: Jobs
) -> None:
    job_id, _ = await jobs.ask(visitor.at(user="ben"), "something rude")
    assert parts(await queue(visitor.at(user="lin")), SELECT) == []
    mia = visitor.at(user="mia")
    card = await queue(mia)
    (option,) = menu(card)["options"]
    assert option["label"] == f"job {job_id} · somebody else's"
    await mia.choose(card["id"], menu(card)["custom_id"], option["value"])
    await until_said(mia, card["id"], f"Job {job_id} was cancelled before it began.")


@pytest.mark.usefixtures("paused")
async def test_a_forged_choice_cancels_nothing_of_others(visitor: Visitor, jobs: Jobs) -> None:
    job_id, _ = await jobs.ask(visitor, "mine alone")
    refused = await sentence(visitor.at(user="ben"), "cancel", job=str(job_id))
    assert refused == f"Job {job_id} belongs to somebody else."


@pytest.mark.usefixtures("paused")
async def test_all_of_mine_are_cancelled_at_once_and_nobody_elses(
    visitor: Visitor, jobs: Jobs, local_dir: Path
) -> None:
    mine = [(await jobs.ask(visitor, f"batch {i}"))[0] for i in range(3)]
    bens, _ = await jobs.ask(visitor.at(user="ben"), "not yours")
    card = await queue(visitor)
    await visitor.press(card["id"], button(card, "Cancel all mine"))
    shown = await until_said(visitor, card["id"], "Cancelled 3 of 3 jobs")
    assert "None of yours is waiting" in text_of(shown)
    for job_id in mine:
        await until_rows(local_dir, STATE_OF, job_id, expected=[("cancelled",)])
    assert rows(local_dir, STATE_OF, bens) == [("queued",)]


@pytest.mark.usefixtures("paused")
async def test_cancel_offers_my_jobs_and_all_of_them(visitor: Visitor, jobs: Jobs) -> None:
    first, _ = await jobs.ask(visitor, "an owl")
    second, _ = await jobs.ask(visitor, "a heron")
    await jobs.ask(visitor.at(user="ben"), "a crow")
    choices = await visitor.complete("cancel", "job", job="")
    assert [c["name"] for c in choices] == [
        "all of mine",
        f"{first} · an owl",
        f"{second} · a heron",
    ]
    (found,) = await visitor.complete("cancel", "job", job="HERON")
    assert found["value"] == str(second)
    assert await sentence(visitor, "cancel", job=str(second)) == (
        f"Job {second} was cancelled before it began."
    )
    assert await sentence(visitor, "cancel", job=str(second)) == f"Job {second} is over already."
    assert await sentence(visitor, "cancel", job="All") == "Cancelled 1 of 1 job."
    assert await sentence(visitor, "cancel", job="all") == "None of yours is waiting."
    assert "give the number on its card" in await sentence(visitor, "cancel", job="the owl")


async def test_a_job_that_is_drawn_stops_at_its_next_step(
    visitor: Visitor, jobs: Jobs, local_dir: Path
) -> None:
    job_id, _ = await jobs.ask(visitor, "a long job", **SLOW)
    await until_rows(local_dir, STATE_OF, job_id, expected=[("running",)])
    said = await sentence(visitor, "cancel", job=str(job_id))
    assert said == f"Job {job_id} is cancelled: it stops at its next step."


@pytest.mark.usefixtures("paused")
async def test_show_says_what_there_is_instead_of_pictures(visitor: Visitor, jobs: Jobs) -> None:
    job_id, _ = await jobs.ask(visitor, "nothing yet")
    assert f"Job {job_id} is not drawn yet: Paused" in await sentence(visitor, "show", job=job_id)
    await sentence(visitor, "cancel", job=str(job_id))
    assert await sentence(visitor, "show", job=job_id) == f"Job {job_id} was cancelled."
    assert "There is no job 999999" in await sentence(visitor, "show", job=999_999)


async def test_show_works_anywhere_for_the_owner_and_privately_for_private_jobs(
    visitor: Visitor, jobs: Jobs, local_dir: Path
) -> None:
    job_id, message_id = await jobs.ask(visitor, "a keepsake", private=True)
    await visitor.until_drawn(message_id)
    await until_rows(local_dir, STATE_OF, job_id, expected=[("delivered",)])
    for channel in ("dm", "cafe", "drawings"):
        there = visitor.at(channel=channel)
        answer = await there.command("show", job=job_id)
        shown = await until_shown(there, answer["message"])
        assert bool(shown["flags"] & EPHEMERAL)
    refused = await sentence(visitor.at(user="ben"), "show", job=job_id)
    assert refused == f"Job {job_id} belongs to somebody else."


async def test_show_opens_no_channel_to_those_who_cannot_look_into_it(
    visitor: Visitor, jobs: Jobs, local_dir: Path
) -> None:
    job_id, message_id = await jobs.ask(visitor.at(channel="reports"), "evidence")
    await visitor.until(
        lambda m: m["id"] == message_id and bool(picture_urls(m)), channel="reports"
    )
    await until_rows(local_dir, STATE_OF, job_id, expected=[("delivered",)])
    refused = await sentence(visitor.at(user="ben"), "show", job=job_id)
    assert refused == f"Job {job_id} belongs to somebody else."
    answer = await visitor.at(user="mia").command("show", job=job_id)
    await visitor.until(lambda m: m["id"] == answer["message"] and bool(picture_urls(m)))


async def test_show_says_when_files_are_missing(
    visitor: Visitor, jobs: Jobs, local_dir: Path
) -> None:
    job_id, message_id = await jobs.ask(visitor, "lost")
    await visitor.until_drawn(message_id)
    await until_rows(local_dir, STATE_OF, job_id, expected=[("delivered",)])
    (file,) = (local_dir / "pictures" / str(job_id)).iterdir()
    file.unlink()
    assert "missing on the bot's disk" in await sentence(visitor, "show", job=job_id)


def menu(card: Json) -> Json:
    (select,) = parts(card, SELECT)
    return select


def button(card: Json, label: str) -> str:
    return next(str(b["custom_id"]) for b in parts(card, BUTTON) if b["label"] == label)
