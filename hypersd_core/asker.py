"""Who asks, and where: all that a guild's policy decides by. It knows nothing of Discord."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """A person in a channel. Ids are Discord's.

    ``guild_id`` is None where no guild has installed the bot: in direct messages, and wherever its
    user brought it along, as a guild's policy cannot hold there. ``parent_channel_id`` is the
    channel of a thread, or the forum of a post. ``may_moderate`` is Discord's permission to manage
    messages in this channel, ``may_manage`` the one to manage the guild.
    """

    user_id: int
    guild_id: int | None
    channel_id: int
    parent_channel_id: int | None = None
    role_ids: frozenset[int] = frozenset()
    is_age_restricted: bool = False
    is_direct: bool = False
    may_moderate: bool = False
    may_manage: bool = False
