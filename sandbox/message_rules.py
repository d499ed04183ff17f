"""Discord's rules for the body of a message: content, embeds, attachments, nonce."""

from collections.abc import Iterator

from sandbox.component_rules import check_message_components
from sandbox.errors import empty_message
from sandbox.form import Form, Path
from sandbox.model import Message, MessageFlag
from sandbox.wire import Json

MAX_CONTENT = 2000
MAX_EMBEDS = 10
MAX_EMBED_TEXT = 6000
MAX_ATTACHMENTS = 10

_EMBED_TEXTS = {"title": 256, "description": 4096}
_LEGACY_FIELDS = ("content", "embeds")


def check_body(body: Json, place: Path, *, is_v2: bool) -> None:
    """Raise Discord's form error for a message body that breaks a rule by itself."""
    form = Form()
    form.text(body.get("content"), (*place, "content"), most=MAX_CONTENT)
    if not isinstance(body.get("nonce"), int):
        form.text(body.get("nonce"), (*place, "nonce"), most=25)
    _check_embeds(form, body.get("embeds") or [], (*place, "embeds"))
    attachments = body.get("attachments") or []
    form.length(attachments, (*place, "attachments"), most=MAX_ATTACHMENTS)
    for index, attachment in enumerate(attachments):
        here = (*place, "attachments", index)
        form.require(attachment.get("id"), (*here, "id"))
        form.text(attachment.get("description"), (*here, "description"), most=1024)
    components = body.get("components") or []
    check_message_components(form, components, (*place, "components"), is_v2=is_v2)
    form.finish()


def check_whole(message: Message, place: Path) -> None:
    """Raise Discord's error for a message that could not be shown.

    Looked at after a body was applied: an edit may leave an older part in the way.
    """
    is_v2 = MessageFlag.COMPONENTS_V2 in message.flags
    form = Form()
    if is_v2:
        for field in _LEGACY_FIELDS:
            if getattr(message, field):
                form.fail(
                    (*place, field),
                    "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
                    f"The '{field}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2",
                )
    form.length(message.attachments, (*place, "attachments"), most=MAX_ATTACHMENTS)
    form.finish()
    shown_alone = (message.content, message.embeds, message.attachments)
    if not (message.components if is_v2 else (any(shown_alone) or message.components)):
        raise empty_message()


def _check_embeds(form: Form, embeds: list[Json], place: Path) -> None:
    form.length(embeds, place, most=MAX_EMBEDS)
    for index, embed in enumerate(embeds):
        _check_embed(form, embed, (*place, index))
    if sum(len(text) for embed in embeds for text in _texts(embed)) > MAX_EMBED_TEXT:
        form.fail(
            place,
            "MAX_EMBED_SIZE_EXCEEDED",
            f"Embed size exceeds maximum size of {MAX_EMBED_TEXT}",
        )


def _check_embed(form: Form, embed: Json, place: Path) -> None:
    for key, most in _EMBED_TEXTS.items():
        form.text(embed.get(key), (*place, key), most=most)
    form.text((embed.get("footer") or {}).get("text"), (*place, "footer", "text"), most=2048)
    form.text((embed.get("author") or {}).get("name"), (*place, "author", "name"), most=256)
    fields = embed.get("fields") or []
    form.length(fields, (*place, "fields"), most=25)
    for index, field in enumerate(fields):
        here = (*place, "fields", index)
        for key, most in (("name", 256), ("value", 1024)):
            if form.require(field.get(key), (*here, key)):
                form.text(field[key], (*here, key), least=1, most=most)


def _texts(embed: Json) -> Iterator[str]:
    """Yield the texts of an embed that count towards the common limit."""
    fields = embed.get("fields") or []
    yield from (str(embed.get(key) or "") for key in _EMBED_TEXTS)
    yield str((embed.get("footer") or {}).get("text") or "")
    yield str((embed.get("author") or {}).get("name") or "")
    yield from (str(field.get(key) or "") for field in fields for key in ("name", "value"))
