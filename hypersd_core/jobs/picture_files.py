"""The files of finished pictures: ``<folder>/<job id>/<index>.<suffix>``. Blocking, no asyncio."""

import dataclasses
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hypersd_core.request import EncodedPicture, GenerationRequest, Job, Picture
from hypersd_core.whole_file import write_whole

Encode = Callable[[NDArray[np.uint8], GenerationRequest, int], EncodedPicture]
"""``encode(pixels, request, index)``; called in any thread but the GPU's and the event loop's."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """What the image classifier says of one picture, and whether it is covered for that."""

    rating: str = ""
    spoiler: bool = False


class PictureFiles:
    """Writes, finds and deletes the pictures of jobs below one folder."""

    def __init__(self, folder: Path, encode: Encode) -> None:
        self._folder = folder
        self._encode = encode

    def write(
        self, job: Job, drawn: Sequence[NDArray[np.uint8]], reviewed: Sequence[Reviewed]
    ) -> tuple[Picture, ...]:
        """Encode and write every picture; their paths are relative. Raises OSError."""
        (self._folder / str(job.id)).mkdir(parents=True, exist_ok=True)
        both = zip(drawn, reviewed, strict=True)
        return tuple(self._write_one(job, i, pixels, seen) for i, (pixels, seen) in enumerate(both))

    def delete(self, job_id: int) -> None:
        """Remove what there is of the job's files."""
        shutil.rmtree(self._folder / str(job_id), ignore_errors=True)

    def located(self, job: Job) -> Job:
        """``job`` with the paths of its pictures made absolute."""
        pictures = (
            dataclasses.replace(picture, path=self._folder / picture.path)
            for picture in job.pictures
        )
        return dataclasses.replace(job, pictures=tuple(pictures))

    def _write_one(
        self, job: Job, index: int, pixels: NDArray[np.uint8], seen: Reviewed
    ) -> Picture:
        encoded = self._encode(pixels, job.request, index)
        path = Path(str(job.id), f"{index}.{encoded.suffix}")
        whole = self._folder / path
        write_whole(whole, encoded.data, part=whole.with_name(f"{whole.name}.part"))
        return Picture(
            index=index,
            seed=job.request.seeds[index],
            path=path,
            width=encoded.width,
            height=encoded.height,
            bytes=len(encoded.data),
            infotext=encoded.infotext,
            rating=seen.rating,
            spoiler=seen.spoiler,
        )
