"""``models``: what there is to draw with, what a file is, and its hash."""

import argparse
import dataclasses
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from hypersd_core.assembly import Workshop
from hypersd_core.commands.output import show_progress
from hypersd_core.engine.catalog import inspect
from hypersd_core.errors import ModelError
from hypersd_core.library import Choice
from hypersd_core.models import Kind, ModelFile
from hypersd_core.recipes import Recipe
from hypersd_core.sampling import SAMPLING_METHODS
from hypersd_core.settings import Settings

_HEADINGS = ("NAME", "KIND", "FAMILY", "GB", "RECIPE", "DRAWN WITH")


def add_parser(commands: Any) -> None:  # noqa: ANN401 - argparse keeps its class private
    """Add ``models`` and its own commands."""
    parser = commands.add_parser("models", help="what there is to draw with")
    own = parser.add_subparsers(metavar="COMMAND")
    listing = own.add_parser("list", help="all files in the models folder (the default)")
    detect = own.add_parser("detect", help="what a file or folder anywhere is")
    detect.add_argument("path", type=Path, nargs="+", metavar="FILE")
    hashing = own.add_parser("hash", help="SHA-256 of files; pictures then name it")
    hashing.add_argument("name", nargs="+", help="a name from the list, or a path")
    recipes = own.add_parser("recipes", help="all recipes, for --recipe and sidecar files")
    for subparser in (parser, listing, detect, recipes):
        subparser.add_argument("--json", action="store_true", default=argparse.SUPPRESS)
    for subparser, run in (
        (parser, run_list), (listing, run_list), (detect, run_detect), (hashing, run_hash),
        (recipes, run_recipes),
    ):  # fmt: skip
        subparser.set_defaults(run=run)


def run_list(args: argparse.Namespace, settings: Settings) -> int:
    """Print every file in the models folder, and why some cannot be used."""
    library = Workshop.open(settings).library
    known = {choice.file.path: choice for choice in library.entries()}
    choices = [
        known.get(file.path, Choice(file=file, recipe=None, problem=file.obstacle))
        for file in library.files()
    ]
    _print(choices, as_json=_as_json(args))
    return 0


def run_detect(args: argparse.Namespace, settings: Settings) -> int:
    """Print what files are. Returns 2 if one of them cannot be drawn with."""
    library = Workshop.open(settings).library
    choices = [library.look_at(inspect(path)) for path in args.path]
    _print(choices, as_json=_as_json(args))
    return 2 if any(choice.problem for choice in choices) else 0


def run_hash(args: argparse.Namespace, settings: Settings) -> int:
    """Compute hashes, gigabytes a few seconds each; they are remembered."""
    workshop = Workshop.open(settings)
    by_name = {file.name: file for file in workshop.library.files()}
    for name in args.name:
        path = by_name[name].path if name in by_name else Path(name)
        if path.is_dir():
            raise ModelError(f"{name} is a folder: only single files have a hash.")
        print(workshop.hashes.sha256(path, on_progress=_show_share), path, flush=True)
    return 0


def run_recipes(args: argparse.Namespace, settings: Settings) -> int:
    """Print every recipe that can be drawn with."""
    recipes = Workshop.open(settings).library.recipes()
    if _as_json(args):
        print(json.dumps({recipe.name: _drawn_with(recipe) for recipe in recipes}))
    else:
        _print_table([("RECIPE", "DRAWN WITH"), *((r.name, _drawn_with(r)) for r in recipes)])
    return 0


def _as_json(args: argparse.Namespace) -> bool:
    return bool(getattr(args, "json", False))


def _print(choices: Sequence[Choice], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([_described(choice) for choice in choices], ensure_ascii=False))
        return
    _print_table([_HEADINGS, *(_row(choice) for choice in choices)])
    for choice in choices:
        if choice.problem:
            print(f"{choice.file.name}: {choice.problem}")


def _described(choice: Choice) -> dict[str, Any]:
    recipe = choice.recipe
    return {
        **dataclasses.asdict(choice.file),
        "path": str(choice.file.path),
        "recipe": recipe.name if recipe else None,
        "drawn_with": _drawn_with(recipe) if recipe and not recipe.undrawable else None,
        "problem": choice.problem,
    }


def _row(choice: Choice) -> tuple[str, ...]:
    file, recipe = choice.file, choice.recipe
    if choice.problem:
        drawn_with = "not usable, see below"
    else:
        needs_one = file.kind in {Kind.CHECKPOINT, Kind.UNET}
        drawn_with = _drawn_with(recipe) if recipe else "needs a recipe" if needs_one else "-"
    return (
        file.name,
        _kind(file),
        file.family.label if file.family else "-",
        f"{file.bytes / 1e9:.2f}",
        recipe.name if recipe else "-",
        drawn_with,
    )


def _kind(file: ModelFile) -> str:
    return f"{file.kind}, {file.layout} keys" if file.layout else str(file.kind)


def _drawn_with(recipe: Recipe) -> str:
    """``TCD · 4 steps · CFG 2``, of a recipe that can be drawn with."""
    steps = "1 step" if recipe.steps == 1 else f"{recipe.steps} steps"
    sampler = SAMPLING_METHODS[recipe.sampler].full_label
    return f"{sampler} \N{MIDDLE DOT} {steps} \N{MIDDLE DOT} CFG {recipe.guidance:g}"


def _print_table(rows: Iterable[Sequence[str]]) -> None:
    rows = [tuple(row) for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def _show_share(share: float) -> None:
    show_progress(f"{share:4.0%} read", is_last=share >= 1)
