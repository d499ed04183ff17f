"""How moderators see things: reports, who is blocked, the log, who made what."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import discord
from discord import ui

from cogs.cards import ACCENT, MUTED, RED, Item, card, code, plain, rows, small, text
from cogs.job_cards import settings_line
from cogs.settings_words import fields_shown
from hypersd_core.i18n import say, say_again, say_many
from hypersd_core.moderation.entries import BOT, AuditAction, AuditEntry, Block
from hypersd_core.moderation.policy import Rating
from hypersd_core.moderation.records import AuditPage, reason_of
from hypersd_core.request import Job

# A message holds 4,000 characters, and where every sign must be escaped texts become twice as long.
_MAX_REASON_SHOWN = 100
_MAX_PROMPT_SHOWN = 400
_MAX_REPORTS_SHOWN = 6
_MAX_DONE_SHOWN = 4
_MAX_FIELDS_SHOWN = 8

ACTIONS: Mapping[AuditAction, str] = {
    AuditAction.PROMPT_BLOCKED: say("Prompt blocked"),
    AuditAction.PICTURE_BLOCKED: say("Picture blocked"),
    AuditAction.JOB_REPORTED: say("Reported"),
    AuditAction.REPORT_DISMISSED: say("Report dismissed"),
    AuditAction.PICTURES_REMOVED: say("Pictures removed"),
    AuditAction.USER_BLOCKED: say("User blocked"),
    AuditAction.USER_UNBLOCKED: say("User unblocked"),
    AuditAction.SETTINGS_CHANGED: say("Settings changed"),
    AuditAction.PRESET_DEFAULT_CHANGED: say("Default preset changed"),
}
RATINGS: Mapping[str, str] = {
    Rating.SAFE: say("safe"),
    Rating.SUGGESTIVE: say("suggestive"),
    Rating.EXPLICIT: say("explicit"),
    "": say("not rated"),
}


def report(
    job: Job,
    entries: Sequence[AuditEntry],
    link: str,
    files: Sequence[discord.File],
    buttons: Sequence[Item],
) -> ui.LayoutView:
    """What moderators decide by: picture, words, who made it, who reported it, what was done."""
    reports = [entry for entry in entries if entry.action is AuditAction.JOB_REPORTED]
    done = [entry for entry in entries if entry.action is not AuditAction.JOB_REPORTED]
    gallery: ui.MediaGallery[ui.LayoutView] = ui.MediaGallery()
    for file in files:
        gallery.add_item(media=file, spoiler=True)
    return card(
        RED if is_open(entries) else MUTED,
        text("**" + say("Report of job {job_id}", job_id=job.id) + "**"),
        text(plain(job.request.prompt, _MAX_PROMPT_SHOWN)),
        *([gallery] if files else []),
        small(_maker(job) + (" · " + _masked_link(link) if link else "")),
        text("\n".join(map(_reported, reports[-_MAX_REPORTS_SHOWN:]))),
        *_done(done),
        *rows(buttons),
    )


def is_open(entries: Sequence[AuditEntry]) -> bool:
    """Whether nobody has decided anything since the last report."""
    return bool(entries) and entries[-1].action is AuditAction.JOB_REPORTED


def removed(job: Job) -> ui.LayoutView:
    """What stands where the pictures were."""
    sentence = say("The pictures of job {job_id} were removed by a moderator.", job_id=job.id)
    return card(MUTED, text(sentence))


def who(job: Job, entries: Sequence[AuditEntry], link: str) -> ui.LayoutView:
    """Who made a job, when, from which words, and what the classifier thought of it."""
    request = job.request
    shown: list[Item] = [small(say("Its words are private: only who asked for it sees them."))]
    if not job.origin.private:
        shown = [text(code(request.prompt, 1_500))]
        if request.negative:
            shown.append(small(say("Without: {words}", words=plain(request.negative))))
    ratings = " · ".join(_ratings(job))
    facts = [settings_line(request), ratings, _masked_link(link) if link else ""]
    return card(
        ACCENT,
        text("**" + say("Job {job_id}", job_id=job.id) + "** · " + _maker(job)),
        *shown,
        small("\n".join(filter(None, facts))),
        *_done(entries),
    )


def blocked(blocks: Sequence[Block], total: int, buttons: Sequence[Item]) -> ui.LayoutView:
    """A page of who may draw nothing."""
    if not blocks:
        return card(MUTED, text(say("Nobody is blocked.")))
    title = say_many("**{n} person is blocked**", "**{n} people are blocked**", total)
    return card(ACCENT, text(title), text("\n".join(map(_blocked, blocks))), *rows(buttons))


def log(page: AuditPage, buttons: Sequence[Item]) -> ui.LayoutView:
    """A page of what happened, the newest first."""
    if not page.entries:
        return card(MUTED, text(say("The log has nothing of that.")), *rows(buttons))
    return card(ACCENT, text("\n".join(map(_logged, page.entries))), *rows(buttons))


def _logged(entry: AuditEntry) -> str:
    """One entry: what was done, to whom and by whom; then when, about which job, and why."""
    who = [] if entry.user_id is None else [f"<@{entry.user_id}>"]
    about = [] if entry.job_id is None else [say("job {job_id}", job_id=entry.job_id)]
    head = " · ".join([_action(entry), *who, *_actor(entry)])
    return f"{head}\n-# " + " · ".join([_at(entry.at, "f"), *about, *_details(entry)])


def _done(entries: Sequence[AuditEntry]) -> list[Item]:
    """What was done about one job, a line for each."""
    lines = (
        " · ".join([_action(entry), *_actor(entry), _at(entry.at, "R"), *_details(entry)])
        for entry in entries[-_MAX_DONE_SHOWN:]
    )
    return [small("\n".join(lines))] if entries else []


def _action(entry: AuditEntry) -> str:
    return f"**{say_again(ACTIONS[entry.action])}**"


def _actor(entry: AuditEntry) -> list[str]:
    """By whom, unless it was who it is about."""
    if entry.actor_id == entry.user_id:
        return []
    return [say("by {who}", who=_person(entry.actor_id))]


def until(end: datetime | None) -> str:
    """How long a block lasts."""
    return say("for good") if end is None else say("until {time}", time=_at(end, "f"))


def _details(entry: AuditEntry) -> list[str]:
    detail = entry.detail
    match entry.action:
        case AuditAction.PROMPT_BLOCKED:
            word, rule = plain(detail["word"], 40), plain(detail["rule"], 40)
            return [say("“{word}” by the rule {rule}", word=word, rule=rule)]
        case AuditAction.USER_BLOCKED:
            end = detail["until"] and datetime.fromisoformat(detail["until"])
            return [until(end), *_reason(detail["reason"])]
        case AuditAction.JOB_REPORTED:
            return _reason(detail["reason"])
        case AuditAction.SETTINGS_CHANGED:
            fields = [change["field"] for change in detail["changes"]]
            return [fields_shown(fields[:_MAX_FIELDS_SHOWN])]
        case AuditAction.PRESET_DEFAULT_CHANGED:
            channel_id, name = detail["channel_id"], detail["preset"]
            place = say("The whole server") if channel_id is None else f"<#{channel_id}>"
            value = say("no default") if name is None else plain(name)
            return [say("{title}: {value}", title=place, value=value)]
        case _:
            return []


def _reported(entry: AuditEntry) -> str:
    reason = plain(entry.detail["reason"], _MAX_REASON_SHOWN)
    head = f"<@{entry.actor_id}> · {_at(entry.at, 'R')}"
    return say("{title}: {value}", title=head, value=reason)


def _blocked(block: Block) -> str:
    parts = [f"<@{block.user_id}>", until(block.until), *_reason(reason_of(block))]
    return " · ".join([*parts, say("by {who}", who=_person(block.by_user_id))])


def _reason(reason: str) -> list[str]:
    return [plain(reason, _MAX_REASON_SHOWN)] if reason else []


def _maker(job: Job) -> str:
    return say(
        "Made by {who} in {channel}, {time}",
        who=f"<@{job.origin.user_id}>",
        channel=f"<#{job.origin.channel_id}>",
        time=_at(job.created_at, "f"),
    )


def _ratings(job: Job) -> list[str]:
    return [
        say(
            "Picture {n}: {rating}",
            n=picture.index + 1,
            rating=say_again(RATINGS[picture.rating]),
        )
        for picture in job.pictures
    ]


def _person(user_id: int) -> str:
    return say("the bot") if user_id == BOT else f"<@{user_id}>"


def _masked_link(link: str) -> str:
    return f"[{say('to the message')}]({link})"


def _at(time: datetime, style: str) -> str:
    """``time`` as Discord shows it in everybody's own zone."""
    return f"<t:{time.timestamp():.0f}:{style}>"
