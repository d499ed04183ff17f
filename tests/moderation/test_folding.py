# ruff: noqa: RUF001 - look-alikes are what is tested
"""Folding, against Unicode's own list of look-alike letters."""

import string

import regex
from confusable_homoglyphs.confusables import confusables_data
from hypothesis import given
from hypothesis import strategies as st

from hypersd_core.moderation.folding import disguises, fold

LETTERS = regex.compile(
    r"[\p{L}&&[\p{Latin}\p{Greek}\p{Cyrillic}\p{Armenian}\p{Cherokee}\p{Lisu}]--[a-zA-Z]]", regex.V1
)


def unicode_twins() -> dict[str, set[str]]:
    """Letter to those of a to z that Unicode says it looks like."""
    twins: dict[str, set[str]] = {}
    for letter, others in confusables_data.items():
        latin = {other["c"].lower() for other in others} & set(string.ascii_lowercase)
        if latin and len(letter) == 1 and LETTERS.match(letter):
            twins[letter] = latin
    return twins


def test_letters_that_unicode_says_look_alike_are_read_as_one_of_their_twins() -> None:
    twins = unicode_twins()
    assert len(twins) > 200
    missed = {letter for letter, latin in twins.items() if latin.isdisjoint(readings(letter))}
    # Unicode takes capital i for l, and these: a long s, which is one; old sigmas; a Greek accent.
    assert {letter for letter in missed if twins[letter] != {"l"}} == set("ſϲϹͺ")
    assert all("i" in readings(letter) for letter in missed if twins[letter] == {"l"})


def readings(letter: str) -> set[str]:
    folded = fold(letter).text
    return {folded, *(reading[:-2] for reading in disguises(f"{folded} a"))}


@given(st.text(max_size=50))
def test_places_lead_back_to_the_source(text: str) -> None:
    folded = fold(text)
    assert len(folded.text) == len(folded.areas)
    assert list(folded.areas) == sorted(folded.areas)
    for char, (start, stop) in zip(folded.text, folded.areas, strict=True):
        assert char in fold(text[start:stop]).text


@given(st.text(max_size=50))
def test_disguises_are_as_long_as_the_text(text: str) -> None:
    folded = fold(text).text
    assert all(len(reading) == len(folded) for reading in disguises(folded))


@given(st.text(max_size=30))
def test_folding_twice_is_folding_once(text: str) -> None:
    once = fold(text).text
    assert fold(once).text == once


@given(st.text(st.characters(codec="ascii"), max_size=50))
def test_ascii_is_only_made_small(text: str) -> None:
    assert fold(text).text == "".join(
        c for c in text.lower() if c.isprintable() or c in "\t\n\v\f\r"
    )
