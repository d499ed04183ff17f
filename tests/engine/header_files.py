"""Safetensors files that are a header and a hole: real names and shapes, no bytes on the disk."""

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]

_BYTES = {"F8_E4M3": 1, "U8": 1, "F16": 2, "BF16": 2, "F32": 4}


def write_header_only(
    path: Path, shapes: Shapes, *, dtype: str = "F16", metadata: Mapping[str, str] | None = None
) -> Path:
    """Write what ``save_file`` would, but leave the tensors' bytes a hole in the file."""
    header: dict[str, Any] = {} if metadata is None else {"__metadata__": dict(metadata)}
    end = 0
    for name in sorted(shapes):
        begin, end = end, end + _BYTES[dtype] * math.prod(shapes[name])
        header[name] = {"dtype": dtype, "shape": shapes[name], "data_offsets": [begin, end]}
    return write_raw(path, json.dumps(header, separators=(",", ":")), data_bytes=end)


def write_raw(path: Path, text: str, *, data_bytes: int) -> Path:
    """Write ``text`` as the header, whatever it is, and a hole of ``data_bytes`` behind it."""
    raw = text.encode("utf-8", "surrogatepass")
    raw += b" " * (-len(raw) % 8)  # as the format's own library pads it
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(raw)) + raw)
        file.truncate(8 + len(raw) + data_bytes)
    return path
