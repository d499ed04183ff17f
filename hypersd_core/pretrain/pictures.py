"""The training pictures as one array on disk, with their attributes; drawn once, in parallel.

Drawing goes on where it stopped: parts are written in place and counted in a small file.
"""

import dataclasses
import itertools
import json
import logging
import multiprocessing
import os
import time
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hypersd_core.pretrain.subjects import Attributes, draw, is_held_out, plan

log = logging.getLogger(__name__)

FIRST_UNSEEN = 10_000_000  # training draws from 0 upwards and never gets here
_PART = 250  # pictures a worker draws between two lines of progress


@dataclasses.dataclass(frozen=True, slots=True)
class Pictures:
    """``pixels``: (N, H, W, 3) uint8, memory-mapped; ``attributes``: N entries."""

    pixels: NDArray[np.uint8]
    attributes: list[Attributes]


def load_or_draw(folder: Path, *, count: int, size_px: int, workers: int = 0) -> Pictures:
    """Return ``count`` pictures whose mix is not held out; draws those that are missing."""
    words = folder / "attributes.json"
    if not words.exists():
        _draw_all(folder, count=count, size_px=size_px, workers=workers or os.cpu_count() or 1)
    attributes = [Attributes(entry) for entry in json.loads(words.read_text("utf-8"))]
    return Pictures(np.load(folder / "pixels.npy", mmap_mode="r"), attributes)


def unseen(*, count: int, size_px: int, held_out: bool) -> Pictures:
    """Pictures for measuring, drawn now: with mixes that training had, or with held-out ones."""
    seeds = itertools.count(FIRST_UNSEEN)
    wanted = (s for s in seeds if is_held_out(plan(s).attributes) is held_out)
    drawn = [draw(seed, size_px=size_px) for seed in itertools.islice(wanted, count)]
    return Pictures(np.stack([pixels for pixels, _ in drawn]), [words for _, words in drawn])


def training_seeds(count: int) -> list[int]:
    """The first ``count`` seeds whose mix is not held out."""
    seeds = (s for s in itertools.count() if not is_held_out(plan(s).attributes))
    return list(itertools.islice(seeds, count))


def _draw_all(folder: Path, *, count: int, size_px: int, workers: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    seeds = training_seeds(count)
    partial_path, progress = folder / "pixels.partial.npy", folder / "drawn.json"
    done = _parts_done(progress, partial_path)
    if not done:
        shape = (count, size_px, size_px, 3)
        np.lib.format.open_memmap(partial_path, mode="w+", dtype=np.uint8, shape=shape).flush()
    parts = [start for start in range(0, count, _PART) if start not in done]
    started, drawn_before = time.monotonic(), len(done)
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        draw_part = partial(_draw_part, path=partial_path, seeds=seeds, size_px=size_px)
        for start in pool.imap_unordered(draw_part, parts):
            done.add(start)
            _write(progress, json.dumps(sorted(done)))
            here = len(done) - drawn_before
            left_s = (time.monotonic() - started) / here * (len(parts) - here)
            log.info("drawing %d/%d · %.0f s left", min(count, len(done) * _PART), count, left_s)
    partial_path.replace(folder / "pixels.npy")
    # The attributes are written last: they say that the pixels are whole.
    rows = [dict(plan(seed).attributes.words) for seed in seeds]
    _write(folder / "attributes.json", json.dumps(rows))
    progress.unlink()


def _parts_done(progress: Path, pixels: Path) -> set[int]:
    both = progress.exists() and pixels.exists()
    return set(json.loads(progress.read_text("utf-8"))) if both else set()


def _draw_part(start: int, *, path: Path, seeds: list[int], size_px: int) -> int:
    pixels = np.load(path, mmap_mode="r+")
    for i in range(start, min(start + _PART, len(seeds))):
        pixels[i] = draw(seeds[i], size_px=size_px)[0]
    pixels.flush()
    return start


def _write(path: Path, text: str) -> None:
    path.with_suffix(".partial").write_text(text, "utf-8")
    path.with_suffix(".partial").replace(path)
