"""How somebody's own defaults look, with selects for what has few values."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import discord
from discord import ui

from cogs.cards import ACCENT, Item, card, plain, row, small, text
from cogs.forms import Field, TextField
from hypersd_core.i18n import Said, say, say_again
from hypersd_core.recipes import Speed
from hypersd_core.request import MAX_COUNT
from hypersd_core.sampling import SAMPLING_METHODS
from hypersd_core.user_defaults import FIELDS, MAX_SUFFIX_CHARS, UserDefaults

Bind: TypeAlias = Callable[[Item], Item]
"""Gives an item its behaviour; ``cogs.defaults`` does."""

NOTHING = "-"
"""The value of an option that means no default."""
SUFFIX, MACROS = "suffix", "macros"
TITLES: Mapping[str, Said] = {
    "model": say("Model"),
    "preset": say("Preset"),
    "size": say("Size"),
    "speed": say("Speed"),
    "steps": say("Steps"),
    "guidance": say("Guidance"),
    "sampler": say("Sampler"),
    "count": say("Pictures"),
    "negative": say("Negative prompt"),
    "private": say("Private"),
    "spoiler": say("Spoiler"),
    SUFFIX: say("After every prompt"),
    MACROS: say("Macros"),
}
TYPED = ("size", "steps", "guidance", "negative")
"""Options of the form; the suffix is typed there, too."""
_YES, _NO = "yes", "no"
_MAX_OPTIONS = 25  # Discord's limit of a select
_MAX_OPTION_CHARS = 100
_MAX_TEXT_SHOWN = 200
_MAX_MACRO_SHOWN = 60


def defaults_card(
    defaults: UserDefaults, presets: Sequence[str], models: Sequence[str], bind: Bind
) -> ui.LayoutView:
    """All that is set, and what sets it. ``presets`` and ``models`` are those to offer here."""
    lists = _lists(presets, models)
    selects = [row(bind(_select(field, lists[field], defaults))) for field in lists]
    buttons = [
        bind(ui.Button(label=say("Size, steps, words…"), custom_id=custom_id("form", "words"))),
        bind(
            ui.Button(
                label=say("Clear all"),
                style=discord.ButtonStyle.danger,
                custom_id=custom_id("clear", "all"),
                disabled=defaults == UserDefaults(),
            )
        ),
    ]
    lines = [*_typed_lines(defaults), *_macro_lines(defaults)]
    return card(
        ACCENT,
        text(f"### {say('Your defaults')}"),
        small(say("They hold wherever you draw, unless you say otherwise.")),
        *([text("\n".join(lines))] if lines else []),
        *selects,
        row(*buttons),
    )


def custom_id(kind: str, name: str) -> str:
    """The id of a part of the card: ``defaults:1:choose:model``."""
    return f"defaults:1:{kind}:{name}"


def words_fields(defaults: UserDefaults) -> Sequence[Field]:
    """The form: what is typed rather than chosen."""
    options = defaults.options
    steps, guidance = options.steps, options.guidance
    return (
        _field("size", options.size, say("Such as 768x1152, 3:2 or portrait.")),
        _field("steps", steps, say("More take longer; they take the place of the speed.")),
        _field(
            "guidance",
            None if guidance is None else f"{guidance:g}",
            say("How strictly to follow the prompt; 1 or less is fastest."),
        ),
        _field("negative", options.negative, say("What to keep out of every picture.")),
        _field(SUFFIX, defaults.suffix, say("Words alone, without flags."), MAX_SUFFIX_CHARS),
    )


def value_of(field: str, chosen: str) -> object:
    """What an option of a select means."""
    if chosen == NOTHING:
        return None
    if field in {"private", "spoiler"}:
        return chosen == _YES
    return int(chosen) if field == "count" else chosen


def _field(key: str, value: object, about: str, most_chars: int = 1_000) -> TextField:
    return TextField(
        key=key,
        label=say_again(TITLES[key]),
        about=about,
        value="" if value is None else str(value),
        is_long=key in {"negative", SUFFIX},
        most_chars=most_chars,
    )


def _lists(presets: Sequence[str], models: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
    """What can be chosen, by field: labels by value."""
    switch = {_YES: say("yes"), _NO: say("no")}
    return {
        "preset": {name: name for name in presets},
        "model": {name: name for name in models},
        "speed": {
            Speed.DRAFT: say("draft"),
            Speed.FAST: say("fast"),
            Speed.QUALITY: say("quality"),
        },
        "sampler": {key: method.full_label for key, method in SAMPLING_METHODS.items()},
        "count": {str(n): str(n) for n in range(1, MAX_COUNT + 1)},
        "private": switch,
        "spoiler": switch,
    }


def _select(field: str, labels: Mapping[str, str], defaults: UserDefaults) -> ui.Select[Any]:
    """Options are said with the field's name, as a select shows nothing else."""
    now = _as_value(getattr(defaults.options, field))
    known = {now: labels.get(now, now), **labels, NOTHING: say("no default")}
    options = [
        discord.SelectOption(
            label=say("{title}: {value}", title=TITLES[field], value=label)[:_MAX_OPTION_CHARS],
            value=value,
            default=value == now,
        )
        for value, label in known.items()
        if len(value) <= _MAX_OPTION_CHARS
    ]
    return ui.Select(custom_id=custom_id("choose", field), options=options[:_MAX_OPTIONS])


def _as_value(value: object) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return _YES if value else _NO
    return str(value)


def _typed_lines(defaults: UserDefaults) -> Iterator[str]:
    values = {field: getattr(defaults.options, field) for field in FIELDS if field in TYPED}
    for field, value in {**values, SUFFIX: defaults.suffix or None}.items():
        if value is not None:
            shown = plain(str(value), _MAX_TEXT_SHOWN)
            yield f"**{say_again(TITLES[field])}** {shown}"


def _macro_lines(defaults: UserDefaults) -> Iterator[str]:
    if not defaults.macros:
        return
    yield f"**{say_again(TITLES[MACROS])}**"
    for name, macro in defaults.macros.items():
        yield f"`--{name}` {plain(macro, _MAX_MACRO_SHOWN)}"
