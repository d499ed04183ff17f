"""What the bot asks for where it is installed, and the links that install it."""

from collections.abc import Iterable
from types import MappingProxyType

import discord

from hypersd_core.i18n import say, say_again

_LABELS = MappingProxyType(
    {
        "view_channel": say("View Channels"),
        "send_messages": say("Send Messages"),
        "send_messages_in_threads": say("Send Messages in Threads"),
        "embed_links": say("Embed Links"),
        "attach_files": say("Attach Files"),
        "read_message_history": say("Read Message History"),
    }
)

NEEDED = discord.Permissions(**dict.fromkeys(_LABELS, True))
"""To post a result in a channel when the command's own time is over."""


def lacking(granted: discord.Permissions) -> tuple[str, ...]:
    """What is needed and not ``granted``, as Discord's settings call it."""
    return tuple(say_again(label) for name, label in _LABELS.items() if not getattr(granted, name))


def labels(names: Iterable[str]) -> tuple[str, ...]:
    """Permissions, which discord.py calls ``names``, as Discord's settings call them."""
    return tuple(say_again(_LABELS[name]) for name in names)


def guild_link(application_id: int) -> str:
    """Where the manager of a server adds the bot to it."""
    return discord.utils.oauth_url(
        application_id, permissions=NEEDED, scopes=("bot", "applications.commands")
    )


def user_link(application_id: int) -> str:
    """Where somebody adds the commands to their own account, for use anywhere."""
    link = discord.utils.oauth_url(application_id, scopes=("applications.commands",))
    return f"{link}&integration_type=1"
