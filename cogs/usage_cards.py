"""How usage looks: sums in words, the chart, and what its letters and numbers stand for."""

import io
from collections.abc import Sequence

import discord
from discord import ui

from cogs.cards import ACCENT, MUTED, Item, card, plain, row, small, text
from hypersd_core.charts import Ranking
from hypersd_core.i18n import say, say_many
from hypersd_core.usage_export import CsvFile
from hypersd_core.usage_statistics import OfGuild, Ranked, Span, Statistics

CHART_NAME, CSV_NAME = "usage.png", "usage.csv"
_MAX_ALT_TEXT = 1_024  # Discord's limit for an attachment's description
_MINUTE_S, _HOUR_S = 60, 3_600


def rankings(statistics: Statistics) -> tuple[Ranking, Ranking]:
    """What the panels E and F rank: of a guild its people, of a person their models."""
    if isinstance(statistics.scope, OfGuild):
        return statistics.users, statistics.presets
    return statistics.presets, statistics.models


def span_name(span: Span) -> str:
    """``span`` in words."""
    match span:
        case Span.TODAY:
            return say("today")
        case Span.WEEK:
            return say("7 days")
        case Span.MONTH:
            return say("30 days")
        case Span.ALL:
            return say("all time")


def chart_file(png: bytes, statistics: Statistics) -> discord.File:
    """The chart with what a screen reader says for it."""
    description = f"{_title(statistics)}. {_sums(statistics)}".replace("\n", " ").replace("*", "")
    return discord.File(io.BytesIO(png), CHART_NAME, description=description[:_MAX_ALT_TEXT])


def usage(
    statistics: Statistics, chart: discord.File | None, buttons: Sequence[Item]
) -> ui.LayoutView:
    """What was drawn, in words and as a chart; without a chart there was nothing."""
    heading = text(f"**{_title(statistics)}**")
    if chart is None:
        return card(MUTED, heading, text(say("Nothing was drawn in this time.")), row(*buttons))
    gallery: ui.MediaGallery[ui.LayoutView] = ui.MediaGallery()
    gallery.add_item(media=chart, description=chart.description)
    return card(
        ACCENT, heading, text(_sums(statistics)), gallery, *_keys(statistics), row(*buttons)
    )


def csv_file(made: CsvFile, span: Span, *, of_server: bool) -> tuple[ui.LayoutView, discord.File]:
    """The file, and how much it holds."""
    file = discord.File(io.BytesIO(made.data), CSV_NAME)
    lines = [say_many("{n:,} job", "{n:,} jobs", made.jobs)]
    if made.left_out:
        lines.append(
            say_many(
                "The file is full: {n} older job is left out. A shorter time holds all.",
                "The file is full: {n} older jobs are left out. A shorter time holds all.",
                made.left_out,
            )
        )
    attached: ui.File[ui.LayoutView] = ui.File(file)
    title = (
        say("**Usage of this server: {span}**", span=span_name(span))
        if of_server
        else say("**Your usage: {span}**", span=span_name(span))
    )
    return card(ACCENT, text(title), text("\n".join(lines)), attached), file


def _title(statistics: Statistics) -> str:
    days = {"first": statistics.first_day.isoformat(), "last": statistics.last_day.isoformat()}
    if isinstance(statistics.scope, OfGuild):
        return say("Usage of this server, {first} to {last} (UTC)", **days)
    return say("Your usage, {first} to {last} (UTC)", **days)


def _sums(statistics: Statistics) -> str:
    total = statistics.total
    lines = [
        " · ".join(
            (
                say_many("**{n:,}** job", "**{n:,}** jobs", total.jobs),
                say_many("**{n:,}** picture", "**{n:,}** pictures", total.pictures),
                say("**{time}** of GPU time", time=_time(total.gpu_ms)),
            )
        ),
        " · ".join(
            (
                say_many(
                    "{n} failed ({share:.1%})",
                    "{n} failed ({share:.1%})",
                    total.failed,
                    share=total.failed_share,
                ),
                say_many(
                    "{n} blocked ({share:.1%})",
                    "{n} blocked ({share:.1%})",
                    total.blocked,
                    share=total.blocked_share,
                ),
                say_many("{n} cancelled", "{n} cancelled", total.cancelled),
            )
        ),
    ]
    if total.waited_p50_ms is not None and total.waited_p95_ms is not None:
        lines.append(
            say(
                "Half of the jobs waited up to {p50}, 95 of 100 up to {p95}.",
                p50=_time(total.waited_p50_ms),
                p95=_time(total.waited_p95_ms),
            )
        )
    return "\n".join(lines)


def _keys(statistics: Statistics) -> list[Item]:
    """The letters of the panels, then the numbers of the bars."""
    left, right = rankings(statistics)
    days = [
        say("**A** pictures"),
        say("**B** GPU time"),
        say("**C** waiting"),
        say("**D** failed, and striped blocked"),
    ]
    if isinstance(statistics.scope, OfGuild):
        names = say("**E** people by pictures"), say("**F** presets by pictures")
    else:
        names = say("**E** presets by pictures"), say("**F** models by pictures")
    lists = [
        say("{title}: {value}", title=name, value=_names(ranked))
        for name, ranked in zip(names, (left, right), strict=True)
        if ranked
    ]
    return [small("\n".join([" · ".join(days), *lists]))]


def _names(ranked: Ranking) -> str:
    return " · ".join(f"{place} {_name(entry)}" for place, entry in enumerate(ranked, start=1))


def _name(entry: Ranked[int] | Ranked[str]) -> str:
    return f"<@{entry.key}>" if isinstance(entry.key, int) else plain(entry.key, 60)


def _time(ms: int) -> str:
    seconds = ms / 1000
    if seconds < 2 * _MINUTE_S:
        return say("{seconds:.1f} s", seconds=seconds)
    if seconds < 2 * _HOUR_S:
        return say("{minutes:.0f} min", minutes=seconds / _MINUTE_S)
    return say("{hours:,.1f} h", hours=seconds / _HOUR_S)
