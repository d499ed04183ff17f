"""REST: who the bot is, where its gateway is, its guilds, and its commands."""

from sandbox.commands import CommandRegistry
from sandbox.errors import DiscordError, not_json, unknown_guild
from sandbox.payloads import application_payload, guild_payload, own_user_payload
from sandbox.rest import Call, Reply, Route
from sandbox.world import World

_IDENTIFIES_PER_DAY = 1_000
_COMMANDS = "/applications/{application_id}/commands"
_GUILD_COMMANDS = "/applications/{application_id}/guilds/{guild_id}/commands"


class AccountRoutes:
    """Handlers that concern the bot itself."""

    def __init__(self, world: World, commands: CommandRegistry, gateway_url: str) -> None:
        self._world = world
        self._commands = commands
        self._gateway_url = gateway_url

    def routes(self) -> list[Route]:
        """Return the table of these operations."""
        return [
            Route(method="GET", template="/users/@me", handler=self._me),
            Route(method="GET", template="/oauth2/applications/@me", handler=self._application),
            Route(method="GET", template="/applications/@me", handler=self._application),
            Route(method="GET", template="/gateway", handler=self._where, needs_token=False),
            Route(method="GET", template="/gateway/bot", handler=self._where_for_bot),
            Route(method="GET", template="/guilds/{guild_id}", handler=self._guild),
            Route(method="GET", template=_COMMANDS, handler=self._list_commands),
            Route(method="PUT", template=_COMMANDS, handler=self._set_commands),
            Route(method="GET", template=_GUILD_COMMANDS, handler=self._list_commands),
            Route(method="PUT", template=_GUILD_COMMANDS, handler=self._set_commands),
        ]

    def _me(self, _: Call) -> Reply:
        return Reply(body=own_user_payload(self._world.bot))

    def _application(self, _: Call) -> Reply:
        return Reply(body=application_payload(self._world))

    def _where(self, _: Call) -> Reply:
        return Reply(body={"url": self._gateway_url})

    def _where_for_bot(self, _: Call) -> Reply:
        limit = {
            "total": _IDENTIFIES_PER_DAY,
            "remaining": _IDENTIFIES_PER_DAY,
            "reset_after": 0,
            "max_concurrency": 1,
        }
        return Reply(body={"url": self._gateway_url, "shards": 1, "session_start_limit": limit})

    def _guild(self, call: Call) -> Reply:
        guild = self._world.guild(call.params["guild_id"])
        if guild is None:
            raise unknown_guild()
        return Reply(body=guild_payload(guild, self._world))

    def _list_commands(self, call: Call) -> Reply:
        return Reply(body=self._commands.in_scope(self._scope(call)))

    def _set_commands(self, call: Call) -> Reply:
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
        return guild.id
