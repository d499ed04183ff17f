"""Users, the application, files and messages in Discord's JSON.

Every object here and in ``guild_payloads`` satisfies the published OpenAPI document.
"""

from sandbox.model import Attachment, Message, User
from sandbox.places import ADA
from sandbox.snowflake import created_at
from sandbox.wire import Json
from sandbox.world import World


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
        "owner": user_payload(ADA),
        "approximate_guild_count": len(world.bot_guilds),
        "approximate_user_install_count": len(world.installers),
        "approximate_user_authorization_count": 0,
        "explicit_content_filter": 0,
        "team": None,
        "eligible_oauth2_scopes": ["bot", "applications.commands"],
        "integration_types_config": {"0": {}, "1": {}},
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
