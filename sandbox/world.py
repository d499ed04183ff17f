"""Looks up who and what exists, and what each may see and do. ``places`` has the constants."""

from dataclasses import replace

from sandbox.errors import SandboxError
from sandbox.model import Channel, ChannelKind, Guild, Message, Role, User
from sandbox.permissions import ADMIN, AS_GUEST, IN_OWN_DM, MEMBER, NONE, Permission
from sandbox.places import BOT_USER, GUILDS, INSTALLERS, PEOPLE, channels

MAX_PREMIUM_TIER = 3


class World:
    """Users, guilds and channels, by id or by name.

    Only the bot's permissions and the boosts of a guild can change.
    """

    def __init__(self) -> None:
        self.bot = BOT_USER
        self.people = PEOPLE
        self.installers = INSTALLERS
        self._guilds = {guild.id: guild for guild in GUILDS}
        self._channels = {channel.id: channel for channel in channels()}

    @property
    def guilds(self) -> tuple[Guild, ...]:
        """Every guild, those without the bot too."""
        return tuple(self._guilds.values())

    @property
    def bot_guilds(self) -> tuple[Guild, ...]:
        """The guilds that the bot is a member of."""
        return tuple(guild for guild in self.guilds if guild.has_bot)

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Every channel, those of guilds first."""
        return tuple(self._channels.values())

    def guild(self, guild_id: str | int | None) -> Guild | None:
        """Return the guild with this id, if there is one."""
        return next((guild for guild in self.guilds if str(guild.id) == str(guild_id)), None)

    def channel(self, channel_id: str | int | None) -> Channel | None:
        """Return the channel with this id, if there is one."""
        return next((c for c in self._channels.values() if str(c.id) == str(channel_id)), None)

    def channels_of(self, guild: Guild) -> tuple[Channel, ...]:
        """Return the channels of one guild, in order; threads are not among them."""
        return tuple(c for c in self.channels if c.guild_id == guild.id and c.parent_id is None)

    def threads_of(self, guild: Guild) -> tuple[Channel, ...]:
        """Return the threads of one guild, posts in forums too."""
        return tuple(c for c in self.channels if c.guild_id == guild.id and c.parent_id)

    def dm_with(self, user_id: str | int) -> Channel | None:
        """Return the conversation of a person with the bot."""
        for channel in self.channels:
            is_direct = channel.kind is ChannelKind.DM
            if is_direct and str(channel.recipients[0].id) == str(user_id):
                return channel
        return None

    def roles_of(self, user: User, guild: Guild) -> tuple[Role, ...]:
        """Return the roles a member holds, besides everyone's."""
        return tuple(role for role in guild.roles if user in role.holders)

    def permissions(self, user: User, channel: Channel) -> Permission:
        """Return what a person may do in a channel."""
        guild = self.guild(channel.guild_id)
        if guild is None:
            return MEMBER if user in channel.recipients else NONE
        if guild.owner == user:
            return ADMIN
        roles = self.roles_of(user, guild)
        granted = MEMBER
        for role in roles:
            granted |= role.permissions
        place = self.parent_of(channel) or channel
        is_exempt = place.exempt_role_id in {role.id for role in roles}
        return granted if is_exempt else granted & ~place.denied

    def app_permissions(self, user: User, channel: Channel) -> Permission:
        """Return what an interaction says the bot may do: as a guest, not more than the user."""
        if channel.kind is ChannelKind.DM:
            return IN_OWN_DM & (channel.bot_permissions | Permission.MENTION_EVERYONE)
        if self.is_bot_in(channel):
            return channel.bot_permissions
        if channel.guild_id is None:
            return AS_GUEST
        return AS_GUEST & self.permissions(user, channel)

    def is_bot_in(self, channel: Channel) -> bool:
        """Return whether the bot takes part in a conversation, or is a member of the guild."""
        guild = self.guild(channel.guild_id)
        return guild.has_bot if guild else channel.kind is ChannelKind.DM

    def parent_of(self, channel: Channel) -> Channel | None:
        """Return the channel that a thread hangs on."""
        return self.channel(channel.parent_id) if channel.parent_id else None

    def is_age_restricted(self, channel: Channel) -> bool:
        """Return whether a channel, or the channel of a thread, is for adults."""
        return (self.parent_of(channel) or channel).is_age_restricted

    def can_see(self, user: User, channel: Channel) -> bool:
        """Return whether a channel is shown to a person."""
        return Permission.VIEW_CHANNEL in self.permissions(user, channel)

    def can_read(self, user: User, message: Message) -> bool:
        """Return whether a message is shown to a person."""
        return message.visible_to in {None, user} and self.can_see(user, message.channel)

    def find_person(self, name_or_id: object) -> User:
        """Return the person named so.

        Raises:
            SandboxError: Nobody has this name or id.
        """
        for user in self.people:
            if str(name_or_id).lower() in {str(user.id), user.name, user.display_name}:
                return user
        names = ", ".join(user.name for user in self.people)
        raise SandboxError(f"there is no user {name_or_id!r}; there are {names}")

    def find_guild(self, name_or_id: object) -> Guild:
        """Return the guild named so.

        Raises:
            SandboxError: No guild has this name or id.
        """
        for guild in self.guilds:
            if str(name_or_id) in {str(guild.id), guild.name}:
                return guild
        names = ", ".join(guild.name for guild in self.guilds)
        raise SandboxError(f"there is no guild {name_or_id!r}; there are {names}")

    def find_channel(self, name_or_id: object, user: User) -> Channel:
        """Return a channel where ``user`` can write; ``dm`` is the conversation with the bot.

        Raises:
            SandboxError: The user has no such channel. In a forum only its posts are written in.
        """
        visible = [
            c for c in self.channels if self.can_see(user, c) and c.kind is not ChannelKind.FORUM
        ]
        for channel in visible:
            if str(name_or_id) in {str(channel.id), channel.name}:
                return channel
        names = ", ".join(channel.name for channel in visible)
        raise SandboxError(f"there is no channel {name_or_id!r}; there are {names}")

    def set_bot_permissions(self, channel: Channel, permissions: Permission) -> Channel:
        """Change what the bot may do in a channel and its threads; return the channel as it is.

        A thread has no permissions of its own: the change is then one of its parent.
        """
        place = self.parent_of(channel) or channel
        for other in self.channels:
            if place.id in {other.id, other.parent_id}:
                self._channels[other.id] = replace(other, bot_permissions=permissions)
        return self._channels[place.id]

    def set_premium_tier(self, guild: Guild, tier: int) -> Guild:
        """Change what the boosts of a guild have reached; return the guild as it is now."""
        changed = replace(guild, premium_tier=tier)
        self._guilds[guild.id] = changed
        return changed
