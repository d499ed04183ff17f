"""The things that exist on this server: users, guilds, channels, attachments, messages.

Plain frozen values. How they look on the wire is ``payloads``; where they are kept is ``world``
and ``messages``.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, IntFlag

from sandbox.permissions import NONE, Permission
from sandbox.wire import Json


class ChannelKind(IntEnum):
    """The kinds of channel that exist here."""

    TEXT = 0
    DM = 1
    GROUP_DM = 3
    THREAD = 11
    FORUM = 15


class MessageKind(IntEnum):
    """How a message came to be."""

    DEFAULT = 0
    REPLY = 19
    CHAT_INPUT_COMMAND = 20
    CONTEXT_MENU_COMMAND = 23


class MessageFlag(IntFlag):
    """Bits of a message's ``flags``."""

    NONE = 0
    SUPPRESS_EMBEDS = 1 << 2
    EPHEMERAL = 1 << 6
    LOADING = 1 << 7
    SUPPRESS_NOTIFICATIONS = 1 << 12
    COMPONENTS_V2 = 1 << 15


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody who can write: a person at the page, or the bot."""

    id: int
    name: str
    display_name: str
    locale: str = "en-US"
    is_bot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A role of a guild. What it permits is added to what every member may do."""

    id: int
    name: str
    holders: frozenset[User] = frozenset()
    permissions: Permission = NONE
    colour: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Guild:
    """A guild. Every user is a member of it, and the bot unless ``has_bot`` is false.

    ``premium_tier`` is what its boosts have reached, 0 to 3.
    """

    id: int
    name: str
    owner: User
    roles: tuple[Role, ...] = ()
    locale: str = "en-US"
    has_bot: bool = True
    premium_tier: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A channel or thread of a guild, or a conversation of ``recipients`` outside of guilds.

    ``denied`` is what members may not do here unless they hold the role ``exempt_role_id``.
    ``bot_permissions`` is what the bot may do here after all overwrites; a thread has its parent's.
    """

    id: int
    kind: ChannelKind
    name: str
    bot_permissions: Permission
    guild_id: int | None = None
    parent_id: int | None = None
    recipients: tuple[User, ...] = ()
    topic: str | None = None
    position: int = 0
    is_age_restricted: bool = False
    denied: Permission = NONE
    exempt_role_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A stored file as a message shows it; the bytes are in ``files``."""

    id: int
    filename: str
    size_bytes: int
    content_type: str
    url: str
    width_px: int | None = None
    height_px: int | None = None
    description: str | None = None
    is_ephemeral: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message. ``visible_to`` names its only reader when it is ephemeral.

    ``attachments`` are all its files; ``embeds`` and ``components`` are in response form, numbered
    and with their media resolved; ``shown_inside`` are the URLs of attachments that those show.
    ``origin`` holds the wire format's fields about the interaction that made the message.
    """

    id: int
    channel: Channel
    author: User
    kind: MessageKind = MessageKind.DEFAULT
    content: str = ""
    embeds: tuple[Json, ...] = ()
    components: tuple[Json, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    shown_inside: frozenset[str] = frozenset()
    mentions: tuple[User, ...] = ()
    flags: MessageFlag = MessageFlag.NONE
    edited_at: datetime | None = None
    nonce: str | None = None
    replied_to: "Message | None" = None
    origin: Json | None = None
    visible_to: User | None = None

    @property
    def is_ephemeral(self) -> bool:
        """Whether only one person can see it."""
        return self.visible_to is not None
