"""The tree of message and modal components: its kinds, walking it, and its response form."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from sandbox.form import Path
from sandbox.wire import Json


class Kind(IntEnum):
    """Component types; the numbers are Discord's."""

    ACTION_ROW = 1
    BUTTON = 2
    STRING_SELECT = 3
    TEXT_INPUT = 4
    USER_SELECT = 5
    ROLE_SELECT = 6
    MENTIONABLE_SELECT = 7
    CHANNEL_SELECT = 8
    SECTION = 9
    TEXT_DISPLAY = 10
    THUMBNAIL = 11
    MEDIA_GALLERY = 12
    FILE = 13
    SEPARATOR = 14
    CONTAINER = 17
    LABEL = 18
    FILE_UPLOAD = 19
    RADIO_GROUP = 21
    CHECKBOX_GROUP = 22
    CHECKBOX = 23


SELECTS = frozenset(
    {
        Kind.STRING_SELECT,
        Kind.USER_SELECT,
        Kind.ROLE_SELECT,
        Kind.MENTIONABLE_SELECT,
        Kind.CHANNEL_SELECT,
    }
)
LINK_STYLE = 5
PREMIUM_STYLE = 6

# What the response form always has and a request may leave out.
_DEFAULTS: dict[int, Json] = {
    Kind.CONTAINER: {"accent_color": None, "spoiler": False},
    Kind.FILE: {"spoiler": False},
    Kind.THUMBNAIL: {"description": None, "spoiler": False},
    Kind.SEPARATOR: {"spacing": 1, "divider": True},
    **{kind: {"min_values": 1, "max_values": 1} for kind in SELECTS},
}
_NULLABLE = frozenset({"accent_color", "description"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """A media item in response form; name and size are known for uploaded files only."""

    item: Json
    name: str | None = None
    size_bytes: int | None = None


ResolveMedia = Callable[[str, Path], Media]


def children(component: Json) -> Iterator[tuple[Path, Json]]:
    """Yield the direct children of a component, each with its place below it."""
    nested = component.get("components")
    if isinstance(nested, list):
        for index, child in enumerate(nested):
            if isinstance(child, dict):
                yield ("components", index), child
    for key in ("accessory", "component"):
        if isinstance(component.get(key), dict):
            yield (key,), component[key]


def walk(components: Sequence[Json], place: Path = ("components",)) -> Iterator[tuple[Path, Json]]:
    """Yield every component of a tree, parents first, each with its place."""
    for index, component in enumerate(components):
        if isinstance(component, dict):
            yield from _walk_one(component, (*place, index))


def _walk_one(component: Json, place: Path) -> Iterator[tuple[Path, Json]]:
    yield place, component
    for below, child in children(component):
        yield from _walk_one(child, (*place, *below))


def find_by_custom_id(components: Sequence[Json], custom_id: str) -> Json | None:
    """Return the component that reports clicks under this custom id."""
    return next((c for _, c in walk(components) if c.get("custom_id") == custom_id), None)


def resolve(
    components: Sequence[Json], resolve_media: ResolveMedia, place: Path
) -> tuple[Json, ...]:
    """Return the tree in response form: numbered, complete, media resolved.

    ``resolve_media`` turns a URL of a request into a media item; it is told the place, so that it
    can complain there.
    """
    numbers = _Numbers({c["id"] for _, c in walk(components) if c.get("id")})
    return tuple(
        _resolve_one(component, resolve_media, numbers, (*place, index))
        for index, component in enumerate(components)
    )


class _Numbers:
    """Hands out component ids from 1, leaving out those that the bot chose itself."""

    def __init__(self, taken: set[int]) -> None:
        self._taken = taken
        self._last = 0

    def next(self) -> int:
        self._last += 1
        while self._last in self._taken:
            self._last += 1
        return self._last


def _resolve_one(
    component: Json, resolve_media: ResolveMedia, numbers: _Numbers, place: Path
) -> Json:
    resolved = _DEFAULTS.get(component["type"], {}) | _without_nulls(component)
    resolved["id"] = component.get("id") or numbers.next()
    if component["type"] == Kind.MEDIA_GALLERY:
        resolved["items"] = _gallery_items(component["items"], resolve_media, (*place, "items"))
    if component["type"] == Kind.THUMBNAIL:
        media = resolve_media(component["media"]["url"], (*place, "media", "url"))
        resolved["media"] = media.item
    if component["type"] == Kind.FILE:
        media = resolve_media(component["file"]["url"], (*place, "file", "url"))
        resolved |= {"file": media.item, "name": media.name, "size": media.size_bytes}
    if "components" in component:
        resolved["components"] = [
            _resolve_one(child, resolve_media, numbers, (*place, *below))
            for below, child in children(component)
            if below[0] == "components"
        ]
    for key in ("accessory", "component"):
        if key in component:
            resolved[key] = _resolve_one(component[key], resolve_media, numbers, (*place, key))
    return resolved


def _without_nulls(item: Json) -> Json:
    """Return a component, option or emoji without absent parts that must not be null."""
    cleaned = {k: v for k, v in item.items() if v is not None or k in _NULLABLE}
    if "emoji" in cleaned:
        cleaned["emoji"] = _without_nulls(cleaned["emoji"])
    if "options" in cleaned:
        cleaned["options"] = [_without_nulls(option) for option in cleaned["options"]]
    if "default_values" in cleaned:  # ids are answered as text, however they were sent
        cleaned["default_values"] = [v | {"id": str(v["id"])} for v in cleaned["default_values"]]
    return cleaned


def _gallery_items(items: Sequence[Json], resolve_media: ResolveMedia, place: Path) -> list[Json]:
    return [
        {
            "description": item.get("description"),
            "spoiler": bool(item.get("spoiler")),
            "media": resolve_media(item["media"]["url"], (*place, index, "media", "url")).item,
        }
        for index, item in enumerate(items)
    ]
