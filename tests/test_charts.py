"""Charts: pictures that can be read on any page, for any numbers."""

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import numpy as np
import pytest
from PIL import Image, ImageColor

from hypersd_core import charts
from hypersd_core.charts import HEIGHT_PX, WIDTH_PX, draw_chart
from hypersd_core.usage_statistics import MAX_DAYS, Period, Ranked, Sums, first_days

TODAY = date(2026, 11, 23)


def periods(count: int, scale: int = 1) -> list[Period]:
    return [
        Period(
            first_day=TODAY - timedelta(days=count - 1 - i),
            sums=Sums(
                jobs=i * scale, pictures=i * scale, gpu_ms=310 * i * scale, delivered=i * scale,
                failed=i % 3 * scale, blocked=i % 2 * scale,
                waited_p50_ms=i * scale if i % 4 else None,
                waited_p95_ms=3 * i * scale if i % 4 else None,
            ),
        )
        for i in range(count)
    ]  # fmt: skip


def ranking(*pictures: int) -> list[Ranked[int]]:
    return [Ranked(key=i, jobs=1, pictures=n, gpu_ms=1) for i, n in enumerate(pictures)]


def drawn(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


CASES = {
    "nothing": ([Period(first_day=TODAY, sums=Sums())], ranking()),
    "one picture": (periods(2)[1:], ranking(1)),
    "a month": (periods(30), ranking(9, 5, 3, 2, 1)),
    "as many days as there can be": (periods(MAX_DAYS), ranking(0)),
    "huge numbers": (periods(30, 10**9), ranking(10**9, 10**6, 999, 1, 0)),
    "years": (
        [Period(first_day=day, sums=Sums()) for day in first_days(date(2015, 1, 1), TODAY)],
        ranking(1),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_anything_can_be_drawn_at_one_size(name: str) -> None:
    some, ranked = CASES[name]
    picture = drawn(draw_chart(some, ranked, ranked))
    assert (picture.format, picture.size) == ("PNG", (WIDTH_PX, HEIGHT_PX))


def test_all_but_the_corners_is_opaque_so_the_page_does_not_matter() -> None:
    alpha = np.asarray(drawn(draw_chart(periods(30), ranking(1), ranking(1))).convert("RGBA"))[
        ..., 3
    ]
    assert alpha[0, 0] == 0
    assert (alpha[20:-20, :] == 255).all()
    assert (alpha[:, 20:-20] == 255).all()


def test_the_longest_label_of_a_time_is_not_cut_off() -> None:
    waited = Sums(jobs=1, delivered=1, waited_p50_ms=20, waited_p95_ms=1_900)
    data = draw_chart([Period(first_day=TODAY, sums=waited)], ranking(), ranking())
    left_edge = np.asarray(drawn(data).convert("RGB"))[30:-30, :5]
    assert (left_edge == ImageColor.getrgb(charts.GROUND)).all()


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in ImageColor.getrgb(colour)[:3])
    ]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


@pytest.mark.parametrize(
    ("colour", "least"),
    [(charts.INK, 7.0)]
    + [
        (colour, 3.0)  # WCAG 2.2, 1.4.11: what is not text
        for colour in (charts.BLUE, charts.ORANGE, charts.GREEN, charts.VERMILION, charts.YELLOW)
    ],
)
def test_every_colour_stands_out_from_the_ground(colour: str, least: float) -> None:
    lighter, darker = luminance(colour), luminance(charts.GROUND)
    assert (lighter + 0.05) / (darker + 0.05) >= least


# Machado, Oliveira & Fernandes (2009), severity 1, on linear RGB.
COLOUR_VISIONS = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}  # fmt: skip


@pytest.mark.parametrize("vision", COLOUR_VISIONS)
@pytest.mark.parametrize("pair", [(charts.BLUE, charts.ORANGE), (charts.VERMILION, charts.YELLOW)])
def test_colours_of_one_panel_differ_for_the_colour_blind(
    vision: str, pair: tuple[str, str]
) -> None:
    linear = [(np.array(ImageColor.getrgb(colour)[:3]) / 255) ** 2.2 for colour in pair]
    seen = [np.clip(np.array(COLOUR_VISIONS[vision]) @ rgb, 0, 1) ** (1 / 2.2) for rgb in linear]
    assert np.abs(seen[0] - seen[1]).max() > 0.3


def test_charts_of_several_threads_are_those_of_one() -> None:
    arguments = [(periods(n), ranking(n), ranking(1)) for n in (1, 2, 3)]
    alone = [draw_chart(*each) for each in arguments]
    with ThreadPoolExecutor(3) as threads:
        together = list(threads.map(lambda each: draw_chart(*each), arguments))
    assert together == alone


def test_more_pictures_are_higher_bars() -> None:
    blue = ImageColor.getrgb(charts.BLUE)

    def painted(pictures: int) -> int:
        day = Period(first_day=TODAY, sums=Sums(pictures=pictures))
        ruler = Period(first_day=TODAY, sums=Sums(pictures=100))
        pixels = np.asarray(drawn(draw_chart([ruler, day], [], [])).convert("RGB"))
        return int((pixels[:260, :450] == blue).all(axis=-1).sum())

    assert painted(0) < painted(50) < painted(100)
    assert painted(50) - painted(0) == pytest.approx((painted(100) - painted(0)) / 2, rel=0.05)
