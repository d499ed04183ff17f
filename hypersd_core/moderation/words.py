r"""Word rules: what a guild does not want to read in a prompt.

::

    gun        the word gun, in any case, spelling and alphabet that readers take for it
    gun*       … and every word that begins so: gunfight        *gun, *gun*   likewise
    hand gun   two words, with a space, underscore, hyphen or bracket between them
    手枪        scripts without spaces: wherever these characters follow each other

Found are also ``G.U.N``, ``g u n``, ``g4n`` for gan, ``(gu:1.2)n`` and each side of
``[gun:knife:0.5]``. Not found are ``begun``, ``gu n`` and pictures that words describe without
naming them: rules are for guilds that want a word gone, not a proof against every wit. Traditional
and simplified Chinese are different words.

The negative prompt is not checked: who writes ``nude`` there asks for the opposite.
"""

import functools
from collections.abc import Iterator, Sequence

import regex

from hypersd_core.errors import InvalidRequest, WordBlocked
from hypersd_core.i18n import say
from hypersd_core.moderation.folding import Folded, disguises, fold, without_twins
from hypersd_core.moderation.word_patterns import Found, WordPatterns, has_units, is_word
from hypersd_core.prompt import BREAK, parse_attention, texts_by_step
from hypersd_core.prompt.quoting import shorten
from hypersd_core.request import MAX_STEPS

MAX_RULE_CHARS = 60

# Each step of a picture in few steps, and every seventh of one in the most: what is read by none of
# them takes part in too few to be drawn. Seven, as alternations seldom have so many options.
_FEW_STEPS, _STRIDE = 8, 7

_SYNTAX = regex.compile(r"[()\[\]|:\\]")


def check_words(text: str, rules: Sequence[str]) -> None:
    """Raise WordBlocked if ``text``, a prompt as it is drawn, has a word that ``rules`` forbid.

    ``text`` is without flags, LoRA tags, wildcards and permutations: they are expanded before. With
    500 rules an ordinary prompt takes 10 ms, the worst that 2,000 characters can be 300 ms.
    """
    if not rules:
        return
    matcher = _matcher(tuple(rules))
    for reading in dict.fromkeys(_readings(text)):
        found = matcher.find(reading)
        if found is not None:
            word, rule = found
            raise WordBlocked(
                say('The word "{word}" is not allowed here.', word=shorten(word)),
                word=word,
                rule=rule,
            )


def check_rule(rule: str) -> None:
    """Raise InvalidRequest unless ``rule`` can be a word rule."""
    if len(rule) > MAX_RULE_CHARS:
        raise InvalidRequest(
            say(
                "The word rule {rule!r} has {n} characters; at most {most} are allowed.",
                rule=shorten(rule),
                n=len(rule),
                most=MAX_RULE_CHARS,
            )
        )
    if "*" in _body(rule):
        raise InvalidRequest(
            say(
                "In the word rule {rule!r} a * stands inside: it may only begin or end a rule.",
                rule=rule,
            )
        )
    if not has_units(fold(rule).text):
        raise InvalidRequest(
            say("The word rule {rule!r} has no letter, digit or emoji.", rule=rule)
        )


class _Matcher:
    """The rules of one guild, compiled: for text as it is written, and for readings of it."""

    def __init__(self, rules: tuple[str, ...]) -> None:
        texts = {rule: fold(_body(rule)).text for rule in rules}
        self._plain = WordPatterns(texts)
        self._undisguised = WordPatterns(
            {rule: without_twins(text) for rule, text in texts.items()}
        )

    def find(self, text: str) -> tuple[str, str] | None:
        """The first word of ``text`` that a rule forbids, as it is written, and the rule."""
        folded = fold(text)
        found = next(self._find(folded.text), None)
        return found and (_source(text, folded, found.start, found.stop), found.rule)

    def _find(self, folded: str) -> Iterator[Found]:
        yield from self._plain.find(folded)
        for reading in disguises(folded):
            for found in self._undisguised.find(reading):
                # What reads the same was in no disguise: it is a word of another language.
                if reading[found.start : found.stop] != folded[found.start : found.stop]:
                    yield found


@functools.lru_cache(maxsize=64)
def _matcher(rules: tuple[str, ...]) -> _Matcher:
    return _Matcher(rules)


def _body(rule: str) -> str:
    """``rule`` without its wildcards."""
    return rule.removeprefix("*").removesuffix("*")


def _source(text: str, folded: Folded, start: int, stop: int) -> str:
    """What stands in ``text`` for an area of ``folded``, to the ends of the words it is in."""
    while start > 0 and is_word(folded.text[start - 1 : start + 1]):
        start -= 1
    while stop < len(folded.text) and is_word(folded.text[stop - 1 : stop + 1]):
        stop += 1
    return text[folded.areas[start][0] : folded.areas[stop - 1][1]]


def _readings(prompt: str) -> Iterator[str]:
    """What words ``prompt`` may have: with syntax as spaces, then what steps of a picture read.

    The first has words that no step reads. In the others ``(gu:1.2)n`` is in one piece, as people
    see it, and in two, as the text encoders do.
    """
    yield _SYNTAX.sub(" ", prompt)
    steps = (*texts_by_step(prompt, _FEW_STEPS), *texts_by_step(prompt, MAX_STEPS)[::_STRIDE])
    for text in dict.fromkeys(steps):
        parts = [" " if span is BREAK else span[0] for span in parse_attention(text)]
        yield "".join(parts)
        yield " ".join(parts)
