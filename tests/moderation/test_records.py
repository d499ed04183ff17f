"""What moderators do, and what becomes of those whose prompts are blocked again and again."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hypersd_core.errors import InvalidRequest, UserBlocked, WordBlocked
from hypersd_core.i18n import Said
from hypersd_core.moderation.entries import BOT, EVERYWHERE, AuditAction
from hypersd_core.moderation.policy import ModerationPolicy
from hypersd_core.moderation.records import MAX_REASON_CHARS, Moderation, reason_of
from hypersd_core.policy import DEFAULT, changes
from hypersd_core.request import Job
from hypersd_core.store import Store
from tests.jobs.sample_jobs import (
    ALICE,
    BOB,
    CAROL,
    GUILD,
    OTHER_GUILD,
    a_request,
    added,
    an_origin,
)

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
THREE_STRIKES = ModerationPolicy(strikes=3)
ERROR = WordBlocked("no", word="GUN", rule="gun*")


class Clock:
    """Says what time it is."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store.open(tmp_path) as opened:
        yield opened


@pytest.fixture
def moderation(store: Store, clock: Clock) -> Moderation:
    return Moderation(store, clock)


async def a_job(store: Store, guild_id: int | None = GUILD) -> Job:
    return await added(store, a_request(), an_origin(guild_id=guild_id))


async def actions(moderation: Moderation, guild_id: int | None = GUILD) -> list[AuditAction]:
    return [entry.action for entry in (await moderation.log(guild_id)).entries]


async def test_who_is_not_blocked_may_draw(moderation: Moderation) -> None:
    await moderation.check_user(GUILD, ALICE)
    await moderation.check_user(None, ALICE)


async def test_a_blocked_user_is_told_why_and_until_when(
    moderation: Moderation, clock: Clock
) -> None:
    until = NOW + HOUR
    await moderation.block(GUILD, ALICE, by_user_id=BOB, reason="too rude", until=until)
    sentence = r"blocked from drawing here until <t:1893557045:f>\. Reason: too rude"
    with pytest.raises(UserBlocked, match=sentence) as caught:
        await moderation.check_user(GUILD, ALICE)
    assert (caught.value.reason, caught.value.until) == ("too rude", until)
    await moderation.check_user(OTHER_GUILD, ALICE)
    await moderation.check_user(None, ALICE)
    clock.now = until
    await moderation.check_user(GUILD, ALICE)


async def test_a_block_without_end_and_reason_says_so_in_one_sentence(
    moderation: Moderation,
) -> None:
    await moderation.block(GUILD, ALICE, by_user_id=BOB)
    with pytest.raises(UserBlocked, match=r"^You are blocked from drawing here\.$"):
        await moderation.check_user(GUILD, ALICE)


async def test_the_operator_blocks_in_all_guilds_and_direct_messages(
    moderation: Moderation,
) -> None:
    await moderation.block(EVERYWHERE, ALICE, by_user_id=BOB)
    for guild_id in (GUILD, OTHER_GUILD, None):
        with pytest.raises(UserBlocked):
            await moderation.check_user(guild_id, ALICE)


async def test_blocking_and_unblocking_is_recorded(moderation: Moderation) -> None:
    block = await moderation.block(GUILD, ALICE, by_user_id=BOB, reason="rude")
    assert await moderation.blocked(GUILD) == (block,)
    assert await moderation.unblock(GUILD, ALICE, by_user_id=CAROL)
    assert not await moderation.unblock(GUILD, ALICE, by_user_id=CAROL)
    assert await moderation.blocked(GUILD) == ()
    unblocked, blocked = (await moderation.log(GUILD)).entries
    assert (blocked.action, blocked.actor_id) == (AuditAction.USER_BLOCKED, BOB)
    assert blocked.detail == {"reason": "rude", "until": None}
    assert (unblocked.action, unblocked.actor_id) == (AuditAction.USER_UNBLOCKED, CAROL)
    assert blocked.user_id == unblocked.user_id == ALICE


async def test_a_block_that_has_ended_already_is_refused(moderation: Moderation) -> None:
    with pytest.raises(InvalidRequest, match="in the future"):
        await moderation.block(GUILD, ALICE, by_user_id=BOB, until=NOW)
    assert await moderation.blocked(GUILD) == ()


async def test_a_reason_may_not_be_a_novel(moderation: Moderation, store: Store) -> None:
    with pytest.raises(InvalidRequest, match="501 characters; at most 500"):
        await moderation.block(GUILD, ALICE, by_user_id=BOB, reason="x" * (MAX_REASON_CHARS + 1))
    with pytest.raises(InvalidRequest, match="501 characters"):
        await moderation.report(await a_job(store), GUILD, by_user_id=BOB, reason="x" * 501)


async def test_a_report_names_the_job_its_owner_and_who_reports(
    moderation: Moderation, store: Store
) -> None:
    job = await a_job(store)
    report = await moderation.report(job, GUILD, by_user_id=BOB, reason="not nice", message=(5, 6))
    assert report is not None
    assert (report.job_id, report.user_id, report.actor_id) == (job.id, ALICE, BOB)
    assert report.detail == {"reason": "not nice", "message": [5, 6]}
    assert await moderation.report(job, GUILD, by_user_id=BOB, reason="really") is None
    assert await moderation.report(job, GUILD, by_user_id=CAROL, reason="") is not None
    assert len(await moderation.about_job(GUILD, job.id)) == 2
    assert report in await moderation.about_job(GUILD, job.id)


async def test_what_becomes_of_a_job_is_told_in_order_to_the_guild_where_it_was_seen(
    moderation: Moderation, store: Store
) -> None:
    job = await a_job(store)
    await moderation.report(job, OTHER_GUILD, by_user_id=BOB, reason="not nice")
    await moderation.report_dismissed(job, OTHER_GUILD, by_user_id=CAROL)
    await moderation.pictures_removed(job, by_user_id=CAROL, guild_id=OTHER_GUILD)
    await moderation.block(OTHER_GUILD, ALICE, by_user_id=CAROL, job_id=job.id)
    assert [entry.action for entry in await moderation.about_job(OTHER_GUILD, job.id)] == [
        AuditAction.JOB_REPORTED,
        AuditAction.REPORT_DISMISSED,
        AuditAction.PICTURES_REMOVED,
        AuditAction.USER_BLOCKED,
    ]
    assert await moderation.about_job(GUILD, job.id) == ()


async def test_the_message_that_shows_reports_is_remembered(moderation: Moderation) -> None:
    assert await moderation.report_card(GUILD, 7) is None
    await moderation.report_posted(GUILD, 7, (1, 2))
    await moderation.report_posted(GUILD, 7, (3, 4))
    assert await moderation.report_card(GUILD, 7) == (3, 4)
    assert await moderation.report_card(OTHER_GUILD, 7) is None


async def test_the_third_strike_within_a_day_blocks_for_a_day(
    moderation: Moderation, store: Store, clock: Clock
) -> None:
    first = await moderation.prompt_blocked(GUILD, ALICE, ERROR, THREE_STRIKES)
    assert (first.n, first.most, first.blocked_until) == (1, 3, None)
    await moderation.check_user(GUILD, ALICE)
    clock.now += HOUR
    await moderation.picture_blocked(await a_job(store), THREE_STRIKES)
    await moderation.prompt_blocked(GUILD, BOB, ERROR, THREE_STRIKES)
    third = await moderation.prompt_blocked(GUILD, ALICE, ERROR, THREE_STRIKES)
    assert third.blocked_until == clock.now + 24 * HOUR
    with pytest.raises(UserBlocked, match="Too many blocked prompts"):
        await moderation.check_user(GUILD, ALICE)
    (block,) = await moderation.blocked(GUILD)
    assert block.by_user_id == BOT
    clock.now += 24 * HOUR
    await moderation.check_user(GUILD, ALICE)
    again = await moderation.prompt_blocked(GUILD, ALICE, ERROR, THREE_STRIKES)
    assert again.n == 1


async def test_strikes_of_more_than_a_day_do_not_add_up(
    moderation: Moderation, clock: Clock
) -> None:
    for _ in range(6):
        strike = await moderation.prompt_blocked(GUILD, ALICE, ERROR, THREE_STRIKES)
        assert strike.blocked_until is None
        clock.now += 13 * HOUR


async def test_who_is_unblocked_starts_anew(moderation: Moderation) -> None:
    for _ in range(3):
        await moderation.prompt_blocked(GUILD, ALICE, ERROR, THREE_STRIKES)
    await moderation.unblock(GUILD, ALICE, by_user_id=BOB)
    strike = await moderation.prompt_blocked(GUILD, ALICE, ERROR, THREE_STRIKES)
    assert (strike.n, strike.blocked_until) == (1, None)


async def test_strikes_do_not_shorten_a_moderators_block(
    moderation: Moderation, store: Store
) -> None:
    block = await moderation.block(GUILD, ALICE, by_user_id=BOB)
    for _ in range(4):  # jobs that were waiting
        await moderation.picture_blocked(await a_job(store), THREE_STRIKES)
    assert await moderation.blocked(GUILD) == (block,)


@pytest.mark.parametrize(
    ("guild_id", "policy"), [(GUILD, ModerationPolicy()), (None, THREE_STRIKES)]
)
async def test_without_strikes_and_in_direct_messages_it_is_only_recorded(
    moderation: Moderation, store: Store, guild_id: int | None, policy: ModerationPolicy
) -> None:
    for _ in range(4):
        strike = await moderation.prompt_blocked(guild_id, ALICE, ERROR, policy)
        assert (strike.most, strike.blocked_until) == (0, None)
    await moderation.picture_blocked(await a_job(store, guild_id), policy)
    await moderation.check_user(guild_id, ALICE)
    assert await actions(moderation, guild_id) == [
        AuditAction.PICTURE_BLOCKED,
        *[AuditAction.PROMPT_BLOCKED] * 4,
    ]


async def test_a_blocked_prompt_is_recorded_by_its_word_and_rule_alone(
    moderation: Moderation,
) -> None:
    await moderation.prompt_blocked(GUILD, ALICE, ERROR, THREE_STRIKES)
    (entry,) = (await moderation.log(GUILD)).entries
    assert entry.detail == {"word": "GUN", "rule": "gun*"}


async def test_changed_settings_and_removed_pictures_are_recorded(
    moderation: Moderation, store: Store
) -> None:
    changed = changes(DEFAULT, replace(DEFAULT, max_steps=8))
    await moderation.settings_changed(GUILD, BOB, changed)
    job = await a_job(store)
    await moderation.pictures_removed(job, by_user_id=BOB)
    removed, settings = (await moderation.log(GUILD)).entries
    assert settings.detail == {"changes": [{"field": "max_steps", "before": 50, "after": 8}]}
    assert (removed.job_id, removed.user_id) == (job.id, ALICE)


async def test_the_log_says_where_its_next_page_begins(moderation: Moderation) -> None:
    for _ in range(5):
        await moderation.prompt_blocked(GUILD, ALICE, ERROR, THREE_STRIKES)
    seen, before, pages = [], None, 0
    while pages == 0 or before is not None:
        page = await moderation.log(GUILD, before=before, action=AuditAction.PROMPT_BLOCKED, most=2)
        seen += [entry.id for entry in page.entries]
        before, pages = page.before, pages + 1
    assert seen == sorted(seen, reverse=True)
    assert (len(seen), pages) == (5, 3)


async def test_the_bots_own_reason_is_not_kept_but_said(moderation: Moderation) -> None:
    for _ in range(3):
        await moderation.prompt_blocked(GUILD, ALICE, ERROR, THREE_STRIKES)
    (block,) = await moderation.blocked(GUILD)
    assert block.reason == ""
    assert isinstance(reason_of(block), Said)  # so in the language of whoever reads it
