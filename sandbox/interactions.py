"""Interactions: one question to the bot, its one first answer, and a token for what follows.

Three seconds for the first answer, fifteen minutes for the token, as on Discord; both ends can be
brought forward, for tests.
"""

import asyncio
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum

from sandbox.errors import (
    SandboxError,
    invalid_webhook_token,
    too_many_follow_ups,
    unknown_interaction,
    unknown_message,
    unknown_webhook,
)
from sandbox.gateway import Gateway
from sandbox.guild_payloads import channel_payload, member_payload
from sandbox.installs import context_of, is_guest
from sandbox.limits import AttachmentLimits
from sandbox.messages import MessageBoard
from sandbox.model import Channel, Message, User
from sandbox.payloads import message_payload, user_payload
from sandbox.permissions import Permission
from sandbox.snowflake import Snowflakes, created_at
from sandbox.wire import Json
from sandbox.world import World

TOKEN_LIFETIME_S = 15 * 60
KEPT_INTERACTIONS = 2_000
MAX_FOLLOW_UPS_AS_GUEST = 5


class InteractionKind(IntEnum):
    """What the user did; the numbers are Discord's."""

    COMMAND = 2
    COMPONENT = 3
    AUTOCOMPLETE = 4
    MODAL_SUBMIT = 5


class AnswerKind(IntEnum):
    """What the bot answered first; the numbers are Discord's."""

    MESSAGE = 4
    DEFERRED_MESSAGE = 5
    DEFERRED_UPDATE = 6
    UPDATE = 7
    CHOICES = 8
    MODAL = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The first answer. ``data`` holds choices or the modal."""

    kind: AnswerKind
    message: Message | None = None
    data: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a user did. ``source`` has the component, ``opened_by`` showed the modal.

    ``owners`` is the field ``authorizing_integration_owners``, see ``installs``.
    """

    kind: InteractionKind
    user: User
    channel: Channel
    data: Json
    locale: str
    owners: Json
    source: Message | None = None
    opened_by: "Interaction | None" = None


@dataclass(slots=True, kw_only=True)
class Interaction:
    """One question to the bot and what became of it."""

    id: int
    token: str
    question: Question
    answered: asyncio.Future[Answer]
    original_id: int | None = None
    follow_ups: int = 0
    is_too_late: bool = False
    is_expired: bool = False

    @property
    def answer(self) -> Answer | None:
        """The first answer, once it was given."""
        return self.answered.result() if self.answered.done() else None

    def origin(self) -> Json:
        """Return a message's fields about the interaction that it answers."""
        asked = self.question
        origin: Json = {"interaction_metadata": self.metadata()}
        if asked.kind is InteractionKind.COMMAND:
            origin["interaction"] = {
                "id": str(self.id),
                "type": int(asked.kind),
                "name": full_command_name(asked.data),
                "user": user_payload(asked.user),
            }
        return origin

    def metadata(self) -> Json:
        """Return what a message tells about this interaction."""
        asked = self.question
        metadata: Json = {
            "id": str(self.id),
            "type": int(asked.kind),
            "user": user_payload(asked.user),
            "authorizing_integration_owners": asked.owners,
        }
        if asked.opened_by is not None:
            metadata["triggering_interaction_metadata"] = asked.opened_by.metadata()
        elif asked.source is not None:
            metadata["interacted_message_id"] = str(asked.source.id)
        return metadata


class Interactions:
    """Asks the bot and remembers what was asked."""

    def __init__(
        self,
        world: World,
        gateway: Gateway,
        snowflakes: Snowflakes,
        board: MessageBoard,
        *,
        answer_within_s: float,
        limits: AttachmentLimits,
    ) -> None:
        self._world = world
        self._gateway = gateway
        self._snowflakes = snowflakes
        self._board = board
        self._answer_within_s = answer_within_s
        self._limits = limits
        self._by_id: OrderedDict[int, Interaction] = OrderedDict()

    async def ask(self, question: Question) -> Interaction:
        """Send a question to the bot; return after its first answer, or when it is too late."""
        interaction = Interaction(
            id=self._snowflakes.next(),
            token=secrets.token_urlsafe(64),
            question=question,
            answered=asyncio.get_running_loop().create_future(),
        )
        self._remember(interaction)
        self._gateway.dispatch("INTERACTION_CREATE", self._event(interaction), question.channel)
        await asyncio.wait([interaction.answered], timeout=self._answer_within_s)
        interaction.is_too_late = not interaction.answered.done()
        return interaction

    def to_answer(self, interaction_id: str, token: str) -> Interaction:
        """Return the interaction that a first answer is for.

        Raises:
            DiscordError: 10062, it does not exist or its time is over.
        """
        text = interaction_id if interaction_id.isdecimal() else "0"
        interaction = self._by_id.get(int(text))
        if interaction is None or interaction.token != token or interaction.is_too_late:
            raise unknown_interaction()
        return interaction

    def by_token(self, token: str) -> Interaction:
        """Return the interaction that a webhook token belongs to.

        Raises:
            DiscordError: 10015, nothing was answered under this token; 50027, it is too old.
        """
        for interaction in self._by_id.values():
            if interaction.token == token:
                if interaction.answer is None:
                    raise unknown_webhook()
                age = datetime.now(UTC) - created_at(interaction.id)
                if interaction.is_expired or age.total_seconds() > TOKEN_LIFETIME_S:
                    raise invalid_webhook_token()
                return interaction
        raise unknown_webhook()

    def channel_id_of(self, token: str) -> str:
        """Return where the interaction with this token happened; of an unknown one nothing."""
        for interaction in self._by_id.values():
            if interaction.token == token:
                return str(interaction.question.channel.id)
        return ""

    def original(self, interaction: Interaction) -> Message:
        """Return the message that ``@original`` stands for.

        Raises:
            DiscordError: 10008, the first answer was no message, or it was deleted.
        """
        if interaction.original_id is None:
            raise unknown_message()
        return self._board.get(interaction.question.channel, interaction.original_id)

    def find(self, interaction_id: object) -> Interaction:
        """Return an interaction that was asked before.

        Raises:
            SandboxError: There is none with this id.
        """
        text = str(interaction_id)
        found = self._by_id.get(int(text)) if text.isdecimal() else None
        if found is None:
            raise SandboxError(f"there is no interaction {text!r}")
        return found

    def is_forced_ephemeral(self, interaction: Interaction) -> bool:
        """Return whether Discord hides every answer from others: the user may not show them."""
        asked = interaction.question
        if asked.channel.guild_id is None or not is_guest(asked.owners):
            return False
        permissions = self._world.permissions(asked.user, asked.channel)
        return Permission.USE_EXTERNAL_APPS not in permissions

    def count_follow_up(self, interaction: Interaction) -> None:
        """Note that one more follow-up is to be sent.

        Raises:
            DiscordError: 40094, the application is a guest here and has sent five.
        """
        interaction.follow_ups += 1
        is_over = interaction.follow_ups > MAX_FOLLOW_UPS_AS_GUEST
        if is_over and is_guest(interaction.question.owners):
            raise too_many_follow_ups()

    def expire_all(self) -> int:
        """Make every token that was handed out so far too old; return how many there are."""
        for interaction in self._by_id.values():
            interaction.is_expired = True
        return len(self._by_id)

    def _remember(self, interaction: Interaction) -> None:
        self._by_id[interaction.id] = interaction
        while len(self._by_id) > KEPT_INTERACTIONS:
            self._by_id.popitem(last=False)

    def _event(self, interaction: Interaction) -> Json:
        asked = interaction.question
        channel = self._world.channel(asked.channel.id)
        assert channel is not None
        permissions = str(int(self._world.permissions(asked.user, channel)))
        shown = channel_payload(channel, self._world) | {"permissions": permissions}
        event: Json = {
            "id": str(interaction.id),
            "application_id": str(self._world.bot.id),
            "type": int(asked.kind),
            "token": interaction.token,
            "version": 1,
            "data": asked.data,
            "channel_id": str(channel.id),
            "channel": shown,
            "app_permissions": str(int(self._world.app_permissions(asked.user, channel))),
            "locale": asked.locale,
            "entitlements": [],
            "authorizing_integration_owners": asked.owners,
            "context": int(context_of(channel)),
            "attachment_size_limit": self._limits.of_guild(channel.guild_id),
        }
        if asked.source is not None:
            event["message"] = message_payload(asked.source)
        return event | self._who_and_where(asked)

    def _who_and_where(self, asked: Question) -> Json:
        guild = self._world.guild(asked.channel.guild_id)
        if guild is None:
            return {"user": user_payload(asked.user)}
        permissions = str(int(self._world.permissions(asked.user, asked.channel)))
        return {
            "guild_id": str(guild.id),
            "guild": {"id": str(guild.id), "locale": guild.locale, "features": []},
            "guild_locale": guild.locale,
            "member": member_payload(asked.user, guild, self._world) | {"permissions": permissions},
        }


def full_command_name(data: Json) -> str:
    """Return a command's name with those of its subcommands, as users type it."""
    names = [str(data["name"])]
    options = data.get("options") or []
    while options and options[0]["type"] in {1, 2}:
        names.append(str(options[0]["name"]))
        options = options[0].get("options") or []
    return " ".join(names)
