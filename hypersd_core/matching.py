"""Which of many names a person means who has typed a part of one: for autocomplete."""

import difflib
import re
import unicodedata
from collections.abc import Iterable

MAX_CHOICES = 25
"""How many choices Discord shows."""

_WORD = re.compile(r"[^\W_]+")


def rank(names: Iterable[str], typed: str, most: int = MAX_CHOICES) -> tuple[str, ...]:
    """At most ``most`` of ``names``, likely ones first; all are as likely where nothing is typed.

    In this order: names that begin with ``typed``; those in which each of its words begins a word;
    those that hold each of its words. Only where there are none, those that are spelt alike. Case,
    accents and width of characters are all one; equals keep their order.
    """
    wanted = _folded(typed.strip())
    by_name = {name: _folded(name) for name in names}
    fits = {name: _fit(folded, wanted) for name, folded in by_name.items()}
    fitting = [name for name, fit in fits.items() if fit is not None]
    if not fitting:
        return _alike(by_name, wanted, most)
    return tuple(sorted(fitting, key=lambda name: fits[name] or 0)[:most])


def _fit(name: str, wanted: str) -> int | None:
    """How well ``wanted`` fits, best is 0; None where it does not. Both are folded."""
    if name == wanted:
        return 0
    if name.startswith(wanted):
        return 1
    parts, words = _WORD.findall(wanted), _WORD.findall(name)
    if parts and all(any(word.startswith(part) for word in words) for part in parts):
        return 2
    if wanted in name or (parts and all(part in name for part in parts)):
        return 3
    return None


def _alike(by_name: dict[str, str], wanted: str, most: int) -> tuple[str, ...]:
    """Names close to ``wanted``, then those with a word that is."""
    words = {name: {folded, *_WORD.findall(folded)} for name, folded in by_name.items()}
    whole = difflib.get_close_matches(wanted, by_name.values(), n=most)
    close = difflib.get_close_matches(wanted, sorted(set().union(*words.values())), n=most)
    found = [name for text in whole for name, folded in by_name.items() if text == folded]
    found += [name for text in close for name in by_name if text in words[name]]
    return tuple(dict.fromkeys(found))[:most]


def _folded(text: str) -> str:
    """Without case, accents, and the difference between full and half width."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(char for char in decomposed if not unicodedata.combining(char)).casefold()
