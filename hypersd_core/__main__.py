"""``python -m hypersd_core imagine "PROMPT"``: draw without Discord."""

import argparse
import contextlib
import errno
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from hypersd_core.encode import encode_picture
from hypersd_core.errors import HyperSDError, StoreError
from hypersd_core.flags import PromptFlags
from hypersd_core.recipes import compose, load_recipe
from hypersd_core.request import GenerationRequest
from hypersd_core.sampling import SAMPLING_METHODS
from hypersd_core.settings import Settings


def main() -> int:
    """Return 0, or 2 after one sentence on standard error when the request cannot be drawn."""
    args = _arguments()
    try:
        return _imagine(args, Settings.read())
    except HyperSDError as error:
        print(error, file=sys.stderr)
        return 2


def _imagine(args: argparse.Namespace, settings: Settings) -> int:
    options = PromptFlags(
        negative=args.negative,
        steps=args.steps,
        guidance=args.guidance,
        sampler=args.sampler,
        size=args.size,
        seed=args.seed,
        count=args.count,
    )
    recipe = load_recipe(settings.model_folder, settings.recipes_file)
    request, _ = compose(args.prompt, options, recipe, model=settings.model)
    paths = _paths(args.out, request)
    for path in paths:
        _check_writable(path)
    started = time.monotonic()
    pictures = _draw(request, settings)
    for index, (path, pixels) in enumerate(zip(paths, pictures, strict=True)):
        _write(path, encode_picture(pixels, request, index).data)
    files = [str(path) for path in paths]
    if args.json:
        print(json.dumps({"files": files, "request": request.to_json()}, ensure_ascii=False))
    else:
        print("\n".join(files))
        print(f"{time.monotonic() - started:.1f} s with loading", file=sys.stderr)
    return 0


def _draw(request: GenerationRequest, settings: Settings) -> list:  # type: ignore[type-arg]
    # torch takes seconds to import: a wrong option is refused before that
    from hypersd_core.engine.engine import Engine  # noqa: PLC0415
    from hypersd_core.engine.loader import best_device, load_model  # noqa: PLC0415

    engine = Engine(load_model(settings.model_folder, best_device()))
    return engine.generate(request, on_step=_show_step, should_stop=lambda: False)


def _show_step(done: int, total: int) -> None:
    end = "\n" if done == total else ""
    print(f"\rmodel call {done}/{total}", end=end, file=sys.stderr, flush=True)


def _paths(out: Path | None, request: GenerationRequest) -> list[Path]:
    """One path a picture: ``out`` itself, or numbered when there are several."""
    if out is None:
        return [Path(f"picture-{seed}.png") for seed in request.seeds]
    if request.count == 1:
        return [out]
    return [out.with_stem(f"{out.stem}-{i + 1}") for i in range(request.count)]


def _check_writable(path: Path) -> None:
    """Try it, before minutes of drawing: permissions alone do not tell."""
    with _refusing(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        _partial(path).touch()
        _partial(path).unlink()


def _write(path: Path, data: bytes) -> None:
    with _refusing(path):
        _partial(path).write_bytes(data)
        _partial(path).replace(path)


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


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m hypersd_core", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    imagine = commands.add_parser("imagine", help="draw pictures from words")
    imagine.add_argument("prompt", help="what to draw; flags such as --ar 3:2 may stand in it")
    imagine.add_argument("--negative", help="what to keep out of the picture")
    imagine.add_argument("--steps", type=int)
    imagine.add_argument("--guidance", type=float, help="1 or less is none")
    imagine.add_argument("--sampler", help=f"one of {', '.join(SAMPLING_METHODS)}")
    imagine.add_argument("--size", help="WIDTHxHEIGHT, or a ratio such as 3:2")
    imagine.add_argument("--seed", type=int)
    imagine.add_argument("--count", type=int)
    imagine.add_argument("--out", type=Path, help="PNG to write; default picture-SEED.png")
    imagine.add_argument("--json", action="store_true", help="print files and request as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
