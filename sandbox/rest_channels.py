"""REST: channels and their messages, within the bot's permissions."""

from sandbox.composer import Draft
from sandbox.errors import (
    invalid_recipient,
    missing_access,
    missing_permissions,
    no_text_channel,
    not_the_author,
    unknown_channel,
)
from sandbox.form import Form
from sandbox.guild_payloads import channel_payload
from sandbox.live import LiveFeed
from sandbox.messages import MessageBoard
from sandbox.model import Channel, ChannelKind, Message, MessageKind
from sandbox.payloads import message_payload
from sandbox.permissions import NONE, Permission
from sandbox.rest import Call, Reply, Route
from sandbox.snowflake import Snowflakes
from sandbox.wire import Json
from sandbox.world import World

_MESSAGES = "/channels/{channel_id}/messages"
_MESSAGE = "/channels/{channel_id}/messages/{message_id}"


class ChannelRoutes:
    """Handlers that read and write messages with the bot's own rights."""

    def __init__(
        self, world: World, board: MessageBoard, snowflakes: Snowflakes, live: LiveFeed
    ) -> None:
        self._world = world
        self._board = board
        self._snowflakes = snowflakes
        self._live = live

    def routes(self) -> list[Route]:
        """Return the table of these operations."""
        return [
            Route(method="POST", template="/users/@me/channels", handler=self._open_dm),
            Route(method="GET", template="/channels/{channel_id}", handler=self._channel),
            Route(method="POST", template="/channels/{channel_id}/typing", handler=self._typing),
            Route(method="GET", template=_MESSAGES, handler=self._list),
            Route(method="POST", template=_MESSAGES, handler=self._post),
            Route(method="GET", template=_MESSAGE, handler=self._get),
            Route(method="PATCH", template=_MESSAGE, handler=self._edit),
            Route(method="DELETE", template=_MESSAGE, handler=self._delete),
        ]

    def _open_dm(self, call: Call) -> Reply:
        channel = self._world.dm_with(str(call.object().get("recipient_id")))
        if channel is None:
            raise invalid_recipient()
        return Reply(body=channel_payload(channel, self._world))

    def _channel(self, call: Call) -> Reply:
        return Reply(body=channel_payload(self._visible(call), self._world))

    def _typing(self, call: Call) -> Reply:
        channel = self._writable(call)
        self._live.typing(channel)
        return Reply(status=204)

    def _list(self, call: Call) -> Reply:
        channel = self._visible(call)
        if Permission.READ_MESSAGE_HISTORY not in channel.bot_permissions:
            return Reply(body=[])
        limit = int(call.query.get("limit", 50))
        form = Form()
        form.choice(limit, ("limit",), range(1, 101))
        form.finish()
        public = [m for m in self._board.all_in(channel) if not m.is_ephemeral]
        page = _page(public, call, limit)
        return Reply(body=[message_payload(message) for message in reversed(page)])

    def _get(self, call: Call) -> Reply:
        channel = self._allowed(call, Permission.READ_MESSAGE_HISTORY)
        message = self._board.public(channel, call.params["message_id"])
        return Reply(body=message_payload(message))

    def _post(self, call: Call) -> Reply:
        channel = self._writable(call, _needed(call))
        body = call.object()
        nonce = body.get("nonce")
        if nonce is not None and body.get("enforce_nonce"):
            first = self._board.find_by_nonce(channel, str(nonce))
            if first is not None:
                return Reply(body=message_payload(first))
        replied_to = self._referenced(body, channel)
        blank = Message(
            id=self._snowflakes.next(),
            channel=channel,
            author=self._world.bot,
            kind=MessageKind.REPLY if replied_to else MessageKind.DEFAULT,
            replied_to=replied_to,
            nonce=None if nonce is None else str(nonce),
        )
        message = self._board.post(blank, Draft(body=body, uploads=call.uploads))
        return Reply(body=message_payload(message))

    def _edit(self, call: Call) -> Reply:
        channel = self._allowed(call, _needed(call))
        message = self._board.public(channel, call.params["message_id"])
        if message.author != self._world.bot:
            raise not_the_author()
        draft = Draft(body=call.object(), uploads=call.uploads)
        return Reply(body=message_payload(self._board.edit(message, draft)))

    def _delete(self, call: Call) -> Reply:
        channel = self._visible(call)
        message = self._board.public(channel, call.params["message_id"])
        if message.author != self._world.bot:
            self._allowed(call, Permission.MANAGE_MESSAGES)
        self._board.delete(message)
        return Reply(status=204)

    def _visible(self, call: Call) -> Channel:
        channel = self._world.channel(call.params["channel_id"])
        if channel is None:
            raise unknown_channel()
        if Permission.VIEW_CHANNEL not in channel.bot_permissions:
            raise missing_access()
        return channel

    def _allowed(self, call: Call, needed: Permission) -> Channel:
        channel = self._visible(call)
        if needed not in channel.bot_permissions:
            raise missing_permissions()
        return channel

    def _writable(self, call: Call, needed: Permission = NONE) -> Channel:
        """Return the channel to write in; a thread asks for a permission of its own."""
        channel = self._visible(call)
        if channel.kind is ChannelKind.FORUM:
            raise no_text_channel()
        is_thread = channel.kind is ChannelKind.THREAD
        sending = Permission.SEND_MESSAGES_IN_THREADS if is_thread else Permission.SEND_MESSAGES
        return self._allowed(call, sending | needed)

    def _referenced(self, body: Json, channel: Channel) -> Message | None:
        """Return the message that is replied to; the bot may ask to ignore that it is gone."""
        reference = body.get("message_reference")
        if not reference:
            return None
        known = {str(message.id): message for message in self._board.all_in(channel)}
        message = known.get(str(reference.get("message_id")))
        if message is None and reference.get("fail_if_not_exists", True):
            form = Form()
            form.fail(("message_reference",), "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
            form.finish()
        return message


def _needed(call: Call) -> Permission:
    """Return what a message with these parts needs beyond being sent."""
    needed = NONE
    if call.uploads:
        needed |= Permission.ATTACH_FILES
    if call.object().get("embeds"):
        needed |= Permission.EMBED_LINKS
    return needed


def _page(messages: list[Message], call: Call, limit: int) -> list[Message]:
    """Return the part of a channel's history that was asked for, oldest first."""
    if before := call.query.get("before"):
        return [m for m in messages if m.id < int(before)][-limit:]
    if after := call.query.get("after"):
        return [m for m in messages if m.id > int(after)][:limit]
    if around := call.query.get("around"):
        older = [m for m in messages if m.id < int(around)][-(limit // 2) :]
        newer = [m for m in messages if m.id >= int(around)][: limit - len(older)]
        return older + newer
    return messages[-limit:]
