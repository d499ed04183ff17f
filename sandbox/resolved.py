"""Collects the ``resolved`` objects of an interaction: what the ids among its values stand for."""

from sandbox.command_rules import OptionKind
from sandbox.components import Kind
from sandbox.errors import SandboxError
from sandbox.files import FileStore
from sandbox.model import Guild, Message
from sandbox.payloads import (
    attachment_payload,
    channel_payload,
    member_payload,
    message_payload,
    role_payloads,
    user_payload,
)
from sandbox.wire import Json
from sandbox.world import World

# What the values of an option or of a select are ids of.
OPTION_TARGETS: dict[int, tuple[str, ...]] = {
    OptionKind.USER: ("users",),
    OptionKind.CHANNEL: ("channels",),
    OptionKind.ROLE: ("roles",),
    OptionKind.MENTIONABLE: ("users", "roles"),
    OptionKind.ATTACHMENT: ("attachments",),
}
COMPONENT_TARGETS: dict[int, tuple[str, ...]] = {
    Kind.USER_SELECT: ("users",),
    Kind.CHANNEL_SELECT: ("channels",),
    Kind.ROLE_SELECT: ("roles",),
    Kind.MENTIONABLE_SELECT: ("users", "roles"),
    Kind.FILE_UPLOAD: ("attachments",),
}


class Resolved:
    """The objects found so far, by their kind and id."""

    def __init__(self, world: World, files: FileStore, guild: Guild | None) -> None:
        self._world = world
        self._files = files
        self._guild = guild
        self._finders = {
            "users": self._user,
            "channels": self._channel,
            "roles": self._role,
            "attachments": self._attachment,
        }
        self._found: Json = {}

    def field(self) -> Json:
        """Return the field of an interaction's data; like Discord, none when nothing was found.

        discord.py takes the presence of the field for a select of users, roles or channels.
        """
        return {"resolved": self._found} if self._found else {}

    def add_message(self, message: Message) -> None:
        """Keep the message that a command in its menu is about."""
        self._found["messages"] = {str(message.id): message_payload(message)}

    def add(self, value: object, targets: tuple[str, ...]) -> str:
        """Look an id up and keep what it stands for; return the id.

        Raises:
            SandboxError: Nothing has this id.
        """
        for target in targets:
            found = self._finders[target](str(value))
            if found is not None:
                self._found.setdefault(target, {})[str(value)] = found
                return str(value)
        raise SandboxError(f"{value!r} is none of the {' or '.join(targets)} here")

    def _user(self, user_id: str) -> Json | None:
        for user in (*self._world.people, self._world.bot):
            if str(user.id) == user_id:
                if self._guild is not None:
                    member = member_payload(user, self._guild)
                    del member["user"], member["deaf"], member["mute"]
                    self._found.setdefault("members", {})[user_id] = member
                return user_payload(user)
        return None

    def _channel(self, channel_id: str) -> Json | None:
        channel = self._world.channel(channel_id)
        if channel is None or self._guild is None or channel.guild_id != self._guild.id:
            return None
        permissions = str(int(channel.bot_permissions))
        shown = channel_payload(channel, self._world)
        return shown | {"permissions": permissions, "app_permissions": permissions}

    def _role(self, role_id: str) -> Json | None:
        roles = role_payloads(self._guild, self._world) if self._guild else []
        return next((role for role in roles if role["id"] == role_id), None)

    def _attachment(self, attachment_id: str) -> Json | None:
        file = self._files.find(attachment_id)
        return attachment_payload(file.attachment) if file else None
