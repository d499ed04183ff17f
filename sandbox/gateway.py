"""The gateway: websocket sessions that receive events, survive a lost connection and resume.

One compressor for each connection with a flush after each event, as ``compress=zlib-stream``
demands; plain JSON for who does not ask for it. Payloads are our own, never Discord's client code.
"""

import asyncio
import json
import logging
import secrets
import zlib
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag

from aiohttp import WSMessage, WSMsgType, web

from sandbox.guild_payloads import (
    channel_payload,
    guild_create_payload,
    guild_payload,
    member_payload,
)
from sandbox.messages import ChangeKind, MessageChange
from sandbox.model import Channel, Guild, Message
from sandbox.payloads import application_payload, message_payload, own_user_payload
from sandbox.snowflake import shard_of
from sandbox.wire import Json
from sandbox.world import World

log = logging.getLogger(__name__)

HEARTBEAT_INTERVAL_MS = 41_250
HEARTBEAT_ACK_AFTER_S = 0.1
"""As a network would take. Clients that send heartbeats on a thread note the time after sending; an
answer that is there before seems to be one to the heartbeat before, 41 s late."""
REPLAYED_EVENTS = 1_000
MAX_SESSIONS = 50
CLOSE_UNKNOWN_ERROR = 4000
CLOSE_NOT_AUTHENTICATED = 4003
CLOSE_SESSION_TIMED_OUT = 4009


class Op(IntEnum):
    """Gateway operations."""

    DISPATCH = 0
    HEARTBEAT = 1
    IDENTIFY = 2
    RESUME = 6
    RECONNECT = 7
    INVALID_SESSION = 9
    HELLO = 10
    HEARTBEAT_ACK = 11


class Intent(IntFlag):
    """The intents that decide about messages."""

    GUILD_MESSAGES = 1 << 9
    DIRECT_MESSAGES = 1 << 12
    MESSAGE_CONTENT = 1 << 15


class _Connection:
    """One websocket: an ordered queue of outgoing payloads and its compressor."""

    def __init__(self, socket: web.WebSocketResponse, *, is_compressed: bool) -> None:
        self.socket = socket
        self._compressor = zlib.compressobj() if is_compressed else None
        self._outgoing: asyncio.Queue[str] = asyncio.Queue()

    def send(self, op: Op, data: object) -> None:
        self.send_text(json.dumps({"op": op, "d": data, "s": None, "t": None}))

    def send_text(self, text: str) -> None:
        self._outgoing.put_nowait(text)

    async def write_forever(self) -> None:
        """Send what is queued, in order, until the socket is gone."""
        while True:
            text = await self._outgoing.get()
            try:
                await self._write(text)
            except ConnectionError:
                return

    async def _write(self, text: str) -> None:
        if self._compressor is None:
            await self.socket.send_str(text)
            return
        packed = self._compressor.compress(text.encode())
        await self.socket.send_bytes(packed + self._compressor.flush(zlib.Z_SYNC_FLUSH))


@dataclass(slots=True, kw_only=True)
class _Session:
    """What outlives a connection: the counter of events and those that may be replayed."""

    id: str
    intents: Intent
    shard: tuple[int, int]
    connection: _Connection | None
    seq: int = 0
    history: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=REPLAYED_EVENTS))

    def dispatch(self, event: str, data: Json) -> None:
        self.seq += 1
        text = json.dumps({"op": Op.DISPATCH, "d": data, "s": self.seq, "t": event})
        self.history.append((self.seq, text))
        if self.connection is not None:
            self.connection.send_text(text)

    def can_replay(self, seq: int) -> bool:
        return seq == self.seq or (bool(self.history) and self.history[0][0] <= seq + 1 <= self.seq)

    def owns(self, channel: Channel) -> bool:
        shard_id, shard_count = self.shard
        if channel.guild_id is None:
            return shard_id == 0
        return shard_of(channel.guild_id, shard_count) == shard_id


class Gateway:
    """Serves bots' websockets and dispatches events to their sessions."""

    def __init__(self, world: World, gateway_url: str, *, on_presence: Callable[[], None]) -> None:
        self._world = world
        self._gateway_url = gateway_url
        self._on_presence = on_presence
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        self._is_open = asyncio.Event()
        self._is_open.set()

    @property
    def is_bot_online(self) -> bool:
        """Whether a bot is connected right now."""
        return any(session.connection for session in self._sessions.values())

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one websocket from HELLO to its end."""
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        compress = request.query.get("compress")
        connection = _Connection(socket, is_compressed=compress == "zlib-stream")
        writer = asyncio.create_task(connection.write_forever())
        try:
            await self._is_open.wait()
            connection.send(Op.HELLO, {"heartbeat_interval": HEARTBEAT_INTERVAL_MS})
            await self._listen(connection)
        finally:
            writer.cancel()
            self._detach(connection)
        return socket

    def dispatch(self, event: str, data: Json, channel: Channel) -> None:
        """Send an event about a channel to the sessions whose shard it belongs to."""
        for session in self._sessions.values():
            if session.owns(channel):
                session.dispatch(event, data)

    def announce(self, change: MessageChange) -> None:
        """Send a message event to the sessions that asked for it by their intents."""
        message = change.message
        if message.is_ephemeral or not self._world.is_bot_in(message.channel):
            return
        is_dm = message.channel.guild_id is None
        needed = Intent.DIRECT_MESSAGES if is_dm else Intent.GUILD_MESSAGES
        for session in self._sessions.values():
            if session.owns(message.channel) and needed in session.intents:
                session.dispatch(change.kind, self._message_event(change, session))

    def announce_channel(self, channel: Channel) -> None:
        """Tell the bot that a channel, for example its permissions there, has changed."""
        self.dispatch("CHANNEL_UPDATE", channel_payload(channel, self._world), channel)

    def announce_guild(self, guild: Guild) -> None:
        """Tell the bot that a guild, for example what its boosts have reached, has changed."""
        data = guild_payload(guild, self._world)
        for session in self._sessions.values():
            if shard_of(guild.id, session.shard[1]) == session.shard[0]:
                session.dispatch("GUILD_UPDATE", data)

    async def cut(self, *, hold_s: float = 0.0) -> None:
        """Break every connection; the next HELLO waits ``hold_s`` seconds and events pile up."""
        if hold_s:
            self._is_open.clear()
            asyncio.get_running_loop().call_later(hold_s, self._is_open.set)
        for connection in self._connections():
            self._detach(connection)
            await connection.socket.close(code=CLOSE_UNKNOWN_ERROR)

    def ask_to_reconnect(self) -> None:
        """Send op 7: the bot shall come back and resume."""
        for connection in self._connections():
            connection.send(Op.RECONNECT, None)

    def invalidate(self, *, is_resumable: bool = False) -> None:
        """Send op 9; without ``is_resumable`` the sessions are forgotten."""
        for connection in self._connections():
            connection.send(Op.INVALID_SESSION, is_resumable)
        if not is_resumable:
            self._sessions.clear()
            self._on_presence()

    async def close(self) -> None:
        """End every connection."""
        self._is_open.set()
        for connection in self._connections():
            await connection.socket.close()

    def _connections(self) -> list[_Connection]:
        return [s.connection for s in self._sessions.values() if s.connection is not None]

    async def _listen(self, connection: _Connection) -> None:
        patience_s = HEARTBEAT_INTERVAL_MS / 1000 * 1.5
        while True:
            try:
                frame = await connection.socket.receive(timeout=patience_s)
            except TimeoutError:
                await connection.socket.close(code=CLOSE_SESSION_TIMED_OUT)
                return
            if frame.type is not WSMsgType.TEXT:
                return
            await self._receive(connection, frame)

    async def _receive(self, connection: _Connection, frame: WSMessage) -> None:
        payload = json.loads(frame.data)
        match payload.get("op"):
            case Op.HEARTBEAT:
                asyncio.get_running_loop().call_later(
                    HEARTBEAT_ACK_AFTER_S, connection.send, Op.HEARTBEAT_ACK, None
                )
            case Op.IDENTIFY:
                self._identify(connection, payload["d"])
            case Op.RESUME:
                self._resume(connection, payload["d"])
            case _ if connection not in self._connections():
                await connection.socket.close(code=CLOSE_NOT_AUTHENTICATED)

    def _identify(self, connection: _Connection, data: Json) -> None:
        shard_id, shard_count = data.get("shard") or (0, 1)
        session = _Session(
            id=secrets.token_hex(16),
            intents=Intent(data.get("intents", 0)),
            shard=(shard_id, shard_count),
            connection=connection,
        )
        self._sessions[session.id] = session
        self._forget_old_sessions(session)
        guilds = [g for g in self._world.bot_guilds if shard_of(g.id, shard_count) == shard_id]
        session.dispatch("READY", self._ready(session, [guild.id for guild in guilds]))
        for guild in guilds:
            session.dispatch("GUILD_CREATE", guild_create_payload(guild, self._world))
        log.info("session %s identified, shard %d of %d", session.id, shard_id, shard_count)
        self._on_presence()

    def _forget_old_sessions(self, newest: _Session) -> None:
        """A bot that identifies anew has given up its lost sessions of the same shard."""
        for session in tuple(self._sessions.values()):
            if session.connection is None and session.shard == newest.shard:
                del self._sessions[session.id]
        while len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)

    def _ready(self, session: _Session, guild_ids: list[int]) -> Json:
        application = application_payload(self._world)
        return {
            "v": 10,
            "user": own_user_payload(self._world.bot),
            "guilds": [{"id": str(guild_id), "unavailable": True} for guild_id in guild_ids],
            "session_id": session.id,
            "resume_gateway_url": self._gateway_url,
            "shard": list(session.shard),
            "application": {"id": application["id"], "flags": application["flags"]},
        }

    def _resume(self, connection: _Connection, data: Json) -> None:
        session = self._sessions.get(str(data.get("session_id")))
        seq = data.get("seq") or 0
        if session is None or not session.can_replay(seq):
            connection.send(Op.INVALID_SESSION, False)
            return
        session.connection = connection
        for number, text in session.history:
            if number > seq:
                connection.send_text(text)
        session.dispatch("RESUMED", {})
        log.info("session %s resumed after event %d", session.id, seq)
        self._on_presence()

    def _detach(self, connection: _Connection) -> None:
        for session in self._sessions.values():
            if session.connection is connection:
                session.connection = None
                self._on_presence()

    def _message_event(self, change: MessageChange, session: _Session) -> Json:
        message = change.message
        guild = self._world.guild(message.channel.guild_id)
        scope: Json = {"guild_id": str(guild.id)} if guild else {}
        if change.kind is ChangeKind.DELETE:
            return scope | {"id": str(message.id), "channel_id": str(message.channel.id)}
        payload = message_payload(message) | scope
        if guild:
            payload["member"] = member_payload(message.author, guild, self._world)
        if not self._may_read(message, session):
            payload |= {"content": "", "embeds": [], "components": [], "attachments": []}
        return payload

    def _may_read(self, message: Message, session: _Session) -> bool:
        return (
            message.channel.guild_id is None
            or Intent.MESSAGE_CONTENT in session.intents
            or message.author == self._world.bot
            or self._world.bot in message.mentions
        )
