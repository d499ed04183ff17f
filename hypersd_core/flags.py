"""Inline flags: ``a fox in snow --ar 3:2 --steps 2 --no hat`` to a prompt and its options.

A flag is a word that starts with two dashes and a letter. Phones turn these into typographic
dashes, so two of any kind count too, and a single one if a known name follows it directly; a dash
between words or spaces is prose. This is syntax only: ranges are checked by the request.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Literal

from hypersd_core.errors import InvalidFlag
from hypersd_core.i18n import Said, say, say_again


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptFlags:
    """What a person asks for besides the prompt, in flags or options; None where unsaid."""

    steps: int | None = None
    guidance: float | None = None
    sampler: str | None = None
    size: str | None = None
    """``WxH`` in pixels, or the ratio ``W:H``; a slash command may hold other words, too."""
    seed: int | None = None
    count: int | None = None
    eta: float | None = None
    negative: str | None = None
    private: bool | None = None
    model: str | None = None
    recipe: str | None = None
    """The name of a recipe to draw by instead of the model's own."""
    vae: str | None = None
    strength: float | None = None
    """How much of an input picture is drawn again, from 0 to 1."""
    variation_seed: int | None = None
    variation_strength: float | None = None
    hires: float | None = None
    """The factor by which a second pass enlarges the picture."""
    hires_strength: float | None = None
    hires_steps: int | None = None
    upscaler: str | None = None
    tiling: bool | None = None
    clip_skip: int | None = None
    emphasis: str | None = None
    speed: str | None = None
    """``draft``, ``fast`` or ``quality``: steps as the recipe means them."""
    preset: str | None = None
    repeat: int | None = None
    """How many jobs to make of it, each with seeds of its own."""
    spoiler: bool | None = None


FIELD_NAMES: Mapping[str, Said] = MappingProxyType(
    {
        "prompt": say("prompt"),
        "steps": say("steps"),
        "guidance": say("guidance"),
        "sampler": say("sampler"),
        "size": say("size"),
        "seed": say("seed"),
        "count": say("count"),
        "eta": say("eta"),
        "negative": say("negative"),
        "private": say("private"),
        "model": say("model"),
        "recipe": say("recipe"),
        "vae": say("vae"),
        "strength": say("strength"),
        "variation_seed": say("variation seed"),
        "variation_strength": say("variation strength"),
        "hires": say("hires"),
        "hires_strength": say("hires strength"),
        "hires_steps": say("hires steps"),
        "upscaler": say("upscaler"),
        "tiling": say("tiling"),
        "clip_skip": say("clip skip"),
        "emphasis": say("emphasis"),
        "speed": say("speed"),
        "preset": say("preset"),
        "repeat": say("repeat"),
        "spoiler": say("spoiler"),
    }
)
"""What people read where a field of ``PromptFlags`` is named, or the prompt."""


def field_name(field: str) -> str:
    """The name of ``field`` in the language spoken now."""
    return say_again(FIELD_NAMES[field])


def _whole_number(text: str) -> int:
    return int(_match(r"[+-]?[0-9]+", text).group())


def _number(text: str) -> float:
    return float(_match(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)", text).group())


def _size(text: str) -> str:
    width, height = _match(r"([1-9][0-9]*)[xX\u00d7*]([1-9][0-9]*)", text).groups()
    return f"{width}x{height}"


def _ratio(text: str) -> str:
    width, height = _match(r"([1-9][0-9]*)[:/]([1-9][0-9]*)", text).groups()
    return f"{width}:{height}"


def _name(text: str) -> str:
    return _match(r".+", text).group()


def _text(text: str) -> str:
    return text


def _present(_: str) -> bool:
    return True


def _match(pattern: str, text: str) -> re.Match[str]:
    match = re.fullmatch(pattern, text)
    if match is None:
        raise ValueError(text)
    return match


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flag:
    """One row of the table: a field of ``PromptFlags`` and how it is written.

    ``takes``: one word, the text up to the next flag, or no value. ``parse`` raises ``ValueError``.
    """

    field: str
    names: tuple[str, ...]
    takes: Literal["word", "text", "nothing"] = "word"
    parse: Callable[[str], object]
    allowed: str


_FLAGS = (
    _Flag(field="steps", names=("steps",), parse=_whole_number, allowed=say("a whole number")),
    _Flag(field="guidance", names=("guidance", "cfg"), parse=_number, allowed=say("a number")),
    _Flag(field="sampler", names=("sampler",), parse=_name, allowed=say("the name of a sampler")),
    _Flag(field="size", names=("size",), parse=_size, allowed=say("a size such as 768x1152")),
    _Flag(field="size", names=("ar", "aspect"), parse=_ratio, allowed=say("a ratio such as 3:2")),
    _Flag(field="seed", names=("seed",), parse=_whole_number, allowed=say("a whole number")),
    _Flag(field="count", names=("count", "n"), parse=_whole_number, allowed=say("a whole number")),
    _Flag(field="eta", names=("eta",), parse=_number, allowed=say("a number")),
    _Flag(
        field="negative",
        names=("no", "negative"),
        takes="text",
        parse=_text,
        allowed=say("the things to leave out"),
    ),
    _Flag(
        field="private",
        names=("private",),
        takes="nothing",
        parse=_present,
        allowed=say("no value"),
    ),
    _Flag(field="model", names=("model",), parse=_name, allowed=say("the name of a model")),
    _Flag(field="recipe", names=("recipe",), parse=_name, allowed=say("the name of a recipe")),
    _Flag(field="vae", names=("vae",), parse=_name, allowed=say("the name of a VAE")),
    _Flag(field="strength", names=("strength", "denoise"), parse=_number, allowed=say("a number")),
    _Flag(
        field="variation_seed",
        names=("variation-seed",),
        parse=_whole_number,
        allowed=say("a whole number"),
    ),
    _Flag(
        field="variation_strength",
        names=("variation-strength",),
        parse=_number,
        allowed=say("a number"),
    ),
    _Flag(field="hires", names=("hires",), parse=_number, allowed=say("a factor such as 1.5")),
    _Flag(
        field="hires_strength", names=("hires-strength",), parse=_number, allowed=say("a number")
    ),
    _Flag(
        field="hires_steps",
        names=("hires-steps",),
        parse=_whole_number,
        allowed=say("a whole number"),
    ),
    _Flag(
        field="upscaler", names=("upscaler",), parse=_name, allowed=say("the name of an upscaler")
    ),
    _Flag(
        field="tiling",
        names=("tile", "tiling"),
        takes="nothing",
        parse=_present,
        allowed=say("no value"),
    ),
    _Flag(
        field="clip_skip", names=("clip-skip",), parse=_whole_number, allowed=say("a whole number")
    ),
    _Flag(field="emphasis", names=("emphasis",), parse=_name, allowed=say("original or no_norm")),
    _Flag(field="speed", names=("speed",), parse=_name, allowed=say("draft, fast or quality")),
    _Flag(
        field="preset", names=("preset", "style"), parse=_name, allowed=say("the name of a preset")
    ),
    _Flag(
        field="repeat", names=("repeat", "r"), parse=_whole_number, allowed=say("a whole number")
    ),
    _Flag(
        field="spoiler",
        names=("spoiler",),
        takes="nothing",
        parse=_present,
        allowed=say("no value"),
    ),
)
_BY_NAME = {name: flag for flag in _FLAGS for name in flag.names}
FLAG_NAMES = frozenset(_BY_NAME)
"""What flags are called, without their dashes."""

TYPOGRAPHIC_DASHES = "\u2013\u2014\u2015\u2212"  # en and em dash, horizontal bar, minus sign
_FLAG_WORD = re.compile(
    rf"""
    (?<!\S)
    (?: [-{TYPOGRAPHIC_DASHES}]{{2,}} (?=[^\W\d_])
      | [{TYPOGRAPHIC_DASHES}] (?= (?:{"|".join(_BY_NAME)}) [,;]? (?: [\s=] | \Z ) )
    )
    (?P<name> [^\s=]+? ) [,;]? (?= [\s=] | \Z )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_ASSIGN = re.compile(r"\s*=\s*|\s+|\Z")
_QUOTED = re.compile(
    r"""
    (?: ["\u201c\u201d] (?P<double> [^"\u201c\u201d]* ) ["\u201c\u201d]
      | ['\u2018\u2019] (?P<single> [^'\u2018\u2019]* ) ['\u2018\u2019]
    )
    (?= [\s,;] | \Z )
    """,
    re.VERBOSE,
)
_WORD = re.compile(r"\S*")


def split_flags(text: str) -> tuple[str, PromptFlags]:
    """Take the flags out of ``text``, wherever they are; the rest of it is the prompt.

    A value is one word or quoted; ``--no`` takes all text up to the next flag, or what is quoted.
    Raises ``InvalidFlag`` for a flag that is unknown, given twice, or has a value it cannot have.
    """
    prompt: list[str] = []
    values: dict[str, Any] = {}
    end = 0
    while found := _FLAG_WORD.search(text, end):
        prompt.append(text[end : found.start()])
        flag = _known_flag(found)
        if flag.field in values:
            raise _invalid(found, say("is given twice ({names})", names=_spelt(flag)))
        value, end = _read_value(flag, found)
        try:
            values[flag.field] = flag.parse(value)
        except ValueError as error:
            problem = say('needs {allowed}, not "{value}"', allowed=flag.allowed, value=value)
            raise _invalid(found, problem) from error
    prompt.append(text[end:])
    return " ".join(filter(None, map(str.strip, prompt))), PromptFlags(**values)


def said_seed(text: str) -> int | None:
    """The seed that a flag in ``text`` says; None if there is none that can be read. Never raises.

    For who needs it before wildcards are filled in, which may stand in other flags.
    """
    for found in _FLAG_WORD.finditer(text):
        if found["name"].casefold() == "seed":
            try:
                return _whole_number(_read_value(_BY_NAME["seed"], found)[0])
            except (InvalidFlag, ValueError):
                return None
    return None


def _known_flag(found: re.Match[str]) -> _Flag:
    name = found["name"].casefold()
    if name in _BY_NAME:
        return _BY_NAME[name]
    close = get_close_matches(name, _BY_NAME, n=1)
    if close:
        raise _invalid(found, say("is unknown: did you mean --{name}?", name=close[0]))
    raise _invalid(found, say("is unknown: known are {names}", names=_spelt(*_FLAGS)))


def _read_value(flag: _Flag, found: re.Match[str]) -> tuple[str, int]:
    """Return the text of the value and where it ends in the prompt."""
    text = found.string
    if flag.takes == "nothing":
        if text[found.end() : found.end() + 1] == "=":
            raise _invalid(found, say("takes {allowed}", allowed=flag.allowed))
        return "", found.end()
    start = _ASSIGN.match(text, found.end())
    assert start is not None, "a flag word ends before a space, an equals sign or the end"
    if quoted := _QUOTED.match(text, start.end()):
        return quoted["double"] or quoted["single"] or "", quoted.end()
    following = _FLAG_WORD.search(text, found.end())
    limit = following.start() if following else len(text)
    if flag.takes == "word":
        word = _WORD.match(text, start.end(), limit)
        assert word is not None, "the pattern matches nothing, too"
        limit = word.end()
    value = text[start.end() : limit].strip().rstrip(",;")
    if not value:
        raise _invalid(found, say("needs a value: {allowed}", allowed=flag.allowed))
    return value, limit


def _invalid(found: re.Match[str], problem: str) -> InvalidFlag:
    flag, position = found.group(), found.start()
    sentence = say(
        "{flag} (character {place}) {problem}", flag=flag, place=position + 1, problem=problem
    )
    return InvalidFlag(sentence, flag=flag, position=position)


def _spelt(*flags: _Flag) -> str:
    return ", ".join(f"--{name}" for flag in flags for name in flag.names)
