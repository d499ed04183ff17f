"""Presets as files: TOML, which holds all of them, and A1111's ``styles.csv``, which holds texts.

TOML is one ``[[preset]]`` for each, with the keys of ``Preset.to_json``; what it was written from
is what is read. ``styles.csv`` has the columns ``name,prompt,negative_prompt`` as A1111 writes them
(UTF-8 with a byte order mark, CRLF, quotes only where needed); an older column ``text`` is the
prompt. Both are read whole or refused, but single styles that cannot be presets are left out.
"""

import csv
import dataclasses
import difflib
import io
import re
import tomllib
import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import tomli_w

from hypersd_core.errors import InvalidRequest, SettingsError
from hypersd_core.flags import PromptFlags
from hypersd_core.i18n import say
from hypersd_core.presets import FIELDS, NEGATIVE, PLACEHOLDER, PROMPT, Preset

MAX_FILE_BYTES = 512 * 1024
_TABLES = "preset"
_COLUMNS = ("name", "prompt", "negative_prompt")
_OLD_PROMPT = "text"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Styles:
    """What a ``styles.csv`` holds; ``left_out`` is (name, the sentence that says why)."""

    presets: tuple[Preset, ...]
    left_out: tuple[tuple[str, str], ...] = ()


def to_toml(presets: Iterable[Preset]) -> bytes:
    """A file that ``from_toml`` reads."""
    return tomli_w.dumps({_TABLES: [preset.to_json() for preset in presets]}).encode()


def from_toml(data: bytes) -> tuple[Preset, ...]:
    """The presets of a file, in its order.

    Raises InvalidRequest that names the line, or the preset and the key, which is wrong.
    """
    try:
        tables = tomllib.loads(_text(data))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidRequest(_no_toml(error)) from error
    _check_keys(tables, (_TABLES,), where=say("The file"))
    presets = tables.get(_TABLES)
    if not isinstance(presets, list) or not all(isinstance(each, dict) for each in presets):
        raise InvalidRequest(
            say("The file holds no presets: each begins with the line [[{key}]].", key=_TABLES)
        )
    found = tuple(_preset(values, number) for number, values in enumerate(presets, start=1))
    _check_different(found)
    return found


def read_shipped(path: Path) -> tuple[Preset, ...]:
    """The presets that ship with the bot. Raises SettingsError, which names the path."""
    try:
        return from_toml(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"The presets {path} cannot be read: {error.strerror}.") from error
    except InvalidRequest as error:
        raise SettingsError(f"The presets {path} are wrong: {error}") from error


def to_styles_csv(presets: Iterable[Preset]) -> bytes:
    """A file that A1111 reads; ``lost_in_csv`` tells what is not in it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for preset in presets:
        prompt = "" if preset.prompt.strip() == PLACEHOLDER else preset.prompt
        writer.writerow((preset.name, prompt, preset.options.negative or ""))
    return text.getvalue().encode("utf-8-sig")


def lost_in_csv(presets: Iterable[Preset]) -> tuple[str, ...]:
    """A sentence for each preset that says more than a style can."""
    lost = {}
    for preset in presets:
        keys = [key for key in preset.to_json() if key not in {"name", PROMPT, NEGATIVE}]
        if keys:
            lost[preset.name] = ", ".join(keys)
    return tuple(
        say("{name} loses {fields}: styles hold only texts.", name=name, fields=fields)
        for name, fields in lost.items()
    )


def from_styles_csv(data: bytes) -> Styles:
    """The styles of a file, the last of each name, as A1111 takes them.

    Rows without any text, which people use as headings, are left out in silence. Raises
    InvalidRequest for what is no ``styles.csv``.
    """
    reader = csv.DictReader(io.StringIO(_text(data), newline=""), skipinitialspace=True)
    presets: dict[str, Preset] = {}
    left_out: list[tuple[str, str]] = []
    for row in _rows(reader):
        name = (row.get("name") or "").strip()
        prompt = (row.get(PROMPT) or row.get(_OLD_PROMPT) or "").strip()
        negative = (row.get("negative_prompt") or "").strip()
        if not prompt and not negative:
            continue
        try:
            preset = Preset(
                name=name,
                prompt=prompt or PLACEHOLDER,
                options=PromptFlags(negative=negative or None),
            )
        except InvalidRequest as error:
            left_out.append((name, error.sentence))
        else:
            presets[preset.key] = preset
    return Styles(presets=tuple(presets.values()), left_out=tuple(left_out))


def _rows(reader: "csv.DictReader[str]") -> list[Mapping[str, str | None]]:
    try:
        columns = [(column or "").strip() for column in reader.fieldnames or ()]
        reader.fieldnames = columns
        if "name" not in columns or not {PROMPT, _OLD_PROMPT} & set(columns):
            raise InvalidRequest(
                say(
                    "The first line of styles.csv must be {expected}, got {found!r}.",
                    expected=",".join(_COLUMNS),
                    found=",".join(columns)[:80],
                )
            )
        return list(reader)
    except csv.Error as error:
        raise InvalidRequest(
            say("The file is no CSV at line {line}.", line=reader.reader.line_num)
        ) from error


def _text(data: bytes) -> str:
    if len(data) > MAX_FILE_BYTES:
        raise InvalidRequest(
            say(
                "The file has {kib:,} KiB; at most {most:,} KiB are allowed.",
                kib=-(-len(data) // 1024),
                most=MAX_FILE_BYTES // 1024,
            )
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InvalidRequest(
            say("The file is not UTF-8 text at line {line}: save it as UTF-8.", line=line)
        ) from error


def _no_toml(error: Exception) -> str:
    if place := re.search(r"line (\d+), column (\d+)", str(error)):
        return say(
            "The file is no TOML at line {line}, column {column}.", line=place[1], column=place[2]
        )
    return say("The file is no TOML: something in it is never closed.")


def _preset(values: Mapping[str, Any], number: int) -> Preset:
    name = values.get("name")
    if not isinstance(name, str):
        raise InvalidRequest(say("Preset {number} of the file has no name.", number=number))
    where = say("The preset {name!r}", name=name[:80])
    _check_keys(values, _KEYS, where=where)
    for key, value in values.items():
        _check_type(key, value, where=where)
    try:
        return Preset.from_json({key: _as(_KEYS[key], value) for key, value in values.items()})
    except InvalidRequest as error:
        raise InvalidRequest(
            say("{where} is wrong: {problem}", where=where, problem=error.sentence)
        ) from error


def _check_keys(values: Mapping[str, object], known: Iterable[str], *, where: str) -> None:
    for key in values:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1) or known
            raise InvalidRequest(
                say(
                    "{where} has the unknown key {key!r}; known is {known}.",
                    where=where,
                    key=key,
                    known=", ".join(close),
                )
            )


def _check_type(key: str, value: object, *, where: str) -> None:
    if type(_as(_KEYS[key], value)) is not _KEYS[key] or (
        isinstance(value, list) and not all(isinstance(each, str) for each in value)
    ):
        allowed = {
            int: say("a whole number"),
            float: say("a number"),
            bool: say("true or false"),
            str: say("text"),
            list: say("a list of names"),
        }
        raise InvalidRequest(
            say(
                "{where} has {key} = {value}; it must be {allowed}.",
                where=where,
                key=key,
                value=repr(value)[:80],
                allowed=allowed[_KEYS[key]],
            )
        )


def _as(kind: type, value: Any) -> Any:  # noqa: ANN401 - whatever TOML has
    """Whole numbers are numbers, too."""
    return float(value) if kind is float and type(value) is int else value


def _check_different(presets: Sequence[Preset]) -> None:
    keys = [preset.key for preset in presets]
    for preset in presets:
        if keys.count(preset.key) > 1:
            raise InvalidRequest(
                say("The file names {name!r} twice: each preset needs its own.", name=preset.name)
            )


def _kinds() -> dict[str, type]:
    hints = typing.get_type_hints(PromptFlags)
    options = {field: typing.get_args(hints[field])[0] for field in FIELDS if field != PROMPT}
    return {"name": str, "about": str, PROMPT: str, **options, "locked": list}


_KEYS: Mapping[str, type] = MappingProxyType(_kinds())
