"""What exists from the start: two guilds, two people, one bot, their channels.

The ids are the same at every start, so what a bot remembers about a guild stays true. Only the
bot's permissions can change.
"""

from dataclasses import replace

from sandbox.errors import SandboxError
from sandbox.model import Channel, ChannelKind, Guild, User
from sandbox.permissions import ADMIN, BOT, MEMBER, Permission
from sandbox.snowflake import from_ms

_FIRST_ID = from_ms(1_704_067_200_000)  # 2024-01-01, UTC

ADA = User(id=_FIRST_ID + 1, name="ada", display_name="Ada", permissions=ADMIN)
BEN = User(id=_FIRST_ID + 2, name="ben", display_name="Ben", permissions=MEMBER, locale="de")
BOT_USER = User(
    id=_FIRST_ID + 3, name="hypersd", display_name="Hyper-SD", permissions=BOT, is_bot=True
)
STUDIO = Guild(id=_FIRST_ID + 10, name="Studio", owner=ADA)
ATELIER = Guild(id=_FIRST_ID + 20, name="Atelier", owner=ADA, locale="de")

_TEXT_CHANNELS = (
    (STUDIO, "general", "Anything goes"),
    (STUDIO, "pictures", "Prompts and results"),
    (ATELIER, "drawings", "Work in progress"),
)


class World:
    """Looks up users, guilds and channels, by id or by name."""

    def __init__(self) -> None:
        self.bot = BOT_USER
        self.people = (ADA, BEN)
        self.guilds = (STUDIO, ATELIER)
        self._channels = {channel.id: channel for channel in (*_text_channels(), *_dm_channels())}

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Every channel, those of guilds first."""
        return tuple(self._channels.values())

    def guild(self, guild_id: str | int | None) -> Guild | None:
        """Return the guild with this id, if there is one."""
        return next((guild for guild in self.guilds if str(guild.id) == str(guild_id)), None)

    def channel(self, channel_id: str | int) -> Channel | None:
        """Return the channel with this id, if there is one."""
        return next((c for c in self._channels.values() if str(c.id) == str(channel_id)), None)

    def channels_of(self, guild: Guild) -> tuple[Channel, ...]:
        """Return the channels of one guild, in order."""
        return tuple(channel for channel in self.channels if channel.guild_id == guild.id)

    def dm_with(self, user_id: str | int) -> Channel | None:
        """Return the conversation of a person with the bot."""
        for channel in self.channels:
            if channel.recipient is not None and str(channel.recipient.id) == str(user_id):
                return channel
        return None

    def find_person(self, name_or_id: object) -> User:
        """Return the person named so.

        Raises:
            SandboxError: Nobody has this name or id.
        """
        for user in self.people:
            if str(name_or_id).lower() in {str(user.id), user.name}:
                return user
        names = ", ".join(user.name for user in self.people)
        raise SandboxError(f"there is no user {name_or_id!r}; there are {names}")

    def find_channel(self, name_or_id: object, user: User) -> Channel:
        """Return a channel that ``user`` can see; ``dm`` is the conversation with the bot.

        Raises:
            SandboxError: The user has no such channel.
        """
        visible = [c for c in self.channels if c.recipient in {None, user}]
        for channel in visible:
            if str(name_or_id) in {str(channel.id), channel.name}:
                return channel
        names = ", ".join(channel.name for channel in visible)
        raise SandboxError(f"there is no channel {name_or_id!r}; there are {names}")

    def set_bot_permissions(self, channel: Channel, permissions: Permission) -> Channel:
        """Change what the bot may do in a channel; return the channel as it is now."""
        changed = replace(channel, bot_permissions=permissions)
        self._channels[channel.id] = changed
        return changed


def _text_channels() -> list[Channel]:
    return [
        Channel(
            id=_FIRST_ID + 100 + position,
            kind=ChannelKind.TEXT,
            name=name,
            topic=topic,
            position=position,
            guild_id=guild.id,
            bot_permissions=BOT,
        )
        for position, (guild, name, topic) in enumerate(_TEXT_CHANNELS)
    ]


def _dm_channels() -> list[Channel]:
    return [
        Channel(
            id=_FIRST_ID + 200 + position,
            kind=ChannelKind.DM,
            name="dm",
            recipient=user,
            bot_permissions=BOT,
        )
        for position, user in enumerate((ADA, BEN))
    ]
