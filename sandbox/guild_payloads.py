"""Guilds with their members, roles, channels and threads in Discord's JSON."""

from sandbox.model import Channel, ChannelKind, Guild, Role, User
from sandbox.payloads import user_payload
from sandbox.permissions import BOT, MEMBER, NONE, Permission
from sandbox.snowflake import created_at
from sandbox.wire import Json
from sandbox.world import World


def member_payload(user: User, guild: Guild, world: World) -> Json:
    """Return a guild member object."""
    role_ids = [_bot_role_id(guild)] if user.is_bot else [r.id for r in world.roles_of(user, guild)]
    return {
        "user": user_payload(user),
        "nick": user.display_name if user.is_bot else None,
        "avatar": None,
        "banner": None,
        "roles": [str(role_id) for role_id in role_ids],
        "joined_at": created_at(guild.id).isoformat(),
        "premium_since": None,
        "communication_disabled_until": None,
        "pending": False,
        "deaf": False,
        "mute": False,
        "flags": 0,
    }


def channel_payload(channel: Channel, world: World) -> Json:
    """Return a channel object."""
    match channel.kind:
        case ChannelKind.DM | ChannelKind.GROUP_DM:
            return _conversation(channel)
        case ChannelKind.THREAD:
            return _thread(channel, world)
        case _:
            return _guild_channel(channel, world)


def _conversation(channel: Channel) -> Json:
    payload: Json = {
        "id": str(channel.id),
        "type": int(channel.kind),
        "flags": 0,
        "last_message_id": None,
        "recipients": [user_payload(user) for user in channel.recipients],
    }
    if channel.kind is ChannelKind.GROUP_DM:
        owner_id = str(channel.recipients[0].id)
        payload |= {"name": channel.name, "icon": None, "owner_id": owner_id}
    return payload


def _guild_channel(channel: Channel, world: World) -> Json:
    payload: Json = {
        "id": str(channel.id),
        "type": int(channel.kind),
        "flags": 0,
        "guild_id": str(channel.guild_id),
        "name": channel.name,
        "topic": channel.topic,
        "position": channel.position,
        "nsfw": channel.is_age_restricted,
        "parent_id": None,
        "last_message_id": None,
        "rate_limit_per_user": 0,
        "permission_overwrites": _overwrites(channel, world),
    }
    if channel.kind is ChannelKind.FORUM:
        payload |= {
            "available_tags": [],
            "default_reaction_emoji": None,
            "default_sort_order": None,
            "default_forum_layout": 0,
        }
    return payload


def _thread(channel: Channel, world: World) -> Json:
    """A thread has no overwrites and no age restriction of its own: its parent has them."""
    guild = world.guild(channel.guild_id)
    assert guild is not None
    began = created_at(channel.id).isoformat()
    return {
        "id": str(channel.id),
        "type": int(channel.kind),
        "flags": 0,
        "guild_id": str(guild.id),
        "parent_id": str(channel.parent_id),
        "owner_id": str(guild.owner.id),
        "name": channel.name,
        "last_message_id": None,
        "rate_limit_per_user": 0,
        "message_count": 0,
        "member_count": 1,
        "total_message_sent": 0,
        "thread_metadata": {
            "archived": False,
            "archive_timestamp": began,
            "auto_archive_duration": 4320,
            "locked": False,
            "create_timestamp": began,
        },
    }


def _overwrites(channel: Channel, world: World) -> list[Json]:
    """Write down who may do more or less here: everyone, a role, and so that it fits the bot."""
    guild_id = channel.guild_id
    assert guild_id is not None
    bot = channel.bot_permissions
    overwrites = [_overwrite(guild_id, 0, deny=channel.denied)]
    if channel.exempt_role_id is not None:
        overwrites.append(_overwrite(channel.exempt_role_id, 0, allow=channel.denied))
    overwrites.append(
        _overwrite(world.bot.id, 1, allow=bot & (~BOT | channel.denied), deny=BOT & ~bot)
    )
    return [entry for entry in overwrites if entry["allow"] != "0" or entry["deny"] != "0"]


def _overwrite(
    owner_id: int, kind: int, *, allow: Permission = NONE, deny: Permission = NONE
) -> Json:
    return {
        "id": str(owner_id),
        "type": kind,
        "allow": str(int(allow)),
        "deny": str(int(deny)),
    }


def role_payloads(guild: Guild, world: World) -> list[Json]:
    """Return the roles of a guild."""
    roles = [_role(role, position) for position, role in enumerate(guild.roles, start=1)]
    return [_everyone_role(guild), *roles, *([_bot_role(guild, world)] if guild.has_bot else [])]


def guild_payload(guild: Guild, world: World) -> Json:
    """Return a guild object with counts, as ``GET /guilds/{id}`` answers."""
    member_count = len(world.people) + guild.has_bot
    return _GUILD_DEFAULTS | {
        "id": str(guild.id),
        "name": guild.name,
        "owner_id": str(guild.owner.id),
        "preferred_locale": guild.locale,
        "premium_tier": guild.premium_tier,
        "roles": role_payloads(guild, world),
        "approximate_member_count": member_count,
        "approximate_presence_count": member_count,
    }


def guild_create_payload(guild: Guild, world: World) -> Json:
    """Return the guild as the gateway announces it: with channels, threads and members."""
    return guild_payload(guild, world) | {
        "joined_at": created_at(guild.id).isoformat(),
        "large": False,
        "unavailable": False,
        "member_count": len(world.people) + 1,
        "members": [member_payload(world.bot, guild, world)],
        "channels": [channel_payload(channel, world) for channel in world.channels_of(guild)],
        "threads": [channel_payload(thread, world) for thread in world.threads_of(guild)],
        "voice_states": [],
        "presences": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }


def _role(role: Role, position: int) -> Json:
    colours = {"primary_color": role.colour, "secondary_color": None, "tertiary_color": None}
    return _ROLE_DEFAULTS | {
        "id": str(role.id),
        "name": role.name,
        "permissions": str(int(role.permissions)),
        "position": position,
        "color": role.colour,
        "colors": colours,
    }


def _bot_role_id(guild: Guild) -> int:
    return guild.id + 1


def _everyone_role(guild: Guild) -> Json:
    return _ROLE_DEFAULTS | {
        "id": str(guild.id),
        "name": "@everyone",
        "permissions": str(int(MEMBER)),
    }


def _bot_role(guild: Guild, world: World) -> Json:
    return _ROLE_DEFAULTS | {
        "id": str(_bot_role_id(guild)),
        "name": world.bot.display_name,
        "permissions": str(int(BOT)),
        "position": len(guild.roles) + 1,
        "managed": True,
        "tags": {"bot_id": str(world.bot.id)},
    }


_ROLE_DEFAULTS: Json = {
    "position": 0,
    "color": 0,
    "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
    "hoist": False,
    "managed": False,
    "mentionable": False,
    "icon": None,
    "unicode_emoji": None,
    "flags": 0,
}

_GUILD_DEFAULTS: Json = {
    "icon": None,
    "description": None,
    "home_header": None,
    "splash": None,
    "discovery_splash": None,
    "features": [],
    "banner": None,
    "application_id": None,
    "region": "deprecated",
    "afk_channel_id": None,
    "afk_timeout": 300,
    "system_channel_id": None,
    "system_channel_flags": 0,
    "widget_enabled": False,
    "widget_channel_id": None,
    "verification_level": 0,
    "default_message_notifications": 0,
    "mfa_level": 0,
    "explicit_content_filter": 0,
    "max_presences": None,
    "max_members": 500_000,
    "max_stage_video_channel_users": 50,
    "max_video_channel_users": 25,
    "vanity_url_code": None,
    "premium_subscription_count": 0,
    "rules_channel_id": None,
    "safety_alerts_channel_id": None,
    "public_updates_channel_id": None,
    "premium_progress_bar_enabled": False,
    "nsfw": False,
    "nsfw_level": 0,
    "emojis": [],
    "stickers": [],
    "incidents_data": None,
}
