"""Failures on order: the next requests to a route are refused, limited or cut off."""

import re
from dataclasses import dataclass
from http import HTTPStatus

from sandbox.errors import DiscordError, SandboxError
from sandbox.wire import Json

_KEYS = frozenset({"route", "status", "code", "message", "times", "retry_after", "drop", "after"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What shall go wrong: an error answer, or a connection that breaks.

    With ``is_after`` the request takes effect first and only its answer is lost.
    """

    route: str
    error: DiscordError | None = None
    drops: bool = False
    is_after: bool = False

    @classmethod
    def from_json(cls, body: Json) -> "Fault":
        """Read one fault.

        Raises:
            SandboxError: Something is missing or unknown.
        """
        if unknown := sorted(body.keys() - _KEYS):
            raise SandboxError(f"a fault has no {unknown[0]!r}; it has {', '.join(sorted(_KEYS))}")
        if not isinstance(body.get("route"), str) or " " not in body["route"]:
            raise SandboxError("a fault needs a route such as 'POST /channels/*/messages'")
        return cls(
            route=body["route"],
            error=None if body.get("drop") else _error(body),
            drops=bool(body.get("drop")),
            is_after=bool(body.get("after")),
        )

    def matches(self, request_line: str) -> bool:
        """Return whether a request, for example ``GET /users/@me``, is meant.

        ``*`` in the route stands for one part of the path, ``**`` for any number.
        """
        pattern = re.escape(self.route).replace(r"\*\*", ".*").replace(r"\*", "[^/]+")
        return re.fullmatch(pattern, request_line) is not None


def _error(body: Json) -> DiscordError:
    if body.get("retry_after") is not None:
        return DiscordError(
            HTTPStatus.TOO_MANY_REQUESTS,
            0,
            "You are being rate limited.",
            retry_after_s=float(body["retry_after"]),
        )
    if not isinstance(body.get("status"), int):
        raise SandboxError("a fault needs a status, a retry_after, or drop")
    status = HTTPStatus(body["status"])
    return DiscordError(status, int(body.get("code", 0)), body.get("message", status.phrase))


class FaultQueue:
    """Faults that wait for their request, first come first served."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, fault: Fault, *, times: int) -> None:
        """Let a fault happen to the next ``times`` requests that it matches."""
        self._waiting.extend([fault] * times)

    def clear(self) -> None:
        """Forget the faults that did not happen yet."""
        self._waiting.clear()

    def take(self, request_line: str) -> Fault | None:
        """Return the fault that shall happen to a request, once."""
        for index, fault in enumerate(self._waiting):
            if fault.matches(request_line):
                return self._waiting.pop(index)
        return None
