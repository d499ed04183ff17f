"""Does the embedded model draw what captions say? ``python -m hypersd_core.evals.attributes``.

The captions mix hair, skin and background in ways that training never saw. Prints a table with the
scores of chance and of real drawings beside the model's, then one JSON line.
"""

import argparse
import itertools
import json
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hypersd_core.assembly import Workshop, build_engine
from hypersd_core.compose import compose
from hypersd_core.engine.device import best_device
from hypersd_core.evals import colour_votes
from hypersd_core.flags import PromptFlags
from hypersd_core.pretrain.captions import full_caption
from hypersd_core.pretrain.drawings import (
    BACKGROUNDS,
    HAIR_COLOURS,
    SKINS,
    Labels,
    draw,
    is_held_out,
)
from hypersd_core.settings import Settings

Pixels = NDArray[np.uint8]

_FIRST_UNSEEN = 10_000_000  # training draws from 0 upwards and never gets here
_READERS: Mapping[str, tuple[Callable[[Pixels], str], int]] = {
    "hair_colour": (colour_votes.hair, len(HAIR_COLOURS)),
    "skin": (colour_votes.skin, len(SKINS)),
    "background": (colour_votes.background, len(BACKGROUNDS)),
}


def main() -> None:
    """Draw one picture for each caption and count what came out right."""
    args = _arguments()
    settings = Settings.read()
    wanted = list(itertools.islice(_held_out(), args.count))
    started = time.monotonic()
    drawn = _draw(wanted, settings, steps=args.steps)
    seconds = time.monotonic() - started
    scores = {
        "chance": {name: 1 / choices for name, (_, choices) in _READERS.items()},
        "real drawings": _scores(wanted),
        settings.model: _scores(list(zip(drawn, (labels for _, labels in wanted), strict=True))),
    }
    _print_table(scores)
    if args.sheet:
        _save_sheet(drawn, args.sheet)
    print(
        json.dumps(
            {
                "machine": platform.processor() or platform.machine(),
                "device": str(best_device()),
                "pictures": len(drawn),
                "steps": args.steps,
                "seconds_per_picture": round(seconds / len(drawn), 3),
                "scores": scores,
            }
        )
    )


def _held_out() -> Iterator[tuple[Pixels, Labels]]:
    drawings = (draw(seed, size_px=64) for seed in itertools.count(_FIRST_UNSEEN))
    return ((pixels, labels) for pixels, labels in drawings if is_held_out(labels))


def _draw(
    wanted: list[tuple[Pixels, Labels]], settings: Settings, *, steps: int | None
) -> list[Pixels]:
    library = Workshop.open(settings).library
    engine = build_engine(library)
    pictures: list[Pixels] = []
    for seed, (_, labels) in enumerate(wanted):
        options = PromptFlags(steps=steps, seed=seed)
        request = compose(full_caption(labels), options, library).request
        pictures += engine.generate(request, {}, on_step=_ignore, should_stop=lambda: False)
    return pictures


def _ignore(_done: int, _total: int) -> None:
    return None


def _scores(pictures: list[tuple[Pixels, Labels]]) -> dict[str, float]:
    """The share of pictures from which each attribute is read as its label says."""
    return {
        name: sum(read(pixels) == getattr(labels, name) for pixels, labels in pictures)
        / len(pictures)
        for name, (read, _) in _READERS.items()
    }


def _print_table(scores: Mapping[str, Mapping[str, float]]) -> None:
    print(f"{'attribute':<14}" + "".join(f"{column:>15}" for column in scores))
    for name in _READERS:
        print(f"{name:<14}" + "".join(f"{values[name]:>15.1%}" for values in scores.values()))


def _save_sheet(pictures: list[Pixels], path: Path) -> None:
    columns = 12
    height, width = pictures[0].shape[:2]
    sheet = Image.new("RGB", (columns * width, -(-len(pictures) // columns) * height))
    for i, pixels in enumerate(pictures):
        sheet.paste(Image.fromarray(pixels), (i % columns * width, i // columns * height))
    sheet.save(path)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=96, help="how many captions")
    parser.add_argument("--steps", type=int, help="default: the model's recipe")
    parser.add_argument("--sheet", type=Path, help="PNG with all pictures, to look at")
    return parser.parse_args()


if __name__ == "__main__":
    main()
