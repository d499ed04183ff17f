"""Asks the bot for pictures and looks at them pixel by pixel."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.e2e.cards import picture_urls
from tests.e2e.visitor import Visitor
from tests.sandbox.page_client import Json

Pixels = NDArray[np.float64]
"""(height, width, 3), from 0 to 255."""


async def drawn(visitor: Visitor, prompt: str, **options: object) -> Json:
    """The message that shows what /imagine has drawn."""
    answer = await visitor.command("imagine", prompt=prompt, **options)
    assert "message" in answer, answer
    return await shown(visitor, answer["message"])


async def shown(visitor: Visitor, message_id: str) -> Json:
    """The message once it shows pictures, where this visitor is."""
    return await visitor.until(
        lambda m: m["id"] == message_id and picture_urls(m) != [],
        user=visitor.user,
        channel=visitor.channel,
    )


async def file_of(visitor: Visitor, message: Json, index: int = 0) -> bytes:
    """One of its pictures, as the file that people can save."""
    status, data = await visitor.download(picture_urls(message)[index])
    assert status == 200
    return data


async def picture(visitor: Visitor, prompt: str, **options: object) -> Pixels:
    """The first picture of what /imagine has drawn."""
    return pixels(await file_of(visitor, await drawn(visitor, prompt, **options)))


def pixels(data: bytes) -> Pixels:
    """What a picture's file shows."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=np.float64)


def png(shown: Pixels) -> bytes:
    """A picture's file, without parameters in it."""
    file = io.BytesIO()
    Image.fromarray(shown.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def difference(one: Pixels, other: Pixels) -> float:
    """How far two pictures are apart: the mean over all channels, from 0 to 255."""
    return float(np.abs(one - other).mean())
