"""Says what a file is that is not safetensors, by its first bytes. Nothing is opened or unpickled.

People save web pages under a model's name, clone pointers instead of files, and rename pickles.
"""

import codecs
import re

from hypersd_core.i18n import say

START_BYTES = 512
"""How much of a file's start is enough to know it."""

PICKLE = say(
    "is a pickle, which can run any code when it is loaded: only safetensors files are read, so "
    "look for the .safetensors download or convert it"
)
_WEB_PAGE = say(
    "is a web page that was saved in place of the file: download it again, logged in if the site "
    "asks for it"
)
_ARCHIVE = say("is a packed archive: unpack it first")
_PICTURE = say("is a picture, not a model")
# Magic numbers as the formats define them. A PyTorch file since 1.6 is a zip with a pickle inside,
# an older one begins with a pickle of protocol 2 to 5.
_MAGIC = (
    (b"GGUF", say("is a GGUF file: only safetensors files are read")),
    (b"PK\x03\x04", PICKLE),
    (b"\x80\x02", PICKLE),
    (b"\x80\x03", PICKLE),
    (b"\x80\x04", PICKLE),
    (b"\x80\x05", PICKLE),
    (b"\x89HDF", say("is an HDF5 file: only safetensors files are read")),
    (b"\x89PNG", _PICTURE),
    (b"\xff\xd8\xff", _PICTURE),
    (b"RIFF", _PICTURE),
    (b"\x1f\x8b", _ARCHIVE),
    (b"7z\xbc\xaf\x27\x1c", _ARCHIVE),
    (b"Rar!", _ARCHIVE),
)
_POINTER = b"version https://git-lfs.github.com/spec/"
_ZEROS_BYTES = 16  # no format begins with so many, but a file made whole before it is downloaded
_QUOTED_CHARS = 40


def describe(start: bytes) -> str:
    """What follows "NAME …" for a file with this ``start``; empty where it is not known.

    ``start``: the first ``START_BYTES`` of the file, or all of a shorter one.
    """
    if not start:
        return say("is empty: download it again")
    if start.startswith(_POINTER):
        return _pointer(start)
    for magic, phrase in _MAGIC:
        if start.startswith(magic):
            return phrase
    if start.startswith(bytes(_ZEROS_BYTES)):
        return say("begins with zeros alone: its download has not finished")
    return _text(start)


def size_text(size_bytes: int) -> str:
    """``6.94 GB``, ``787 MB``, ``134 bytes``: powers of 1000, as download pages count."""
    for unit, unit_bytes in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size_bytes >= unit_bytes:
            return f"{size_bytes / unit_bytes:.3g} {unit}"
    return say("{size} bytes", size=size_bytes)


def _pointer(start: bytes) -> str:
    """Git-LFS pointers name the real size: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md."""
    found = re.search(rb"^size (\d{1,15})$", start, re.MULTILINE)
    if not found:
        return say(
            "is a git-lfs pointer: the real file was not downloaded; run `git lfs pull` or "
            "download it from its page"
        )
    return say(
        "is a git-lfs pointer: the real file of {size} was not downloaded; run `git lfs pull` or "
        "download it from its page",
        size=size_text(int(found[1])),
    )


def _text(start: bytes) -> str:
    text = _as_text(start)
    if text is None:
        return ""
    if re.match(r"\s*(<!doctype html|<html|<head|<\?xml)", text, re.IGNORECASE):
        return _WEB_PAGE
    quoted = " ".join(text.split())[:_QUOTED_CHARS]
    return say("is a text file, not a model: it begins with {start!r}", start=quoted)


def _as_text(start: bytes) -> str | None:
    """``start`` as text if it is printable. A longer file's last letter may be cut in two."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    try:
        text = decoder.decode(start, final=len(start) < START_BYTES)
    except UnicodeDecodeError:
        return None
    return text if all(char.isprintable() or char in "\t\r\n" for char in text) else None
