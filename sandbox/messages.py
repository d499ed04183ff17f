"""The messages of every channel: bounded, ordered, and announced whenever they change."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from sandbox.composer import Composer, Draft
from sandbox.errors import unknown_message
from sandbox.files import FileStore
from sandbox.model import Channel, Message, MessageFlag
from sandbox.snowflake import created_at

MAX_PER_CHANNEL = 500
NONCE_LIFETIME_S = 300


class ChangeKind(StrEnum):
    """What happened to a message; the names are the gateway's."""

    CREATE = "MESSAGE_CREATE"
    UPDATE = "MESSAGE_UPDATE"
    DELETE = "MESSAGE_DELETE"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageChange:
    """One event in the life of a message."""

    kind: ChangeKind
    message: Message


Listener = Callable[[MessageChange], None]


class MessageBoard:
    """Keeps the latest messages of each channel; evicted messages take their files along."""

    def __init__(
        self, composer: Composer, files: FileStore, *, max_per_channel: int = MAX_PER_CHANNEL
    ) -> None:
        self._composer = composer
        self._files = files
        self._max_per_channel = max_per_channel
        self._channels: dict[int, OrderedDict[int, Message]] = {}
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Call ``listener`` on every change from now on."""
        self._listeners.append(listener)

    def post(self, blank: Message, draft: Draft | None) -> Message:
        """Add a message; ``blank`` says whose and where, the draft what. No draft: still empty."""
        message = self._composer.apply(draft, blank) if draft else blank
        messages = self._channels.setdefault(message.channel.id, OrderedDict())
        messages[message.id] = message
        while len(messages) > self._max_per_channel:
            _, evicted = messages.popitem(last=False)
            self._files.drop(evicted.attachments)
        self._announce(ChangeKind.CREATE, message)
        return message

    def edit(self, message: Message, draft: Draft) -> Message:
        """Apply a draft to a message that was already shown."""
        edited = self._composer.apply(draft, replace(message, edited_at=datetime.now(UTC)))
        return self._store(message, edited)

    def fill(self, message: Message, draft: Draft) -> Message:
        """Put the answer into a message that said until now that the bot is thinking."""
        blank = replace(message, flags=message.flags & ~MessageFlag.LOADING)
        return self._store(message, self._composer.apply(draft, blank))

    def delete(self, message: Message) -> None:
        """Remove a message and its files."""
        del self._channels[message.channel.id][message.id]
        self._files.drop(message.attachments)
        self._announce(ChangeKind.DELETE, message)

    def get(self, channel: Channel, message_id: str | int) -> Message:
        """Return a message, ephemeral ones too.

        Raises:
            DiscordError: 10008, there is no such message in the channel.
        """
        text = str(message_id)
        messages = self._channels.get(channel.id, OrderedDict())
        found = messages.get(int(text)) if text.isdecimal() else None
        if found is None:
            raise unknown_message()
        return found

    def public(self, channel: Channel, message_id: str | int) -> Message:
        """Return a message that is not ephemeral; only tokens of interactions reach the others.

        Raises:
            DiscordError: 10008, there is no such message in the channel.
        """
        message = self.get(channel, message_id)
        if message.is_ephemeral:
            raise unknown_message()
        return message

    def all_in(self, channel: Channel) -> list[Message]:
        """Return every message of a channel, oldest first."""
        return list(self._channels.get(channel.id, {}).values())

    def find_by_nonce(self, channel: Channel, nonce: str) -> Message | None:
        """Return the message lately posted with this nonce."""
        now = datetime.now(UTC)
        for message in reversed(self.all_in(channel)):
            if (now - created_at(message.id)).total_seconds() > NONCE_LIFETIME_S:
                return None
            if message.nonce == nonce:
                return message
        return None

    def _store(self, before: Message, after: Message) -> Message:
        self._channels[after.channel.id][after.id] = after
        kept = {attachment.id for attachment in after.attachments}
        self._files.drop(a for a in before.attachments if a.id not in kept)
        self._announce(ChangeKind.UPDATE, after)
        return after

    def _announce(self, kind: ChangeKind, message: Message) -> None:
        for listener in self._listeners:
            listener(MessageChange(kind=kind, message=message))
