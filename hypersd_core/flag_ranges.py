"""Whether options can ever be drawn with, before anybody knows the model: presets and defaults.

Names of files are not looked up, and a recipe may allow less: that is for when a picture is asked
for.
"""

import re

from hypersd_core.errors import InvalidRequest
from hypersd_core.flags import PromptFlags, field_name
from hypersd_core.i18n import say
from hypersd_core.prompt import check_brackets, refuse_loras, split_loras
from hypersd_core.recipes import Recipe, speed_named
from hypersd_core.request import (
    MAX_SIDE_PX,
    Emphasis,
    GenerationRequest,
    Hires,
    Source,
    Variation,
)
from hypersd_core.sampling import SAMPLING_METHODS, sampler_named

MAX_FILE_NAME_CHARS = 200
_ANY_SEED = -1
_NAMES = ("model", "recipe", "vae", "upscaler")
_LARGEST = Recipe(
    name="any",
    title="",
    about="",
    steps=1,
    guidance=1,
    width=1024,
    height=1024,
    max_side_px=MAX_SIDE_PX,
)
"""Reads sizes as any recipe does, and allows as much as any can."""


def check_flags(flags: PromptFlags, *, prompt: str = "anything") -> None:
    """Raise InvalidRequest for values that no model can be drawn with.

    ``prompt`` is the text that they come with.
    """
    check_brackets(prompt, name=say("prompt"))
    check_brackets(flags.negative or "", name=say("negative prompt"))
    split_loras(prompt)
    refuse_loras(flags.negative or "")
    _check_names(flags)
    _check_speed(flags)
    _try(flags, prompt)
    _try_parts(flags)


def _check_names(flags: PromptFlags) -> None:
    for field in _NAMES:
        name = getattr(flags, field)
        if name is not None and not 1 <= len(name.strip()) <= MAX_FILE_NAME_CHARS:
            raise InvalidRequest(
                say(
                    "{field} must be a name of 1 to {most} characters, got {count}.",
                    field=field_name(field),
                    most=MAX_FILE_NAME_CHARS,
                    count=len(name.strip()),
                )
            )


def _check_speed(flags: PromptFlags) -> None:
    if flags.speed is None:
        return
    speed_named(flags.speed)
    if flags.steps is not None:
        raise InvalidRequest(
            say("Steps and speed both say how many steps to take: set one of them.")
        )


def _try(flags: PromptFlags, prompt: str) -> None:
    """Make a request of it: a request checks its own ranges."""
    width, height = _LARGEST.size("square" if flags.size is None else flags.size)
    GenerationRequest(
        prompt=prompt,
        negative=flags.negative or "",
        model="any",
        sampler=_sampler(flags.sampler),
        steps=1 if flags.steps is None else flags.steps,
        guidance=1.0 if flags.guidance is None else flags.guidance,
        eta=0.0 if flags.eta is None else flags.eta,
        width=width,
        height=height,
        seed=0 if flags.seed is None or flags.seed == _ANY_SEED else flags.seed,
        count=1 if flags.count is None else flags.count,
        clip_skip=1 if flags.clip_skip is None else flags.clip_skip,
        emphasis=_emphasis(flags.emphasis),
    )


def _try_parts(flags: PromptFlags) -> None:
    Source(picture="any", strength=1.0 if flags.strength is None else flags.strength)
    Variation(
        seed=0 if flags.variation_seed is None else flags.variation_seed,
        strength=0.0 if flags.variation_strength is None else flags.variation_strength,
    )
    Hires(
        scale=2.0 if flags.hires is None else flags.hires,
        strength=0.0 if flags.hires_strength is None else flags.hires_strength,
        steps=0 if flags.hires_steps is None else flags.hires_steps,
    )


def _sampler(name: str | None) -> str:
    key = next(iter(SAMPLING_METHODS)) if name is None else sampler_named(name)
    if key is None:
        raise InvalidRequest(
            say(
                "There is no sampler {name!r}; there are {allowed}.",
                name=name,
                allowed=", ".join(SAMPLING_METHODS),
            )
        )
    return key


def _emphasis(name: str | None) -> Emphasis:
    if name is None:
        return Emphasis.ORIGINAL
    try:
        return Emphasis(re.sub(r"[\s-]+", "_", name.strip().lower()))
    except ValueError as error:
        raise InvalidRequest(
            say(
                "emphasis must be one of {allowed}, got {name!r}.",
                allowed=", ".join(Emphasis),
                name=name,
            )
        ) from error
