"""A zip file that never grows above a limit. Blocking."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

_END_BYTES = 22
_ENTRY_BYTES = 30 + 46  # what a file has before it and in the list at the end, each with its name
_DEFLATE_BYTES = 100  # what text that cannot be compressed grows by, at most 5 for each 16 KiB


class Archive:
    """Takes files while they fit into ``limit_bytes``. Sizes: PKWARE APPNOTE 6.3, 4.3."""

    def __init__(self, *, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._file = io.BytesIO()
        self._zip = zipfile.ZipFile(self._file, "w")
        self._listed_bytes = _END_BYTES

    def has_room(self, sizes_bytes: Mapping[str, int]) -> bool:
        """Whether files of these names and sizes fit, all of them."""
        added_bytes = sum(
            _ENTRY_BYTES + 2 * len(name.encode()) + _DEFLATE_BYTES + size + size // 1_000
            for name, size in sizes_bytes.items()
        )
        return self._file.tell() + self._listed_bytes + added_bytes <= self._limit_bytes

    def add_text(self, name: str, text: str) -> bool:
        """Add ``text`` compressed. False, and nothing is added, if it might not fit."""
        return self._add(name, text.encode(), zipfile.ZIP_DEFLATED)

    def add_file(self, name: str, path: Path) -> bool:
        """Add a file as it is. False, and nothing is added, if it does not fit or is gone."""
        try:
            return self.has_room({name: path.stat().st_size}) and self._add(
                name, path.read_bytes(), zipfile.ZIP_STORED
            )
        except OSError:
            return False

    def finished(self) -> bytes:
        """The whole file; nothing can be added any more."""
        self._zip.close()
        return self._file.getvalue()

    def _add(self, name: str, data: bytes, method: int) -> bool:
        if not self.has_room({name: len(data)}):
            return False
        self._zip.writestr(name, data, compress_type=method)
        self._listed_bytes += _ENTRY_BYTES + len(name.encode())
        return True
