"""REST: the first answer to an interaction, and everything its token allows afterwards."""

from collections.abc import Callable
from dataclasses import replace

from sandbox.command_rules import CommandKind, check_choices
from sandbox.component_rules import check_modal
from sandbox.components import Media, resolve
from sandbox.composer import Draft
from sandbox.errors import already_acknowledged, unknown_message, unknown_webhook
from sandbox.form import Form, Path
from sandbox.interactions import (
    Answer,
    AnswerKind,
    Interaction,
    InteractionKind,
    Interactions,
    Question,
)
from sandbox.messages import MessageBoard
from sandbox.model import Message, MessageFlag, MessageKind
from sandbox.payloads import message_payload
from sandbox.rest import Call, Reply, Route
from sandbox.snowflake import Snowflakes
from sandbox.wire import Json
from sandbox.world import World

_WEBHOOK = "/webhooks/{webhook_id}/{webhook_token}"
_ORIGINAL = f"{_WEBHOOK}/messages/@original"
_FOLLOW_UP = f"{_WEBHOOK}/messages/{{message_id}}"
_DATA: Path = ("data",)

_TO_COMMAND = frozenset({AnswerKind.MESSAGE, AnswerKind.DEFERRED_MESSAGE, AnswerKind.MODAL})
_TO_COMPONENT = _TO_COMMAND | {AnswerKind.DEFERRED_UPDATE, AnswerKind.UPDATE}
_ALLOWED = {
    InteractionKind.COMMAND: _TO_COMMAND,
    InteractionKind.COMPONENT: _TO_COMPONENT,
    InteractionKind.AUTOCOMPLETE: frozenset({AnswerKind.CHOICES}),
    InteractionKind.MODAL_SUBMIT: _TO_COMPONENT - {AnswerKind.MODAL},
}
_UPDATES = frozenset({AnswerKind.DEFERRED_UPDATE, AnswerKind.UPDATE})


class InteractionRoutes:
    """Handlers that need an interaction's token and nothing else."""

    def __init__(
        self,
        world: World,
        board: MessageBoard,
        snowflakes: Snowflakes,
        interactions: Interactions,
    ) -> None:
        self._world = world
        self._board = board
        self._snowflakes = snowflakes
        self._interactions = interactions
        self._answers: dict[AnswerKind, Callable[[Interaction, Call], Answer]] = {
            AnswerKind.MESSAGE: self._answer_message,
            AnswerKind.DEFERRED_MESSAGE: self._answer_deferred,
            AnswerKind.DEFERRED_UPDATE: self._answer_silently,
            AnswerKind.UPDATE: self._answer_update,
            AnswerKind.CHOICES: self._answer_choices,
            AnswerKind.MODAL: self._answer_modal,
        }

    def routes(self) -> list[Route]:
        """Return the table of these operations. The ``@original`` ones stand before the others."""
        callback = "/interactions/{interaction_id}/{interaction_token}/callback"
        table = [
            ("POST", callback, self._callback),
            ("POST", _WEBHOOK, self._follow_up),
            *(
                (method, template, handler)
                for template in (_ORIGINAL, _FOLLOW_UP)
                for method, handler in (
                    ("GET", self._get),
                    ("PATCH", self._edit),
                    ("DELETE", self._delete),
                )
            ),
        ]
        return [
            Route(method=method, template=template, handler=handler, needs_token=False)
            for method, template, handler in table
        ]

    def _callback(self, call: Call) -> Reply:
        interaction = self._interactions.to_answer(
            call.params["interaction_id"], call.params["interaction_token"]
        )
        if interaction.answer is not None:
            raise already_acknowledged()
        kind = _answer_kind(interaction, call.object())
        answer = self._answers[kind](interaction, call)
        interaction.original_id = answer.message.id if answer.message else None
        interaction.answered.set_result(answer)
        if call.query.get("with_response", "").lower() not in {"1", "true"}:
            return Reply(status=204)
        return Reply(body=_callback_response(interaction, answer))

    def _answer_message(self, interaction: Interaction, call: Call) -> Answer:
        blank = self._first(interaction, call)
        draft = Draft(body=_data(call), uploads=call.uploads, place=_DATA)
        return Answer(kind=AnswerKind.MESSAGE, message=self._board.post(blank, draft))

    def _answer_deferred(self, interaction: Interaction, call: Call) -> Answer:
        blank = self._first(interaction, call)
        thinking = replace(blank, flags=blank.flags | MessageFlag.LOADING)
        return Answer(kind=AnswerKind.DEFERRED_MESSAGE, message=self._board.post(thinking, None))

    def _answer_silently(self, interaction: Interaction, _: Call) -> Answer:
        return Answer(kind=AnswerKind.DEFERRED_UPDATE, message=interaction.question.source)

    def _answer_update(self, interaction: Interaction, call: Call) -> Answer:
        source = interaction.question.source
        assert source is not None
        current = self._board.get(source.channel, source.id)
        draft = Draft(body=_data(call), uploads=call.uploads, place=_DATA)
        return Answer(kind=AnswerKind.UPDATE, message=self._board.edit(current, draft))

    def _answer_choices(self, _: Interaction, call: Call) -> Answer:
        data = _data(call)
        form = Form()
        check_choices(form, data.get("choices") or [], (*_DATA, "choices"), kind=0)
        form.finish()
        return Answer(kind=AnswerKind.CHOICES, data=data)

    def _answer_modal(self, _: Interaction, call: Call) -> Answer:
        modal = _data(call)
        form = Form()
        check_modal(form, modal, _DATA)
        form.finish()
        components = resolve(modal["components"], _no_media, (*_DATA, "components"))
        return Answer(kind=AnswerKind.MODAL, data=modal | {"components": list(components)})

    def _follow_up(self, call: Call) -> Reply:
        interaction = self._by_token(call)
        draft = Draft(body=call.object(), uploads=call.uploads)
        self._interactions.count_follow_up(interaction)
        original = self._original(interaction)
        if original is not None and MessageFlag.LOADING in original.flags:
            message = self._board.fill(original, draft)
        else:
            is_ephemeral = self._is_ephemeral(interaction, draft.body)
            blank = self._blank(interaction, is_ephemeral=is_ephemeral, replied_to=original)
            message = self._board.post(blank, draft)
        return Reply(body=message_payload(message))

    def _get(self, call: Call) -> Reply:
        return Reply(body=message_payload(self._message(call)))

    def _edit(self, call: Call) -> Reply:
        message = self._message(call)
        draft = Draft(body=call.object(), uploads=call.uploads)
        is_thinking = MessageFlag.LOADING in message.flags
        change = self._board.fill if is_thinking else self._board.edit
        return Reply(body=message_payload(change(message, draft)))

    def _delete(self, call: Call) -> Reply:
        self._board.delete(self._message(call))
        return Reply(status=204)

    def _by_token(self, call: Call) -> Interaction:
        if call.params["webhook_id"] != str(self._world.bot.id):
            raise unknown_webhook()
        return self._interactions.by_token(call.params["webhook_token"])

    def _message(self, call: Call) -> Message:
        """Return the message in the path; a token reaches only what its interaction made."""
        interaction = self._by_token(call)
        original = interaction.original_id
        if "message_id" not in call.params or call.params["message_id"] == str(original):
            return self._interactions.original(interaction)
        message = self._board.get(interaction.question.channel, call.params["message_id"])
        metadata = (message.origin or {}).get("interaction_metadata", {})
        if metadata.get("id") != str(interaction.id):
            raise unknown_message()
        return message

    def _original(self, interaction: Interaction) -> Message | None:
        """Return the message of the first answer while it exists."""
        messages = self._board.all_in(interaction.question.channel)
        return next((m for m in messages if m.id == interaction.original_id), None)

    def _first(self, interaction: Interaction, call: Call) -> Message:
        """Return the message of a first answer, still empty."""
        return self._blank(
            interaction,
            is_ephemeral=self._is_ephemeral(interaction, _data(call)),
            replied_to=interaction.question.source,
        )

    def _is_ephemeral(self, interaction: Interaction, data: Json) -> bool:
        is_wanted = MessageFlag.EPHEMERAL in MessageFlag(data.get("flags") or 0)
        return is_wanted or self._interactions.is_forced_ephemeral(interaction)

    def _blank(
        self, interaction: Interaction, *, is_ephemeral: bool, replied_to: Message | None
    ) -> Message:
        asked = interaction.question
        bot_id = str(self._world.bot.id)
        return Message(
            id=self._snowflakes.next(),
            channel=asked.channel,
            author=self._world.bot,
            kind=MessageKind.REPLY if replied_to else _message_kind(asked),
            flags=MessageFlag.EPHEMERAL if is_ephemeral else MessageFlag.NONE,
            visible_to=asked.user if is_ephemeral else None,
            replied_to=replied_to,
            origin=interaction.origin() | {"application_id": bot_id, "webhook_id": bot_id},
        )


def _answer_kind(interaction: Interaction, body: Json) -> AnswerKind:
    asked = interaction.question
    allowed = _ALLOWED[asked.kind]
    if asked.source is None:
        allowed -= _UPDATES
    form = Form()
    form.choice(body.get("type"), ("type",), allowed)
    form.finish()
    return AnswerKind(body["type"])


def _data(call: Call) -> Json:
    return call.object().get("data") or {}


def _message_kind(asked: Question) -> MessageKind:
    if asked.kind is not InteractionKind.COMMAND:
        return MessageKind.DEFAULT
    is_typed = asked.data["type"] == CommandKind.CHAT_INPUT
    return MessageKind.CHAT_INPUT_COMMAND if is_typed else MessageKind.CONTEXT_MENU_COMMAND


def _no_media(url: str, place: Path) -> Media:
    """A modal shows no media; its rules have refused them before."""
    raise AssertionError(f"media {url} in a modal at {place}")


def _callback_response(interaction: Interaction, answer: Answer) -> Json:
    asked = interaction.question
    response: Json = {
        "id": str(interaction.id),
        "type": int(asked.kind),
        "channel_id": str(asked.channel.id),
    }
    if asked.channel.guild_id is not None:
        response["guild_id"] = str(asked.channel.guild_id)
    if answer.message is not None:
        response |= {
            "response_message_id": str(answer.message.id),
            "response_message_loading": MessageFlag.LOADING in answer.message.flags,
            "response_message_ephemeral": answer.message.is_ephemeral,
        }
    body: Json = {"interaction": response}
    if answer.message is not None and answer.kind in {AnswerKind.MESSAGE, AnswerKind.UPDATE}:
        body["resource"] = {
            "type": int(answer.kind),
            "message": message_payload(answer.message),
        }
    return body
