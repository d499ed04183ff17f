"""Recipes in TOML: read, checked as far as a request is, and refused in one sentence.

A mistake in a recipe is the operator's; without these checks it would be blamed on who draws.
"""

import difflib
import math
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from hypersd_core.errors import InvalidRequest, ModelError
from hypersd_core.i18n import say
from hypersd_core.models import Family, Kind
from hypersd_core.recipes import Recipe, Release
from hypersd_core.request import MAX_LORA_WEIGHT, Emphasis, GenerationRequest
from hypersd_core.sampling import SAMPLING_METHODS

Values = Mapping[str, Any]
_E = TypeVar("_E", bound=StrEnum)
_PREDICTIONS = ("epsilon", "v_prediction", "sample")
_REQUIRED = ("title", "about", "sampler", "steps", "guidance", "width", "height", "max_side_px")


def read_toml(path: Path, *, where: str) -> dict[str, Any]:
    """The tables of the file, which ``where`` names in errors. Raises ModelError."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        place = _place_of(error)
        raise ModelError(
            say("The recipe {where} is no TOML{place}.", where=where, place=place)
        ) from error
    except UnicodeDecodeError as error:
        raise ModelError(
            say("The recipe {where} cannot be read: it must be UTF-8.", where=where)
        ) from error
    except OSError as error:
        raise ModelError(
            say(
                "The recipe {where} cannot be read: {problem}.",
                where=where,
                problem=error.strerror or say("an unknown error"),
            )
        ) from error


def _place_of(error: tomllib.TOMLDecodeError) -> str:
    """`` at line 1, column 9``, as far as the parser's sentence tells it."""
    place = re.search(r"\((at [a-z0-9 ,]+)\)", str(error))
    return f" {place[1]}" if place else ""


def parse_values(values: object, *, where: str, folder: Path) -> dict[str, Any]:
    """The fields of a Recipe that ``values`` gives, each of its own type.

    ``where`` names the recipe in errors; ``folder`` is where its relative paths start. Raises
    ModelError for unknown keys and for values that a key cannot have.
    """
    if not isinstance(values, dict):
        raise ModelError(
            say(
                "The recipe {where} must be a table of keys, got {value!r}.",
                where=where,
                value=values,
            )
        )
    parsed: dict[str, Any] = {}
    for key, value in values.items():
        if key not in _KEYS:
            raise ModelError(
                say(
                    "The recipe {where} has the unknown key {key} = {value!r}; {hint}.",
                    where=where,
                    key=key,
                    value=value,
                    hint=_hint(key),
                )
            )
        read, allowed = _KEYS[key]
        try:
            parsed[key] = read(value)
        except (ValueError, TypeError) as error:
            raise ModelError(
                say(
                    "The recipe {where} has {key} = {value!r}; it must be {allowed}.",
                    where=where,
                    key=key,
                    value=value,
                    allowed=allowed,
                )
            ) from error
    if "config" in parsed:
        parsed["config"] = folder / parsed["config"]
    return parsed


def lacking(values: Values) -> list[str]:
    """The keys without which parsed ``values`` are no recipe."""
    needless = {"sampler"} if values.get("undrawable") else set()
    return [key for key in _REQUIRED if key not in {*values, *needless}]


def build(values: Values, *, name: str, where: str) -> Recipe:
    """The recipe of parsed ``values``. Raises ModelError for one that cannot be drawn with."""
    if keys := lacking(values):
        raise ModelError(
            say("The recipe {where} lacks the key {keys}.", where=where, keys=", ".join(keys))
        )
    return checked(Recipe(name=name, **values), where=where)


def checked(recipe: Recipe, *, where: str) -> Recipe:
    """``recipe`` itself, if it can be drawn with or is known not to be. Raises ModelError."""
    if recipe.undrawable:
        return replace(recipe, sampler="")
    try:
        _try(recipe)
    except InvalidRequest as error:
        raise ModelError(
            say(
                "The recipe {recipe} cannot be drawn with: {reason}",
                recipe=where,
                reason=error.sentence,
            )
        ) from error
    return recipe


def _try(recipe: Recipe) -> None:
    """Make a request of it, and look at what a request does not have."""
    recipe.size(f"{recipe.width}x{recipe.height}")
    GenerationRequest(
        prompt="anything",
        model="any",
        sampler=recipe.sampler,
        steps=recipe.steps,
        guidance=recipe.guidance,
        eta=SAMPLING_METHODS[recipe.sampler].default_eta if recipe.eta is None else recipe.eta,
        width=recipe.width,
        height=recipe.height,
        seed=0,
        timesteps=recipe.timesteps,
        emphasis=recipe.emphasis,
        clip_skip=recipe.clip_skip,
        enlarge=recipe.enlarge,
    )
    if recipe.steps_made_for:
        least, most = recipe.steps_made_for
        if not least <= recipe.steps <= most:
            raise InvalidRequest(
                say(
                    "steps must be from {least} to {most}, got {value}.",
                    least=least,
                    most=most,
                    value=recipe.steps,
                )
            )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(value)
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(value)
    return value


def _number(value: object) -> float:
    """Whole numbers are numbers, too."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or math.isnan(value):
        raise ValueError(value)
    return value


def _scale(value: object) -> float:
    if abs(_number(value)) > MAX_LORA_WEIGHT:
        raise ValueError(value)
    return _number(value)


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise ValueError(value)
    return value


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(_text, _list(value)))


def _wholes(value: object) -> tuple[int, ...]:
    return tuple(map(_whole, _list(value)))


def _range(value: object) -> tuple[int, ...]:
    least, most = _wholes(value)
    if not 1 <= least <= most:
        raise ValueError(value)
    return least, most


def _kinds(value: object) -> tuple[Kind, ...]:
    return tuple(Kind(_text(kind)) for kind in _list(value))


def _sampler(value: object) -> str:
    if value not in SAMPLING_METHODS:
        raise ValueError(value)
    return _text(value)


def _prediction(value: object) -> str:
    if value not in _PREDICTIONS:
        raise ValueError(value)
    return _text(value)


def _files(value: object) -> tuple[Release, ...]:
    return tuple(map(_release, _list(value)))


def _release(value: object) -> Release:
    if not isinstance(value, dict):
        raise ValueError(value)
    release = Release(**value)
    if not re.fullmatch("([0-9a-f]{64})?", _text(release.sha256)):
        raise ValueError(value)
    _text(release.name)
    _whole(release.bytes)
    return release


def _one_of(names: Mapping[str, object] | type[_E] | tuple[str, ...]) -> str:
    return say("one of {names}", names=", ".join(names))


_TEXT = (_text, say("text"))
_WHOLE = (_whole, say("a whole number"))
_NUMBER = (_number, say("a number"))
_TEXTS = (_texts, say("a list of texts"))

_KEYS: Mapping[str, tuple[Callable[[object], object], str]] = MappingProxyType(
    {
        "title": _TEXT,
        "about": _TEXT,
        "family": (lambda value: Family(_text(value)), _one_of(tuple(Family))),
        "kinds": (_kinds, say("a list of {names}", names=", ".join(Kind))),
        "names": _TEXTS,
        "files": (_files, say("a list of tables with name, bytes and sha256")),
        "source": _TEXT,
        "sampler": (_sampler, _one_of(SAMPLING_METHODS)),
        "timesteps": (_wholes, say("a list of whole numbers")),
        "steps": _WHOLE,
        "steps_made_for": (_range, say("two whole numbers, the least steps and the most")),
        "guidance": _NUMBER,
        "guidance_limit": _NUMBER,
        "eta": _NUMBER,
        "lora_scale": (_scale, say("a number from -{most:g} to {most:g}", most=MAX_LORA_WEIGHT)),
        "prediction": (_prediction, _one_of(_PREDICTIONS)),
        "base": _TEXT,
        "config": _TEXT,
        "vae": _TEXT,
        "clip_skip": _WHOLE,
        "emphasis": (lambda value: Emphasis(_text(value)), _one_of(tuple(Emphasis))),
        "width": _WHOLE,
        "height": _WHOLE,
        "max_side_px": _WHOLE,
        "enlarge": _WHOLE,
        "examples": _TEXTS,
        "undrawable": _TEXT,
    }
)


def _hint(key: str) -> str:
    close = difflib.get_close_matches(key, _KEYS, n=1)
    if close:
        return say("did you mean {name}", name=close[0])
    return say("known are {names}", names=", ".join(_KEYS))
