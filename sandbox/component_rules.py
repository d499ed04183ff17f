"""Discord's rules for components, which its published document does not contain.

What may stand where, how many, how long, and which custom ids; for messages of both kinds and for
modals.
"""

from collections.abc import Sequence
from typing import Any

from sandbox.components import LINK_STYLE, PREMIUM_STYLE, SELECTS, Kind, children, walk
from sandbox.form import Form, Path
from sandbox.wire import Json

MAX_COMPONENTS = 40
MAX_DISPLAY_TEXT = 4000
MAX_ROWS = 5
ROW_WIDTH = 5

_CONTAINED = frozenset(
    {
        Kind.ACTION_ROW,
        Kind.SECTION,
        Kind.TEXT_DISPLAY,
        Kind.MEDIA_GALLERY,
        Kind.FILE,
        Kind.SEPARATOR,
    }
)
_LEGACY_TOP = frozenset({Kind.ACTION_ROW})
_V2_TOP = _CONTAINED | {Kind.CONTAINER}
_MODAL_TOP = frozenset({Kind.ACTION_ROW, Kind.LABEL, Kind.TEXT_DISPLAY})
_IN_MODAL_ROW = frozenset({Kind.TEXT_INPUT, Kind.STRING_SELECT})

# Which children each kind may have, by the key that holds them.
_CHILDREN: dict[tuple[int, str | int], frozenset[Kind]] = {
    (Kind.ACTION_ROW, "components"): SELECTS | {Kind.BUTTON},
    (Kind.SECTION, "components"): frozenset({Kind.TEXT_DISPLAY}),
    (Kind.SECTION, "accessory"): frozenset({Kind.BUTTON, Kind.THUMBNAIL}),
    (Kind.CONTAINER, "components"): _CONTAINED,
    (Kind.LABEL, "component"): SELECTS
    | {
        Kind.TEXT_INPUT,
        Kind.FILE_UPLOAD,
        Kind.RADIO_GROUP,
        Kind.CHECKBOX_GROUP,
        Kind.CHECKBOX,
    },
}
_REQUIRED: dict[int, tuple[str, ...]] = {
    Kind.ACTION_ROW: ("components",),
    Kind.BUTTON: ("style",),
    Kind.STRING_SELECT: ("custom_id", "options"),
    Kind.TEXT_INPUT: ("custom_id", "style"),
    Kind.USER_SELECT: ("custom_id",),
    Kind.ROLE_SELECT: ("custom_id",),
    Kind.MENTIONABLE_SELECT: ("custom_id",),
    Kind.CHANNEL_SELECT: ("custom_id",),
    Kind.SECTION: ("components", "accessory"),
    Kind.TEXT_DISPLAY: ("content",),
    Kind.THUMBNAIL: ("media",),
    Kind.MEDIA_GALLERY: ("items",),
    Kind.FILE: ("file",),
    Kind.CONTAINER: ("components",),
    Kind.LABEL: ("label", "component"),
    Kind.FILE_UPLOAD: ("custom_id",),
    Kind.RADIO_GROUP: ("custom_id", "options"),
    Kind.CHECKBOX_GROUP: ("custom_id", "options"),
    Kind.CHECKBOX: ("custom_id",),
}
# Lengths of texts and of lists: (kind or None for every kind, key) -> (least, most).
_TEXTS: dict[tuple[int | None, str], tuple[int, int]] = {
    (None, "custom_id"): (1, 100),
    (None, "placeholder"): (0, 150),
    (Kind.TEXT_INPUT, "placeholder"): (0, 100),
    (Kind.TEXT_INPUT, "value"): (0, 4000),
    (Kind.TEXT_INPUT, "label"): (1, 45),
    (Kind.BUTTON, "label"): (0, 80),
    (Kind.BUTTON, "url"): (1, 512),
    (Kind.TEXT_DISPLAY, "content"): (1, MAX_DISPLAY_TEXT),
    (Kind.THUMBNAIL, "description"): (0, 1024),
    (Kind.LABEL, "label"): (1, 45),
    (Kind.LABEL, "description"): (0, 100),
}
_COUNTS: dict[tuple[int, str], tuple[int, int]] = {
    (Kind.ACTION_ROW, "components"): (1, ROW_WIDTH),
    (Kind.SECTION, "components"): (1, 3),
    (Kind.CONTAINER, "components"): (1, MAX_COMPONENTS),
    (Kind.MEDIA_GALLERY, "items"): (1, 10),
    (Kind.STRING_SELECT, "options"): (1, 25),
    (Kind.RADIO_GROUP, "options"): (2, 10),
    (Kind.CHECKBOX_GROUP, "options"): (1, 10),
}
_OPTION_TEXTS = {"label": (1, 100), "value": (1, 100), "description": (0, 100)}


def check_message_components(
    form: Form, components: Sequence[Json], place: Path, *, is_v2: bool
) -> None:
    """Note what is wrong with the components of a message."""
    if not is_v2:
        form.length(components, place, most=MAX_ROWS)
    _check_tree(form, components, place, _V2_TOP if is_v2 else _LEGACY_TOP)
    if is_v2:
        _check_totals(form, components, place)


def check_modal(form: Form, modal: Json, place: Path) -> None:
    """Note what is wrong with a modal."""
    for key, most in (("custom_id", 100), ("title", 45)):
        if form.require(modal.get(key), (*place, key)):
            form.text(modal[key], (*place, key), least=1, most=most)
    components = modal.get("components")
    if not isinstance(components, list):
        form.require(None, (*place, "components"))
        return
    form.length(components, (*place, "components"), least=1, most=MAX_ROWS)
    _check_tree(form, components, (*place, "components"), _MODAL_TOP)


def _check_tree(form: Form, components: Sequence[Json], place: Path, top: frozenset[Kind]) -> None:
    for index, component in enumerate(components):
        if _is_one_of(form, component, (*place, index), top):
            _check_one(form, component, (*place, index), in_modal=top is _MODAL_TOP)
    _check_custom_ids(form, components, place)


def _is_one_of(form: Form, component: object, place: Path, allowed: frozenset[Kind]) -> bool:
    if not isinstance(component, dict):
        form.fail(place, "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
        return False
    if component.get("type") in allowed:
        return True
    names = ", ".join(str(int(kind)) for kind in sorted(allowed))
    form.fail(
        (*place, "type"),
        "UNION_TYPE_CHOICES",
        f'Value of field "type" must be one of ({names},).',
    )
    return False


def _check_one(form: Form, component: Json, place: Path, *, in_modal: bool) -> None:
    kind = component["type"]
    for key in _REQUIRED.get(kind, ()):
        form.require(component.get(key), (*place, key))
    _check_sizes(form, component, place)
    _check_options(form, component, place)
    _check_media(form, component, place)
    if kind == Kind.BUTTON:
        _check_button(form, component, place)
    if kind == Kind.ACTION_ROW:
        _check_row_width(form, component, place)
    for below, child in children(component):
        allowed = _CHILDREN.get((kind, below[0]), frozenset())
        if in_modal and kind == Kind.ACTION_ROW:
            allowed = _IN_MODAL_ROW
        if _is_one_of(form, child, (*place, *below), allowed):
            _check_one(form, child, (*place, *below), in_modal=in_modal)


def _check_sizes(form: Form, component: Json, place: Path) -> None:
    kind = component["type"]
    for key, value in component.items():
        limits = _TEXTS.get((kind, key)) or _TEXTS.get((None, key))
        if limits:
            form.text(value, (*place, key), least=limits[0], most=limits[1])
        if (kind, key) in _COUNTS and isinstance(value, list):
            least, most = _COUNTS[kind, key]
            form.length(value, (*place, key), least=least, most=most)


def _check_options(form: Form, component: Json, place: Path) -> None:
    values: set[Any] = set()
    for index, option in enumerate(component.get("options") or ()):
        here = (*place, "options", index)
        for key, (least, most) in _OPTION_TEXTS.items():
            form.text(option.get(key), (*here, key), least=least, most=most)
        if option.get("value") in values:
            form.fail(
                (*here, "value"),
                "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED",
                "The specified option value is already used",
            )
        values.add(option.get("value"))


def _check_media(form: Form, component: Json, place: Path) -> None:
    holders = [(place, component)]
    if component["type"] == Kind.MEDIA_GALLERY:
        holders = [
            ((*place, "items", index), item)
            for index, item in enumerate(component.get("items") or ())
        ]
        for here, item in holders:
            form.require(item.get("media"), (*here, "media"))
            form.text(item.get("description"), (*here, "description"), most=1024)
    for here, holder in holders:
        for key in ("media", "file"):
            if isinstance(holder.get(key), dict):
                form.require(holder[key].get("url"), (*here, key, "url"))


def _check_button(form: Form, button: Json, place: Path) -> None:
    style = button.get("style")
    if not form.choice(style, (*place, "style"), range(1, PREMIUM_STYLE + 1)):
        return
    if style == LINK_STYLE:
        if not button.get("url"):
            form.fail((*place, "url"), "BASE_TYPE_REQUIRED", "This field is required")
        if button.get("custom_id"):
            form.fail(
                (*place, "custom_id"),
                "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE",
                "A custom id and url cannot both be specified",
            )
    elif style != PREMIUM_STYLE:
        if not button.get("custom_id"):
            form.fail(
                (*place, "custom_id"),
                "BUTTON_COMPONENT_CUSTOM_ID_REQUIRED",
                "A custom id is required",
            )
        if not button.get("label") and not button.get("emoji"):
            form.fail(place, "BUTTON_COMPONENT_LABEL_REQUIRED", "A label or emoji is required")


def _check_row_width(form: Form, row: Json, place: Path) -> None:
    """A select or a text input fills its row alone."""
    kinds = [child.get("type") for _, child in children(row)]
    if len(kinds) > 1 and any(kind != Kind.BUTTON for kind in kinds):
        form.fail(
            place,
            "COMPONENT_LAYOUT_WIDTH_EXCEEDED",
            "The specified component exceeds the maximum width",
        )


def _check_custom_ids(form: Form, components: Sequence[Json], place: Path) -> None:
    seen: set[Any] = set()
    for here, component in walk(components, place):
        custom_id = component.get("custom_id")
        if custom_id is not None and custom_id in seen:
            form.fail(
                (*here, "custom_id"),
                "COMPONENT_CUSTOM_ID_DUPLICATED",
                "Component custom id cannot be duplicated",
            )
        seen.add(custom_id)


def _check_totals(form: Form, components: Sequence[Json], place: Path) -> None:
    every = [component for _, component in walk(components)]
    if len(every) > MAX_COMPONENTS:
        form.fail(
            place,
            "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED",
            f"The maximum number of components was exceeded ({len(every)} > {MAX_COMPONENTS})",
        )
    shown = sum(len(str(c.get("content"))) for c in every if c.get("type") == Kind.TEXT_DISPLAY)
    if shown > MAX_DISPLAY_TEXT:
        form.fail(
            place,
            "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED",
            f"The total displayable text size exceeds the maximum of {MAX_DISPLAY_TEXT}",
        )
