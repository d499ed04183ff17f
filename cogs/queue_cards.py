"""How the queue looks to one person: their own jobs, and of others only that they are there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import discord
from discord import ui

from cogs.cards import ACCENT, Item, card, plain, row, rows, small, text
from cogs.stage_texts import state_text
from hypersd_core.i18n import say, say_many
from hypersd_core.request import Job
from hypersd_core.stages import Stage

MOST_SHOWN = 10
_MAX_PROMPT = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueView:
    """What the card is about: open jobs by their turn, with where each is; None is all but posted.

    ``place`` is (guild id or None, channel id) of who looks; links need it.
    """

    mine: Sequence[tuple[Job, Stage | None]]
    others: Sequence[tuple[Job, Stage | None]]
    place: tuple[int | None, int]
    is_paused: bool = False
    is_accepting: bool = True


def queue_card(
    view: QueueView, select: Item | None, buttons: Sequence[Item], *, news: str = ""
) -> ui.LayoutView:
    """The card. ``news``: what a button on it has just done."""
    return card(
        ACCENT,
        *([text(news)] if news else []),
        text("\n".join(_mine(view))),
        *([text("\n".join(_others(view)))] if view.others else []),
        *(small(sentence) for sentence in _state(view)),
        *([row(select)] if select else []),
        *rows(buttons),
    )


def option_of(job: Job, stage: Stage | None, *, is_mine: bool) -> discord.SelectOption:
    """A job in the menu of those to cancel. Of another's it says no words."""
    name = say("job {job_id}", job_id=job.id)
    words = job.request.prompt if is_mine else say("somebody else's")
    return discord.SelectOption(
        label=_cut(f"{name} · {words}"), value=str(job.id), description=_cut(state_text(job, stage))
    )


def _mine(view: QueueView) -> Iterator[str]:
    yield f"**{say('Your jobs')}**"
    if not view.mine:
        yield say("None of yours is waiting.")
    for job, stage in view.mine[:MOST_SHOWN]:
        yield f"{_job(job)} · {plain(job.request.prompt, _MAX_PROMPT)}"
        yield f"-# {state_text(job, stage)}{_link(job, view)}"
    yield from _more(len(view.mine))


def _others(view: QueueView) -> Iterator[str]:
    yield f"**{say('Others in this server')}**"
    for job, stage in view.others[:MOST_SHOWN]:
        if job.origin.private:
            yield f"-# {say('a private job')} · {state_text(job, stage)}"
        else:
            who = f"<@{job.origin.user_id}> · {_job(job)}"
            yield f"-# {who} · {state_text(job, stage)}{_link(job, view)}"
    yield from _more(len(view.others))


def _more(jobs: int) -> Iterator[str]:
    if jobs > MOST_SHOWN:
        yield f"-# {say_many('and {n} more', 'and {n} more', jobs - MOST_SHOWN)}"


def _state(view: QueueView) -> Iterator[str]:
    if view.is_paused and not view.mine and not view.others:  # else each of them says so
        yield say("The bot's operator has paused it: what waits is drawn later.")
    if not view.is_accepting:
        yield say("The bot takes no new requests at the moment; what waits is still drawn.")


def _link(job: Job, view: QueueView) -> str:
    """To the acknowledgement, where one can be linked to and is not seen by one person alone."""
    origin = job.origin
    if job.message is None or origin.private:
        return ""
    channel_id, message_id = job.message
    guild_id, here = view.place
    place: int | str | None = origin.guild_id
    if place is None and channel_id == here:
        place = guild_id or "@me"
    elif place is None and origin.can_post:
        place = "@me"  # in direct messages with the bot
    if place is None:
        return ""
    url = f"https://discord.com/channels/{place}/{channel_id}/{message_id}"
    return f" · [{say('go to it')}]({url})"


def _job(job: Job) -> str:
    return f"**{say('job {job_id}', job_id=job.id)}**"


def _cut(words: str, most: int = 100) -> str:
    return words if len(words) <= most else words[: most - 1] + "…"
