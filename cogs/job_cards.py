"""How jobs look: waiting, drawn, failed, cancelled.

Buttons come in from ``cogs.results``' callers, so that looks and behaviour stay apart.
"""

from collections.abc import Sequence
from datetime import timedelta

import discord
from discord import ui

from cogs.cards import ACCENT, MUTED, RED, Item, card, plain, rows, small, text
from cogs.result_files import ResultFiles
from cogs.stage_texts import stage_text
from hypersd_core.i18n import say, say_many
from hypersd_core.request import GenerationRequest, Job
from hypersd_core.sampling import SAMPLING_METHODS
from hypersd_core.service import Ticket
from hypersd_core.stages import Stage

_MAX_NOTES_SHOWN = 1_500


def queued(ticket: Ticket, buttons: Sequence[Item], *, warning: str = "") -> ui.LayoutView:
    """The acknowledgement: what was understood, the place in the queue, and the likely wait."""
    return waiting(ticket.job, ticket.stage, buttons, warning=warning)


def waiting(job: Job, stage: Stage, buttons: Sequence[Item], *, warning: str = "") -> ui.LayoutView:
    """The same card later, when the job has come further."""
    return card(
        MUTED,
        text(prompt_line(job.request)),
        *_notes(job.request),
        *([small(warning)] if warning else []),
        small(f"{stage_text(stage)} · {_job(job)}"),
        *rows(buttons),
    )


def queued_together(
    tickets: Sequence[Ticket], buttons: Sequence[Item], *, warning: str = ""
) -> ui.LayoutView:
    """One acknowledgement for several jobs. Nobody edits it: it stays true when they are drawn."""
    lines = [
        say("{title}: {value}", title=_job(t.job), value=plain(t.job.request.prompt, 80))
        for t in tickets
    ]
    return card(
        MUTED,
        text(say_many("**{n} job**", "**{n} jobs**", len(tickets))),
        text("\n".join(lines)[:3_000]),
        *([small(warning)] if warning else []),
        small(_last_of(tickets)),
        *rows(buttons),
    )


def _last_of(tickets: Sequence[Ticket]) -> str:
    """When all jobs will be drawn."""
    last = tickets[-1]
    if last.is_paused:
        return stage_text(last.stage)
    due = last.job.created_at + timedelta(seconds=last.eta_s)
    return say("The last one is due {when}.", when=f"<t:{due.timestamp():.0f}:R>")


def result(
    job: Job, files: ResultFiles, controls: Sequence[Item], *, mention: bool
) -> ui.LayoutView:
    """The finished pictures with prompt, settings, seeds and controls."""
    galleries = [_gallery(part) for part in (files.grid, files.each) if part]
    return card(
        ACCENT,
        text(_author(job, mention) + prompt_line(job.request)),
        *galleries,
        small(f"{settings_line(job.request)}\n{_seeds_line(job)}"),
        *_notes(job.request),
        *([small(files.remark)] if files.remark else []),
        *controls,
    )


def _gallery(files: Sequence[discord.File]) -> ui.MediaGallery[ui.LayoutView]:
    gallery: ui.MediaGallery[ui.LayoutView] = ui.MediaGallery()
    for file in files:
        gallery.add_item(media=file, description=file.description, spoiler=file.spoiler)
    return gallery


def failed(job: Job, controls: Sequence[Item], *, mention: bool) -> ui.LayoutView:
    """Why there is no picture, in our own sentence, and that nobody pays for it."""
    return card(
        RED,
        text(_author(job, mention) + prompt_line(job.request)),
        text(plain(job.failure, _MAX_NOTES_SHOWN)),
        small(say("No quota is spent on it") + f" · {_job(job)}"),
        *controls,
    )


def cancelled(job: Job) -> ui.LayoutView:
    """What remains of a job that somebody stopped."""
    return card(MUTED, text(prompt_line(job.request)), small(say("Cancelled") + f" · {_job(job)}"))


def prompt_line(request: GenerationRequest) -> str:
    """The prompt as a heading."""
    return f"**{plain(request.prompt)}**"


def settings_line(request: GenerationRequest) -> str:
    """Sampler, steps, guidance, size, model, LoRAs: ``TCD · 4 steps · CFG 2 · 1024×1024 · …``."""
    size = _size(request.width, request.height)
    if request.hires is not None:
        size += f" \N{RIGHTWARDS ARROW} {_size(*request.final_size)}"
    if request.enlarge > 1:
        size = say(
            "{size} shown \N{MULTIPLICATION SIGN}{factor}", size=size, factor=request.enlarge
        )
    parts = [
        SAMPLING_METHODS[request.sampler].full_label,
        say_many("{n} step", "{n} steps", request.steps),
        f"CFG {request.guidance:g}",
        size,
        plain(request.model),
        *(f"{plain(lora.name)} {lora.weight:g}" for lora in request.loras),
    ]
    return " · ".join(parts)


def _size(width: int, height: int) -> str:
    return f"{width}\N{MULTIPLICATION SIGN}{height}"


def _notes(request: GenerationRequest) -> list[ui.TextDisplay[ui.LayoutView]]:
    """What the person should know about how the request was understood."""
    if not request.notes:
        return []
    return [small("\n".join(plain(note, 500) for note in request.notes)[:_MAX_NOTES_SHOWN])]


def _author(job: Job, mention: bool) -> str:
    return f"<@{job.origin.user_id}> · " if mention else ""


def _job(job: Job) -> str:
    return say("job {job_id}", job_id=job.id)


def _seeds_line(job: Job) -> str:
    seeds = ", ".join(str(picture.seed) for picture in job.pictures)
    named = (
        say("seeds {seeds}", seeds=seeds)
        if len(job.pictures) > 1
        else say("seed {seed}", seed=seeds)
    )
    return f"{named} · {_job(job)}"


def cancelled_together(stopped: int, jobs: int) -> ui.LayoutView:
    """What remains of several jobs that somebody stopped."""
    sentence = say_many(
        "Cancelled {n} of {jobs} job.", "Cancelled {n} of {jobs} jobs.", stopped, jobs=jobs
    )
    return card(MUTED, text(sentence))
