"""Collects what is wrong with a request body and reports it as Discord's nested form error."""

from collections.abc import Collection, Sized
from typing import Any

from sandbox.errors import DiscordError
from sandbox.wire import Json

Path = tuple[str | int, ...]


class Form:
    """The verdict on one request body: failures by place, raised together by ``finish``."""

    def __init__(self) -> None:
        self._errors: Json = {}

    def fail(self, path: Path, code: str, message: str) -> None:
        """Note one failure at ``path``, for example ``("components", 0, "custom_id")``.

        What has a failure of its own hides those inside it: Discord does not look deeper then.
        """
        node: Any = self._errors
        for key in path:
            if "_errors" in node:
                return
            node = node.setdefault(str(key), {})
        noted = node.get("_errors", [])
        node.clear()
        node["_errors"] = [*noted, {"code": code, "message": message}]

    def require(self, value: object, path: Path) -> bool:
        """Note a failure when ``value`` is missing; return whether it is there."""
        if value is None:
            self.fail(path, "BASE_TYPE_REQUIRED", "This field is required")
        return value is not None

    def text(self, value: object, path: Path, *, least: int = 0, most: int) -> None:
        """Note a failure unless ``value`` is absent or a string of a length in range."""
        if value is None:
            return
        if isinstance(value, str):
            self.length(value, path, least=least, most=most)
        else:
            self.fail(path, "STRING_TYPE_CONVERT", "Could not interpret value as string.")

    def length(self, value: Sized, path: Path, *, least: int = 0, most: int) -> None:
        """Note a failure unless ``value`` has between ``least`` and ``most`` items."""
        if least <= len(value) <= most:
            return
        if least:
            self.fail(
                path, "BASE_TYPE_BAD_LENGTH", f"Must be between {least} and {most} in length."
            )
        else:
            self.fail(path, "BASE_TYPE_MAX_LENGTH", f"Must be {most} or fewer in length.")

    def choice(self, value: object, path: Path, allowed: Collection[int]) -> bool:
        """Note a failure unless ``value`` is allowed; return whether it is."""
        if isinstance(value, int) and value in allowed:
            return True
        names = ", ".join(str(int(option)) for option in sorted(allowed))
        self.fail(path, "BASE_TYPE_CHOICES", f"Value must be one of {{{names}}}.")
        return False

    def finish(self) -> None:
        """Raise what was noted.

        Raises:
            DiscordError: 50035, with every failure at its place.
        """
        if self._errors:
            raise DiscordError(400, 50035, "Invalid Form Body", errors=self._errors)
