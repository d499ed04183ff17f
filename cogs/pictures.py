"""Pictures that people bring along, from Discord to the input pictures."""

import asyncio
import dataclasses

import discord

from hypersd_core.errors import InvalidPicture
from hypersd_core.i18n import say
from hypersd_core.input_pictures import MAX_INPUT_BYTES, InputPictures
from hypersd_core.wishes import Start

_PENDING = "pending"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """A picture to start from, and the mask of what is drawn anew, as Discord has them."""

    picture: discord.Attachment
    mask: discord.Attachment | None = None

    @property
    def announced(self) -> Start:
        """What can be said before a byte is read: enough to plan with, not to draw. Raises."""
        for attachment in filter(None, (self.picture, self.mask)):
            _check(attachment)
        width, height = self.picture.width, self.picture.height
        size = (width, height) if width and height else None
        return Start(picture=_PENDING, mask=_PENDING if self.mask else "", size=size)

    async def read(self, inputs: InputPictures) -> Start:
        """Keep the pictures among ``inputs``. Raises InvalidPicture."""
        name = await asyncio.to_thread(inputs.add, await _data(self.picture))
        mask = ""
        if self.mask is not None:
            data = await _data(self.mask)
            mask = await asyncio.to_thread(inputs.add_mask, data, picture=name)
        size = await asyncio.to_thread(inputs.size, name)
        return Start(picture=name, mask=mask, size=size)


async def picture_data(attachment: discord.Attachment) -> bytes:
    """The whole file, if it may be one of a picture. Raises InvalidPicture."""
    _check(attachment)
    return await _data(attachment)


def _check(attachment: discord.Attachment) -> None:
    if attachment.size > MAX_INPUT_BYTES:
        raise InvalidPicture(
            say(
                "{name} has {size:.1f} MiB; at most {most} MiB are allowed.",
                name=attachment.filename,
                size=attachment.size / 2**20,
                most=MAX_INPUT_BYTES // 2**20,
            )
        )
    if not (attachment.content_type or "image/").startswith("image/"):
        raise InvalidPicture(
            say(
                "{name} is no picture: send a PNG, JPEG, WebP or GIF file.",
                name=attachment.filename,
            )
        )


async def _data(attachment: discord.Attachment) -> bytes:
    try:
        return await attachment.read()
    except discord.HTTPException as error:
        raise InvalidPicture(
            say("{name} could not be read from Discord: send it again.", name=attachment.filename)
        ) from error
