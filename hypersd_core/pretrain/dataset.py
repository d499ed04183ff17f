"""The training pictures as one array on disk, with their labels; drawn once, in parallel."""

import dataclasses
import json
import logging
import multiprocessing
import os
import time
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hypersd_core.pretrain.drawings import Labels, draw, is_held_out

log = logging.getLogger(__name__)

_PART = 500  # pictures a worker draws between two lines of progress
_MAX_PARTS = 1_000


@dataclasses.dataclass(frozen=True, slots=True)
class Pictures:
    """``pixels``: (N, H, W, 3) uint8, memory-mapped; ``labels``: N entries."""

    pixels: NDArray[np.uint8]
    labels: list[Labels]


def load_or_draw(folder: Path, *, count: int, size_px: int) -> Pictures:
    """Return ``count`` pictures whose mix of labels is not held out, drawing them if need be."""
    pixels_path, labels_path = folder / "pixels.npy", folder / "labels.json"
    if not labels_path.exists():
        _draw_all(pixels_path, labels_path, count=count, size_px=size_px)
    labels = [Labels(**entry) for entry in json.loads(labels_path.read_text("utf-8"))]
    return Pictures(np.load(pixels_path, mmap_mode="r"), labels)


def _draw_all(pixels_path: Path, labels_path: Path, *, count: int, size_px: int) -> None:
    pixels_path.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    pixels: list[NDArray[np.uint8]] = []
    labels: list[Labels] = []
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        draw_part = partial(_draw_part, part_size=min(_PART, count), size_px=size_px)
        for drawn in pool.imap(draw_part, range(_MAX_PARTS)):
            pixels += [picture for picture, _ in drawn]
            labels += [label for _, label in drawn]
            left_s = (time.monotonic() - started) * max(0, count - len(labels)) / len(labels)
            log.info("drawing %d/%d · %.0f s left", len(labels), count, left_s)
            if len(labels) >= count:
                pool.terminate()
                break
    partial_path = pixels_path.with_suffix(".partial.npy")
    np.save(partial_path, np.stack(pixels[:count]))
    partial_path.replace(pixels_path)
    # The labels are written last: they say that the pixels are whole.
    rows = [dataclasses.asdict(label) for label in labels[:count]]
    labels_path.with_suffix(".partial").write_text(json.dumps(rows), "utf-8")
    labels_path.with_suffix(".partial").replace(labels_path)


def _draw_part(
    part: int, *, part_size: int, size_px: int
) -> list[tuple[NDArray[np.uint8], Labels]]:
    drawn = [draw(part * part_size + i, size_px=size_px) for i in range(part_size)]
    return [(pixels, labels) for pixels, labels in drawn if not is_held_out(labels)]
