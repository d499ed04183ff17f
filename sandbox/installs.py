"""Where an application's commands may be used, and whose installation allows it.

An application is installed to a guild, to a user, or both; a command says which of the two it
supports (``integration_types``) and in which surroundings it makes sense (``contexts``).
"""

from enum import IntEnum

from sandbox.model import Channel, ChannelKind, User
from sandbox.permissions import Permission
from sandbox.wire import Json
from sandbox.world import World


class Install(IntEnum):
    """The two ways of installing; the numbers are Discord's."""

    GUILD = 0
    USER = 1


class Context(IntEnum):
    """Where an interaction happens; the numbers are Discord's."""

    GUILD = 0
    BOT_DM = 1
    PRIVATE_CHANNEL = 2


def context_of(channel: Channel) -> Context:
    """Return the surroundings of a channel."""
    if channel.guild_id is not None:
        return Context.GUILD
    return Context.BOT_DM if channel.kind is ChannelKind.DM else Context.PRIVATE_CHANNEL


def owners(command: Json, user: User, channel: Channel, world: World) -> Json:
    """Return the field ``authorizing_integration_owners``; empty when nothing allows the command.

    Keys are the ways of installing that apply here, values the guild (0 for the bot's direct
    messages) and the user.
    """
    types = command["integration_types"]
    found: Json = {}
    if Install.GUILD in types and world.is_bot_in(channel):
        found[str(int(Install.GUILD))] = str(channel.guild_id or 0)
    if Install.USER in types and user in world.installers:
        found[str(int(Install.USER))] = str(user.id)
    return found


def default_owners(channel: Channel) -> Json:
    """Return the field for a component of a message that no interaction made."""
    return {str(int(Install.GUILD)): str(channel.guild_id or 0)}


def is_guest(owners: Json) -> bool:
    """Return whether the application acts for a user alone, without being installed here."""
    return str(int(Install.GUILD)) not in owners


def is_usable(command: Json, user: User, channel: Channel, world: World) -> bool:
    """Return whether Discord would offer a command to a user in a channel."""
    if not owners(command, user, channel, world):
        return False
    return (
        _fits_context(command, context_of(channel))
        and _fits_age(command, channel, world)
        and _is_permitted(command, world.permissions(user, channel), context_of(channel))
    )


def _fits_context(command: Json, context: Context) -> bool:
    if command["contexts"] is not None:
        return context in command["contexts"]
    return context is not Context.BOT_DM or command.get("dm_permission", True) is not False


def _fits_age(command: Json, channel: Channel, world: World) -> bool:
    """Age-restricted commands are for age-restricted channels and conversations."""
    is_restricted = world.is_age_restricted(channel) or channel.guild_id is None
    return is_restricted or not command["nsfw"]


def _is_permitted(command: Json, permissions: Permission, context: Context) -> bool:
    """No permissions named: for everyone; none of the bits ("0"): for administrators alone."""
    if context is not Context.GUILD or Permission.ADMINISTRATOR in permissions:
        return True
    if Permission.USE_APPLICATION_COMMANDS not in permissions:
        return False
    needed = command["default_member_permissions"]
    return needed is None or (int(needed) != 0 and Permission(int(needed)) in permissions)
