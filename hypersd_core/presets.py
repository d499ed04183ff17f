"""Presets, and how they, defaults and what is typed become one wish. Values only, no files.

What decides each field, highest first:

1. what is typed: inline flags and options
2. the preset that is named
3. the user's own defaults
4. the channel's preset (a thread or forum post has that of its channel unless it has its own)
5. the guild's preset
6. the recipe of the model, for all that nobody said (``hypersd_core.compose``)

A locked field turns this around: the lowest layer that locks it decides, so a guild can rely on its
locks. What was typed and differs is refused; presets and the user's defaults give way silently.
Steps and speed say the same thing in two ways, so who says one of them decides both.

The prompt and the negative prompt are joined instead: what is typed takes the place of ``{prompt}``
in the text of the one highest layer that has any, or stands before that text and a comma where it
has no ``{prompt}``, as A1111's styles do. Unlike A1111's, styles of several layers are not stacked:
a named style replaces the channel's. Text that wears the style already is left as it is, so that a
remix of its picture does not wear it twice. A locked prompt is a style that no other replaces;
without ``{prompt}`` it takes no text at all.

No preset knows the model that it will be used with, so in the end what only layers said gives way
where it cannot be (``fitted``): a size too large for the model becomes its proportions.
"""

import dataclasses
import textwrap
import unicodedata
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Self

from hypersd_core.errors import FieldLocked, InvalidRequest
from hypersd_core.flag_ranges import check_flags
from hypersd_core.flags import PromptFlags, field_name
from hypersd_core.i18n import say
from hypersd_core.recipes import Recipe
from hypersd_core.request import LATENT
from hypersd_core.wishes import Wish

MAX_NAME_CHARS = 32
MAX_ABOUT_CHARS = 100
PLACEHOLDER = "{prompt}"
"""Stands for what is typed; as a whole text it is no style."""
PROMPT, NEGATIVE = "prompt", "negative"
ALL_FIELDS = (
    PROMPT,
    NEGATIVE,
    *(field.name for field in dataclasses.fields(PromptFlags) if field.name != NEGATIVE),
)
"""All that can be said, in the order in which it is shown."""
FIELDS = tuple(field for field in ALL_FIELDS if field not in {"preset", "repeat"})
"""What a preset can say: how pictures look, not how many jobs there are."""

_STEPS = ("steps", "speed")
_GROUPS = (_STEPS, *((field,) for field in ALL_FIELDS if field not in _STEPS))
"""Fields by what they say: steps and speed say the same, so who says one decides both."""
_NO_CHARS = frozenset({"Cc", "Cs", "Zl", "Zp"})  # controls, half characters, ends of lines


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A style and options under a name, some of which may be locked. Checked once, here.

    ``prompt`` and ``options.negative`` hold ``{prompt}`` at most once. Only what has a value can be
    locked: names of fields of ``PromptFlags``, or ``prompt``. Raises InvalidRequest.
    """

    name: str
    prompt: str = PLACEHOLDER
    options: PromptFlags = dataclasses.field(default_factory=PromptFlags)
    locked: frozenset[str] = frozenset()
    about: str = ""

    def __post_init__(self) -> None:
        _check_line(say("name"), self.name, 1, MAX_NAME_CHARS)
        _check_line(say("description"), self.about, 0, MAX_ABOUT_CHARS)
        for text in (self.prompt, self.options.negative or ""):
            if text.count(PLACEHOLDER) > 1:
                raise InvalidRequest(
                    say("{placeholder} may stand only once in a text.", placeholder=PLACEHOLDER)
                )
        check_flags(self.options, prompt=self.prompt)
        for field in ("preset", "repeat"):
            if getattr(self.options, field) is not None:
                raise InvalidRequest(
                    say("{field} cannot be part of a preset.", field=field_name(field))
                )
        for field in sorted(self.locked):
            _check_lock(field, self.said)

    @property
    def key(self) -> str:
        """The name by which it is known: in a guild no two may have the same."""
        return folded(self.name)

    @property
    def said(self) -> Mapping[str, Any]:
        """The fields that have a value, in the order of ``FIELDS``."""
        return _said(self.prompt, self.options)

    def to_json(self) -> dict[str, Any]:
        """A dict of plain values, for ``from_json``; without what nobody said."""
        about = {"about": self.about} if self.about else {}
        locked = {"locked": sorted(self.locked)} if self.locked else {}
        return {"name": self.name, **about, **self.said, **locked}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The preset that ``to_json`` described; what older ones lack takes its default."""
        return cls(
            name=values["name"],
            prompt=values.get(PROMPT, PLACEHOLDER),
            options=PromptFlags(**{f: values[f] for f in FIELDS if f in values and f != PROMPT}),
            locked=frozenset(values.get("locked", ())),
            about=values.get("about", ""),
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Something that says fields when nobody types them. ``title`` is how people read of it.

    ``prompt`` is None where it has no style.
    """

    title: str
    prompt: str | None = None
    options: PromptFlags = dataclasses.field(default_factory=PromptFlags)
    locked: frozenset[str] = frozenset()

    @classmethod
    def of(cls, preset: Preset, title: str) -> Self:
        """What ``preset`` says, under ``title``."""
        prompt = preset.said.get(PROMPT)
        return cls(title=title, prompt=prompt, options=preset.options, locked=preset.locked)

    @classmethod
    def named(cls, preset: Preset) -> Self:
        """What ``preset`` says where a person named it."""
        return cls.of(preset, say("the preset {name}", name=preset.name))

    @property
    def said(self) -> Mapping[str, Any]:
        """The fields that have a value."""
        return _said(self.prompt, self.options)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """One wish, the title of the layer from which each field came, and the fields that are locked.

    What was typed is not in ``came_from``; of the two prompts it names the layer of the style.
    """

    wish: Wish
    came_from: Mapping[str, str]
    locked: frozenset[str] = frozenset()


def folded(name: str) -> str:
    """``name`` without case, spaces around it, and half or full width."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def merge(typed: Wish, layers: Sequence[Layer]) -> Merged:
    """What ``typed`` and ``layers``, highest first, come to, by the rules above.

    Raises FieldLocked for what was typed into a locked field.
    """
    own = _said(typed.prompt, typed.flags)
    values: dict[str, Any] = {}
    came_from: dict[str, str] = {}
    for group in _GROUPS:
        said, layer = _decided(group, own, layers)
        values |= said
        if layer is not None:
            came_from |= dict.fromkeys(said, layer.title)
    return Merged(
        wish=Wish(prompt=values.pop(PROMPT, ""), flags=PromptFlags(**values)),
        came_from=MappingProxyType(came_from),
        locked=frozenset(f for group in _GROUPS if _speaker(group, layers)[1] for f in group),
    )


def styled(style: str, text: str) -> str:
    """``text`` in place of ``{prompt}`` in ``style``, or before it; as it is if it wears it."""
    bare = style.replace(PLACEHOLDER, "").strip(" ,\n")
    if text.strip() in {"", bare}:
        return bare
    before, found, after = style.partition(PLACEHOLDER)
    if not found:
        before, after = "", f", {bare}" if bare else ""
    is_worn = text.startswith(before) and text[len(before) :].endswith(after)
    return text if is_worn else f"{before}{text.strip()}{after}"


def fitted(merged: Merged, recipe: Recipe | None, *, has_picture: bool = False) -> Merged:
    """``merged`` without what only layers said and what cannot be, locked or not.

    Gone are options of a pass that is not made, and a size where there is a picture to start from,
    unless it is locked: a request has the picture's proportions. A size beyond what ``recipe``
    allows becomes its proportions.
    """
    flags = merged.wish.flags
    makes_pass = flags.hires is not None
    is_stretched = has_picture and (flags.upscaler or "").lower() != LATENT
    applies = {
        "strength": has_picture,
        "hires_strength": makes_pass,
        "hires_steps": makes_pass,
        "upscaler": makes_pass or is_stretched,
        "size": "size" in merged.locked or not has_picture,
    }
    changes: dict[str, Any] = {field: None for field, does in applies.items() if not does}
    if flags.size is not None and "size" not in changes:
        changes["size"] = _size(flags.size, recipe)
    changes = {field: value for field, value in changes.items() if field in merged.came_from}
    gone = {field for field, value in changes.items() if value is None}
    return dataclasses.replace(
        merged,
        wish=dataclasses.replace(merged.wish, flags=dataclasses.replace(flags, **changes)),
        came_from=MappingProxyType({f: t for f, t in merged.came_from.items() if f not in gone}),
    )


def _size(text: str, recipe: Recipe | None) -> str | None:
    """``text``, its proportions, or nothing: the first that ``recipe`` allows."""
    if recipe is None:
        return text
    for size in (text, text.lower().replace("x", ":")):
        try:
            recipe.size(size)
        except InvalidRequest:
            continue
        return size
    return None


def _said(prompt: str | None, options: PromptFlags) -> Mapping[str, Any]:
    """What has a value; the placeholder alone is no text."""
    texts = {PROMPT: prompt} if prompt and prompt.strip() != PLACEHOLDER else {}
    values = {field: getattr(options, field) for field in ALL_FIELDS if field != PROMPT}
    return texts | {field: value for field, value in values.items() if value is not None}


def _decided(
    group: Sequence[str], own: Mapping[str, Any], layers: Sequence[Layer]
) -> tuple[dict[str, Any], Layer | None]:
    """What ``group`` comes to, and the layer that says so; None where it was typed."""
    typed = {field: own[field] for field in group if field in own}
    layer, is_locked = _speaker(group, layers)
    if layer is None:
        return typed, None
    if is_locked:
        _check_typed(group, typed, layer)
    if group[0] in {PROMPT, NEGATIVE}:
        return {f: styled(layer.said[f], typed.get(f, "")) for f in group}, layer
    if is_locked or not typed:
        return {field: layer.said[field] for field in group if field in layer.said}, layer
    return typed, None


def _speaker(group: Sequence[str], layers: Sequence[Layer]) -> tuple[Layer | None, bool]:
    """The layer that decides ``group``, and whether it locks it."""
    saying = [layer for layer in layers if any(field in layer.said for field in group)]
    locking = [layer for layer in saying if layer.locked & set(group)]
    if locking:
        return locking[-1], True
    return (saying[0] if saying else None), False


def _check_typed(group: Sequence[str], typed: Mapping[str, Any], layer: Layer) -> None:
    """Refuse what was ``typed`` into a group of which ``layer`` locks another value."""
    if all(layer.said.get(field) == said for field, said in typed.items()):
        return
    locked = next(field for field in group if field in layer.locked)
    value = layer.said[locked]
    if locked in {PROMPT, NEGATIVE} and (not typed[locked].strip() or PLACEHOLDER in value):
        return
    raise FieldLocked(
        say(
            "{field} is locked to {value} by {title}: leave it out.",
            field=field_name(locked),
            value=textwrap.shorten(str(value), 80, placeholder="…") or say("nothing"),
            title=layer.title,
        )
    )


def _check_line(what: str, text: str, least: int, most: int) -> None:
    if not least <= len(text) <= most or text != text.strip():
        raise InvalidRequest(
            say(
                "The {what} of a preset must have {least} to {most} characters and no spaces "
                "around it, got {text!r}.",
                what=what,
                least=least,
                most=most,
                text=text[:80],
            )
        )
    if any(unicodedata.category(char) in _NO_CHARS for char in text):
        raise InvalidRequest(
            say(
                "The {what} of a preset must be one line of text, got {text!r}.",
                what=what,
                text=text,
            )
        )


def _check_lock(field: str, said: Mapping[str, Any]) -> None:
    if field not in FIELDS:
        raise InvalidRequest(
            say(
                "There is no field {field!r} to lock; there are {allowed}.",
                field=field,
                allowed=", ".join(FIELDS),
            )
        )
    if field not in said:
        raise InvalidRequest(
            say("{field} cannot be locked without a value: say one.", field=field_name(field))
        )
