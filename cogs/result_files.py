"""The attachments of a result: in the layout and within the size that its place allows."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

import discord

from hypersd_core.encode import PictureFormat
from hypersd_core.fitted_file import FittedFile, fitted_file, grid_file
from hypersd_core.i18n import say
from hypersd_core.policy import Layout
from hypersd_core.request import Job, Picture

_MAX_ALT_TEXT = 1_024  # Discord's limit for an attachment's description
_MIB = 2**20
_FORMATS = {
    PictureFormat.PNG: "PNG",
    PictureFormat.WEBP_LOSSLESS: "WebP",
    PictureFormat.WEBP: "WebP",
    PictureFormat.JPEG: "JPEG",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFiles:
    """``grid`` has one file or none. ``remark`` says what had to be made smaller, if anything."""

    grid: tuple[discord.File, ...]
    each: tuple[discord.File, ...]
    remark: str
    largest_bytes: int

    @property
    def all(self) -> list[discord.File]:
        """What to attach, in order."""
        return [*self.grid, *self.each]


def result_files(job: Job, layout: Layout, *, most_bytes: int, covered: bool) -> ResultFiles:
    """The pictures of ``job``, each file of at most ``most_bytes``. Blocks. Raises OSError.

    ``covered`` hides them all until somebody looks, beside those that are hidden anyway.
    """
    covered = covered or job.origin.spoiler
    has_grid = layout is not Layout.GALLERY and len(job.pictures) > 1
    has_each = layout is not Layout.GRID or not has_grid
    grid = [grid_file(job.pictures, most_bytes)] if has_grid else []
    each = [fitted_file(picture, most_bytes) for picture in job.pictures if has_each]
    is_any_covered = covered or any(picture.spoiler for picture in job.pictures)
    return ResultFiles(
        grid=tuple(
            _file(made, f"job-{job.id}-grid", _grid_alt_text(job), spoiler=is_any_covered)
            for made in grid
        ),
        each=tuple(
            _file(
                made,
                f"job-{job.id}-{picture.index + 1}",
                _alt_text(job, picture),
                spoiler=covered or picture.spoiler,
            )
            for made, picture in zip(each, job.pictures, strict=False)
        ),
        remark="\n".join(dict.fromkeys(_remarks([*grid, *each]))),
        largest_bytes=max(len(made.data) for made in (*grid, *each)),
    )


def _file(made: FittedFile, name: str, about: str, *, spoiler: bool) -> discord.File:
    return discord.File(
        BytesIO(made.data),
        filename=f"{name}.{made.format.suffix}",
        description=about[:_MAX_ALT_TEXT],
        spoiler=spoiler,
    )


def _alt_text(job: Job, picture: Picture) -> str:
    """What a screen reader says for one picture."""
    return say("{prompt} (seed {seed})", prompt=job.request.prompt, seed=picture.seed)


def _grid_alt_text(job: Job) -> str:
    count = len(job.pictures)
    return say("{prompt} ({count} pictures in a grid)", prompt=job.request.prompt, count=count)


def _remarks(files: list[FittedFile]) -> Iterator[str]:
    """A line for each form that a file was brought into to be posted."""
    for made in files:
        if not made.original_bytes:
            continue
        values = {
            "format": _FORMATS[made.format],
            "size": f"{made.width}\N{MULTIPLICATION SIGN}{made.height}",
            "mib": made.original_bytes / _MIB,
        }
        if made.is_reduced:
            yield say(
                "Posted as {format} at {size}: the PNG of {mib:.1f} MiB is too large here.",
                **values,
            )
        elif made.format is PictureFormat.WEBP_LOSSLESS:
            yield say(
                "Posted as {format} without loss: the PNG of {mib:.1f} MiB is too large here.",
                **values,
            )
        else:
            yield say("Posted as {format}: the PNG of {mib:.1f} MiB is too large here.", **values)
