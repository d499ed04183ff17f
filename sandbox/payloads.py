"""Our values in Discord's JSON. Every object here satisfies the published OpenAPI document."""

from sandbox.model import Attachment, Channel, ChannelKind, Guild, Message, User
from sandbox.permissions import BOT, MEMBER
from sandbox.snowflake import created_at
from sandbox.wire import Json
from sandbox.world import World

# Installed to the guild: Discord names the two ways of installing 0 (guild) and 1 (user).
GUILD_INSTALL = "0"


def user_payload(user: User) -> Json:
    """Return a user object."""
    payload: Json = {
        "id": str(user.id),
        "username": user.name,
        "global_name": None if user.is_bot else user.display_name,
        "avatar": None,
        "discriminator": "0000" if user.is_bot else "0",
        "public_flags": 0,
        "flags": 0,
        "primary_guild": None,
    }
    if user.is_bot:
        payload["bot"] = True
    return payload


def own_user_payload(bot: User) -> Json:
    """Return the bot as it sees itself."""
    return user_payload(bot) | {"mfa_enabled": True, "locale": bot.locale, "verified": True}


def member_payload(user: User, guild: Guild) -> Json:
    """Return a guild member object."""
    return {
        "user": user_payload(user),
        "nick": user.display_name if user.is_bot else None,
        "avatar": None,
        "banner": None,
        "roles": [str(_bot_role_id(guild))] if user.is_bot else [],
        "joined_at": created_at(guild.id).isoformat(),
        "premium_since": None,
        "communication_disabled_until": None,
        "pending": False,
        "deaf": False,
        "mute": False,
        "flags": 0,
        "permissions": str(int(user.permissions)),
    }


def application_payload(world: World) -> Json:
    """Return the bot's application."""
    return {
        "id": str(world.bot.id),
        "name": world.bot.display_name,
        "icon": None,
        "description": "",
        "type": None,
        "bot": user_payload(world.bot),
        "bot_public": True,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "flags": 0,
        "flags_new": "0",
        "redirect_uris": [],
        "interactions_endpoint_url": None,
        "role_connections_verification_url": None,
        "owner": user_payload(world.people[0]),
        "approximate_guild_count": len(world.guilds),
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
        "explicit_content_filter": 0,
        "team": None,
        "eligible_oauth2_scopes": ["bot", "applications.commands"],
        "integration_types_config": {GUILD_INSTALL: {}},
    }


def channel_payload(channel: Channel, world: World) -> Json:
    """Return a channel object; the bot's overwrites add up to its permissions here."""
    if channel.kind is ChannelKind.DM:
        assert channel.recipient is not None
        return {
            "id": str(channel.id),
            "type": int(channel.kind),
            "flags": 0,
            "last_message_id": None,
            "recipients": [user_payload(channel.recipient)],
        }
    return {
        "id": str(channel.id),
        "type": int(channel.kind),
        "flags": 0,
        "guild_id": str(channel.guild_id),
        "name": channel.name,
        "topic": channel.topic,
        "position": channel.position,
        "nsfw": False,
        "parent_id": None,
        "last_message_id": None,
        "rate_limit_per_user": 0,
        "permission_overwrites": _overwrites(channel, world),
    }


def _overwrites(channel: Channel, world: World) -> list[Json]:
    if channel.bot_permissions == BOT:
        return []
    return [
        {
            "id": str(world.bot.id),
            "type": 1,
            "allow": str(int(channel.bot_permissions & ~BOT)),
            "deny": str(int(BOT & ~channel.bot_permissions)),
        }
    ]


def role_payloads(guild: Guild, world: World) -> list[Json]:
    """Return the roles of a guild."""
    return [_everyone_role(guild), _bot_role(guild, world)]


def guild_payload(guild: Guild, world: World) -> Json:
    """Return a guild object with counts, as ``GET /guilds/{id}`` answers."""
    return _GUILD_DEFAULTS | {
        "id": str(guild.id),
        "name": guild.name,
        "owner_id": str(guild.owner.id),
        "preferred_locale": guild.locale,
        "roles": role_payloads(guild, world),
        "approximate_member_count": len(world.people) + 1,
        "approximate_presence_count": len(world.people) + 1,
    }


def guild_create_payload(guild: Guild, world: World) -> Json:
    """Return the guild as the gateway announces it: with channels and members."""
    return guild_payload(guild, world) | {
        "joined_at": created_at(guild.id).isoformat(),
        "large": False,
        "unavailable": False,
        "member_count": len(world.people) + 1,
        "members": [member_payload(world.bot, guild)],
        "channels": [channel_payload(channel, world) for channel in world.channels_of(guild)],
        "threads": [],
        "voice_states": [],
        "presences": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }


def attachment_payload(attachment: Attachment) -> Json:
    """Return an attachment object."""
    payload: Json = {
        "id": str(attachment.id),
        "filename": attachment.filename,
        "size": attachment.size_bytes,
        "url": attachment.url,
        "proxy_url": attachment.url,
        "content_type": attachment.content_type,
    }
    if attachment.width_px is not None and attachment.height_px is not None:
        payload |= {"width": attachment.width_px, "height": attachment.height_px}
    if attachment.description is not None:
        payload["description"] = attachment.description
    if attachment.is_ephemeral:
        payload["ephemeral"] = True
    return payload


def message_payload(message: Message) -> Json:
    """Return a message object.

    Files that a component or an embed shows are left out of ``attachments``, as Discord does.
    """
    payload = _basic_message_payload(message)
    if message.replied_to is not None:
        payload["message_reference"] = {
            "type": 0,
            "channel_id": str(message.replied_to.channel.id),
            "message_id": str(message.replied_to.id),
        }
        payload["referenced_message"] = _basic_message_payload(message.replied_to)
    return payload


def _basic_message_payload(message: Message) -> Json:
    payload: Json = {
        "id": str(message.id),
        "channel_id": str(message.channel.id),
        "type": int(message.kind),
        "author": user_payload(message.author),
        "content": message.content,
        "embeds": list(message.embeds),
        "components": list(message.components),
        "attachments": [
            attachment_payload(attachment)
            for attachment in message.attachments
            if attachment.url not in message.shown_inside
        ],
        "mentions": [user_payload(user) for user in message.mentions],
        "mention_roles": [],
        "mention_everyone": False,
        "pinned": False,
        "tts": False,
        "flags": int(message.flags),
        "timestamp": created_at(message.id).isoformat(),
        "edited_timestamp": message.edited_at.isoformat() if message.edited_at else None,
    }
    if message.nonce is not None:
        payload["nonce"] = message.nonce
    return payload | (message.origin or {})


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
        "position": 1,
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
    "premium_tier": 0,
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
