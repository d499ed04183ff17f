"""Refusals in Discord's own words: HTTP status, error code, sentence.

DiscordError            an answer of the REST interface
SandboxError            a request to the page's interface that makes no sense
"""

from typing import Any


class DiscordError(Exception):
    """An error answer of the REST interface."""

    def __init__(
        self,
        status: int,
        code: int,
        message: str,
        *,
        errors: dict[str, Any] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.errors = errors
        self.retry_after_s = retry_after_s

    def body(self) -> dict[str, Any]:
        """Return the JSON that goes with the status."""
        body: dict[str, Any] = {"message": str(self), "code": self.code}
        if self.errors is not None:
            body["errors"] = self.errors
        if self.retry_after_s is not None:
            body |= {"retry_after": self.retry_after_s, "global": False}
        return body


class SandboxError(Exception):
    """What a caller of the page's interface got wrong; the message is shown as it is."""


def unauthorized() -> DiscordError:
    """No token was given."""
    return DiscordError(401, 0, "401: Unauthorized")


def not_found() -> DiscordError:
    """The path is not one of Discord's, or not one that is built here."""
    return DiscordError(404, 0, "404: Not Found")


def unknown_channel() -> DiscordError:
    """The channel does not exist."""
    return DiscordError(404, 10003, "Unknown Channel")


def unknown_guild() -> DiscordError:
    """The guild does not exist."""
    return DiscordError(404, 10004, "Unknown Guild")


def unknown_member() -> DiscordError:
    """Nobody with this id is in the guild."""
    return DiscordError(404, 10007, "Unknown Member")


def unknown_message() -> DiscordError:
    """The message does not exist, was deleted, or is private to somebody else."""
    return DiscordError(404, 10008, "Unknown Message")


def unknown_user() -> DiscordError:
    """Nobody has this id."""
    return DiscordError(404, 10013, "Unknown User")


def unknown_webhook() -> DiscordError:
    """No interaction has this token, or none that was answered yet."""
    return DiscordError(404, 10015, "Unknown Webhook")


def unknown_interaction() -> DiscordError:
    """The interaction does not exist or its three seconds are over."""
    return DiscordError(404, 10062, "Unknown interaction")


def already_acknowledged() -> DiscordError:
    """The interaction had its one first answer."""
    return DiscordError(400, 40060, "Interaction has already been acknowledged.")


def entity_too_large() -> DiscordError:
    """A file is larger than the attachment limit."""
    return DiscordError(413, 40005, "Request entity too large")


def too_many_follow_ups() -> DiscordError:
    """An application that is installed to a user only may send five."""
    return DiscordError(
        400, 40094, "This interaction has reached the maximum number of follow-up messages."
    )


def missing_access() -> DiscordError:
    """The bot cannot see the channel."""
    return DiscordError(403, 50001, "Missing Access")


def not_the_author() -> DiscordError:
    """Only the author edits a message."""
    return DiscordError(403, 50005, "Cannot edit a message authored by another user")


def empty_message() -> DiscordError:
    """Nothing to show would be left."""
    return DiscordError(400, 50006, "Cannot send an empty message")


def no_text_channel() -> DiscordError:
    """Nothing is written in a forum itself, only in its posts."""
    return DiscordError(400, 50008, "Cannot send messages in a non-text channel")


def missing_permissions() -> DiscordError:
    """The bot lacks a permission in the channel."""
    return DiscordError(403, 50013, "Missing Permissions")


def invalid_webhook_token() -> DiscordError:
    """The token is older than fifteen minutes."""
    return DiscordError(401, 50027, "Invalid Webhook Token")


def invalid_recipient() -> DiscordError:
    """There is no such user to write to."""
    return DiscordError(400, 50033, "Invalid Recipient(s)")


def not_json() -> DiscordError:
    """The request body could not be read."""
    return DiscordError(400, 50109, "The request body contains invalid JSON.")
