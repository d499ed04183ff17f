"""REST: the guilds that the bot is a member of; the others do not exist for it."""

from sandbox.errors import unknown_guild, unknown_member
from sandbox.guild_payloads import (
    channel_payload,
    guild_payload,
    member_payload,
    role_payloads,
)
from sandbox.model import Guild
from sandbox.permissions import BOT
from sandbox.rest import Call, Reply, Route
from sandbox.wire import Json
from sandbox.world import World


class GuildRoutes:
    """Handlers that read guilds, their members, roles and channels."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        """Return the table of these operations."""
        table = [
            ("/users/@me/guilds", self._list),
            ("/guilds/{guild_id}", self._get),
            ("/guilds/{guild_id}/members/{user_id}", self._member),
            ("/guilds/{guild_id}/roles", self._roles),
            ("/guilds/{guild_id}/channels", self._channels),
        ]
        return [
            Route(method="GET", template=template, handler=handler) for template, handler in table
        ]

    def _list(self, call: Call) -> Reply:
        if "after" in call.query or "before" in call.query:  # everything fits on one page
            return Reply(body=[])
        return Reply(body=[_short_guild(guild) for guild in self._world.bot_guilds])

    def _get(self, call: Call) -> Reply:
        return Reply(body=guild_payload(self._guild(call), self._world))

    def _member(self, call: Call) -> Reply:
        guild = self._guild(call)
        for user in (*self._world.people, self._world.bot):
            if str(user.id) == call.params["user_id"]:
                return Reply(body=member_payload(user, guild, self._world))
        raise unknown_member()

    def _roles(self, call: Call) -> Reply:
        return Reply(body=role_payloads(self._guild(call), self._world))

    def _channels(self, call: Call) -> Reply:
        channels = self._world.channels_of(self._guild(call))
        return Reply(body=[channel_payload(channel, self._world) for channel in channels])

    def _guild(self, call: Call) -> Guild:
        guild = self._world.guild(call.params["guild_id"])
        if guild is None or not guild.has_bot:
            raise unknown_guild()
        return guild


def _short_guild(guild: Guild) -> Json:
    return {
        "id": str(guild.id),
        "name": guild.name,
        "icon": None,
        "banner": None,
        "owner": False,
        "permissions": str(int(BOT)),
        "features": [],
    }
