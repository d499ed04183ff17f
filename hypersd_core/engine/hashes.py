"""SHA-256 of model files, remembered as long as a file's size and time stay the same.

Gigabytes take seconds to hash, so results go to a small JSON file, which may be lost or damaged:
then they are computed again.
"""

import hashlib
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypersd_core.engine.detection.folder_layout import shown
from hypersd_core.errors import ModelError
from hypersd_core.i18n import say
from hypersd_core.whole_file import write_whole

log = logging.getLogger(__name__)

_BLOCK_BYTES = 4 * 1024**2
_TOLD_FROM_BYTES = 200 * 1024**2  # what takes longer than people expect
_SHA256 = re.compile(r"[0-9a-f]{64}")


class FileHashes:
    """Hashes of files, for any thread but the event loop's."""

    def __init__(self, cache_file: Path) -> None:
        self._cache_file = cache_file
        self._entries = _read(cache_file)

    def known(self, path: Path) -> str | None:
        """The hash of ``path`` if it was computed before and the file is still the same."""
        entry = self._entries.get(_key(path))
        try:
            return entry["sha256"] if entry and entry == _entry(path, entry["sha256"]) else None
        except OSError:
            return None

    def sha256(self, path: Path, *, on_progress: Callable[[float], None] | None = None) -> str:
        """The hash of ``path``, 64 hexadecimal digits; seconds per gigabyte where it is not known.

        ``on_progress(share)`` follows each block, and what it raises ends the work. Raises
        ModelError for what is no file, and for a file that changes meanwhile.
        """
        if known := self.known(path):
            return known
        try:
            before = _entry(path, "")
            if before["size"] > _TOLD_FROM_BYTES:
                log.info("hashing %s, %.1f GB, once", path.name, before["size"] / 1e9)
            digest = _hash(path, before["size"], on_progress)
            if _entry(path, "") != before:
                raise ModelError(
                    say("{file} was changed while it was read; try again.", file=shown(path))
                )
        except OSError as error:
            reason = error.strerror or say("an unknown error")
            raise ModelError(
                say("{file} cannot be hashed: {reason}.", file=shown(path), reason=reason)
            ) from error
        self._remember(_key(path), before | {"sha256": digest})
        return digest

    def _remember(self, key: str, entry: dict[str, Any]) -> None:
        """Together with what another process may have added in the meantime."""
        self._entries = _read(self._cache_file) | self._entries | {key: entry}
        try:
            _write(self._cache_file, self._entries)
        except OSError as error:
            log.warning("hashes cannot be kept in %s: %s", self._cache_file, error)


def _key(path: Path) -> str:
    return str(path.absolute())


def _entry(path: Path, digest: str) -> dict[str, Any]:
    status = path.stat()
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns, "sha256": digest}


def _hash(path: Path, size: int, on_progress: Callable[[float], None] | None) -> str:
    digest = hashlib.sha256()
    block = bytearray(_BLOCK_BYTES)
    done = 0
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(block):
            digest.update(memoryview(block)[:count])
            done += count
            if on_progress is not None:
                on_progress(min(1.0, done / max(size, 1)))
    return digest.hexdigest()


def _read(cache_file: Path) -> dict[str, dict[str, Any]]:
    """What the cache holds that can be true; nothing if it is missing or damaged."""
    try:
        values = json.loads(cache_file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    entries = values.items() if isinstance(values, dict) else ()
    return {key: entry for key, entry in entries if _is_entry(entry)}


def _is_entry(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and entry.keys() == {"size", "mtime_ns", "sha256"}
        and isinstance(entry["sha256"], str)
        and _SHA256.fullmatch(entry["sha256"]) is not None
    )


def _write(cache_file: Path, entries: dict[str, dict[str, Any]]) -> None:
    cache_file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(cache_file, json.dumps(entries, indent=1, sort_keys=True).encode())
