"""Files that are whole or not there at all, whatever happens while they are written."""

import os
import tempfile
from pathlib import Path


def write_whole(path: Path, data: bytes | memoryview, *, part: Path | None = None) -> None:
    """Write ``data`` to ``part``, down to the disk, then give that the name ``path``.

    Without a ``part`` it gets a name of its own, so that any number of threads and processes may
    write the same file at once. The folder must be there. Raises OSError, and leaves no part.
    """
    part = part or _part_of_its_own(path)
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)  # still there if the disk was full


def _part_of_its_own(path: Path) -> Path:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.", suffix=".part")
    os.close(handle)
    return Path(name)
