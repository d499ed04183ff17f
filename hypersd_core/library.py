"""The files in the models folder with their recipes: what can be drawn with, by name.

``refresh`` reads files and may take its time; everything else looks at the last snapshot, does no
I/O, and may be called from any thread.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from hypersd_core.errors import HyperSDError, InvalidRequest, ModelError, RecipeUnknown
from hypersd_core.i18n import say, say_again, say_shipped
from hypersd_core.models import Kind, ModelFile, ModelSpec
from hypersd_core.recipe_book import PLAIN, RecipeBook, sidecar
from hypersd_core.recipes import Recipe

log = logging.getLogger(__name__)

_MODELS = (Kind.CHECKPOINT, Kind.UNET)
_WITH_RECIPE = (*_MODELS, Kind.LORA)
_FEW_STEPS = 16  # the most that a distilled file is released for


class Files(Protocol):
    """What there is in the models folder, as ``engine.catalog.Catalogue`` finds it out."""

    def scan(self) -> None:
        """Look at the folder anew. Blocks."""

    def files(self) -> tuple[ModelFile, ...]:
        """All files, as the last scan found them."""

    def find(self, name: str, *kinds: Kind) -> ModelFile:
        """The file of that name among ``kinds``. Raises ModelNotFound with close names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A model or LoRA and how it wants to be drawn with, None where nobody knows.

    ``base`` lends a UNet file its other parts. ``problem`` is the sentence that says why the file
    cannot be used, empty where it can.
    """

    file: ModelFile
    recipe: Recipe | None
    base: ModelFile | None = None
    problem: str = ""

    @property
    def is_for_few_steps(self) -> bool:
        """Whether the file was distilled, as far as its recipe tells."""
        recipe = self.recipe
        if recipe is None or recipe.name in PLAIN.values():
            return False
        return bool(recipe.steps_made_for) or recipe.steps <= _FEW_STEPS

    @property
    def spec(self) -> ModelSpec:
        """What to load."""
        recipe = self.recipe
        return ModelSpec(
            file=self.file,
            base=self.base,
            config=recipe.config if recipe else None,
            prediction=(recipe.prediction or None) if recipe else None,
        )


class Library:
    """Models, LoRAs, VAEs and upscalers by name. ``default`` is the model that nobody names.

    ``sha256`` of a file may read all of it: it is asked for few files, by ``refresh`` alone.
    """

    def __init__(
        self, files: Files, book: RecipeBook, *, default: str, sha256: Callable[[Path], str]
    ) -> None:
        self._files = files
        self._book = book
        self._default = default
        self._sha256 = sha256
        self._choices: Mapping[Path, Choice] = {}

    def go_by(self, book: RecipeBook) -> None:
        """Take recipes from ``book`` from now on; ``refresh`` gives them to the files."""
        self._book = book

    def refresh(self) -> None:
        """Find files that came, went or changed, and their recipes. Blocks; for one thread.

        What is known at once can be drawn with while gigabytes of other files are still read.
        """
        self._files.scan()
        before = self._choices
        files = [file for file in self._files.files() if file.kind in _WITH_RECIPE]
        known = {f.path: before[f.path] for f in files if _is_of(f, before.get(f.path))}
        at_once = [file for file in files if not self._book.may_read(file)]
        known |= {file.path: self._looked_at(file, before) for file in at_once}
        self._publish(files, known)
        for file in filter(self._book.may_read, files):
            known[file.path] = self._looked_at(file, before)
            self._publish(files, known)

    def files(self) -> tuple[ModelFile, ...]:
        """All files in the models folder, those that nobody can use too."""
        return self._files.files()

    def entries(self) -> tuple[Choice, ...]:
        """All models and LoRAs, those with a problem too."""
        return tuple(self._choices.values())

    def models(self) -> tuple[Choice, ...]:
        """The models to offer."""
        return tuple(c for c in self.entries() if c.file.kind in _MODELS and not c.problem)

    def loras(self) -> tuple[Choice, ...]:
        """The LoRAs to offer."""
        return tuple(c for c in self.entries() if c.file.kind is Kind.LORA and not c.problem)

    def vaes(self) -> tuple[ModelFile, ...]:
        """The VAEs to offer."""
        return self._usable(Kind.VAE)

    def upscalers(self) -> tuple[ModelFile, ...]:
        """The upscalers to offer."""
        return self._usable(Kind.UPSCALER)

    def recipes(self) -> tuple[Recipe, ...]:
        """The recipes to offer."""
        return tuple(recipe for recipe in self._book.recipes if not recipe.undrawable)

    def model(self, name: str | None = None) -> Choice:
        """The model of that name, or the default one; its recipe may be None.

        Raises ModelNotFound, or ModelError for one that cannot be drawn with.
        """
        choice = self._chosen(name or self._default, *_MODELS)
        if choice.file.kind is Kind.UNET:
            return replace(choice, base=self._base(choice))
        return choice

    def lora(self, name: str) -> Choice:
        """The LoRA of that name; without a recipe it is one for a style. Raises as ``model``."""
        return self._chosen(name, Kind.LORA)

    def vae(self, name: str) -> ModelFile:
        """The VAE of that name. Raises as ``model``."""
        return _usable(self._files.find(name, Kind.VAE))

    def upscaler(self, name: str) -> ModelFile:
        """The upscaler of that name. Raises as ``model``."""
        return _usable(self._files.find(name, Kind.UPSCALER))

    def recipe(self, name: str) -> Recipe:
        """The recipe of that name. Raises InvalidRequest for one that cannot be drawn with."""
        recipe = self._book.named(name)
        if recipe.undrawable:
            raise InvalidRequest(
                say(
                    "The recipe {recipe} cannot be drawn with: {reason}",
                    recipe=recipe.name,
                    reason=say_shipped(recipe.undrawable),
                )
            )
        return recipe

    def unknown(self, choice: Choice) -> RecipeUnknown:
        """The error that asks how ``choice`` wants to be drawn with."""
        names = self._book.nearest(choice.file)
        if names:
            sentence = say(
                "Nothing says how {file} wants to be drawn with: choose a recipe such as {names}, "
                'or write recipe = "{first}" into {place}.',
                file=choice.file.name,
                names=", ".join(names),
                first=names[0],
                place=_place(choice.file),
            )
        else:
            sentence = say(
                "Nothing says how {file} wants to be drawn with: write a recipe into {place}.",
                file=choice.file.name,
                place=_place(choice.file),
            )
        return RecipeUnknown(sentence)

    def look_at(self, file: ModelFile) -> Choice:
        """``file``, which may lie anywhere, with its recipe and its problem. Reads files; blocks.

        One wrong sidecar or unreadable file must not hide others, so nothing is raised.
        """
        return self._look_at(file)[0]

    def _looked_at(self, file: ModelFile, before: Mapping[Path, Choice]) -> Choice:
        """``look_at``; a problem that was not there ``before`` is logged, with path and cause."""
        choice, error = self._look_at(file)
        if choice.problem and choice != before.get(file.path):
            cause = f", {error.__cause__ or error!r}" if error else ""  # one line, no traceback
            log.warning("%s cannot be used: %s (%s%s)", file.name, choice.problem, file.path, cause)
        return choice

    def _look_at(self, file: ModelFile) -> tuple[Choice, Exception | None]:
        """The choice, and what was raised on the way to it."""
        try:
            recipe = self._book.recipe_of(file, self._sha256)
        except (HyperSDError, OSError) as error:
            sentence = error.sentence if isinstance(error, HyperSDError) else _unreadable(file)
            return Choice(file=file, recipe=None, problem=file.obstacle or sentence), error
        problem = file.obstacle
        if recipe is not None and recipe.undrawable:
            problem = say(
                "{file} is recognised as {recipe}, but: {reason}",
                file=file.name,
                recipe=recipe.title,
                reason=say_shipped(recipe.undrawable),
            )
        return Choice(file=file, recipe=recipe, problem=problem), None

    def _publish(self, files: Sequence[ModelFile], known: Mapping[Path, Choice]) -> None:
        """Offer what is known of ``files``, in their order."""
        self._choices = {file.path: known[file.path] for file in files if file.path in known}

    def _chosen(self, name: str, *kinds: Kind) -> Choice:
        file = self._files.find(name, *kinds)
        choice = self._choices.get(file.path)
        if choice is None or not _is_of(file, choice):
            raise ModelError(say_again(file.obstacle) or _arrived(file))
        if choice.problem:
            raise ModelError(say_again(choice.problem))
        return choice

    def _base(self, unet: Choice) -> ModelFile:
        """The checkpoint that lends its parts: the one that its recipe names, else a plain one."""
        name = unet.recipe.base if unet.recipe else ""
        if name:
            file = _usable(self._files.find(name, Kind.CHECKPOINT))
            if file.family == unet.file.family:
                return file
            raise ModelError(
                say(
                    "{base} cannot lend its parts to {unet}: both must be {family}.",
                    base=name,
                    unet=unet.file.name,
                    family=_label(unet.file),
                )
            )
        lenders = [c for c in self.models() if _may_lend(c.file, unet.file)]
        for choice in lenders:
            if choice.recipe and choice.recipe.name in PLAIN.values():
                return choice.file
        for file in self._files.files():
            if _may_lend(file, unet.file) and not _is_of(file, self._choices.get(file.path)):
                raise ModelError(say_again(file.obstacle) or _arrived(file))
        there_are = ", ".join(choice.file.name for choice in lenders) or say("none yet")
        raise ModelError(
            say(
                '{unet} is a UNet alone: write base = "NAME" into {place}, with the name of the '
                "{family} checkpoint that lends it text encoders and VAE; there are {names}.",
                unet=unet.file.name,
                place=_place(unet.file),
                family=_label(unet.file),
                names=there_are,
            )
        )

    def _usable(self, kind: Kind) -> tuple[ModelFile, ...]:
        return tuple(f for f in self._files.files() if f.kind is kind and not f.obstacle)


def _is_of(file: ModelFile, choice: Choice | None) -> bool:
    """Whether ``choice`` is of ``file`` as it is now, and not of one that it replaced."""
    return choice is not None and choice.file == file


def _arrived(file: ModelFile) -> str:
    return say(
        "{file} has just arrived and is being looked at: try again in a moment.", file=file.name
    )


def _may_lend(file: ModelFile, unet: ModelFile) -> bool:
    return file.kind is Kind.CHECKPOINT and file.family == unet.family


def _usable(file: ModelFile) -> ModelFile:
    if file.obstacle:
        raise ModelError(say_again(file.obstacle))
    return file


def _label(file: ModelFile) -> str:
    return file.family.label if file.family else say("of one family")


def _place(file: ModelFile) -> str:
    place = sidecar(file)
    if place.parent == file.path.parent:
        return say("{sidecar} beside it", sidecar=place.name)
    return say("{sidecar} in its folder", sidecar=place.name)


def _unreadable(file: ModelFile) -> str:
    return say("{file} cannot be read.", file=file.name)
