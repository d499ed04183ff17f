"""Model files that are only said to exist, for what asks a library and reads no file."""

from pathlib import Path
from typing import Any

from hypersd_core.errors import ModelNotFound
from hypersd_core.library import Library
from hypersd_core.models import Family, Kind, ModelFile
from hypersd_core.recipe_book import RecipeBook
from hypersd_core.recipes import Recipe

RECIPES_FILE = Path(__file__).parents[1] / "data" / "recipes.toml"
SHIPPED = RecipeBook.read(RECIPES_FILE)
_NOWHERE = Path("/nowhere")


class Shelf:
    """A models folder that holds ``files``."""

    def __init__(self, *files: ModelFile) -> None:
        self._files = files

    def scan(self) -> None:
        return None

    def files(self) -> tuple[ModelFile, ...]:
        return self._files

    def find(self, name: str, *kinds: Kind) -> ModelFile:
        for file in self._files:
            if file.name.lower() == name.lower() and file.kind in kinds:
                return file
        raise ModelNotFound(f"There is no {name}.")


def model_file(
    name: str,
    kind: Kind = Kind.CHECKPOINT,
    family: Family | None = Family.SDXL,
    *,
    folder: Path = _NOWHERE,
    **more: Any,
) -> ModelFile:
    values: dict[str, Any] = {
        "name": name,
        "path": folder / f"{name}.safetensors",
        "kind": kind,
        "family": family,
        "bytes": 1,
    }
    return ModelFile(**(values | more))


def make_recipe(**changes: Any) -> Recipe:
    """The recipe of the model ``m``, unless ``changes`` say more."""
    values: dict[str, Any] = {
        "name": "own",
        "title": "T",
        "about": "A",
        "family": Family.SDXL,
        "kinds": (Kind.CHECKPOINT,),
        "names": ("m",),
        "sampler": "dpmpp_sde",
        "steps": 4,
        "guidance": 2.0,
        "width": 1024,
        "height": 1024,
        "max_side_px": 2048,
    }
    return Recipe(**(values | changes))


def make_library(*files: ModelFile, recipes: tuple[Recipe, ...] = ()) -> Library:
    """A library of ``files``, the first of which is the default, with ``recipes`` before ours."""
    book = RecipeBook({r.name: r for r in (*recipes, *SHIPPED.recipes)}, {})
    library = Library(Shelf(*files), book, default=files[0].name, sha256=_unreadable)
    library.refresh()
    return library


def _unreadable(path: Path) -> str:
    raise AssertionError(f"{path} has the size of no known file")
