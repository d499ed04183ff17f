"""All recipes that ship, and which of them a file has: by sidecar, by SHA-256, by its name."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from hypersd_core.errors import InvalidRequest, ModelError
from hypersd_core.file_names import NamePattern, spaced_words
from hypersd_core.i18n import say
from hypersd_core.models import Family, ModelFile
from hypersd_core.recipe_toml import Values, build, checked, lacking, parse_values, read_toml
from hypersd_core.recipes import Recipe

PLAIN: Mapping[Family, str] = MappingProxyType({Family.SDXL: "sdxl-base", Family.SD15: "sd15-base"})
"""The recipes of the many-step models, whose text encoders and VAE serve any UNet."""

_SINGLE_FILE = (".safetensors", ".sft")


class RecipeBook:
    """The recipes of one TOML file, by name, with the sizes of each family of models."""

    def __init__(self, recipes: Mapping[str, Recipe], defaults: Mapping[Family, Values]) -> None:
        self._recipes = dict(recipes)
        self._defaults = dict(defaults)
        self._patterns = [
            (NamePattern.of(words), recipe)
            for recipe in self._recipes.values()
            for words in recipe.names
        ]
        self._by_sha256 = {
            file.sha256: recipe
            for recipe in self._recipes.values()
            for file in recipe.files
            if file.sha256
        }
        self._known_bytes = {
            file.bytes for recipe in self._recipes.values() for file in recipe.files if file.sha256
        }

    @classmethod
    def read(cls, path: Path) -> Self:
        """The book at ``path``. Raises ModelError for one that cannot be read or drawn with.

        Its errors name the path: they are for who starts the program, and nobody else.
        """
        tables = read_toml(path, where=f"book {path}")
        defaults = _read_defaults(tables.pop("defaults", {}), path)
        recipes = {}
        for name, table in tables.items():
            where = f"{name} in {path}"
            values = parse_values(table, where=where, folder=path.parent)
            known = defaults[values["family"]] if values.get("family") in defaults else {}
            recipes[name] = build({**known, **values}, name=name, where=where)
        return cls(recipes, defaults)

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """All of them, in the order of the file."""
        return tuple(self._recipes.values())

    def named(self, name: str) -> Recipe:
        """The recipe of this name, whatever its case. Raises InvalidRequest with close ones."""
        if recipe := self._recipes.get(name.strip().lower()):
            return recipe
        close = difflib.get_close_matches(name.strip().lower(), self._recipes, n=3, cutoff=0.3)
        if close:
            names = ", ".join(close)
            sentence = say(
                "There is no recipe {name!r}; close to it are {names}.", name=name, names=names
            )
        else:
            names = ", ".join(self._recipes)
            sentence = say(
                "There is no recipe {name!r}; there are {names}.", name=name, names=names
            )
        raise InvalidRequest(sentence)

    def recipe_of(self, file: ModelFile, sha256: Callable[[Path], str]) -> Recipe | None:
        """How ``file`` wants to be drawn with; None where nothing says it. Reads files.

        ``sha256`` is asked only for a file of the very size of a known one. Raises ModelError for
        a sidecar that is wrong.
        """
        path = sidecar(file)
        if path.is_file():
            return self._by_sidecar(path, file, sha256)
        return self._recognised(file, sha256)

    def may_read(self, file: ModelFile) -> bool:
        """Whether ``recipe_of`` may ask for the SHA-256 of ``file``, and so read all of it."""
        return file.bytes in self._known_bytes and _is_single(file)

    def nearest(self, file: ModelFile) -> tuple[str, ...]:
        """Names of a few recipes that ``file`` may be meant for, likely ones first."""
        fitting = [recipe.name for recipe in self._recipes.values() if _is_for(recipe, file)]
        plain = PLAIN.get(file.family) if file.family else None
        words = spaced_words(_bare_name(file)).strip().replace(" ", "-")
        close = difflib.get_close_matches(words, fitting, n=3, cutoff=0)
        return tuple(dict.fromkeys([*([plain] if plain in fitting else []), *close]))

    def _by_sidecar(self, path: Path, file: ModelFile, sha256: Callable[[Path], str]) -> Recipe:
        """A whole recipe, or changes to one: to that which it names, else to the file's own."""
        is_single, place = _is_single(file), path.name
        where = place if is_single else say("{sidecar} of {file}", sidecar=place, file=file.name)
        table = read_toml(path, where=where)
        name = table.pop("recipe", None)
        values = parse_values(table, where=where, folder=path.parent)
        whole = {**self._defaults.get(file.family, {}), **values} if file.family else values
        if name is not None:
            known: Recipe | None = self._written(name, where)
        else:
            known = self._recognised(file, sha256) if lacking(whole) else None
        if known is None:
            recipe = build(whole, name=file.name, where=where)
        else:
            recipe = checked(replace(known, **values), where=where)
        if file.family and recipe.family and recipe.family != file.family:
            raise ModelError(
                say(
                    "The recipe {where} is for {family}, but {file} is {other}.",
                    where=where,
                    family=recipe.family.label,
                    file=file.name,
                    other=file.family.label,
                )
            )
        return recipe

    def _recognised(self, file: ModelFile, sha256: Callable[[Path], str]) -> Recipe | None:
        return self._by_content(file, sha256) or self._by_file_name(file)

    def _written(self, name: object, where: str) -> Recipe:
        try:
            return self.named(str(name))
        except InvalidRequest as error:
            raise ModelError(
                say(
                    "The recipe {where} has recipe = {name!r}: {problem}",
                    where=where,
                    name=name,
                    problem=error.sentence,
                )
            ) from error

    def _by_content(self, file: ModelFile, sha256: Callable[[Path], str]) -> Recipe | None:
        return self._by_sha256.get(sha256(file.path)) if self.may_read(file) else None

    def _by_file_name(self, file: ModelFile) -> Recipe | None:
        """The recipe with the longest pattern that fits; none if two say as much."""
        words = spaced_words(_bare_name(file))
        fitting = [
            (pattern.length, recipe)
            for pattern, recipe in self._patterns
            if _is_for(recipe, file) and pattern.fits(words)
        ]
        longest = max((length for length, _ in fitting), default=0)
        best = {recipe.name: recipe for length, recipe in fitting if length == longest}
        return next(iter(best.values())) if len(best) == 1 else None


def sidecar(file: ModelFile) -> Path:
    """Where a recipe of ``file``'s own would stand: in a folder, or beside a file."""
    if _is_single(file):
        return file.path.with_suffix(".toml")
    return file.path / "recipe.toml"


def _is_single(file: ModelFile) -> bool:
    return file.path.suffix.lower() in _SINGLE_FILE


def _bare_name(file: ModelFile) -> str:
    return file.path.stem if _is_single(file) else file.path.name


def _is_for(recipe: Recipe, file: ModelFile) -> bool:
    return recipe.family == file.family and file.kind in recipe.kinds


def _read_defaults(tables: object, path: Path) -> dict[Family, dict[str, Any]]:
    if not isinstance(tables, dict):
        raise ModelError(
            say(
                "The recipe defaults in {path} must be tables, got {value!r}.",
                path=path,
                value=tables,
            )
        )
    known = tuple(Family)
    for name in tables:
        if name not in known:
            raise ModelError(
                say(
                    "The recipe defaults.{name} in {path} is for no family; there are {names}.",
                    name=name,
                    path=path,
                    names=", ".join(known),
                )
            )
    return {
        Family(name): parse_values(table, where=f"defaults.{name} in {path}", folder=path.parent)
        for name, table in tables.items()
    }
