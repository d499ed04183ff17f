"""Forms about presets. They outlive restarts: what is known of one stands in its custom id."""

import enum
from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

import discord
from discord import ui

from cogs.forms import TextField, form, values_of
from hypersd_core import flags
from hypersd_core.i18n import say
from hypersd_core.preset_texts import PresetTexts
from hypersd_core.presets import (
    MAX_ABOUT_CHARS,
    MAX_NAME_CHARS,
    NEGATIVE,
    PLACEHOLDER,
    PROMPT,
    Preset,
)
from hypersd_core.request import MAX_PROMPT_CHARS

NEW_FORM = r"preset-form:1:new"
EDIT_FORM = r"preset-form:1:edit:(?P<revision>[0-9]{1,9}):(?P<ref>[^\n]{1,40})"
LOCK_FORM = r"preset-form:1:lock:(?P<revision>[0-9]{1,9}):(?P<ref>[^\n]{1,40})"
ALLOW_FORM = r"preset-form:1:allow:(?P<kind>models|loras)"
DRAW_FORM = r"preset-form:1:draw:(?P<ref>[^\n]{1,40})"

MAX_NAMES = 125
"""What five selects of 25 can offer."""
_MAX_OPTIONS = 25
_MAX_VALUE_SHOWN = 60
_MAX_SETTINGS_CHARS = 1_500


class Kind(enum.StrEnum):
    """Of what there are allow-lists."""

    MODELS = "models"
    LORAS = "loras"


def field_name(field: str) -> str:
    """What people call a field of a preset."""
    names = {
        PROMPT: say("style"),
        NEGATIVE: say("negative prompt"),
        "name": say("name"),
        "about": say("description"),
        "locked": say("locked"),
    }
    return names.get(field) or flags.field_name(field)


def new_form(texts: PresetTexts) -> ui.Modal:
    """For a new preset, filled in with ``texts``."""
    return form(say("New preset"), NEW_FORM, _fields(texts))


def edit_form(texts: PresetTexts, *, ref: str, revision: int) -> ui.Modal:
    """For a preset as it was at ``revision``."""
    return form(say("Edit a preset"), f"preset-form:1:edit:{revision}:{ref}", _fields(texts))


def texts_of(interaction: discord.Interaction[Any]) -> PresetTexts:
    """What was typed into one of these two."""
    return PresetTexts(**values_of(interaction))


def labelled(texts: PresetTexts) -> list[tuple[str, str]]:
    """Label and text of each field of a form that is not empty."""
    fields = [(field.label, field.value) for field in _fields(texts)]
    return [(label, value) for label, value in fields if value.strip()]


def words_form(preset: Preset, *, ref: str) -> ui.Modal:
    """What to draw with ``preset``. Where its style takes no words, none are needed."""
    is_whole = preset.prompt.strip() != PLACEHOLDER and PLACEHOLDER not in preset.prompt
    words = TextField(
        key="words",
        label=say("What to draw"),
        about=say("With {name}. Flags such as --ar 3:2 work too.", name=preset.name),
        is_long=True,
        is_required=not is_whole,
        most_chars=MAX_PROMPT_CHARS,
    )
    return form(say("Draw with a preset"), f"preset-form:1:draw:{ref}", [words])


def lock_form(preset: Preset, *, ref: str, revision: int) -> ui.Modal:
    """What ``preset`` says, to choose from what nobody may say otherwise."""
    options = [
        discord.SelectOption(
            label=field_name(field),
            value=field,
            description=str(value)[:_MAX_VALUE_SHOWN] or None,
            default=field in preset.locked,
        )
        for field, value in preset.said.items()
    ]
    return _choosing(
        say("Lock a preset"),
        f"preset-form:1:lock:{revision}:{ref}",
        {say("Locked fields"): options},
        say("Where this preset holds, nobody can say these otherwise."),
    )


def allow_form(kind: Kind, names: Sequence[str], chosen: Collection[str]) -> ui.Modal:
    """All of ``names``, at most MAX_NAMES, with those that are ``chosen`` now."""
    title = say("Allowed models") if kind is Kind.MODELS else say("Allowed LoRAs")
    ticked = {name.casefold() for name in chosen}
    parts = [names[i : i + _MAX_OPTIONS] for i in range(0, len(names), _MAX_OPTIONS)]
    lists = {
        _span(part) if len(parts) > 1 else title: [
            discord.SelectOption(
                label=name[:100], value=name[:100], default=name.casefold() in ticked
            )
            for name in part
        ]
        for part in parts
    }
    about = say("Choose none to allow all of them.")
    return _choosing(title, f"preset-form:1:allow:{kind}", lists, about)


def chosen_in(interaction: discord.Interaction[Any]) -> tuple[str, ...]:
    """All that was chosen in the selects of a form."""
    data = cast(Mapping[str, Any], interaction.data)
    return tuple(name for part in data["components"] for name in part["component"]["values"])


def _fields(texts: PresetTexts) -> list[TextField]:
    """The keys are the fields of ``PresetTexts``."""
    style = say(
        "Words around what is typed, such as: photograph of {placeholder}, natural light",
        placeholder=PLACEHOLDER,
    )
    return [
        TextField(
            key="name",
            label=say("Name"),
            value=texts.name,
            is_required=True,
            most_chars=MAX_NAME_CHARS,
        ),
        _paragraph("prompt", say("Style"), style, texts.prompt),
        TextField(
            key="settings",
            label=say("Settings"),
            about=say("Flags such as --steps 4 --ar 3:2 --sampler tcd"),
            value=texts.settings,
            most_chars=_MAX_SETTINGS_CHARS,
        ),
        _paragraph("negative", say("Negative prompt"), "", texts.negative),
        TextField(
            key="about",
            label=say("Description"),
            about=say("What people read where they choose."),
            value=texts.about,
            most_chars=MAX_ABOUT_CHARS,
        ),
    ]


def _paragraph(key: str, label: str, about: str, value: str) -> TextField:
    return TextField(
        key=key, label=label, about=about, value=value, is_long=True, most_chars=MAX_PROMPT_CHARS
    )


def _choosing(
    title: str, custom_id: str, lists: Mapping[str, Sequence[discord.SelectOption]], about: str
) -> ui.Modal:
    """Selects from each of which any number can be chosen."""
    modal = ui.Modal(title=title, custom_id=custom_id)
    for number, (label, options) in enumerate(lists.items()):
        select: ui.Select[ui.LayoutView] = ui.Select(
            custom_id=f"chosen-{number}",
            options=list(options),
            min_values=0,
            max_values=len(options),
            required=False,
        )
        explained = None if number else about
        modal.add_item(ui.Label(text=label, description=explained, component=select))
    modal.stop()  # so that discord.py does not wait for it
    return modal


def _span(names: Sequence[str]) -> str:
    """From which name to which, in 45 characters."""
    return say("{first} to {last}", first=names[0][:18], last=names[-1][:18])
