"""Discord's rules for application commands: counts, names, options, choices."""

import re
from collections import Counter
from collections.abc import Sequence
from enum import IntEnum
from typing import Any

from sandbox.form import Form, Path
from sandbox.wire import Json


class CommandKind(IntEnum):
    """How a command is invoked: typed, or from the menu of a user or a message."""

    CHAT_INPUT = 1
    USER = 2
    MESSAGE = 3


class OptionKind(IntEnum):
    """Types of command options; the numbers are Discord's."""

    SUB_COMMAND = 1
    SUB_COMMAND_GROUP = 2
    STRING = 3
    INTEGER = 4
    BOOLEAN = 5
    USER = 6
    CHANNEL = 7
    ROLE = 8
    MENTIONABLE = 9
    NUMBER = 10
    ATTACHMENT = 11


NESTING = frozenset({OptionKind.SUB_COMMAND, OptionKind.SUB_COMMAND_GROUP})
MAX_CHOICES = 25
MAX_OPTIONS = 25
MAX_COMMAND_TEXT = 8000
MAX_COMMANDS = {CommandKind.CHAT_INPUT: 100, CommandKind.USER: 15, CommandKind.MESSAGE: 15}

_TYPED_NAME = re.compile(r"[-_'\w]{1,32}")
_CHOICE_TYPES: dict[int, tuple[type, ...]] = {
    OptionKind.STRING: (str,),
    OptionKind.INTEGER: (int,),
    OptionKind.NUMBER: (int, float),
}


def check_commands(commands: Sequence[Json]) -> None:
    """Raise Discord's form error for a list of commands that it would not register."""
    form = Form()
    for index, command in enumerate(commands):
        _check_command(form, command, (index,))
    _check_counts(form, commands)
    form.finish()


def check_choices(form: Form, choices: Sequence[Json], place: Path, *, kind: int) -> None:
    """Note what is wrong with the choices of an option or of an autocomplete answer."""
    form.length(choices, place, most=MAX_CHOICES)
    types = _CHOICE_TYPES.get(kind, (str, int, float))
    for index, choice in enumerate(choices):
        here = (*place, index)
        if form.require(choice.get("name"), (*here, "name")):
            form.text(choice["name"], (*here, "name"), least=1, most=100)
        value = choice.get("value")
        if not isinstance(value, types):
            form.fail((*here, "value"), "BASE_TYPE_REQUIRED", "This field is required")
        elif isinstance(value, str):
            form.text(value, (*here, "value"), most=100)


def _check_counts(form: Form, commands: Sequence[Json]) -> None:
    kinds = Counter(command.get("type") or CommandKind.CHAT_INPUT for command in commands)
    for kind, most in MAX_COMMANDS.items():
        if kinds[kind] > most:
            form.fail((), "BASE_TYPE_MAX_LENGTH", f"Must be {most} or fewer in length.")
    names = Counter((command.get("type") or 1, command.get("name")) for command in commands)
    for index, command in enumerate(commands):
        if names[command.get("type") or 1, command.get("name")] > 1:
            form.fail(
                (index, "name"),
                "APPLICATION_COMMANDS_DUPLICATE_NAME",
                "Application command names must be unique",
            )


def _check_command(form: Form, command: Json, place: Path) -> None:
    kind = command.get("type") or CommandKind.CHAT_INPUT
    if not form.choice(kind, (*place, "type"), list(CommandKind)):
        return
    _check_name(form, command, place, is_typed=kind == CommandKind.CHAT_INPUT)
    if kind == CommandKind.CHAT_INPUT:
        _check_description(form, command, place)
    elif command.get("description"):
        form.fail(
            (*place, "description"),
            "APPLICATION_COMMAND_CONTEXT_MENU_DESCRIPTION_INVALID",
            "Context menu commands cannot have description",
        )
    _check_options(form, command.get("options") or [], (*place, "options"))
    if _text_size(command) > MAX_COMMAND_TEXT:
        form.fail(
            place,
            "APPLICATION_COMMAND_TOO_LARGE",
            f"Command exceeds maximum size ({MAX_COMMAND_TEXT})",
        )


def _check_name(form: Form, item: Json, place: Path, *, is_typed: bool) -> None:
    names = [((*place, "name"), item.get("name"))]
    names += [
        ((*place, "name_localizations", locale), name)
        for locale, name in (item.get("name_localizations") or {}).items()
    ]
    for here, name in names:
        if not form.require(name, here):
            continue
        form.text(name, here, least=1, most=32)
        if is_typed and (name != str(name).lower() or not _TYPED_NAME.fullmatch(str(name))):
            form.fail(here, "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")


def _check_description(form: Form, item: Json, place: Path) -> None:
    if form.require(item.get("description"), (*place, "description")):
        form.text(item["description"], (*place, "description"), least=1, most=100)
    for locale, text in (item.get("description_localizations") or {}).items():
        form.text(text, (*place, "description_localizations", locale), least=1, most=100)


def _check_options(form: Form, options: Sequence[Json], place: Path) -> None:
    form.length(options, place, most=MAX_OPTIONS)
    names: set[Any] = set()
    has_optional = False
    for index, option in enumerate(options):
        here = (*place, index)
        _check_option(form, option, here)
        if option.get("name") in names:
            form.fail(
                (*here, "name"),
                "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS",
                "Option name already exists",
            )
        if option.get("required") and has_optional:
            form.fail(
                here,
                "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
                "Required options must be placed before non-required options",
            )
        names.add(option.get("name"))
        has_optional |= not option.get("required")


def _check_option(form: Form, option: Json, place: Path) -> None:
    kind = option.get("type")
    if not form.choice(kind, (*place, "type"), list(OptionKind)):
        return
    _check_name(form, option, place, is_typed=True)
    _check_description(form, option, place)
    choices = option.get("choices") or []
    check_choices(form, choices, (*place, "choices"), kind=option["type"])
    if choices and option.get("autocomplete"):
        form.fail(
            (*place, "autocomplete"),
            "APPLICATION_COMMAND_OPTIONS_AUTOCOMPLETE_AND_CHOICES",
            "Autocomplete options cannot have choices",
        )
    _check_options(form, option.get("options") or [], (*place, "options"))


def _text_size(item: Json) -> int:
    """Return the characters that count; of translations the longest counts."""
    size = _longest(item, "name") + _longest(item, "description")
    for choice in item.get("choices") or []:
        size += _longest(choice, "name") + len(str(choice.get("value")))
    return size + sum(_text_size(option) for option in item.get("options") or [])


def _longest(item: Json, key: str) -> int:
    texts = [item.get(key), *(item.get(f"{key}_localizations") or {}).values()]
    return max(len(text or "") for text in texts)
