"""What /admin answers with."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import discord
from discord import ui

from cogs.cards import ACCENT, MUTED, card, plain, small, text
from cogs.stage_texts import stage_text
from hypersd_core.i18n import say, say_many
from hypersd_core.operations import Machine, Reloaded
from hypersd_core.request import Job
from hypersd_core.stages import Stage, Waiting

_GIB = 2**30
_MAX_PROBLEMS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """``stages`` of the job in hand and of all that wait. ``latency_s`` may be infinite."""

    is_paused: bool
    is_accepting: bool
    stages: Sequence[tuple[Job, Stage]]
    model: str
    machine: Machine
    guilds: int
    latency_s: float
    errors: int
    last_error_at_s: float


def status_card(status: Status) -> ui.LayoutView:
    """How the bot is."""
    machine = status.machine
    lines = [
        _queue_line(status),
        *_in_hand(status),
        say("Model loaded last: {model}", model=plain(status.model)),
        say(
            "Memory: {used:.1f} GiB in use by the bot, {free:.1f} GiB free",
            used=machine.used_bytes / _GIB,
            free=machine.free_memory_bytes / _GIB,
        ),
        say("Disk: {free:.1f} GiB free", free=machine.free_disk_bytes / _GIB),
        _errors_line(status),
        _since_line(status),
    ]
    versions = " · ".join(f"{name} {number}" for name, number in machine.versions.items())
    return card(
        MUTED if status.is_paused or not status.is_accepting else ACCENT,
        text(f"**{_state(status)}**"),
        text("\n".join(lines)),
        small(versions),
    )


def reloaded_card(reloaded: Reloaded) -> ui.LayoutView:
    """What there is after reading everything again."""
    sentence = say(
        "Read again. Models: {models}, LoRAs: {loras}, recipes: {recipes}, presets: {presets}.",
        models=reloaded.models,
        loras=reloaded.loras,
        recipes=reloaded.recipes,
        presets=reloaded.presets,
    )
    problems = [plain(problem) for problem in reloaded.problems[:_MAX_PROBLEMS]]
    return card(ACCENT, text(sentence), *([small("\n".join(problems))] if problems else []))


def _state(status: Status) -> str:
    if status.is_paused:
        return say("Paused: requests wait")
    if not status.is_accepting:
        return say("Draining: new requests are turned away")
    return say("Running")


def _queue_line(status: Status) -> str:
    waiting = sum(isinstance(stage, Waiting) for _, stage in status.stages)
    return say_many("Queue: {n} job waits", "Queue: {n} jobs wait", waiting)


def _in_hand(status: Status) -> list[str]:
    return [
        say("In hand: job {job_id} · {stage}", job_id=job.id, stage=stage_text(stage))
        for job, stage in status.stages
        if not isinstance(stage, Waiting)
    ]


def _errors_line(status: Status) -> str:
    if not status.errors:
        return say("No errors since the start")
    at = datetime.fromtimestamp(status.last_error_at_s, UTC)
    return say_many(
        "{n} error in the log, {when}",
        "{n} errors in the log, the last {when}",
        status.errors,
        when=discord.utils.format_dt(at, "R"),
    )


def _since_line(status: Status) -> str:
    since = datetime.fromtimestamp(datetime.now(UTC).timestamp() - status.machine.uptime_s, UTC)
    started = discord.utils.format_dt(since, "R")
    if not math.isfinite(status.latency_s):
        return say("Started {when}", when=started)
    return say_many(
        "Started {when}, in {n} server, {ms:.0f} ms to Discord",
        "Started {when}, in {n} servers, {ms:.0f} ms to Discord",
        status.guilds,
        when=started,
        ms=1000 * status.latency_s,
    )
