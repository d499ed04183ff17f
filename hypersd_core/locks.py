"""What presets lock, held against requests of earlier, which say in full what locks say in short.

Where such a request means the same as a lock (``768x512`` is ``3:2``, 1 step is the speed draft),
it says nothing against it.
"""

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from hypersd_core.errors import InvalidRequest
from hypersd_core.flags import PromptFlags
from hypersd_core.library import Library
from hypersd_core.picks import wildcards_in
from hypersd_core.presets import PROMPT, Layer, merge
from hypersd_core.recipes import Recipe
from hypersd_core.request import GenerationRequest
from hypersd_core.sampling import sampler_named
from hypersd_core.wishes import Wish


def locks_of(layers: Sequence[Layer]) -> list[Layer]:
    """What ``layers`` lock, and nothing else of them."""
    return [
        dataclasses.replace(
            layer,
            prompt=layer.prompt if PROMPT in layer.locked else None,
            options=PromptFlags(
                **{f: v for f, v in layer.said.items() if f in layer.locked and f != PROMPT}
            ),
        )
        for layer in layers
        if layer.locked
    ]


def unsaid(flags: PromptFlags, locks: Sequence[Layer], library: Library) -> PromptFlags:
    """``flags`` without what one of ``locks`` says, too. Raises ModelNotFound."""
    recipe = library.model(flags.model).recipe
    own = _meaning(flags, recipe, library)
    locked = [_meaning(lock.options, recipe, library) for lock in locks]
    same = {f for theirs in locked for f in own if f in theirs and theirs[f] == own[f]}
    gone = same | {"speed"} if "steps" in same else same
    return dataclasses.replace(flags, **dict.fromkeys(gone))


def held(request: GenerationRequest, locks: Sequence[Layer], library: Library) -> GenerationRequest:
    """``request``, which a button made of an earlier one, in the style that ``locks`` want.

    Raises FieldLocked for another negative prompt, model, number of steps, guidance or sampler. All
    else is what the button is about, such as the seed and the size. A style that no finished prompt
    can be compared with, because it holds wildcards or LoRAs, is left out.
    """
    flags = PromptFlags(
        negative=request.negative or None,
        model=request.model,
        steps=None if request.loras and _says_speed(locks) else request.steps,  # a LoRA's own
        guidance=request.guidance,
        sampler=request.sampler,
    )
    wish = Wish(prompt=request.prompt, flags=unsaid(flags, locks, library))
    merged = merge(wish, [_comparable(lock) for lock in locks]).wish
    return dataclasses.replace(request, prompt=merged.prompt, negative=merged.flags.negative or "")


def _meaning(flags: PromptFlags, recipe: Recipe | None, library: Library) -> Mapping[str, Any]:
    """What can be said in several ways, in the one way in which requests say it."""
    meaning: dict[str, Any] = {"steps": flags.steps}
    if flags.model is not None:
        meaning["model"] = library.model(flags.model).file.name
    if flags.sampler is not None:
        meaning["sampler"] = sampler_named(flags.sampler)
    with contextlib.suppress(InvalidRequest):  # it cannot be with this model, so it is not meant
        if recipe is not None and flags.speed is not None:
            meaning["steps"] = recipe.steps_at(flags.speed)
        if recipe is not None and flags.size is not None:
            meaning["size"] = recipe.size(flags.size)
    return {field: value for field, value in meaning.items() if value is not None}


def _says_speed(locks: Sequence[Layer]) -> bool:
    return any(lock.options.speed is not None for lock in locks)


def _comparable(lock: Layer) -> Layer:
    is_fixed = lock.prompt is None or not ("<lora:" in lock.prompt or wildcards_in(lock.prompt))
    return lock if is_fixed else dataclasses.replace(lock, prompt=None)
