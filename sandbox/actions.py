"""What a person does in a channel: commands, buttons, selects, modals, as questions to the bot."""

from collections.abc import Callable

from sandbox.command_rules import CommandKind
from sandbox.commands import CommandRegistry
from sandbox.composer import Draft
from sandbox.errors import DiscordError, SandboxError
from sandbox.files import FileStore, Upload
from sandbox.installs import default_owners, owners
from sandbox.interactions import Answer, AnswerKind, InteractionKind, Interactions, Question
from sandbox.invocation import (
    autocomplete_data,
    command_data,
    component_data,
    menu_data,
    modal_data,
)
from sandbox.messages import MessageBoard
from sandbox.model import Attachment, Channel, Message, User
from sandbox.resolved import Resolved
from sandbox.snowflake import Snowflakes
from sandbox.wire import Json
from sandbox.world import World


class Actions:
    """Carries out what the page asks for and reports what the bot answered."""

    def __init__(
        self,
        world: World,
        commands: CommandRegistry,
        board: MessageBoard,
        files: FileStore,
        interactions: Interactions,
        snowflakes: Snowflakes,
    ) -> None:
        self._world = world
        self._commands = commands
        self._board = board
        self._files = files
        self._interactions = interactions
        self._snowflakes = snowflakes
        self._kinds: dict[str, Callable[[Json], Question]] = {
            "command": self._command,
            "autocomplete": self._autocomplete,
            "component": self._component,
            "modal": self._modal,
        }

    async def act(self, body: Json) -> Json:
        """Ask the bot and return what came of it; see ``page_api`` for the fields.

        Raises:
            SandboxError: The body asks for something that does not exist or is not allowed.
        """
        kind = body.get("kind")
        if kind not in self._kinds:
            raise SandboxError(f"kind must be one of {', '.join(self._kinds)}, got {kind!r}")
        interaction = await self._interactions.ask(self._kinds[kind](body))
        outcome = _outcome(interaction.answer) if interaction.answer else {"outcome": "failed"}
        return {"interaction": str(interaction.id)} | outcome

    def write(self, body: Json) -> Message:
        """Post a message as a person.

        Raises:
            DiscordError: It is empty or too long.
        """
        user, channel = self._who_and_where(body)
        blank = Message(id=self._snowflakes.next(), channel=channel, author=user)
        uploads = {n: self._uploaded(i) for n, i in enumerate(body.get("attachments") or [])}
        draft = Draft(body={"content": body.get("content")}, uploads=uploads)
        return self._board.post(blank, draft)

    def upload(self, body: Json, data: bytes) -> Attachment:
        """Store a file that will be an option's value, or part of a message."""
        _, channel = self._who_and_where(body)
        file = self._files.prepare(
            Upload(filename=_text(body, "filename"), data=data), channel, is_ephemeral=True
        )
        self._files.keep(file)
        return file.attachment

    def _command(self, body: Json) -> Question:
        if "target" in body:
            return self._menu_command(body)
        user, channel = self._who_and_where(body)
        command, leaf = self._commands.find(
            _text(body, "name"), CommandKind.CHAT_INPUT, user, channel
        )
        resolved = self._resolved(user, channel)
        data = command_data(command, leaf, body.get("options") or {}, resolved)
        return self._question(InteractionKind.COMMAND, body, command, data)

    def _menu_command(self, body: Json) -> Question:
        user, channel = self._who_and_where(body)
        target, name = _text(body, "target"), _text(body, "name")
        resolved = self._resolved(user, channel)
        offered = [c for c in self._commands.usable(user, channel) if c["name"] == name]
        for command in offered:
            if command["type"] == CommandKind.MESSAGE:
                resolved.add_message(self._message(channel, target, user))
            if command["type"] != CommandKind.CHAT_INPUT:
                data = menu_data(command, target, resolved)
                return self._question(InteractionKind.COMMAND, body, command, data)
        raise SandboxError(f"{user.display_name} has no command {name!r} in a menu here")

    def _autocomplete(self, body: Json) -> Question:
        user, channel = self._who_and_where(body)
        command, leaf = self._commands.find(
            _text(body, "name"), CommandKind.CHAT_INPUT, user, channel
        )
        data = autocomplete_data(command, leaf, body.get("options") or {}, _text(body, "focused"))
        return self._question(InteractionKind.AUTOCOMPLETE, body, command, data)

    def _component(self, body: Json) -> Question:
        user, channel = self._who_and_where(body)
        message = self._message(channel, _text(body, "message"), user)
        data = component_data(
            message.components,
            _text(body, "custom_id"),
            body.get("values") or [],
            self._resolved(user, channel),
        )
        metadata = (message.origin or {}).get("interaction_metadata", {})
        return Question(
            kind=InteractionKind.COMPONENT,
            user=user,
            channel=channel,
            data=data,
            locale=_locale(body, user),
            owners=metadata.get("authorizing_integration_owners") or default_owners(channel),
            source=message,
        )

    def _modal(self, body: Json) -> Question:
        opener = self._interactions.find(body.get("interaction"))
        user = self._world.find_person(body.get("user"))
        asked = opener.question
        if asked.user != user or not opener.answer or opener.answer.kind is not AnswerKind.MODAL:
            raise SandboxError(f"interaction {opener.id} opened no modal for {user.display_name}")
        resolved = self._resolved(user, asked.channel)
        return Question(
            kind=InteractionKind.MODAL_SUBMIT,
            user=user,
            channel=asked.channel,
            data=modal_data(opener.answer.data, body.get("values") or {}, resolved),
            locale=asked.locale,
            owners=asked.owners,
            source=asked.source,
            opened_by=opener,
        )

    def _who_and_where(self, body: Json) -> tuple[User, Channel]:
        user = self._world.find_person(body.get("user"))
        return user, self._world.find_channel(body.get("channel"), user)

    def _message(self, channel: Channel, message_id: str, user: User) -> Message:
        try:
            message = self._board.get(channel, message_id)
        except DiscordError as error:
            raise SandboxError(f"there is no message {message_id} in {channel.name}") from error
        if not self._world.can_read(user, message):
            raise SandboxError(f"{user.display_name} cannot see message {message_id}")
        return message

    def _resolved(self, user: User, channel: Channel) -> Resolved:
        return Resolved(self._world, self._files, user, channel)

    def _uploaded(self, attachment_id: object) -> Upload:
        file = self._files.find(str(attachment_id))
        if file is None:
            raise SandboxError(f"there is no uploaded file {attachment_id!r}")
        return Upload(filename=file.attachment.filename, data=file.data)

    def _question(self, kind: InteractionKind, body: Json, command: Json, data: Json) -> Question:
        """Return the question that a command asks."""
        user, channel = self._who_and_where(body)
        return Question(
            kind=kind,
            user=user,
            channel=channel,
            data=data,
            locale=_locale(body, user),
            owners=owners(command, user, channel, self._world),
        )


def _locale(body: Json, user: User) -> str:
    return str(body.get("locale") or user.locale)


def _outcome(answer: Answer) -> Json:
    outcome: Json = {"outcome": answer.kind.name.lower()}
    if answer.message is not None:
        outcome["message"] = str(answer.message.id)
    if answer.kind is AnswerKind.CHOICES:
        outcome["choices"] = answer.data.get("choices") or []
    if answer.kind is AnswerKind.MODAL:
        outcome["modal"] = answer.data
    return outcome


def _text(body: Json, key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise SandboxError(f"{key!r} must be a text, got {value!r}")
    return value
