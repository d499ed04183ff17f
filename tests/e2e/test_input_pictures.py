"""Pictures that people bring: what is no picture is refused, and of a picture only pixels stay."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from tests.e2e.cards import picture_urls, text_of
from tests.e2e.database import rows
from tests.e2e.visitor import Visitor
from tests.sandbox.page_client import Json

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("bot")]

EPHEMERAL = 1 << 6
SECRET = b"taken at home"


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG of 1 bit grey with all its rows, which deflate packs a thousand to one."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    packer = zlib.compressobj(9)
    line = bytes(1 + width // 8)
    packed = b"".join(packer.compress(line) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    )


def photograph() -> bytes:
    """A JPEG, 96x64, to be turned a quarter, left half red; with a place and a comment in it."""
    pixels = np.zeros((64, 96, 3), np.uint8)
    pixels[:, :48, 0] = 255
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # to be shown turned clockwise
    exif[ExifTags.Base.ImageDescription] = SECRET.decode()
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95, exif=exif, comment=SECRET)
    return file.getvalue()


async def refused(visitor: Visitor, name: str, data: bytes) -> Json:
    """The private refusal of a picture; nothing else is left in the channel."""
    before = {m["id"] for m in await visitor.messages()}
    await visitor.command("imagine", prompt="a man", picture=(name, data))
    message = await visitor.until(
        lambda m: m["id"] not in before and m["flags"] & EPHEMERAL != 0 and "man" in text_of(m)
    )
    assert await visitor.messages(user="ben") == []
    return message


async def test_a_small_file_that_would_fill_the_memory_is_refused_unread(
    visitor: Visitor, local_dir: Path
) -> None:
    bomb = png_that_claims(40_000, 40_000)
    assert len(bomb) < 300_000
    message = await refused(visitor, "bomb.png", bomb)
    assert "too many pixels" in text_of(message) or "1,600,000,000 pixels" in text_of(message)
    assert rows(local_dir, "SELECT count(*) FROM jobs") == [(0,)]


async def test_a_text_that_is_called_a_picture_is_refused(visitor: Visitor) -> None:
    message = await refused(visitor, "cat.png", b"#!/bin/sh\necho no picture\n" * 10)
    assert "The file is damaged or no picture" in text_of(message)


async def test_a_file_of_another_kind_is_refused_by_its_name(visitor: Visitor) -> None:
    message = await refused(visitor, "notes.txt", b"a man")
    assert "notes.txt is no picture" in text_of(message)


async def test_a_turned_photograph_is_drawn_from_upright_and_tells_nothing(
    visitor: Visitor, local_dir: Path
) -> None:
    data = photograph()
    assert SECRET in data
    answer = await visitor.command(
        "imagine", prompt="a man", picture=("me.jpg", data), strength=0.5, steps=2
    )
    message = await visitor.until_drawn(str(answer["message"]))
    (kept,) = (local_dir / "inputs").iterdir()
    assert SECRET not in kept.read_bytes()
    with Image.open(kept) as stored:
        assert stored.size == (64, 96)
        assert not stored.getexif()
        assert set(stored.info) <= {"srgb", "gamma", "dpi"}
        top, bottom = stored.getpixel((32, 8)), stored.getpixel((32, 88))
    assert top[0] > 200 > 60 > bottom[0]  # type: ignore[index]  # a colour
    _, drawn = await visitor.download(picture_urls(message)[0])
    assert SECRET not in drawn
    picture = Image.open(io.BytesIO(drawn))
    assert picture.height > picture.width
    assert not picture.getexif()


async def test_a_picture_under_another_pictures_name_is_read_for_what_it_is(
    visitor: Visitor,
) -> None:
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "blue").save(file, "GIF")
    answer = await visitor.command(
        "imagine", prompt="a man", picture=("really-a.png", file.getvalue()), steps=2
    )
    assert picture_urls(await visitor.until_drawn(str(answer["message"])))
