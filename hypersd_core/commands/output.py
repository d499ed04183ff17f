"""What a command writes: files, whole or not there at all, and how far it is.

Files are tried before minutes of drawing.
"""

import contextlib
import errno
import sys
from collections.abc import Iterator
from pathlib import Path

from hypersd_core.encode import PictureFormat
from hypersd_core.errors import InvalidRequest, StoreError
from hypersd_core.request import GenerationRequest
from hypersd_core.whole_file import write_whole

_FORMATS = {
    ".png": PictureFormat.PNG,
    ".webp": PictureFormat.WEBP,
    ".jpg": PictureFormat.JPEG,
    ".jpeg": PictureFormat.JPEG,
}


def format_of(out: Path | None, name: str | None) -> PictureFormat:
    """The format asked for by ``name``, else by the ending of ``out``, else PNG."""
    wanted = None if name is None else PictureFormat(name)
    if out is None or not out.suffix:
        return wanted or PictureFormat.PNG
    told = _FORMATS.get(out.suffix.lower())
    if told is None:
        raise InvalidRequest(f"The file {out} must end in one of {', '.join(_FORMATS)}.")
    if wanted is not None and wanted.suffix != told.suffix:
        raise InvalidRequest(f"The file {out} cannot be {wanted}: name it *.{wanted.suffix}.")
    return wanted or told


def picture_paths(
    out: Path | None, request: GenerationRequest, picture_format: PictureFormat
) -> list[Path]:
    """One path a picture: ``out`` itself, or numbered when there are several."""
    if out is None:
        return [Path(f"picture-{seed}.{picture_format.suffix}") for seed in request.seeds]
    if request.count == 1:
        return [out]
    return [out.with_stem(f"{out.stem}-{i + 1}") for i in range(request.count)]


def check_writable(path: Path) -> None:
    """Try it: permissions alone do not tell. Raises StoreError."""
    with _refusing(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        _partial(path).touch()
        _partial(path).unlink()


def write(path: Path, data: bytes) -> None:
    """Write ``path`` by way of a partial file beside it. Raises StoreError."""
    with _refusing(path):
        write_whole(path, data, part=_partial(path))


def show_progress(text: str, *, is_last: bool) -> None:
    """One line on standard error that is written over; where nobody looks on, its end alone."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="\n" if is_last else "", file=sys.stderr, flush=True)
    elif is_last:
        print(text, file=sys.stderr, flush=True)


def _partial(path: Path) -> Path:
    return path.with_name(f"{path.name}.partial")


@contextlib.contextmanager
def _refusing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written ({error.strerror}): choose another place with --out."
        ) from error
