"""REST: the application's commands, global ones and those of a guild."""

from sandbox.commands import CommandRegistry
from sandbox.errors import DiscordError, missing_access, not_json, unknown_guild
from sandbox.rest import Call, Reply, Route
from sandbox.world import World

_COMMANDS = "/applications/{application_id}/commands"
_GUILD_COMMANDS = "/applications/{application_id}/guilds/{guild_id}/commands"


class CommandRoutes:
    """Handlers that list and replace commands."""

    def __init__(self, world: World, commands: CommandRegistry) -> None:
        self._world = world
        self._commands = commands

    def routes(self) -> list[Route]:
        """Return the table of these operations."""
        return [
            Route(method=method, template=template, handler=handler)
            for template in (_COMMANDS, _GUILD_COMMANDS)
            for method, handler in (("GET", self._list), ("PUT", self._set))
        ]

    def _list(self, call: Call) -> Reply:
        return Reply(body=self._commands.in_scope(self._scope(call)))

    def _set(self, call: Call) -> Reply:
        if not isinstance(call.body, list):
            raise not_json()
        return Reply(body=self._commands.overwrite(call.body, self._scope(call)))

    def _scope(self, call: Call) -> int | None:
        if call.params["application_id"] != str(self._world.bot.id):
            raise DiscordError(404, 10002, "Unknown Application")
        if "guild_id" not in call.params:
            return None
        guild = self._world.guild(call.params["guild_id"])
        if guild is None:
            raise unknown_guild()
        if not guild.has_bot:
            raise missing_access()
        return guild.id
