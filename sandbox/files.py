"""Uploaded files: kept in memory, at most so many bytes, measured when they are pictures."""

import io
import mimetypes
import re
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from sandbox.model import Attachment, Channel
from sandbox.snowflake import Snowflakes

CAPACITY_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file as it arrived."""

    filename: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file that can be downloaded."""

    attachment: Attachment
    data: bytes


class FileStore:
    """Keeps files by attachment id; the oldest go first when there are too many bytes."""

    def __init__(
        self, base_url: str, snowflakes: Snowflakes, *, capacity_bytes: int = CAPACITY_BYTES
    ) -> None:
        self._base_url = base_url
        self._snowflakes = snowflakes
        self._capacity_bytes = capacity_bytes
        self._files: OrderedDict[int, StoredFile] = OrderedDict()
        self._size_bytes = 0

    def prepare(
        self,
        upload: Upload,
        channel: Channel,
        *,
        description: str | None = None,
        is_ephemeral: bool = False,
    ) -> StoredFile:
        """Give a file an id and a URL, without keeping it yet."""
        attachment_id = self._snowflakes.next()
        filename = safe_filename(upload.filename)
        content_type, size_px = _inspect(upload)
        attachment = Attachment(
            id=attachment_id,
            filename=filename,
            size_bytes=len(upload.data),
            content_type=content_type,
            url=f"{self._base_url}/attachments/{channel.id}/{attachment_id}/{filename}",
            width_px=size_px[0] if size_px else None,
            height_px=size_px[1] if size_px else None,
            description=description,
            is_ephemeral=is_ephemeral,
        )
        return StoredFile(attachment=attachment, data=upload.data)

    def keep(self, file: StoredFile) -> None:
        """Make a prepared file downloadable."""
        self._files[file.attachment.id] = file
        self._size_bytes += len(file.data)
        while self._size_bytes > self._capacity_bytes:
            self._forget(next(iter(self._files)))

    def find(self, attachment_id: str | int) -> StoredFile | None:
        """Return a file, unless it was never kept or is gone."""
        text = str(attachment_id)
        return self._files.get(int(text)) if text.isdecimal() else None

    def drop(self, attachments: Iterable[Attachment]) -> None:
        """Forget the files of attachments that nothing shows any more."""
        for attachment in attachments:
            if attachment.id in self._files:
                self._forget(attachment.id)

    def _forget(self, attachment_id: int) -> None:
        self._size_bytes -= len(self._files.pop(attachment_id).data)


def safe_filename(filename: str) -> str:
    """Return the name as Discord stores it: letters, digits, dot, dash and underscore."""
    return re.sub(r"[^\w.\-]", "_", filename, flags=re.ASCII) or "unknown"


def _inspect(upload: Upload) -> tuple[str, tuple[int, int] | None]:
    """Return content type and, for pictures, width and height in pixels."""
    try:
        with Image.open(io.BytesIO(upload.data)) as image:
            return image.get_format_mimetype() or "image/png", image.size
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
        guessed, _ = mimetypes.guess_type(upload.filename)
        return guessed or "application/octet-stream", None
