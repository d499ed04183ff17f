"""Every feature that the README claims is shown by a test that drives the real bot."""

import ast
from collections import Counter
from functools import cache
from itertools import groupby

import pytest

from tests.feature_table import (
    BEGIN,
    END,
    RIVALS,
    ROOT,
    SIGNS,
    Feature,
    features,
    in_readme,
    rendered,
    sections,
)

EVERY = features()
ROWS_BY_SECTION = {"2a": 15, "2b": 10, "2c": 14, "2d": 13, "2e": 12, "2f": 11, "2g": 14, "2h": 19}


@cache
def names_in(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(
        n.name for n in tree.body if isinstance(n, kinds) and n.name.startswith("test_")
    )


def test_no_row_of_the_comparison_is_lost() -> None:
    assert Counter(row.section for row in EVERY) == ROWS_BY_SECTION
    assert len({row.feature for row in EVERY}) == len(EVERY)


def test_sections_have_titles_and_stand_together() -> None:
    assert [letters for letters, _ in groupby(EVERY, lambda row: row.section)] == list(sections())


@pytest.mark.parametrize("row", EVERY, ids=lambda row: row.feature)
def test_a_feature_has_a_test_or_a_reason(row: Feature) -> None:
    assert bool(row.tests) != bool(row.out_of_scope)
    if row.out_of_scope:
        assert row.out_of_scope[-1] == "."
    for test in row.tests:
        file, separator, name = test.partition("::")
        assert (separator, file.startswith("tests/e2e/test_")) == ("::", True), test
        assert name in names_in(file), f"{file} has no {name}"


def test_marks_are_known_and_a_star_means_that_hardly_any_other_has_it() -> None:
    assert {mark for row in EVERY for mark in row.marks.values()} <= SIGNS.keys()
    assert all(row.marks.keys() == RIVALS.keys() for row in EVERY)
    starred = [row for row in EVERY if row.star]
    assert all(list(row.marks.values()).count("yes") <= 1 for row in starred)


def test_cells_hold_nothing_that_ends_them() -> None:
    assert not any("|" in row.feature or "\n" in row.feature for row in EVERY)


def test_the_readme_shows_the_table() -> None:
    assert in_readme() == rendered(), (
        f"put `python -m tests.feature_table` between {BEGIN} and {END}"
    )


def test_ci_runs_every_test() -> None:
    assert "make test" in (ROOT / ".ci" / "run").read_text("utf-8")
    assert "\n\t$(PY) -m pytest" in (ROOT / "Makefile").read_text("utf-8")
