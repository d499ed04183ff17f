"""Draws statistics as a PNG: six panels with numbers, dates, units and key letters, but no words.

What the letters A to F and the numbered bars stand for is text of the card, so that every language
and every font of the reader works. The picture brings its own ground, which reads alike on dark and
light pages. Blocking: call it in a thread. Nothing global of matplotlib is touched (no pyplot).
"""

import io
import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import EngFormatter, FuncFormatter, MaxNLocator

from hypersd_core.usage_statistics import TOP, Period, Ranked

WIDTH_PX, HEIGHT_PX = 900, 780
GROUND = "#232428"
INK = "#f2f3f5"
FAINT = "#4a4d55"
# Okabe & Ito (2008), Color Universal Design: told apart with every kind of colour vision.
BLUE, ORANGE, GREEN, VERMILION, YELLOW = "#56b4e9", "#e69f00", "#009e73", "#d55e00", "#f0e442"

_DPI = 100
_TEXT_PT = 15
_LETTER_PT = 17
_HEADROOM = 1.1
_TIME_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"), (0.001, "ms"))

Ranking = Sequence[Ranked[int] | Ranked[str]]


def draw_chart(periods: Sequence[Period], left: Ranking, right: Ranking) -> bytes:
    """The PNG of at least one period; E and F are the rankings ``left`` and ``right``.

    A counts pictures, B is GPU time, C how long jobs waited, D failures and blocks. In C the solid
    line is the median and the dashed one the 95th percentile; in D the hatched part are the blocks.
    """
    figure = Figure(figsize=(WIDTH_PX / _DPI, HEIGHT_PX / _DPI), dpi=_DPI, facecolor="none")
    _draw_ground(figure)
    grid = figure.add_gridspec(
        3, 2, left=0.125, right=0.945, top=0.945, bottom=0.03, wspace=0.36, hspace=0.5
    )
    a, b, c, d, e, f = (figure.add_subplot(grid[i // 2, i % 2]) for i in range(6))
    _draw_pictures(a, periods)
    _draw_gpu_time(b, periods)
    _draw_waiting(c, periods)
    _draw_failures(d, periods)
    for axes in (a, b, c, d):
        _scale_days(axes, periods)
    _draw_ranking(e, left)
    _draw_ranking(f, right)
    for axes, letter in zip((a, b, c, d, e, f), "ABCDEF", strict=True):
        _finish(axes, letter)
    file = io.BytesIO()
    FigureCanvasAgg(figure).print_png(file)  # type: ignore[no-untyped-call]  # it has no types
    return file.getvalue()


def _draw_ground(figure: Figure) -> None:
    """An opaque panel with round corners, which are all that shows of the page."""
    figure.add_artist(
        FancyBboxPatch(
            (0, 0), 1, 1, boxstyle="round,pad=0,rounding_size=0.02", mutation_aspect=WIDTH_PX /
            HEIGHT_PX, transform=figure.transFigure, facecolor=GROUND, edgecolor="none", zorder=-1,
        )
    )  # fmt: skip


def _draw_bars(
    axes: Axes, heights: Sequence[float], colour: str, *,
    bottoms: Sequence[float] | None = None, hatch: str | None = None,
) -> None:  # fmt: skip
    axes.bar(
        range(len(heights)), heights, bottom=bottoms, width=0.8, color=colour, hatch=hatch,
        edgecolor=GROUND, linewidth=0,
    )  # fmt: skip


def _draw_pictures(axes: Axes, periods: Sequence[Period]) -> None:
    pictures = [period.sums.pictures for period in periods]
    _draw_bars(axes, pictures, BLUE)
    _scale_counts(axes, max(pictures))


def _draw_gpu_time(axes: Axes, periods: Sequence[Period]) -> None:
    seconds = [period.sums.gpu_ms / 1000 for period in periods]
    _draw_bars(axes, seconds, GREEN)
    _scale_times(axes, max(seconds))


def _draw_waiting(axes: Axes, periods: Sequence[Period]) -> None:
    for values, colour, style, label in (
        ([period.sums.waited_p95_ms for period in periods], ORANGE, "--", "p95"),
        ([period.sums.waited_p50_ms for period in periods], BLUE, "-", "p50"),
    ):
        y = [math.nan if value is None else value / 1000 for value in values]
        axes.plot(
            range(len(y)), y, style, color=colour, linewidth=2, marker="o", markersize=4,
            label=label,
        )  # fmt: skip
    _scale_times(axes, max(period.sums.waited_p95_ms or 0 for period in periods) / 1000)
    axes.legend(
        loc="lower right", bbox_to_anchor=(1.01, 0.99), ncols=2, frameon=False, labelcolor=INK,
        fontsize=_TEXT_PT - 1, borderpad=0, borderaxespad=0, columnspacing=1, handlelength=2.4,
    )  # fmt: skip


def _draw_failures(axes: Axes, periods: Sequence[Period]) -> None:
    failed = [period.sums.failed for period in periods]
    blocked = [period.sums.blocked for period in periods]
    _draw_bars(axes, failed, VERMILION)
    _draw_bars(axes, blocked, YELLOW, bottoms=failed, hatch="////")
    _scale_counts(axes, max(map(sum, zip(failed, blocked, strict=True))))


def _draw_ranking(axes: Axes, ranked: Ranking) -> None:
    """Numbered bars, the first on top, each with its pictures at the end."""
    pictures = [entry.pictures for entry in ranked]
    rows = range(1, len(pictures) + 1)
    most = max(pictures, default=0) or 1
    axes.barh(rows, pictures, color=BLUE, height=0.7)
    short = EngFormatter(places=1, sep="")
    for row, value in zip(rows, pictures, strict=True):
        text = str(value) if value < 1000 else short(value)
        axes.text(
            value + most * 0.02, row, text, va="center_baseline", color=INK, fontsize=_TEXT_PT
        )
    axes.set_xlim(0, most * 1.28)
    axes.set_ylim(TOP + 0.6, 0.4)
    axes.set_yticks(list(rows))
    axes.set_xticks([])


def _scale_days(axes: Axes, periods: Sequence[Period]) -> None:
    """Dates of the first, the last and some periods between."""
    days = [period.first_day for period in periods]
    last = len(days) - 1
    are_months = last > 0 and (days[1] - days[0]).days > 1
    margin = max(0.7, (5 - last) / 2)  # a lone bar is not to fill the panel
    axes.set_xlim(-margin, last + margin)
    steps = min(last, 2)
    ticks = [round(last * i / steps) for i in range(steps + 1)] if steps else [0]
    axes.set_xticks(ticks, [days[i].strftime("%Y-%m" if are_months else "%m-%d") for i in ticks])


def _scale_counts(axes: Axes, most: float) -> None:
    axes.set_ylim(0, max(most, 1) * _HEADROOM)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=3, integer=True))
    axes.yaxis.set_major_formatter(EngFormatter(sep=""))


def _scale_times(axes: Axes, most_s: float) -> None:
    """One unit for the whole axis, of which the largest value has two or more."""
    most_s = most_s or 2.0  # nothing yet
    unit_s, unit = next(((s, u) for s, u in _TIME_UNITS if most_s >= 2 * s), _TIME_UNITS[-1])
    axes.set_ylim(0, most_s * _HEADROOM)
    axes.yaxis.set_major_locator(_Multiples(unit_s))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y / unit_s:,.0f} {unit}"))


class _Multiples(MaxNLocator):
    """Round whole numbers of a unit."""

    def __init__(self, unit: float) -> None:
        super().__init__(nbins=3, integer=True)
        self._unit = unit

    def tick_values(self, vmin: float, vmax: float) -> Sequence[float]:
        """Where the ticks are."""
        ticks = super().tick_values(vmin / self._unit, vmax / self._unit)
        return [tick * self._unit for tick in ticks]


def _finish(axes: Axes, letter: str) -> None:
    axes.set_facecolor("none")
    axes.set_title(letter, loc="left", color=INK, fontsize=_LETTER_PT, fontweight="bold", pad=7)
    axes.tick_params(colors=INK, labelsize=_TEXT_PT, length=0)
    axes.tick_params(axis="x", pad=9)
    axes.set_axisbelow(True)
    if letter in "ABCD":
        axes.grid(visible=True, axis="y", color=FAINT, linewidth=0.8)
    for side, spine in axes.spines.items():
        spine.set_visible(side == ("left" if letter in "EF" else "bottom"))
        spine.set_color(FAINT)
