"""``imagine "PROMPT"``: draw without Discord."""

import argparse
import dataclasses
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hypersd_core.assembly import Workshop, build_engine
from hypersd_core.commands.inputs import redraw, start_from
from hypersd_core.commands.output import (
    check_writable,
    format_of,
    picture_paths,
    show_progress,
    write,
)
from hypersd_core.compose import compose, compose_wish
from hypersd_core.encode import PictureFormat, encode_picture
from hypersd_core.errors import InvalidRequest
from hypersd_core.flags import PromptFlags
from hypersd_core.input_pictures import InputPictures
from hypersd_core.pasted import wish_again
from hypersd_core.request import GenerationRequest
from hypersd_core.sampling import SAMPLING_METHODS
from hypersd_core.settings import Settings
from hypersd_core.wishes import typed_wish

_TRUE = {"action": "store_true", "default": None}
_OPTIONS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "model": {"help": "a name from the command models"},
        "recipe": {"help": "draw by this recipe instead of the model's own"},
        "vae": {"help": "a VAE file instead of the model's own"},
        "negative": {"help": "what to keep out of the picture; needs a guidance above 1"},
        "steps": {"type": int},
        "guidance": {"type": float, "help": "1 or less is none"},
        "sampler": {"help": f"one of {', '.join(SAMPLING_METHODS)}"},
        "eta": {"type": float, "help": "share of fresh noise in each step, 0 to 1"},
        "size": {"help": "WIDTHxHEIGHT, or a ratio such as 3:2"},
        "seed": {"type": int},
        "count": {"type": int},
        "strength": {"type": float, "help": "how much of --picture is drawn again, 0 to 1"},
        "variation_seed": {"type": int, "help": "go from the seed's noise towards this one's"},
        "variation_strength": {"type": float, "help": "how far, 0 to 1"},
        "hires": {"type": float, "help": "draw again at this factor, such as 1.5"},
        "hires_strength": {"type": float},
        "hires_steps": {"type": int},
        "upscaler": {"help": "latent, lanczos, or an upscaler file from the command models"},
        "tiling": {**_TRUE, "help": "a picture whose borders meet"},
        "clip_skip": {"type": int, "help": "SD1.5: which layer of the text encoder, 1 is the last"},
        "emphasis": {"help": "original or no_norm: what (weights) do"},
    }
)


def add_parser(commands: Any) -> None:  # noqa: ANN401 - argparse keeps its class private
    """Add ``imagine`` and its options."""
    parser = commands.add_parser("imagine", help="draw pictures from words")
    parser.add_argument(
        "prompt", nargs="?", help="what to draw; flags such as --ar 3:2 may stand in it"
    )
    for name, options in _OPTIONS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", **options)
    parser.add_argument("--picture", type=Path, help="a picture to start from")
    parser.add_argument("--mask", type=Path, help="white where --picture is drawn anew")
    parser.add_argument("--outpaint", metavar="L,T,R,B", help="pixels to add around --picture")
    parser.add_argument(
        "--from", dest="like", type=Path, metavar="FILE",
        help="a picture, or a text file, whose parameters to draw by; options given win",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, help="file to write; default picture-SEED.png")
    parser.add_argument("--format", choices=[str(f) for f in PictureFormat])
    parser.add_argument("--json", action="store_true", help="print files and request as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Draw and write the pictures. What they start from is kept for as long as that takes."""
    with tempfile.TemporaryDirectory() as folder:
        workshop = dataclasses.replace(Workshop.open(settings), inputs=InputPictures(Path(folder)))
        return _run(args, workshop)


def _run(args: argparse.Namespace, workshop: Workshop) -> int:
    started = time.monotonic()
    request = _request(args, workshop)
    picture_format = format_of(args.out, args.format)
    paths = picture_paths(args.out, request, picture_format)
    for path in paths:
        check_writable(path)
    for note in request.notes:
        print(note, file=sys.stderr)
    drawn = _draw(request, workshop)
    hashes = workshop.known_hashes(request)
    for index, (path, pixels) in enumerate(zip(paths, drawn, strict=True)):
        encoded = encode_picture(pixels, request, index, format=picture_format, hashes=hashes)
        write(path, encoded.data)
    files = [str(path) for path in paths]
    if args.json:
        print(json.dumps({"files": files, "request": request.to_json()}, ensure_ascii=False))
    else:
        print("\n".join(files))
        print(f"{time.monotonic() - started:.1f} s with loading", file=sys.stderr)
    return 0


def _request(args: argparse.Namespace, workshop: Workshop) -> GenerationRequest:
    options = PromptFlags(**{name: getattr(args, name) for name in _OPTIONS})
    if args.prompt is None and args.like is None:
        raise InvalidRequest("Say what to draw, or give --from with a picture to draw again.")
    start = start_from(workshop.inputs, args.picture, args.mask, args.outpaint)
    if args.like is None:
        return compose(args.prompt, options, workshop.library, start=start).request
    typed = typed_wish(args.prompt or "", options)
    earlier = redraw(args.like, with_picture=args.picture is not None)
    wish, about_it = wish_again(earlier, typed.flags, workshop.library, start=start)
    wish = dataclasses.replace(wish, prompt=typed.prompt or wish.prompt)
    return compose_wish(wish, workshop.library, start=start, about_it=about_it).request


def _draw(request: GenerationRequest, workshop: Workshop) -> list[Any]:
    engine = build_engine(workshop.library, on_load=_show_loading)
    pictures = workshop.load_pictures(request)
    return engine.generate(request, pictures, on_step=_show_step, should_stop=lambda: False)


def _show_loading(model: str, part: str, share: float) -> None:
    show_progress(f"loading {model}: {share:4.0%} {part}", is_last=share >= 1)


def _show_step(done: int, total: int) -> None:
    show_progress(f"model call {done}/{total}", is_last=done == total)
