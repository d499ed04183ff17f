"""What a user did at the page, as the ``data`` of an interaction.

Checks what Discord's own client checks before it asks a bot: required options, types, choices,
ranges, enabled components. Whatever breaks these rules is a ``SandboxError``.
"""

from collections.abc import Sequence

from sandbox.command_rules import NESTING, CommandKind, OptionKind
from sandbox.components import LINK_STYLE, Kind, find_by_custom_id, walk
from sandbox.errors import SandboxError
from sandbox.resolved import COMPONENT_TARGETS, OPTION_TARGETS, Resolved
from sandbox.wire import Json

_OPTION_TYPES: dict[int, tuple[type, ...]] = {
    OptionKind.STRING: (str,),
    OptionKind.INTEGER: (int,),
    OptionKind.NUMBER: (int, float),
    OptionKind.BOOLEAN: (bool,),
}


def command_data(command: Json, leaf: Json, values: Json, resolved: Resolved) -> Json:
    """Return the data of an invoked slash command; ``leaf`` is the subcommand, or the command."""
    options = leaf.get("options", [])
    if unknown := sorted(values.keys() - {option["name"] for option in options}):
        raise SandboxError(f"/{leaf['name']} has no option {unknown[0]!r}")
    filled = []
    for option in options:
        if option["name"] in values:
            filled.append(_filled(option, values[option["name"]], resolved))
        elif option.get("required"):
            raise SandboxError(f"/{leaf['name']} needs the option {option['name']!r}")
    head = _command_head(command) | resolved.field()
    return head | {"options": _nested(command, leaf, filled)}


def autocomplete_data(command: Json, leaf: Json, values: Json, focused: str) -> Json:
    """Return the data of a half-typed command; ``focused`` names the option being typed."""
    options = {option["name"]: option for option in leaf.get("options", [])}
    if focused not in options or not options[focused].get("autocomplete"):
        raise SandboxError(f"/{leaf['name']} has no option {focused!r} with autocomplete")
    filled: list[Json] = []
    for name, value in ({focused: ""} | values).items():
        entry: Json = {"type": options[name]["type"], "name": name, "value": value}
        filled.append(entry | {"focused": True} if name == focused else entry)
    return _command_head(command) | {"options": _nested(command, leaf, filled)}


def menu_data(command: Json, target_id: str, resolved: Resolved) -> Json:
    """Return the data of a command from a menu; the target is a user, or a message in resolved."""
    if command["type"] == CommandKind.USER:
        target_id = resolved.add(target_id, ("users",))
    return _command_head(command) | resolved.field() | {"target_id": target_id}


def component_data(
    components: Sequence[Json], custom_id: str, values: Sequence[object], resolved: Resolved
) -> Json:
    """Return the data of a pressed button or a changed select."""
    component = find_by_custom_id(components, custom_id)
    if component is None:
        raise SandboxError(f"the message has no component {custom_id!r}")
    if component.get("disabled"):
        raise SandboxError(f"the component {custom_id!r} is disabled")
    data: Json = {
        "id": component["id"],
        "custom_id": custom_id,
        "component_type": component["type"],
    }
    if component["type"] == Kind.BUTTON:
        assert component["style"] != LINK_STYLE
        return data
    chosen = _chosen(component, values, resolved)
    return data | {"values": chosen} | resolved.field()


def modal_data(modal: Json, values: Json, resolved: Resolved) -> Json:
    """Return the data of a submitted modal; ``values`` are by custom id."""
    inputs = {c["custom_id"] for _, c in walk(modal["components"]) if "custom_id" in c}
    if unknown := sorted(values.keys() - inputs):
        raise SandboxError(f"the modal has no input {unknown[0]!r}")
    components = [_submitted(c, values, resolved) for c in modal["components"]]
    return {"custom_id": modal["custom_id"], "components": components} | resolved.field()


def _command_head(command: Json) -> Json:
    return {key: command[key] for key in ("id", "name", "type", "guild_id") if key in command}


def _nested(command: Json, leaf: Json, filled: list[Json]) -> list[Json]:
    """Wrap the options of a subcommand into its own entry, and that into its group's."""
    if command is leaf:
        return filled
    for option in command.get("options", []):
        if option["type"] in NESTING and (option is leaf or leaf in option.get("options", [])):
            below = _nested(option, leaf, filled)
            return [{"type": option["type"], "name": option["name"], "options": below}]
    raise AssertionError(f"{leaf['name']} is not part of {command['name']}")


def _filled(option: Json, value: object, resolved: Resolved) -> Json:
    kind = option["type"]
    if kind in OPTION_TARGETS:
        value = resolved.add(value, OPTION_TARGETS[kind])
        _check_channels(option, [value], resolved)
    else:
        _check_value(option, value)
    return {"type": kind, "name": option["name"], "value": value}


def _check_value(option: Json, value: object) -> None:
    name, kind = option["name"], option["type"]
    is_flag = isinstance(value, bool)
    if not isinstance(value, _OPTION_TYPES[kind]) or is_flag != (kind == OptionKind.BOOLEAN):
        raise SandboxError(f"the option {name!r} is of type {OptionKind(kind).name}, got {value!r}")
    allowed = [choice["value"] for choice in option.get("choices", [])]
    if allowed and value not in allowed:
        raise SandboxError(f"the option {name!r} must be one of {allowed}, got {value!r}")
    size = len(value) if isinstance(value, str) else value
    unit = "length" if isinstance(value, str) else "value"
    assert isinstance(size, (int, float))
    if not option.get(f"min_{unit}", size) <= size <= option.get(f"max_{unit}", size):
        least, most = option.get(f"min_{unit}"), option.get(f"max_{unit}")
        raise SandboxError(f"the {unit} of {name!r} must be in {least}..{most}, got {size}")


def _check_channels(item: Json, ids: Sequence[str], resolved: Resolved) -> None:
    """Raise when a select or option of channels was given one of a kind it does not take."""
    allowed = item.get("channel_types") or ()
    for channel_id in ids if allowed else ():
        kind = resolved.channel_kind(channel_id)
        if kind not in allowed:
            raise SandboxError(f"channel {channel_id} is of kind {kind}; offered are {allowed}")


def _chosen(component: Json, values: Sequence[object], resolved: Resolved) -> list[str]:
    """Return the values chosen in a select or a group, within its rules."""
    custom_id = component["custom_id"]
    is_optional = component.get("required") is False
    least = 0 if is_optional and not values else component.get("min_values", 1)
    is_group = component["type"] == Kind.CHECKBOX_GROUP
    most = component.get("max_values", len(component["options"]) if is_group else 1)
    if not least <= len(values) <= most:
        raise SandboxError(f"{custom_id!r} takes {least} to {most} values, got {len(values)}")
    if component["type"] in COMPONENT_TARGETS:
        targets = COMPONENT_TARGETS[component["type"]]
        ids = [resolved.add(value, targets) for value in values]
        _check_channels(component, ids, resolved)
        return ids
    allowed = [option["value"] for option in component.get("options", [])]
    for value in values:
        if value not in allowed:
            raise SandboxError(f"{custom_id!r} offers {allowed}, got {value!r}")
    return [str(value) for value in values]


def _submitted(component: Json, values: Json, resolved: Resolved) -> Json:
    """Return one component of a modal with what the user put in."""
    entry: Json = {"type": component["type"], "id": component["id"]}
    match component["type"]:
        case Kind.ACTION_ROW:
            entry["components"] = [
                _submitted(child, values, resolved) for child in component["components"]
            ]
        case Kind.LABEL:
            entry["component"] = _submitted(component["component"], values, resolved)
        case Kind.TEXT_DISPLAY:
            pass
        case _:
            entry |= _filled_input(component, values.get(component["custom_id"]), resolved)
    return entry


def _filled_input(component: Json, value: object, resolved: Resolved) -> Json:
    custom_id = component["custom_id"]
    entry: Json = {"custom_id": custom_id}
    match component["type"]:
        case Kind.TEXT_INPUT:
            return entry | {"value": _typed(component, value)}
        case Kind.CHECKBOX:
            return entry | {"value": bool(value)}
        case Kind.RADIO_GROUP:
            chosen = _chosen(component, [] if value is None else [value], resolved)
            return entry | {"value": chosen[0] if chosen else None}
        case _:
            values = value if isinstance(value, list) else [] if value is None else [value]
            return entry | {"values": _chosen(component, values, resolved)}


def _typed(component: Json, value: object) -> str:
    text = str(component.get("value") or "") if value is None else str(value)
    if not text and component.get("required", True):
        raise SandboxError(f"the input {component['custom_id']!r} is required")
    least, most = component.get("min_length") or 0, component.get("max_length") or 4000
    if text and not least <= len(text) <= most:
        raise SandboxError(
            f"the input {component['custom_id']!r} takes {least} to {most} characters,"
            f" got {len(text)}"
        )
    return text
