"""REST: who the bot is, and where its gateway is."""

from sandbox.errors import unknown_user
from sandbox.payloads import application_payload, own_user_payload, user_payload
from sandbox.rest import Call, Reply, Route
from sandbox.world import World

_IDENTIFIES_PER_DAY = 1_000


class AccountRoutes:
    """Handlers that concern the bot itself, and users as such."""

    def __init__(self, world: World, gateway_url: str) -> None:
        self._world = world
        self._gateway_url = gateway_url

    def routes(self) -> list[Route]:
        """Return the table of these operations."""
        return [
            Route(method="GET", template="/users/@me", handler=self._me),
            Route(method="GET", template="/users/{user_id}", handler=self._user),
            Route(method="GET", template="/oauth2/applications/@me", handler=self._application),
            Route(method="GET", template="/applications/@me", handler=self._application),
            Route(method="GET", template="/gateway", handler=self._where, needs_token=False),
            Route(method="GET", template="/gateway/bot", handler=self._where_for_bot),
        ]

    def _me(self, _: Call) -> Reply:
        return Reply(body=own_user_payload(self._world.bot))

    def _user(self, call: Call) -> Reply:
        for user in (*self._world.people, self._world.bot):
            if str(user.id) == call.params["user_id"]:
                return Reply(body=user_payload(user))
        raise unknown_user()

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
