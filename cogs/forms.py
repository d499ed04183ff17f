"""Modals that outlive restarts: all that is known of an open form stands in its custom id.

discord.py keeps open modals in memory, and what is sent in after a restart meets nobody. So forms
are not kept: a cog listens to ``on_interaction`` and takes the forms whose custom ids it knows.
"""

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, cast

import discord
from discord import ui

MAX_TEXT_CHARS = 4_000  # Discord's limit for one input
MAX_TITLE_CHARS = 45
_TICKED = "\N{CHECK MARK}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TextField:
    """One input of a form. ``label`` has at most 45 characters, ``about`` 100."""

    key: str
    label: str
    about: str = ""
    value: str = ""
    is_long: bool = False
    is_required: bool = False
    most_chars: int = MAX_TEXT_CHARS


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TickField:
    """A box to tick. Its value is a text as others are: empty where it is not ticked."""

    key: str
    label: str
    about: str = ""
    is_ticked: bool = False


Field: TypeAlias = TextField | TickField


def form(title: str, custom_id: str, fields: Sequence[Field]) -> ui.Modal:
    """A modal of at most five ``fields``; ``title`` has at most 45 characters."""
    modal = ui.Modal(title=title, custom_id=custom_id)
    for field in fields:
        modal.add_item(
            ui.Label(text=field.label, description=field.about or None, component=_input(field))
        )
    modal.stop()  # so that discord.py does not wait for it
    return modal


def _input(field: Field) -> ui.Item[Any]:
    if isinstance(field, TickField):
        return ui.Checkbox(custom_id=field.key, default=field.is_ticked)
    return ui.TextInput(
        custom_id=field.key,
        style=discord.TextStyle.long if field.is_long else discord.TextStyle.short,
        default=field.value or None,
        required=field.is_required,
        max_length=field.most_chars,
    )


def sent_form(interaction: discord.Interaction[Any], template: str) -> re.Match[str] | None:
    """The custom id of the form that was sent in, if all of it matches ``template``."""
    if interaction.type is not discord.InteractionType.modal_submit:
        return None
    return re.fullmatch(template, interaction.custom_id or "")


def values_of(interaction: discord.Interaction[Any]) -> Mapping[str, str]:
    """What was typed into a form that was sent in, by the keys of its fields."""
    data = cast(Mapping[str, Any], interaction.data)
    return {
        part["custom_id"]: _TICKED if part["value"] is True else part["value"] or ""
        for part in _inputs(data["components"])
    }


def as_typed(fields: Sequence[Field], values: Mapping[str, str]) -> str:
    """What was typed, to be given back: with labels where there are several fields."""
    if len(fields) == 1:
        return values[fields[0].key]
    said = (f"{field.label}: {values[field.key]}" for field in fields if values[field.key])
    return "\n".join(said)


def _inputs(components: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for component in components:
        part = component.get("component", component)
        if "value" in part:
            yield part
