"""Every text that people read has a translation that fits, and nothing is said past the catalogue.

``python -m cogs.locales`` lists what is missing here, and adds it to ``data/locales``.
"""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from cogs.locales.__main__ import untranslated, update
from cogs.locales.extraction import ROOT, source_files, template
from hypersd_core import errors
from hypersd_core.i18n import FOLDER, fits

FILES = sorted(FOLDER.glob("*.po"))
SAYING = {"say": 1, "say_many": 2}
"""Functions that take templates, and how many."""
TEXTS = template()
TREES = {
    path.relative_to(ROOT).as_posix(): ast.parse(path.read_text("utf-8")) for path in source_files()
}

MOST_CHARS = {
    ("Button", "label"): 80,
    ("Label", "text"): 45,
    ("Label", "description"): 100,
    ("Modal", "title"): 45,
    ("__init__", "title"): 45,
    ("TextInput", "label"): 45,
    ("TextInput", "placeholder"): 100,
    ("Select", "placeholder"): 150,
    ("UserSelect", "placeholder"): 150,
    ("RoleSelect", "placeholder"): 150,
    ("ChannelSelect", "placeholder"): 150,
    ("SelectOption", "label"): 100,
    ("SelectOption", "description"): 100,
    ("Choice", "name"): 100,
}
"""What Discord allows, by the part of a message or form and its field."""

MOST_OF_COMMANDS = {"command": 32, "option": 32, "choice": 100, "description": 100}

OPERATORS_ONLY = ("cogs/doctor.py", "cogs/endpoint.py", "cogs/locales/", "hypersd_core/commands/")
"""Files whose sentences only the operator reads, on a terminal."""
STARTUP_ONLY = {("hypersd_core/store/database.py", "StoreError")}
"""Errors that end the program before anybody else is there."""
ERRORS = {
    name
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.HyperSDError) and kind is not errors.SettingsError
}
_NOT_SAYING = ("ContextMenu", "Group", "Choice", "Route", "AssertionError")
"""What is given words that Discord translates, or that only the log has."""
_WORDS = re.compile(r"[A-Za-z]{2,}[a-z,;:]* [a-z]{2,}")


def catalog(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file)


def name_of(call: ast.Call) -> str:
    """The last name of what is called: ``Button`` of ``ui.Button(...)``."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=ast.Attribute(attr=name)):
            return name
    return ""


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_text_has_a_translation(path: Path, tmp_path: Path) -> None:
    copied = tmp_path / path.name
    copied.write_bytes(path.read_bytes())
    missing = untranslated(update(copied, TEXTS))
    assert not missing, f"{len(missing)} texts: " + "; ".join(str(entry.id) for entry in missing)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_catalogue_holds_nothing_else(path: Path) -> None:
    found = catalog(path)
    assert not found.obsolete
    entries = [entry for entry in found if entry.id]
    assert not [entry.id for entry in entries if entry.fuzzy]
    gone = [entry.id for entry in entries if TEXTS.get(entry.id, entry.context) is None]
    assert not gone


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_translations_have_the_placeholders_of_their_texts(path: Path) -> None:
    wrong = [
        entry.id
        for entry in catalog(path)
        if entry.id and entry.context is None and not all(fits(t, *ids(entry)) for t in said(entry))
    ]
    assert not wrong


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_texts_of_commands_are_no_longer_than_discord_allows(path: Path) -> None:
    for entry in catalog(path):
        most = MOST_OF_COMMANDS.get(entry.context or "", 10_000)
        for text in (*ids(entry), *said(entry)):
            assert len(text) <= most, f"{text!r} has {len(text)} characters of {most}"
        if entry.context in {"command", "option"} and " " not in str(entry.id):
            for name in said(entry):
                assert re.fullmatch(r"[-_'\w]+", name)
                assert name == name.lower()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_translations_name_commands_as_people_there_see_them(path: Path) -> None:
    found = catalog(path)
    named = {str(e.id): str(e.string) for e in found if e.context == "command" and e.string}
    for entry in found:
        for text in said(entry) if entry.id and entry.context is None else ():
            for name in re.findall(r"(?<![\w/])/([a-z]+)", text):
                assert named.get(name, name) == name, f"{text!r}: /{name} is /{named[name]} there"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_labels_are_no_longer_than_discord_allows(path: Path) -> None:
    found = catalog(path)
    for place, tree in TREES.items():
        for field, most, text in _labels(tree):
            entry = found.get(text)
            translations = said(entry) if entry else ()
            for shown in (text, *translations):
                assert len(shown) <= most, f"{place}: {field} {shown!r}: {len(shown)} of {most}"


def _labels(tree: ast.AST) -> Iterator[tuple[str, int, str]]:
    """Field, limit and text of each part that is given a sentence directly."""
    for call in calls(tree):
        for word in call.keywords:
            most = MOST_CHARS.get((name_of(call), word.arg or ""))
            if most and isinstance(word.value, ast.Call) and name_of(word.value) in SAYING:
                for text in _templates(word.value):
                    yield f"{name_of(call)}.{word.arg}", most, text


def _templates(call: ast.Call) -> list[str]:
    return [ast.literal_eval(argument) for argument in call.args[: SAYING[name_of(call)]]]


@pytest.mark.parametrize("place", sorted(TREES))
def test_templates_are_literals_that_the_catalogue_has(place: str) -> None:
    if place == "hypersd_core/i18n.py":
        return
    for call in calls(TREES[place]):
        if name_of(call) in SAYING:
            arguments = call.args[: SAYING[name_of(call)]]
            literal = all(
                isinstance(a, ast.Constant) and isinstance(a.value, str) for a in arguments
            )
            assert literal, f"{place}:{call.lineno}: {ast.unparse(call)}"
            assert TEXTS.get(_templates(call)[0]) is not None, f"{place}:{call.lineno}"
            _check_values(call, place)


def _check_values(call: ast.Call, place: str) -> None:
    """The values given are those that the template names."""
    if any(word.arg is None for word in call.keywords):
        return
    given = {word.arg for word in call.keywords} | ({"n"} if name_of(call) == "say_many" else set())
    for text in _templates(call):
        named = set(re.findall(r"(?<!\{)\{(\w+)", text.replace("{{", "")))
        assert named <= given, f"{place}:{call.lineno}: {named - given} has no value"


@pytest.mark.parametrize("place", sorted(TREES))
def test_errors_are_said(place: str) -> None:
    if place.startswith(OPERATORS_ONLY):
        return
    for call in calls(TREES[place]):
        if name_of(call) in ERRORS and (place, name_of(call)) not in STARTUP_ONLY and call.args:
            assert not _is_unsaid(call.args[0]), f"{place}:{call.lineno}: {ast.unparse(call)}"


def _is_unsaid(node: ast.expr) -> bool:
    is_format = isinstance(node, ast.Call) and name_of(node) in {"format", "join"}
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return is_format or is_text or isinstance(node, ast.JoinedStr | ast.BinOp)


@pytest.mark.parametrize("place", [p for p in sorted(TREES) if p.startswith("cogs/")])
def test_cogs_say_nothing_past_the_catalogue(place: str) -> None:
    """Words in a literal are said, or they are a text of a command, for the log, or a docstring."""
    if place.startswith(OPERATORS_ONLY):
        return
    allowed = {id(node) for root in _not_shown(TREES[place]) for node in ast.walk(root)}
    shown = [
        f"{place}:{node.lineno}: {node.value!r}"
        for node in ast.walk(TREES[place])
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in allowed
        and _WORDS.search(node.value)
    ]
    assert not shown, "\n".join(shown)


def _not_shown(tree: ast.AST) -> Iterator[ast.AST]:
    """Parts of a file whose literals nobody reads as they stand, or which Discord translates."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant()) | ast.Assert():
                yield node
            case ast.Call() if name_of(node) in {*SAYING, *_NOT_SAYING}:
                yield node
            case ast.Call(func=ast.Attribute(value=ast.Name(id="log" | "re"))):
                yield node
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield from node.decorator_list
                yield from getattr(node, "keywords", ())
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                if name.startswith("_ROUTE"):
                    yield node


def ids(entry: Message) -> tuple[str, ...]:
    return (entry.id,) if isinstance(entry.id, str) else tuple(entry.id)


def said(entry: Message) -> tuple[str, ...]:
    """The translations that are there."""
    texts: Any = entry.string or ()
    return tuple(filter(None, (texts,) if isinstance(texts, str) else texts))
