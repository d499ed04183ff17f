"""What a person always wants: options, words after every prompt, and macros of their own.

A macro ``--name`` in a prompt is its text, as if that had been typed: words, flags, groups in
braces, wildcards. Macros are put in before all of these are read, and are no macros inside of
another one.
"""

import dataclasses
import re
import unicodedata
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Self

from hypersd_core.errors import InvalidRequest
from hypersd_core.flag_ranges import check_flags
from hypersd_core.flags import (
    FLAG_NAMES,
    TYPOGRAPHIC_DASHES,
    PromptFlags,
    field_name,
    split_flags,
)
from hypersd_core.i18n import say
from hypersd_core.recipes import speed_named
from hypersd_core.store import Store

FIELDS = (
    "model",
    "preset",
    "size",
    "speed",
    "steps",
    "guidance",
    "sampler",
    "count",
    "negative",
    "private",
    "spoiler",
)
"""The options that can be defaults, in the order in which they are shown."""
MAX_SUFFIX_CHARS = 500
MAX_MACROS = 25
MAX_MACRO_CHARS = 1_000
MAX_MACRO_NAME_CHARS = 32
MAX_PRESET_NAME_CHARS = 32


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class UserDefaults:
    """One person's defaults. Checked once, here, as a request is. Raises InvalidRequest.

    ``options`` say only fields of ``FIELDS``. ``suffix`` is plain prompt text. ``macros`` are texts
    by name, without dashes, as ``macro_name`` writes it.
    """

    options: PromptFlags = dataclasses.field(default_factory=PromptFlags)
    suffix: str = ""
    macros: Mapping[str, str] = dataclasses.field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        _check_options(self.options)
        _check_suffix(self.suffix)
        if len(self.macros) > MAX_MACROS:
            raise InvalidRequest(
                say("You have {most} macros, which is the most: delete one.", most=MAX_MACROS)
            )
        for name, text in self.macros.items():
            _check_macro(name, text)

    def with_macro(self, name: str, text: str) -> Self:
        """These with a macro more, or with another text of it; an empty ``text`` takes it away."""
        wanted = macro_name(name)
        others = {each: known for each, known in self.macros.items() if each != wanted}
        if text.strip():
            others[wanted] = text.strip()
        elif wanted not in self.macros:
            raise InvalidRequest(say("You have no macro --{name}.", name=wanted))
        return dataclasses.replace(self, macros=MappingProxyType(others))

    def expanded(self, text: str) -> str:
        """``text`` with the texts of macros in their places."""
        if not self.macros:
            return text
        names = "|".join(re.escape(name) for name in self.macros)
        pattern = (
            rf"(?<![^\s{{,])(?:[-{TYPOGRAPHIC_DASHES}]{{2,}}|[{TYPOGRAPHIC_DASHES}])"
            rf"(?P<name>{names})(?=[\s,;}}]|\Z)"
        )
        return re.sub(
            pattern,
            lambda found: self.macros.get(macro_name(found["name"]), found.group()),
            text,
            flags=re.IGNORECASE,
        )

    def to_json(self) -> dict[str, Any]:
        """A dict of plain values, for ``from_json``; without what nobody said."""
        values = {field: getattr(self.options, field) for field in FIELDS}
        return {
            "options": {field: value for field, value in values.items() if value is not None},
            "suffix": self.suffix,
            "macros": dict(self.macros),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The defaults that ``to_json`` described. A flag that is new since then wins its name."""
        macros = values.get("macros", {})
        return cls(
            options=PromptFlags(**values.get("options", {})),
            suffix=values.get("suffix", ""),
            macros=MappingProxyType({n: text for n, text in macros.items() if n not in FLAG_NAMES}),
        )


class People:
    """Everybody's defaults."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def defaults(self, user_id: int) -> UserDefaults:
        """What the person has set; nothing where they have not."""
        return UserDefaults.from_json(await self._store.people.defaults(user_id))

    async def set_defaults(self, user_id: int, defaults: UserDefaults) -> None:
        """Put ``defaults`` in the place of all that was set."""
        await self.edit_defaults(user_id, lambda _: defaults)

    async def edit_defaults(
        self, user_id: int, change: Callable[[UserDefaults], UserDefaults]
    ) -> UserDefaults:
        """Put ``change`` of the defaults in their place. What it raises leaves all as it was."""
        after = await self._store.people.edit_defaults(
            user_id, lambda values: change(UserDefaults.from_json(values)).to_json()
        )
        return UserDefaults.from_json(after)

    async def clear_defaults(self, user_id: int) -> bool:
        """Forget them. False if there were none."""
        return await self._store.people.clear_defaults(user_id)


def macro_name(name: str) -> str:
    """``name`` as macros are kept and found by: without dashes before it, and without case."""
    bare = unicodedata.normalize("NFC", name.strip().casefold())
    return bare.lstrip(f"-{TYPOGRAPHIC_DASHES}")


def _check_options(options: PromptFlags) -> None:
    for field in dataclasses.fields(PromptFlags):
        if field.name not in FIELDS and getattr(options, field.name) is not None:
            raise InvalidRequest(
                say(
                    "{field} cannot be a default; these can: {allowed}.",
                    field=field_name(field.name),
                    allowed=", ".join(map(field_name, FIELDS)),
                )
            )
    check_flags(options)
    if options.speed is not None:
        speed_named(options.speed)
        if options.steps is not None:
            raise InvalidRequest(
                say("Steps and speed both say how many steps to take: set one of them.")
            )
    if options.preset is not None and not 1 <= len(options.preset) <= MAX_PRESET_NAME_CHARS:
        raise InvalidRequest(
            say(
                "The name of a preset has 1 to {most} characters, got {name!r}.",
                most=MAX_PRESET_NAME_CHARS,
                name=options.preset,
            )
        )


def _check_suffix(suffix: str) -> None:
    if len(suffix) > MAX_SUFFIX_CHARS:
        raise InvalidRequest(
            say(
                "The words after every prompt have {count:,} characters; at most {most} are "
                "allowed.",
                count=len(suffix),
                most=MAX_SUFFIX_CHARS,
            )
        )
    if "{prompt}" in suffix or split_flags(suffix)[1] != PromptFlags():
        raise InvalidRequest(
            say(
                "The words after every prompt are words alone: set options as such, and make a "
                "macro for flags."
            )
        )
    if suffix.strip():
        check_flags(PromptFlags(), prompt=suffix)


def _check_macro(name: str, text: str) -> None:
    if name in FLAG_NAMES:
        raise InvalidRequest(say("--{name} is a flag: call the macro by another name.", name=name))
    if not _is_macro_name(name):
        raise InvalidRequest(
            say(
                "A macro cannot be called {name!r}: take a letter, then letters, digits, - or _, "
                "at most {most} characters.",
                name=name,
                most=MAX_MACRO_NAME_CHARS,
            )
        )
    if not 1 <= len(text) <= MAX_MACRO_CHARS:
        raise InvalidRequest(
            say(
                "A macro has 1 to {most:,} characters, --{name} has {count:,}.",
                name=name,
                most=MAX_MACRO_CHARS,
                count=len(text),
            )
        )


def _is_macro_name(name: str) -> bool:
    """Letters of any language; ``macro_name`` has made them small and composed."""
    return (
        name == macro_name(name)
        and 1 <= len(name) <= MAX_MACRO_NAME_CHARS
        and name[0].isalpha()
        and all(char in "-_" or unicodedata.category(char)[0] in {"L", "M", "N"} for char in name)
    )
