"""Checks of what lies on the disk: models, recipes, the data folder, the database, languages."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hypersd_core.assembly import Workshop
from hypersd_core.doctor.check import Check, ok, problem, warning
from hypersd_core.errors import HyperSDError
from hypersd_core.i18n import LANGUAGES
from hypersd_core.library import Library
from hypersd_core.models import Kind
from hypersd_core.moderation.images import ImageClassifier
from hypersd_core.settings import Settings
from hypersd_core.store.checkup import examine

_MUST_BE_FREE_BYTES, _SHOULD_BE_FREE_BYTES = 5 * 10**8, 5 * 10**9
_MOST_NAMED = 5
_DRAWING = (Kind.CHECKPOINT, Kind.UNET)


def check_library(settings: Settings) -> Iterator[Check]:
    """The recipes, the default model, and what else lies in the models folder."""
    try:
        library = Workshop.open(settings).library
    except (HyperSDError, OSError) as error:
        yield problem("models", str(error), "Repair the file that it names.")
        return
    yield ok("recipes", f"{len(library.recipes())} that can be drawn with")
    yield _check_default(library, settings)
    yield from _check_others(library)


def _check_default(library: Library, settings: Settings) -> Check:
    try:
        choice = library.model()
    except HyperSDError as error:
        return problem(
            "model",
            str(error),
            f"Put it into {settings.models_dir}, or name another: HYPERSD_MODEL.",
        )
    if choice.recipe is None:
        return problem("model", str(library.unknown(choice)), "Without it nobody can draw.")
    return ok("model", f"{choice.file.name}, drawn as {choice.recipe.title}")


def _check_others(library: Library) -> Iterator[Check]:
    models, loras = library.models(), library.loras()
    yield ok("models", f"to draw with: {len(models)}; LoRAs: {len(loras)}")
    wrong = [choice.problem for choice in library.entries() if choice.problem]
    wrong += [file.obstacle for file in library.files() if file.obstacle]
    yield from _each("models", wrong, "Replace or remove it: nobody is offered it.")
    asking = [str(library.unknown(choice)) for choice in models if choice.recipe is None]
    yield from _each("models", asking, "Until then people must name a recipe for it.")


def _each(name: str, sentences: list[str], advice: str) -> Iterator[Check]:
    distinct = list(dict.fromkeys(sentences))
    for sentence in distinct[:_MOST_NAMED]:
        yield warning(name, sentence, advice)
    if len(distinct) > _MOST_NAMED:
        more = f"{len(distinct) - _MOST_NAMED} more like these."
        yield warning(name, more, "python -m hypersd_core models list names them.")


def check_folder(folder: Path) -> Iterator[Check]:
    """Whether the data folder can be written, and has room."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
        free = shutil.disk_usage(there).free
    except OSError as error:
        yield problem(
            "data folder",
            f"{folder} cannot be written ({error.strerror}).",
            "Make it writable for the user that runs the bot, or set HYPERSD_LOCAL_DIR.",
        )
        return
    yield ok("data folder", str(folder) if there == folder else f"{folder} will be made")
    yield check_room(free)


def check_room(free_bytes: int) -> Check:
    """Whether pictures have room for a while."""
    sentence = f"{free_bytes / 1e9:.1f} GB are free"
    advice = "Make room, or set HYPERSD_LOCAL_DIR to a larger disk."
    if free_bytes < _MUST_BE_FREE_BYTES:
        return problem("disk", f"{sentence}.", advice)
    if free_bytes < _SHOULD_BE_FREE_BYTES:
        return warning("disk", f"{sentence}: some thousand pictures.", advice)
    return ok("disk", sentence)


def check_database(folder: Path) -> Check:
    """Whether the database opens, is whole, and is of a schema that this version knows."""
    found = examine(folder)
    if found is None:
        return ok("database", "none yet: the first start makes it")
    if found.damage:
        return problem(
            "database",
            f"{found.path} cannot be used ({found.damage}).",
            "Restore a backup, or move it away to begin with an empty one.",
        )
    if found.version > found.newest_version:
        return problem(
            "database",
            f"{found.path} has schema {found.version}; this version knows {found.newest_version}.",
            "Update the bot, or restore an older backup.",
        )
    if found.version < found.newest_version:
        return ok(
            "database", f"schema {found.version}; the next start moves it to {found.newest_version}"
        )
    return ok("database", f"whole, schema {found.version}, {found.jobs} jobs")


def check_classifier(is_wanted: bool) -> Check:
    """Whether pictures can be rated: it rates a grey one."""
    if not is_wanted:
        advice = "HYPERSD_IMAGE_CLASSIFIER=on rates them, as public servers need it."
        return warning("classifier", "Off: no picture is rated or blocked.", advice)
    try:
        ImageClassifier().rate(np.full((64, 64, 3), 128, np.uint8))
    except HyperSDError as error:
        return problem("classifier", str(error), "Every picture fails until then.")
    return ok("classifier", "rates pictures")


def check_languages() -> Check:
    """Which languages people can be answered in."""
    return ok("languages", ", ".join(LANGUAGES.values()))
