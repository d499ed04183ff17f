"""Text as a word rule reads it: without case, accents, invisible characters and disguises.

Every reading keeps the places of the text it was made from, so that a person can be shown their
own spelling.
"""

import functools
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import regex

from hypersd_core.moderation.lookalikes import CAPITAL_TWINS, LATIN_TWINS, SCRIPT_TWINS

UNSPACED = (
    r"\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
    r"ー\p{So}\p{Extended_Pictographic}"
)
"""Scripts that put no spaces between words, and pictures: no character of them ends a word."""
LETTER = rf"[[\p{{L}}\p{{M}}\p{{N}}]--[{UNSPACED}]]"
"""A character of a word that ends where another character follows. Hangul has spaces."""
WORD = rf"{LETTER}+"

_INVISIBLES = r"[\p{Default_Ignorable_Code_Point}\p{Cf}[\p{Cc}--\s]]"
_INVISIBLE = regex.compile(_INVISIBLES, regex.V1)
# A control character ends what Unicode calls a cluster; to readers the marks after it do not.
_CLUSTER = regex.compile(rf"\X(?:{_INVISIBLES}|\p{{M}})*", regex.V1)
# Scripts before U+0700 (Latin to Arabic) put marks on letters that are read without them too. Those
# of India and Thailand write vowels with them, and kana its voiced consonants.
_FIRST_WITH_VOWEL_MARKS = "\u0700"
_MARKS = regex.compile(r"\p{M}", regex.V1)
_COMMON_MARKS = regex.compile(r"[[\p{M}&&\p{Zinh}]--[\u3099\u309a]]", regex.V1)

_WORD = regex.compile(WORD, regex.V1)
_ASCII_LETTER = regex.compile("[a-z]")
_TWIN = regex.compile("[" + "".join(map(chr, SCRIPT_TWINS)) + "]")
_OWN_LETTER = regex.compile(
    rf"[[\p{{L}}--\p{{Latin}}]--[{UNSPACED}{''.join(map(chr, SCRIPT_TWINS))}]]", regex.V1
)

_LEET_WORD = re.compile(r"([a-z0-9@$!]*[a-z0-9@$])")
_LEET_SIGNS = "01345789@$!"
_LEET = {one: str.maketrans(_LEET_SIGNS, f"o{one}eastbgasi") for one in "il"}
_MIN_LEET_CHARS = 3


@dataclass(frozen=True, slots=True)
class Folded:
    """``text`` and for each of its characters the area (start, stop) that it was in the source."""

    text: str
    areas: tuple[tuple[int, int], ...]


def fold(text: str) -> Folded:
    """NFKC without case, invisible characters and accents; Latin look-alikes as a to z."""
    folded: list[str] = []
    areas: list[tuple[int, int]] = []
    for cluster in _CLUSTER.finditer(text):
        chars = _fold_cluster(cluster.group())
        folded.append(chars)
        areas += [cluster.span()] * len(chars)
    return Folded("".join(folded), tuple(areas))


def disguises(folded: str) -> Iterator[str]:
    """Other readings of a folded text, each of its length: what somebody may have meant by it."""
    undisguised = dict.fromkeys(
        _without_twins(folded, twins) for twins in (SCRIPT_TWINS, CAPITAL_TWINS)
    )
    for text in undisguised:
        if text != folded:
            yield text
        if any(sign in text for sign in _LEET_SIGNS):
            yield from dict.fromkeys(
                "".join(_leet(part, one) for part in _LEET_WORD.split(text)) for one in _LEET
            )


def without_twins(folded: str) -> str:
    """``folded`` with every letter of another script that looks like one of a to z as that."""
    return folded.translate(SCRIPT_TWINS)


@functools.lru_cache(maxsize=10_000)
def _fold_cluster(cluster: str) -> str:
    """One character as people count them, with all its marks."""
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", cluster).casefold())
    text = _INVISIBLE.sub("", text)
    marks = _MARKS if text[:1] < _FIRST_WITH_VOWEL_MARKS else _COMMON_MARKS
    return unicodedata.normalize("NFC", marks.sub("", text).translate(LATIN_TWINS))


def _without_twins(folded: str, twins: Mapping[int, str]) -> str:
    """Letters of other scripts as a to z where they are in disguise.

    That is in a word that mixes them with a to z; and in a word all of them if there are words in a
    to z, but no letter that only another script has. So a Russian prompt keeps its words that could
    be read as English. What is missed draws nothing: text encoders do not know it for the word.
    """
    if not _TWIN.search(folded):
        return folded
    is_english = bool(_ASCII_LETTER.search(folded)) and not _OWN_LETTER.search(folded)

    def read(word: "regex.Match[str]") -> str:
        text = word.group()
        return text.translate(twins) if is_english or _ASCII_LETTER.search(text) else text

    return _WORD.sub(read, folded)


@functools.lru_cache(maxsize=10_000)
def _leet(word: str, one: str) -> str:
    """``s3x`` as letters. Sizes and years such as 4k, 50mm, 1990s are left: more digits."""
    digits = sum(char.isdigit() for char in word)
    letters = sum(char.isalpha() for char in word)
    if len(word) < _MIN_LEET_CHARS or digits >= letters:
        return word
    return word.translate(_LEET[one])
