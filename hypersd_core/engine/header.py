"""Reads the header of a safetensors file: which tensors there are, and none of them.

The format is eight bytes with a length N (u64, little-endian), N bytes of JSON, then the tensors'
bytes without a gap: https://github.com/huggingface/safetensors#format. A file may come from
anywhere, so every number in it is checked against the file's own size before it is believed.
"""

import json
import os
import stat
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from hypersd_core.engine.detection.magic import START_BYTES, describe, size_text
from hypersd_core.errors import ModelError
from hypersd_core.i18n import say

MAX_HEADER_BYTES = 100_000_000
_MAX_VALUES = 2_000_000  # numbers, texts and lists; a header of 10,000 tensors has 100,000
_LENGTH = struct.Struct("<Q")
_METADATA = "__metadata__"
_MAX_BITS = 2**64
_QUOTED_CHARS = 40
_BITS = {
    "BOOL": 8,
    "U8": 8,
    "I8": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "F8_E5M2": 8,
    "F8_E4M3": 8,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "U16": 16,
    "I16": 16,
    "F16": 16,
    "BF16": 16,
    "U32": 32,
    "I32": 32,
    "F32": 32,
    "C64": 64,
    "U64": 64,
    "I64": 64,
    "F64": 64,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorInfo:
    """What the header says of one tensor. ``dtype`` is the format's word: ``F16``, ``BF16``."""

    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """All that a safetensors file says about itself."""

    tensors: Mapping[str, TensorInfo]
    metadata: Mapping[str, str]


class _Refused(Exception):
    """Holds what follows "NAME …" in the sentence for the person."""


def read_header(path: Path) -> Header:
    """The header of the file at ``path``; raises ModelError with one sentence that names the file.

    Reads no further than the header, whatever the file holds and however large it is.
    """
    try:
        text, data_bytes = _read_text(path)
        return _parse(text, data_bytes)
    except _Refused as refusal:
        problem = refusal.args[0]
        raise ModelError(
            say("{file} {problem}.", file=printable(path.name), problem=problem)
        ) from refusal
    except OSError as error:
        reason = error.strerror or say("an unknown error")
        raise ModelError(
            say("{file} cannot be read: {reason}.", file=printable(path.name), reason=reason)
        ) from error


def printable(name: str) -> str:
    """``name`` fit to be shown and stored: without control characters and undecodable bytes."""
    if name.isprintable():
        return name
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in name)


def _read_text(path: Path) -> tuple[str, int]:
    """The header's JSON, and how many bytes of tensors follow it."""
    if not stat.S_ISREG(path.stat().st_mode):  # before it is opened: a pipe would block
        raise _Refused(say("is not a file"))
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        header_bytes = _checked_length(file.read(START_BYTES), size)
        file.seek(_LENGTH.size)
        raw = file.read(header_bytes)
    if len(raw) < header_bytes:
        raise _Refused(say("was changed while it was read"))
    try:
        return raw.decode("utf-8"), size - _LENGTH.size - header_bytes
    except UnicodeDecodeError as error:
        raise _Refused(say("has a damaged header: it is not UTF-8 text")) from error


def _checked_length(start: bytes, size: int) -> int:
    """The header's length, if ``start`` can be that of a safetensors file of ``size`` bytes."""
    if start[_LENGTH.size : _LENGTH.size + 1] != b"{":
        raise _Refused(describe(start) or say("is not a safetensors file"))
    header_bytes: int = _LENGTH.unpack_from(start)[0]
    if _LENGTH.size + header_bytes <= size and header_bytes <= MAX_HEADER_BYTES:
        return header_bytes
    if known := describe(start):  # a text can have a brace for its ninth letter
        raise _Refused(known)
    if header_bytes > MAX_HEADER_BYTES:
        raise _Refused(
            say(
                "claims a header of {size}; at most {most} are allowed",
                size=size_text(header_bytes),
                most=size_text(MAX_HEADER_BYTES),
            )
        )
    raise _Refused(
        say(
            "is cut off in its header, after {size}: its download has not finished or failed",
            size=size_text(size),
        )
    )


def _parse(text: str, data_bytes: int) -> Header:
    if len(text) > _MAX_VALUES and sum(map(text.count, ",[{")) > _MAX_VALUES:
        raise _Refused(
            say("has a header of more than {most:,} values, which no model needs", most=_MAX_VALUES)
        )
    entries = _Entries()
    try:
        values = json.loads(text, object_hook=entries.take, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise _Refused(say("has a header that nests too deeply for a model")) from error
    except ValueError as error:
        raise _Refused(say("has a damaged header: it is not JSON")) from error
    if type(values) is not dict:
        raise _Refused(say("has a damaged header: it is not an object of tensors"))
    metadata = values.pop(_METADATA, None) or {}
    if type(metadata) is not dict or not all(type(text) is str for text in metadata.values()):
        raise _Refused(say("has a damaged header: its metadata must be texts by name"))
    # A tensor that is named twice is lost from the object.
    if len(values) != len(entries) or not set(map(type, values.values())) <= {TensorInfo}:
        raise _Refused(say("has a damaged header: it must describe each tensor once"))
    entries.check_filling(data_bytes)
    return Header(tensors=values, metadata=metadata)


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


class _Entries:
    """The descriptions of tensors, each checked and made small as soon as it is parsed.

    So thousands of lists and dicts are never alive at once, and the garbage collector has no cause
    to look through the whole program: that takes longer than everything else here.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str | int, ...], tuple[TensorInfo, int]] = {}
        self._begins: list[int] = []
        self._ends: list[int] = []

    def __len__(self) -> int:
        return len(self._begins)

    def take(self, values: dict[str, Any]) -> TensorInfo | dict[str, Any]:
        """What stands for one JSON object: the tensor that it describes, itself if it does not."""
        try:
            dtype, shape, (begin, end) = values["dtype"], values["shape"], values["data_offsets"]
        except (KeyError, TypeError, ValueError):
            return values
        if type(shape) is not list:
            raise _Refused(say("has a damaged header: a tensor has an impossible shape"))
        for side in shape:
            if type(side) is not int:  # true is not 1
                raise _Refused(say("has a damaged header: a tensor has an impossible shape"))
        try:
            info, size = self._known.get((dtype, *shape)) or self._add(dtype, shape)
            is_filled = end - begin == size
        except TypeError as error:
            raise _Refused(say("has a damaged header: it describes a tensor wrongly")) from error
        if not is_filled:
            raise _Refused(say("has a damaged header: a tensor is not as large as its shape"))
        self._begins.append(begin)
        self._ends.append(end)
        return info

    def _add(self, dtype: str, shape: list[int]) -> tuple[TensorInfo, int]:
        """The value and the bytes for all tensors of this kind; most have many like them."""
        info = TensorInfo(dtype=dtype, shape=tuple(shape))
        known = self._known[dtype, *shape] = info, _size(info)
        return known

    def check_filling(self, data_bytes: int) -> None:
        """Raise unless every one of ``data_bytes`` belongs to exactly one tensor."""
        if not {*map(type, self._begins), *map(type, self._ends)} <= {int}:  # true is not 1
            raise _Refused(say("has a damaged header: an offset is no whole number"))
        begins, ends = sorted(self._begins), sorted(self._ends)
        filled = ends[-1] if ends else 0
        if [*begins, filled] != [0, *ends]:  # after each end, exactly one begins
            raise _Refused(say("has a damaged header: its tensors overlap or leave gaps"))
        if filled > data_bytes:
            raise _Refused(
                say(
                    "is cut off: {size} of {whole} are there, so its download has not finished or "
                    "failed",
                    size=size_text(data_bytes),
                    whole=size_text(filled),
                )
            )
        if filled < data_bytes:
            surplus = size_text(data_bytes - filled)
            raise _Refused(say("has {size} at its end that belong to no tensor", size=surplus))


def _size(info: TensorInfo) -> int:
    """How many bytes the tensor takes; shapes that no file can hold are refused."""
    if info.dtype not in _BITS:
        raise _Refused(
            say(
                "has tensors of the unknown type {dtype}",
                dtype=ascii(info.dtype)[:_QUOTED_CHARS],
            )
        )
    bits = _BITS[info.dtype]
    for side in info.shape:
        bits *= side
        # In the loop, because the product of a million sides would take a while.
        if side < 0 or max(bits, side) >= _MAX_BITS:
            raise _Refused(say("has a damaged header: a tensor has an impossible shape"))
    if bits % 8:
        raise _Refused(say("has a damaged header: a tensor ends within a byte"))
    return bits // 8
