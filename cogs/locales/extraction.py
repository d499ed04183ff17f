"""All texts that people read, as a catalogue without translations."""

import ast
import importlib
import inspect
import pkgutil
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from discord import app_commands
from discord.ext import commands

import cogs
from hypersd_core.i18n import NAME_OF_LANGUAGE, SHIPPED

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("cogs", "hypersd_core")
SAYING = {"say": 1, "say_many": 2}
"""Functions that take templates, and how many."""
SHIPPED_KEYS = ("about", "undrawable")
"""Keys of shipped TOML files whose values people read."""

Command = app_commands.Command[Any, ..., Any] | app_commands.Group


def template() -> Catalog:
    """Everything to translate, each with the places where it stands."""
    catalog = Catalog(charset="utf-8")
    catalog.add(NAME_OF_LANGUAGE[1], context=NAME_OF_LANGUAGE[0])
    for path in source_files():
        place = path.relative_to(ROOT).as_posix()
        for templates in _said_in(path):
            catalog.add(templates[0] if len(templates) == 1 else templates, locations=[(place, 0)])
    for context, text in [*command_texts(), *_menu_names()]:
        catalog.add(text, context=context)
    for text in _shipped_texts():
        catalog.add(text, context=SHIPPED)
    return catalog


def source_files() -> list[Path]:
    """The files in which something may be said."""
    return sorted(path for folder in SOURCES for path in (ROOT / folder).rglob("*.py"))


def _said_in(path: Path) -> Iterator[tuple[str, ...]]:
    """The templates in a file, in their order; Babel's own search finds none within f-strings."""
    tree = ast.parse(path.read_text("utf-8"))
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SAYING
    ]
    for call in sorted(found, key=lambda node: (node.lineno, node.col_offset)):
        templates = call.args[: SAYING[ast.unparse(call.func)]]
        if all(isinstance(each, ast.Constant) for each in templates):
            yield tuple(map(ast.literal_eval, templates))


def command_texts() -> Iterator[tuple[str, str]]:
    """Context and text of every command of every cog, without menus."""
    for cog in _cogs():
        for command in cog.__cog_app_commands__:
            yield from _texts_of(command)
        if issubclass(cog, commands.GroupCog):
            yield "command", str(cog.__cog_group_name__)
            yield "description", str(cog.__cog_group_description__)


def _cogs() -> Iterator[type[commands.Cog]]:
    for module in pkgutil.iter_modules(cogs.__path__, "cogs."):
        for _, found in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(found, commands.Cog) and found.__module__ == module.name:
                yield found


def _texts_of(command: Command) -> Iterator[tuple[str, str]]:
    yield "command", command.name
    yield "description", command.description
    if isinstance(command, app_commands.Group):
        for child in command.commands:
            yield from _texts_of(child)
        return
    for parameter in command.parameters:
        yield "option", parameter.display_name
        yield "description", str(parameter.description)
        for choice in parameter.choices:
            yield "choice", choice.name


def _menu_names() -> Iterator[tuple[str, str]]:
    """Menus are made when a cog is, so their names are read from the source."""
    for path in (ROOT / "cogs").rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("ContextMenu"):
                names = [word.value for word in call.keywords if word.arg == "name"]
                yield from (("command", ast.literal_eval(name)) for name in names)


def _shipped_texts() -> Iterator[str]:
    for path in (ROOT / "data").glob("*.toml"):
        yield from _values(tomllib.loads(path.read_text("utf-8")))


def _values(table: object) -> Iterator[str]:
    if isinstance(table, dict):
        for key, value in table.items():
            if key in SHIPPED_KEYS and isinstance(value, str):
                yield value
            yield from _values(value)
    elif isinstance(table, list):
        yield from _all_values(table)


def _all_values(tables: Iterable[object]) -> Iterator[str]:
    for table in tables:
        yield from _values(table)
