"""Collects the ``resolved`` objects of an interaction: what the ids among its values stand for."""

from sandbox.command_rules import OptionKind
from sandbox.components import Kind
from sandbox.errors import SandboxError
from sandbox.files import FileStore
from sandbox.guild_payloads import channel_payload, member_payload, role_payloads
from sandbox.model import Channel, Message, User
from sandbox.payloads import attachment_payload, message_payload, user_payload
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

    def __init__(self, world: World, files: FileStore, asker: User, place: Channel) -> None:
        self._world = world
        self._files = files
        self._asker = asker
        self._place = place
        self._guild = world.guild(place.guild_id)
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
        """Look up an id, or a name of a user, role or channel; keep what it stands for.

        Returns the id.

        Raises:
            SandboxError: Nothing is called so.
        """
        for target in targets:
            found = self._finders[target](str(value))
            if found is not None:
                self._found.setdefault(target, {})[found["id"]] = found
                return str(found["id"])
        raise SandboxError(f"{value!r} is none of the {' or '.join(targets)} here")

    def channel_kind(self, channel_id: str) -> int:
        """Return the kind of a channel that was found before."""
        return int(self._found["channels"][channel_id]["type"])

    def _user(self, name_or_id: str) -> Json | None:
        for user in (*self._world.people, self._world.bot):
            if name_or_id in {str(user.id), user.name}:
                if self._guild is not None:
                    member = member_payload(user, self._guild, self._world)
                    del member["user"], member["deaf"], member["mute"]
                    member["permissions"] = str(int(self._world.permissions(user, self._place)))
                    self._found.setdefault("members", {})[str(user.id)] = member
                return user_payload(user)
        return None

    def _channel(self, name_or_id: str) -> Json | None:
        for channel in self._world.channels:
            is_here = self._guild is not None and channel.guild_id == self._guild.id
            if is_here and name_or_id in {str(channel.id), channel.name}:
                shown = channel_payload(channel, self._world)
                return shown | {
                    "permissions": str(int(self._world.permissions(self._asker, channel))),
                    "app_permissions": str(int(channel.bot_permissions)),
                }
        return None

    def _role(self, name_or_id: str) -> Json | None:
        roles = role_payloads(self._guild, self._world) if self._guild else []
        return next((r for r in roles if name_or_id in {r["id"], r["name"]}), None)

    def _attachment(self, attachment_id: str) -> Json | None:
        file = self._files.find(attachment_id)
        return attachment_payload(file.attachment) if file else None
