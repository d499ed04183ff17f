"""What a file's name says: ``juggernautXL_v9Rdphoto2Lightning`` has the word ``lightning``.

A pattern is a set of words with spaces between them. ``hyper 4step* -cfg``: the name has the word
``hyper``, one that begins with ``4step``, and not ``cfg``. Words of a name start and end at
separators, at changes of case and between letters and digits; a wanted word may span several. So
``sdxl`` is in ``sd_xl_turbo``, but ``4step`` is not in ``46Step``, nor ``hyper`` in ``hyperreal``.
"""

import re
from dataclasses import dataclass

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


@dataclass(frozen=True, slots=True)
class NamePattern:
    """One set of words. The longer of two that fit says more about the file."""

    length: int
    _wanted: tuple[re.Pattern[str], ...]
    _unwanted: tuple[re.Pattern[str], ...]

    @classmethod
    def of(cls, words: str) -> "NamePattern":
        """The pattern that ``words`` writes."""
        wanted = [word for word in words.split() if not word.startswith("-")]
        unwanted = [word[1:] for word in words.split() if word.startswith("-")]
        return cls(
            sum(len(word.rstrip("*")) for word in wanted),
            tuple(map(_compile, wanted)),
            tuple(map(_compile, unwanted)),
        )

    def fits(self, spaced: str) -> bool:
        """Whether a name, as ``spaced_words`` gives it, has the words and none of the others."""
        return all(word.search(spaced) for word in self._wanted) and not any(
            word.search(spaced) for word in self._unwanted
        )


def spaced_words(name: str) -> str:
    """The lower-case words of ``name``, with a space before, between and after them."""
    return f" {' '.join(_WORD.findall(name))} ".lower()


def _compile(word: str) -> re.Pattern[str]:
    letters = " ?".join(map(re.escape, word.rstrip("*")))
    return re.compile(f" {letters}" if word.endswith("*") else f" {letters} ")
