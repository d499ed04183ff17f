"""Everything a page has to show to one person, as one JSON object."""

from sandbox.commands import CommandRegistry
from sandbox.gateway import Gateway
from sandbox.guild_payloads import role_payloads
from sandbox.messages import MessageBoard
from sandbox.model import Channel, ChannelKind, Guild, User
from sandbox.payloads import message_payload, user_payload
from sandbox.wire import Json
from sandbox.world import World


class PageState:
    """Puts together what the page needs after it was opened or after the bot has changed."""

    def __init__(
        self, world: World, commands: CommandRegistry, board: MessageBoard, gateway: Gateway
    ) -> None:
        self._world = world
        self._commands = commands
        self._board = board
        self._gateway = gateway

    def as_seen_by(self, name_or_id: object) -> Json:
        """Return the state for one person; without a name, for the first.

        Each command is listed once, with the ids of the channels where this person may use it.
        """
        user = self._world.find_person(name_or_id or self._world.people[0].name)
        channels = [c for c in self._world.channels if self._world.can_see(user, c)]
        return {
            "user": self._user(user),
            "users": [self._user(person) for person in (*self._world.people, self._world.bot)],
            "bot": user_payload(self._world.bot) | {"online": self._gateway.is_bot_online},
            "guilds": [self._guild(guild) for guild in self._world.guilds],
            "channels": [self._channel(channel, user) for channel in channels],
            "commands": self._commands_for(user, channels),
        }

    def _user(self, user: User) -> Json:
        return user_payload(user) | {"display_name": user.display_name, "locale": user.locale}

    def _guild(self, guild: Guild) -> Json:
        roles = role_payloads(guild, self._world)
        return {"id": str(guild.id), "name": guild.name, "roles": roles, "bot": guild.has_bot}

    def _channel(self, channel: Channel, user: User) -> Json:
        messages = [m for m in self._board.all_in(channel) if self._world.can_read(user, m)]
        is_direct = channel.kind is ChannelKind.DM
        return {
            "id": str(channel.id),
            "name": self._world.bot.display_name if is_direct else channel.name,
            "type": int(channel.kind),
            "topic": channel.topic,
            "nsfw": self._world.is_age_restricted(channel),
            "guild": str(channel.guild_id) if channel.guild_id is not None else None,
            "parent": str(channel.parent_id) if channel.parent_id is not None else None,
            "messages": [message_payload(message) for message in messages],
        }

    def _commands_for(self, user: User, channels: list[Channel]) -> list[Json]:
        listed: dict[str, Json] = {}
        for channel in channels:
            if channel.kind is ChannelKind.FORUM:
                continue
            for command in self._commands.usable(user, channel):
                entry = listed.setdefault(command["id"], command | {"channels": []})
                entry["channels"].append(str(channel.id))
        return list(listed.values())
