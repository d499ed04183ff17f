"""How a model wants to be drawn with, and how a person's wishes become a whole request.

What the person says wins over the recipe; what nobody says is the recipe's.
"""

import dataclasses
import math
import re
import secrets
import tomllib
from pathlib import Path
from typing import Any, TypeVar

from hypersd_core.errors import InvalidRequest, ModelError
from hypersd_core.flags import PromptFlags, split_flags
from hypersd_core.prompt import check_brackets
from hypersd_core.request import MAX_SEED, MIN_SIDE_PX, SIZE_MULTIPLE_PX, GenerationRequest
from hypersd_core.sampling import SAMPLING_METHODS

_T = TypeVar("_T")
_FALLBACK = "hyper-sdxl-merged"
_SHAPES = {"square": (1, 1), "portrait": (3, 4), "landscape": (4, 3)}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The settings a model was made for. ``about`` tells people what it can draw.

    ``eta`` left out is the sampler's own. ``enlarge`` is how many times larger pictures are shown.
    """

    title: str
    about: str
    sampler: str
    steps: int
    guidance: float
    eta: float | None = None
    width: int
    height: int
    max_side_px: int
    enlarge: int = 1
    examples: tuple[str, ...] = ()

    def size(self, text: str) -> tuple[int, int]:
        """The width and height that ``text`` names: ``768x512``, ``3:2``, ``portrait``.

        A ratio keeps about the recipe's number of pixels. Raises InvalidRequest.
        """
        wanted = text.strip().lower().replace("\N{MULTIPLICATION SIGN}", "x").replace("*", "x")
        if exact := re.fullmatch(r"(\d{1,6})\s*x\s*(\d{1,6})", wanted):
            return self._checked(int(exact[1]), int(exact[2]))
        if ratio := re.fullmatch(r"(\d{1,4})\s*:\s*(\d{1,4})", wanted):
            return self._fit(int(ratio[1]), int(ratio[2]))
        if wanted in _SHAPES:
            return self._fit(*_SHAPES[wanted])
        raise InvalidRequest(
            f"size must be like {self.width}x{self.height}, a ratio like 3:2, "
            f"or one of {', '.join(_SHAPES)}; got {text!r}."
        )

    def size_choices(self) -> list[tuple[str, str]]:
        """Labels and values to offer: ``("Portrait 56x72", "56x72")``."""
        sizes = {name: "{}x{}".format(*self._fit(*ratio)) for name, ratio in _SHAPES.items()}
        return [(f"{name.capitalize()} {size}", size) for name, size in sizes.items()]

    def _fit(self, across: int, down: int) -> tuple[int, int]:
        if not across or not down or max(across, down) > 4 * min(across, down):
            raise InvalidRequest(f"A ratio must be between 1:4 and 4:1, got {across}:{down}.")
        unit = math.sqrt(self.width * self.height / (across * down))
        return self._checked(_to_multiple(across * unit), _to_multiple(down * unit))

    def _checked(self, width: int, height: int) -> tuple[int, int]:
        if max(width, height) > self.max_side_px:
            raise InvalidRequest(
                f"{width}x{height} is too large for this model: "
                f"at most {self.max_side_px} pixels a side are allowed."
            )
        return width, height


def load_recipe(model_folder: Path, recipes_file: Path) -> Recipe:
    """The model's own ``recipe.toml``, else the entry for merged Hyper-SDXL checkpoints.

    Raises ModelError for a missing model folder and for a recipe that cannot be drawn with.
    """
    if not model_folder.is_dir():
        raise ModelError(f"There is no model folder {model_folder}.")
    sidecar = model_folder / "recipe.toml"
    if sidecar.exists():
        return _to_recipe(_read_toml(sidecar), sidecar)
    return _to_recipe(_read_toml(recipes_file).get(_FALLBACK, {}), recipes_file)


def compose(
    text: str, options: PromptFlags, recipe: Recipe, *, model: str
) -> tuple[GenerationRequest, bool]:
    """The whole request for what a person typed, and whether its result is private.

    ``options`` are those of the slash command or command line; inline flags stand in ``text``. One
    thing said in both places is an error. A missing seed is drawn here, once and for all.
    """
    check_brackets(text, name="prompt")  # as typed, so that places in it are those that people see
    check_brackets(options.negative or "", name="negative prompt")
    prompt, flags = split_flags(text)
    chosen = _merge(flags, options)
    width, height = recipe.size(_or(chosen.size, f"{recipe.width}x{recipe.height}"))
    sampler = _sampler(chosen.sampler, recipe)
    request = GenerationRequest(
        prompt=prompt,
        negative=chosen.negative or "",
        model=model,
        sampler=sampler,
        steps=_or(chosen.steps, recipe.steps),
        guidance=_or(chosen.guidance, recipe.guidance),
        eta=_or(chosen.eta, _eta(sampler, recipe)),
        width=width,
        height=height,
        seed=_or(chosen.seed, secrets.randbelow(MAX_SEED + 1)),
        count=_or(chosen.count, 1),
        enlarge=recipe.enlarge,
    )
    return request, bool(chosen.private)


def _merge(flags: PromptFlags, options: PromptFlags) -> PromptFlags:
    """The union of both; a thing said twice is an error that names it."""
    said: dict[str, Any] = {}
    for field in dataclasses.fields(PromptFlags):
        inline, option = getattr(flags, field.name), getattr(options, field.name)
        if inline is not None and option is not None:
            raise InvalidRequest(
                f"{field.name} is given twice: {option} as an option and {inline} in the prompt."
            )
        said[field.name] = option if inline is None else inline
    return PromptFlags(**said)


def _sampler(name: str | None, recipe: Recipe) -> str:
    """The sampler's key, whatever way of writing it was used: ``DPM++ SDE Karras``, ``tcd``."""
    if name is None:
        return recipe.sampler
    wanted = re.sub(r"[^a-z0-9+]", "", name.lower())
    for key, method in SAMPLING_METHODS.items():
        spellings = {key, method.label, method.full_label}
        if wanted in {re.sub(r"[^a-z0-9+]", "", spelling.lower()) for spelling in spellings}:
            return key
    raise InvalidRequest(f"There is no sampler {name!r}; there are {', '.join(SAMPLING_METHODS)}.")


def _eta(sampler: str, recipe: Recipe) -> float:
    """The recipe's eta belongs to the recipe's sampler; another sampler brings its own."""
    if sampler == recipe.sampler and recipe.eta is not None:
        return recipe.eta
    return SAMPLING_METHODS[sampler].default_eta


def _or(value: _T | None, otherwise: _T) -> _T:
    return otherwise if value is None else value


def _to_multiple(side_px: float) -> int:
    nearest = round(side_px / SIZE_MULTIPLE_PX) * SIZE_MULTIPLE_PX
    return max(MIN_SIDE_PX, nearest)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"The recipe {path} cannot be read: {error}.") from error


def _to_recipe(values: object, path: Path) -> Recipe:
    """Checked as far as a request is, so that its mistakes are not blamed on who draws."""
    if not isinstance(values, dict):
        raise ModelError(f"The recipe {path} must be a table of keys, got {values!r}.")
    kinds = {field.name: field.type for field in dataclasses.fields(Recipe)}
    for key, value in values.items():
        if not _is_of(value, kinds.get(key)):
            raise ModelError(f"The recipe {path} has an unknown key or value: {key} = {value!r}.")
    try:
        recipe = Recipe(**(values | {"examples": tuple(values.get("examples", ()))}))
    except TypeError as error:
        raise ModelError(f"The recipe {path} lacks a key: {error}.") from error
    if recipe.sampler not in SAMPLING_METHODS:
        raise ModelError(f"The recipe {path} names the unknown sampler {recipe.sampler!r}.")
    try:
        compose("anything", PromptFlags(), recipe, model="any")
    except InvalidRequest as error:
        raise ModelError(f"The recipe {path} cannot be drawn with: {error}") from error
    return recipe


def _is_of(value: object, kind: Any) -> bool:  # noqa: ANN401 - the type of any field
    """Whether a TOML ``value`` is of ``kind``; whole numbers are numbers, too."""
    if kind == tuple[str, ...]:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if kind is None or isinstance(value, bool):
        return False
    return isinstance(value, kind) or (isinstance(value, int) and isinstance(0.0, kind))
