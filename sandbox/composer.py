"""Turns request bodies into messages: rules, attachments, embeds, components, mentions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sandbox.components import Kind, Media, resolve, walk
from sandbox.files import FileStore, StoredFile, Upload, safe_filename
from sandbox.form import Form, Path
from sandbox.message_rules import check_body, check_whole
from sandbox.model import Attachment, Message, MessageFlag, User
from sandbox.payloads import attachment_payload
from sandbox.snowflake import Snowflakes
from sandbox.wire import Json
from sandbox.world import World

_SETTABLE = (
    MessageFlag.SUPPRESS_EMBEDS | MessageFlag.SUPPRESS_NOTIFICATIONS | MessageFlag.COMPONENTS_V2
)
_REFERENCE = "attachment://"
_MENTION = re.compile(r"<@!?(\d+)>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A request body that shall become a message. ``place`` is where it sits in the request."""

    body: Json
    uploads: Mapping[int, Upload] = field(default_factory=dict)
    place: Path = ()


class Composer:
    """Applies a draft to a message, new or existing, and keeps the files that came along."""

    def __init__(self, world: World, files: FileStore, snowflakes: Snowflakes) -> None:
        self._world = world
        self._files = files
        self._snowflakes = snowflakes

    def apply(self, draft: Draft, base: Message) -> Message:
        """Return ``base`` as the draft changes it; what the draft does not name stays.

        Raises:
            DiscordError: The draft, or the message it would make, breaks a rule of Discord.
        """
        flags = base.flags | MessageFlag(draft.body.get("flags") or 0) & _SETTABLE
        check_body(draft.body, draft.place, is_v2=MessageFlag.COMPONENTS_V2 in flags)
        uploaded = self._prepare(draft, base)
        message = replace(
            base,
            flags=flags,
            content=draft.body.get("content", base.content) or "",
            attachments=_attachments(draft, base, uploaded),
        )
        message = self._resolved(draft, message)
        message = replace(message, mentions=self._mentions(draft, message))
        check_whole(message, draft.place)
        for file in uploaded.values():
            self._files.keep(file)
        return message

    def _prepare(self, draft: Draft, base: Message) -> dict[int, StoredFile]:
        entries = draft.body.get("attachments") or []
        descriptions = {str(entry["id"]): entry.get("description") for entry in entries}
        return {
            index: self._files.prepare(
                upload,
                base.channel,
                description=descriptions.get(str(index)),
                is_ephemeral=base.is_ephemeral,
            )
            for index, upload in draft.uploads.items()
        }

    def _resolved(self, draft: Draft, message: Message) -> Message:
        media = _MediaResolver(message.attachments, self._snowflakes)
        if "embeds" in draft.body:
            embeds = tuple(
                _resolve_embed(embed, media, (*draft.place, "embeds", index))
                for index, embed in enumerate(draft.body["embeds"] or [])
            )
            message = replace(message, embeds=embeds)
        if "components" in draft.body:
            components = draft.body["components"] or []
            place = (*draft.place, "components")
            message = replace(message, components=resolve(components, media.resolve, place))
        media.form.finish()
        return replace(message, shown_inside=_shown_inside(message))

    def _mentions(self, draft: Draft, message: Message) -> tuple[User, ...]:
        texts = [message.content]
        texts += [
            str(component["content"])
            for _, component in walk(message.components)
            if component["type"] == Kind.TEXT_DISPLAY
        ]
        named = {user_id for text in texts for user_id in _MENTION.findall(text)}
        allowed = _allowed_users(draft.body.get("allowed_mentions"), named)
        everyone = (*self._world.people, self._world.bot)
        return tuple(user for user in everyone if str(user.id) in allowed)


class _MediaResolver:
    """Finds what a URL in a component or embed stands for among a message's attachments."""

    def __init__(self, attachments: tuple[Attachment, ...], snowflakes: Snowflakes) -> None:
        self._by_reference = {_REFERENCE + a.filename: a for a in attachments}
        self._by_url = {attachment.url: attachment for attachment in attachments}
        self._snowflakes = snowflakes
        self.form = Form()

    def resolve(self, url: str, place: Path) -> Media:
        attachment = self.find(url, place)
        if attachment is None:
            number = str(self._snowflakes.next())
            return Media(item={"id": number, "url": url, "proxy_url": url})
        shown = attachment_payload(attachment)
        item: Json = {key: shown.get(key) for key in ("width", "height", "content_type")}
        item |= {"id": shown["id"], "attachment_id": shown["id"]}
        item |= {"url": attachment.url, "proxy_url": attachment.url}
        return Media(item=item, name=attachment.filename, size_bytes=attachment.size_bytes)

    def find(self, url: str, place: Path) -> Attachment | None:
        """Return the attachment meant by ``url``; note a failure for a dangling reference."""
        if not url.startswith(_REFERENCE):
            return self._by_url.get(url)
        name = safe_filename(url.removeprefix(_REFERENCE))
        attachment = self._by_reference.get(_REFERENCE + name)
        if attachment is None:
            self.form.fail(
                place,
                "UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND",
                f"The referenced attachment '{name}' was not found",
            )
        return attachment


def _attachments(
    draft: Draft, base: Message, uploaded: Mapping[int, StoredFile]
) -> tuple[Attachment, ...]:
    """Return what is attached afterwards: a given list replaces, uploads are always added."""
    listed = draft.body.get("attachments")
    if listed is None:
        kept = base.attachments
    else:
        names = {str(entry["id"]) for entry in listed}
        kept = tuple(a for a in base.attachments if str(a.id) in names)
    return (*kept, *(file.attachment for file in uploaded.values()))


def _resolve_embed(embed: Json, media: _MediaResolver, place: Path) -> Json:
    resolved = {key: value for key, value in embed.items() if value is not None}
    resolved["type"] = "rich"
    resolved["fields"] = [{"inline": False} | entry for entry in resolved.get("fields", [])]
    for key in ("image", "thumbnail"):
        if key in resolved:
            found = media.resolve(resolved[key]["url"], (*place, key, "url")).item
            wanted = ("url", "proxy_url", "width", "height", "content_type")
            resolved[key] = {name: found[name] for name in wanted if found.get(name)}
    return resolved


def _shown_inside(message: Message) -> frozenset[str]:
    """Return the URLs of media that components and embeds show."""
    urls: set[str] = set()
    for embed in message.embeds:
        urls |= {embed[key]["url"] for key in ("image", "thumbnail") if key in embed}
    for _, component in walk(message.components):
        urls |= {component[key]["url"] for key in ("media", "file") if key in component}
        urls |= {item["media"]["url"] for item in component.get("items", ())}
    return frozenset(urls)


def _allowed_users(allowed: Json | None, named: set[str]) -> set[str]:
    if allowed is None or "users" in (allowed.get("parse") or ()):
        return named
    return named & {str(user_id) for user_id in allowed.get("users") or ()}
