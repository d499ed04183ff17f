"""What autocomplete offers for what is typed."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypersd_core.matching import rank

NAMES = ("Ink drawing", "Hyper-SDXL portrait", "Portrait", "Drawing of ink", "Soft portraits")


def test_everything_is_offered_in_its_order_when_nothing_is_typed() -> None:
    assert rank(NAMES, " ") == NAMES


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("portrait", ("Portrait", "Hyper-SDXL portrait", "Soft portraits")),
        ("DRAW", ("Drawing of ink", "Ink drawing")),
        ("ink draw", ("Ink drawing", "Drawing of ink")),
        ("sdxl_port", ("Hyper-SDXL portrait",)),
        ("trait", ("Hyper-SDXL portrait", "Portrait", "Soft portraits")),
        ("portarit", ("Portrait", "Hyper-SDXL portrait", "Soft portraits")),
        ("qqqq", ()),
    ],
)
def test_exact_then_prefix_then_word_then_part_then_spelt_alike(
    typed: str, expected: tuple[str, ...]
) -> None:
    found = rank(NAMES, typed)
    assert found[0:1] == expected[0:1]
    assert sorted(found) == sorted(expected)


def test_case_accents_and_full_width_letters_are_all_one() -> None:
    assert rank(["Café noir"], "cafe") == ("Café noir",)
    assert rank(["写实人像"], "人像") == ("写实人像",)
    assert rank(["Photo"], "\N{FULLWIDTH LATIN CAPITAL LETTER P}ho") == ("Photo",)


def test_signs_alone_are_looked_for_as_they_are() -> None:
    assert rank(["DPM++", "DDIM"], "++") == ("DPM++",)


def test_a_name_far_down_a_long_list_is_found_at_once() -> None:
    names = [f"style number {i}" for i in range(3_000)]
    started = time.perf_counter()
    assert rank(names, "number 2999") == ("style number 2999",)
    assert len(rank(names, "stlye")) == 25
    assert time.perf_counter() - started < 2  # Discord waits three seconds


@given(st.lists(st.text(max_size=12), unique=True, max_size=40), st.text(max_size=6))
def test_what_is_offered_are_different_ones_of_the_names_and_no_more_than_fit(
    names: list[str], typed: str
) -> None:
    found = rank(names, typed)
    assert len(set(found)) == len(found) <= 25
    assert set(found) <= set(names)


@given(st.lists(st.from_regex("[a-z]{1,4}( [a-z]{1,4})?", fullmatch=True), unique=True, min_size=1))
def test_a_name_typed_in_full_comes_first(names: list[str]) -> None:
    assert rank(names, names[-1])[0] == names[-1]
