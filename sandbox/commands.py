"""The registered application commands, global and of single guilds."""

from collections.abc import Callable, Sequence
from typing import Any

from sandbox.command_rules import NESTING, CommandKind, check_commands
from sandbox.errors import SandboxError
from sandbox.installs import is_usable
from sandbox.model import Channel, User
from sandbox.snowflake import Snowflakes
from sandbox.wire import Json
from sandbox.world import World


class CommandRegistry:
    """Keeps commands in response form; ``scope`` is a guild's id, or None for global ones."""

    def __init__(
        self, world: World, snowflakes: Snowflakes, *, on_change: Callable[[], None]
    ) -> None:
        self._world = world
        self._snowflakes = snowflakes
        self._on_change = on_change
        self._scopes: dict[int | None, list[Json]] = {}

    def in_scope(self, scope: int | None) -> list[Json]:
        """Return the commands of one scope."""
        return self._scopes.get(scope, [])

    def overwrite(self, bodies: Sequence[Json], scope: int | None) -> list[Json]:
        """Replace all commands of a scope; one that keeps kind and name keeps its id.

        Raises:
            DiscordError: 50035, a rule about commands is broken.
        """
        check_commands(bodies)
        ids = {
            (command["type"], command["name"]): command["id"] for command in self.in_scope(scope)
        }
        self._scopes[scope] = [self._register(body, scope, ids) for body in bodies]
        self._on_change()
        return self._scopes[scope]

    def usable(self, user: User, channel: Channel) -> list[Json]:
        """Return the commands that Discord would offer to a user in a channel."""
        offered = self.in_scope(None) + (
            self.in_scope(channel.guild_id) if channel.guild_id is not None else []
        )
        return [command for command in offered if is_usable(command, user, channel, self._world)]

    def find(self, full_name: str, kind: int, user: User, channel: Channel) -> tuple[Json, Json]:
        """Return a command, and the subcommand of it that the full name means (or itself).

        Raises:
            SandboxError: The user has no such command in this channel.
        """
        name, *below = full_name.split()
        for command in self.usable(user, channel):
            if command["name"] == name and command["type"] == kind:
                return command, _descend(command, below)
        raise SandboxError(f"{user.display_name} has no command {full_name!r} in {channel.name}")

    def _register(self, body: Json, scope: int | None, ids: dict[tuple[Any, Any], str]) -> Json:
        command = _without_nulls(body)
        command.setdefault("type", CommandKind.CHAT_INPUT)
        known_id = ids.get((command["type"], command["name"]))
        granted = body.get("default_member_permissions")
        command |= {
            "id": known_id or str(self._snowflakes.next()),
            "application_id": str(self._world.bot.id),
            "version": str(self._snowflakes.next()),
            "description": command.get("description", ""),
            "default_member_permissions": None if granted is None else str(granted),
            "integration_types": command.get("integration_types", [0]),
            "contexts": body.get("contexts"),
            "nsfw": bool(body.get("nsfw")),
        }
        if scope is not None:
            command["guild_id"] = str(scope)
        return command


def _descend(command: Json, below: Sequence[str]) -> Json:
    for name in below:
        options = command.get("options", [])
        found = [o for o in options if o["name"] == name and o["type"] in NESTING]
        if not found:
            raise SandboxError(f"the command {command['name']!r} has no subcommand {name!r}")
        command = found[0]
    if any(option["type"] in NESTING for option in command.get("options", [])):
        raise SandboxError(f"{command['name']!r} needs a subcommand")
    return command


def _without_nulls(item: Json) -> Json:
    """Return a command or option without its absent parts, down to the last choice."""
    cleaned = {key: value for key, value in item.items() if value is not None}
    for key in ("options", "choices"):
        if key in cleaned:
            cleaned[key] = [_without_nulls(entry) for entry in cleaned[key]]
    return cleaned
