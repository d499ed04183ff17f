"""How large a file may be: Discord's limit for everybody, more where a guild is boosted."""

from sandbox.world import World

_TIER_BYTES = {2: 50 * 1024 * 1024, 3: 100 * 1024 * 1024}


class AttachmentLimits:
    """The limit per file, in bytes. ``everywhere`` holds without boosts and can be changed."""

    def __init__(self, world: World, everywhere_bytes: int) -> None:
        self._world = world
        self.everywhere_bytes = everywhere_bytes

    def of_guild(self, guild_id: int | None) -> int:
        """Return the limit in a guild, or with None in conversations, in bytes."""
        guild = self._world.guild(guild_id)
        boosted = _TIER_BYTES.get(guild.premium_tier, 0) if guild else 0
        return max(self.everywhere_bytes, boosted)

    def of_channel(self, channel_id: str) -> int:
        """Return the limit in a channel, in bytes; of an unknown one the usual."""
        channel = self._world.channel(channel_id)
        return self.of_guild(channel.guild_id if channel else None)
