"""Who asks and from where: an interaction in the words of the core."""

from typing import Any

import discord

from hypersd_core.asker import Asker
from hypersd_core.request import Job, Origin

_NEEDED = ("view_channel", "send_messages", "attach_files", "embed_links")


def asker_of(interaction: discord.Interaction[Any]) -> Asker:
    """The person and the channel, as rules look at them."""
    assert interaction.channel_id is not None, "commands are used in channels"
    member, guild_id = interaction.user, guild_of(interaction)
    return Asker(
        user_id=member.id,
        guild_id=guild_id,
        channel_id=interaction.channel_id,
        parent_channel_id=getattr(interaction.channel, "parent_id", None),
        role_ids=frozenset(role.id for role in getattr(member, "roles", ())),
        is_age_restricted=_is_age_restricted(interaction),
        is_direct=interaction.guild_id is None,
        may_moderate=guild_id is not None and interaction.permissions.manage_messages,
        may_manage=guild_id is not None and interaction.permissions.manage_guild,
    )


def guild_of(interaction: discord.Interaction[Any]) -> int | None:
    """The guild whose rules hold; None where no guild has installed the bot.

    Where a person alone brought the bot along, it is as in direct messages.
    """
    return interaction.guild_id if interaction.is_guild_integration() else None


def may_moderate(interaction: discord.Interaction[Any], job: Job) -> bool:
    """Whether the person may take away the messages of others where ``job`` is shown."""
    guild_id = guild_of(interaction)
    if guild_id is None or job.origin.guild_id != guild_id:
        return False
    if job.origin.channel_id == interaction.channel_id:
        return interaction.permissions.manage_messages
    guild, person = interaction.guild, interaction.user  # from another channel of the same guild
    if guild is None or not isinstance(person, discord.Member):
        return False
    channel = guild.get_channel_or_thread(job.origin.channel_id)
    granted = person.guild_permissions if channel is None else channel.permissions_for(person)
    return granted.manage_messages


def origin_of(
    interaction: discord.Interaction[Any],
    *,
    private: bool,
    spoiler: bool = False,
    has_own_message: bool = False,
) -> Origin:
    """Where the answer goes. Without ``has_own_message`` it replaces the acknowledgement."""
    assert interaction.channel_id is not None, "commands are used in channels"
    return Origin(
        user_id=interaction.user.id,
        guild_id=guild_of(interaction),
        channel_id=interaction.channel_id,
        private=private,
        spoiler=spoiler,
        is_age_restricted=_is_age_restricted(interaction),
        can_post=not missing_permissions(interaction),
        has_own_message=has_own_message,
        max_file_bytes=interaction.filesize_limit,
        application_id=interaction.application_id,
        token=interaction.token,
        token_expires_at=interaction.expires_at,
        locale=interaction.locale.value,
    )


def missing_permissions(interaction: discord.Interaction[Any]) -> tuple[str, ...]:
    """What the bot lacks to post here without the interaction, by discord.py's names.

    A bot that was installed by a user alone is no member and may not post at all.
    """
    if interaction.guild_id is None:
        return () if interaction.context.dm_channel else _NEEDED
    if not interaction.is_guild_integration():
        return _NEEDED
    granted = interaction.app_permissions
    needed: tuple[str, ...] = _NEEDED
    if isinstance(interaction.channel, discord.Thread):
        needed = tuple(n.replace("send_messages", "send_messages_in_threads") for n in needed)
    return tuple(name for name in needed if not getattr(granted, name))


def _is_age_restricted(interaction: discord.Interaction[Any]) -> bool:
    channel = interaction.channel
    if isinstance(channel, discord.Thread):
        channel = channel.parent
    return bool(getattr(channel, "nsfw", False))
