"""How queued jobs, results, failures and refusals look: components V2 cards.

Buttons come in from ``cogs.results``' callers, so that looks and behaviour stay apart.
"""

from collections.abc import Sequence
from typing import Any

import discord
from discord import ui

from hypersd_core.request import GenerationRequest, Job, Picture
from hypersd_core.sampling import SAMPLING_METHODS

Button = ui.DynamicItem[ui.Button[ui.LayoutView]]

_ACCENT = discord.Colour(0x7C5CFC)
_MUTED = discord.Colour(0x6B7280)
_RED = discord.Colour(0xD9534F)
_MAX_PROMPT_SHOWN = 300
_MAX_NOTES_SHOWN = 1_500
_MAX_ALT_TEXT = 1_024  # Discord's limit for an attachment's description


def queued(job: Job, buttons: Sequence[Button], *, ahead: int, eta_s: float) -> ui.LayoutView:
    """The acknowledgement: what was understood, the place in the queue, and the likely wait."""
    place = "Drawing now" if ahead == 0 else f"{ahead} ahead in the queue"
    return _card(
        _MUTED,
        ui.TextDisplay(_prompt_line(job.request)),
        *_notes(job.request),
        ui.TextDisplay(f"-# {place} · about {_seconds(eta_s)} · job {job.id}"),
        _row(buttons),
    )


def result(
    job: Job, files: Sequence[discord.File], buttons: Sequence[Button], *, mention: bool
) -> ui.LayoutView:
    """The finished pictures with prompt, settings, seeds and buttons."""
    gallery: ui.MediaGallery[ui.LayoutView] = ui.MediaGallery()
    for file in files:
        gallery.add_item(media=file, description=file.description)
    return _card(
        _ACCENT,
        ui.TextDisplay(_author(job, mention) + _prompt_line(job.request)),
        gallery,
        ui.TextDisplay(f"-# {settings_line(job.request)}\n-# {_seeds_line(job)}"),
        *_notes(job.request),
        _row(buttons),
    )


def failed(job: Job, buttons: Sequence[Button], *, mention: bool) -> ui.LayoutView:
    """Why there is no picture, in our own sentence."""
    return _card(
        _RED,
        ui.TextDisplay(_author(job, mention) + _prompt_line(job.request)),
        ui.TextDisplay(discord.utils.escape_markdown(job.failure)),
        ui.TextDisplay(f"-# job {job.id}"),
        _row(buttons),
    )


def cancelled(job: Job) -> ui.LayoutView:
    """What remains of a job that somebody stopped."""
    return _card(
        _MUTED,
        ui.TextDisplay(_prompt_line(job.request)),
        ui.TextDisplay(f"-# Cancelled · job {job.id}"),
    )


def refusal(sentence: str, typed: str = "") -> ui.LayoutView:
    """A private no. What was typed is given back, so that nothing has to be typed again."""
    items: list[ui.Item[ui.LayoutView]] = [ui.TextDisplay(discord.utils.escape_markdown(sentence))]
    if typed:
        items.append(ui.TextDisplay(f"```\n{typed[:3_000].replace('```', chr(0x2CB) * 3)}\n```"))
    return _card(_RED, *items)


def note(text: str) -> ui.LayoutView:
    """A short private answer."""
    return _card(_MUTED, ui.TextDisplay(text))


def alt_text(request: GenerationRequest, picture: Picture) -> str:
    """What a screen reader says for one picture."""
    return f"{request.prompt} (seed {picture.seed})"[:_MAX_ALT_TEXT]


def settings_line(request: GenerationRequest) -> str:
    """Sampler, steps, guidance, size, model, LoRAs: ``TCD · 4 steps · CFG 2 · 1024×1024 · …``."""
    steps = "1 step" if request.steps == 1 else f"{request.steps} steps"
    size = _size(request.width, request.height)
    if request.hires is not None:
        size += f" \N{RIGHTWARDS ARROW} {_size(*request.final_size)}"
    shown = f" shown \N{MULTIPLICATION SIGN}{request.enlarge}" if request.enlarge > 1 else ""
    parts = [
        SAMPLING_METHODS[request.sampler].full_label,
        steps,
        f"CFG {request.guidance:g}",
        size + shown,
        request.model,
        *(f"{lora.name} {lora.weight:g}" for lora in request.loras),
    ]
    return " · ".join(parts)


def _size(width: int, height: int) -> str:
    return f"{width}\N{MULTIPLICATION SIGN}{height}"


def _notes(request: GenerationRequest) -> list[ui.TextDisplay[ui.LayoutView]]:
    """What the person should know about how the request was understood."""
    if not request.notes:
        return []
    lines = "\n".join(f"-# {discord.utils.escape_markdown(note)}" for note in request.notes)
    return [ui.TextDisplay(lines[:_MAX_NOTES_SHOWN])]


def _card(colour: discord.Colour, *items: ui.Item[ui.LayoutView]) -> ui.LayoutView:
    view = ui.LayoutView(timeout=None)
    view.add_item(ui.Container(*items, accent_colour=colour))
    return view


def _row(buttons: Sequence[Button]) -> ui.ActionRow[Any]:
    row: ui.ActionRow[Any] = ui.ActionRow(*buttons)
    return row


def _author(job: Job, mention: bool) -> str:
    return f"<@{job.origin.user_id}> · " if mention else ""


def _prompt_line(request: GenerationRequest) -> str:
    prompt = request.prompt
    if len(prompt) > _MAX_PROMPT_SHOWN:
        prompt = prompt[: _MAX_PROMPT_SHOWN - 1] + "…"
    return f"**{discord.utils.escape_markdown(prompt)}**"


def _seeds_line(job: Job) -> str:
    seeds = ", ".join(str(picture.seed) for picture in job.pictures)
    return f"seed{'s' if len(job.pictures) > 1 else ''} {seeds} · job {job.id}"


def _seconds(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 100 else f"{round(seconds / 60)} min"
