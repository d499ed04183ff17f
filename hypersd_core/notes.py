"""What a person should know of how a request was understood: wishes that do nothing, or harm.

Every note is one sentence. Nothing here changes the request.
"""

from collections.abc import Iterator

from hypersd_core.i18n import say, say_all, say_many
from hypersd_core.models import Family
from hypersd_core.passes import Pass, passes
from hypersd_core.prompt import prompt_notes
from hypersd_core.recipes import Recipe
from hypersd_core.request import GenerationRequest
from hypersd_core.sampling import SAMPLING_METHODS, describe_strength
from hypersd_core.wishes import Asked

_NAMELESS = "pytorch_lora_weights"
"""What diffusers calls every LoRA, so that its name says nothing."""


def notes(request: GenerationRequest, asked: Asked) -> tuple[str, ...]:
    """The sentences for ``request``, which was made of ``asked``."""
    return (
        *_about_steps(request, asked.recipe),
        *_about_guidance(request, asked.recipe),
        *_about_eta(request, asked),
        *_about_clip_skip(asked),
        *_about_loras(request, asked),
        *_about_editing(request),
        *_about_size(request, asked),
        *_about_strengths(request),
    )


def _about_steps(request: GenerationRequest, recipe: Recipe) -> Iterator[str]:
    if recipe.timesteps and not request.timesteps:
        trained = ", ".join(map(str, recipe.timesteps))
        yield say(
            "{recipe} was trained at timesteps {timesteps}; in {steps} the sampler takes its own.",
            recipe=recipe.title,
            timesteps=trained,
            steps=_steps(request.steps),
        )
    elif recipe.steps_made_for:
        least, most = recipe.steps_made_for
        if not least <= request.steps <= most:
            few = say("{least} to {most} steps", least=least, most=most)
            yield say(
                "{recipe} is made for {steps}: {asked} may look worse.",
                recipe=recipe.title,
                steps=_steps(most) if least == most else few,
                asked=request.steps,
            )


def _about_guidance(request: GenerationRequest, recipe: Recipe) -> Iterator[str]:
    if request.negative.strip() and request.guidance <= 1:
        if recipe.guidance <= 1:
            yield say(
                "The negative prompt does nothing: it needs a guidance above 1, and {recipe} is "
                "made for none.",
                recipe=recipe.title,
            )
        else:
            yield say("The negative prompt does nothing: it needs a guidance above 1.")
    if request.guidance > max(recipe.highest_guidance, recipe.guidance):
        limit = recipe.highest_guidance
        most = say("a guidance of at most {limit:g}", limit=limit)
        yield say(
            "{recipe} is made for {meant}: {guidance:g} may burn the picture.",
            recipe=recipe.title,
            meant=say("no guidance") if limit <= 1 else most,
            guidance=request.guidance,
        )


def _about_eta(request: GenerationRequest, asked: Asked) -> Iterator[str]:
    method = SAMPLING_METHODS[request.sampler]
    if asked.flags.eta in {None, asked.recipe.eta}:
        return
    if not method.uses_eta:
        yield say("Eta does nothing with the sampler {sampler}.", sampler=method.full_label)
    elif request.sampler != "ddim":  # its last step adds noise, too
        runs = passes(request)
        if runs and all(run.steps_taken == 1 for run in runs):
            yield say(
                "Eta does nothing in one step: the last step of {sampler} adds none.",
                sampler=method.full_label,
            )


def _about_clip_skip(asked: Asked) -> Iterator[str]:
    if (asked.flags.clip_skip or 1) > 1 and asked.model.file.family is Family.SDXL:
        yield say("Clip skip does nothing with SDXL, which always leaves the last layer out.")


def _about_loras(request: GenerationRequest, asked: Asked) -> Iterator[str]:
    few_step: list[str] = []
    for tag, lora in zip(request.loras, asked.loras, strict=True):
        if not tag.weight and not tag.text_weight:
            yield say("The LoRA {name} does nothing: its weight is 0.", name=tag.name)
        elif lora.recipe is not None and tag.weight:
            few_step.append(tag.name)
        elif lora.recipe is None and _NAMELESS in lora.file.path.name:
            yield say(
                "The LoRA {name} is taken for a style; if it is one for few steps, its name does "
                "not say which: it needs a recipe.",
                name=tag.name,
            )
    if len(few_step) > 1:
        yield say(
            "{names} are both made for few steps and may spoil each other; the sampling is that of "
            "{recipe}.",
            names=say_all(few_step),
            recipe=asked.recipe.title,
        )
    elif few_step and asked.model.is_for_few_steps:
        yield say(
            "{model} is made for few steps already, so {lora} may be too much.",
            model=asked.model.file.name,
            lora=few_step[0],
        )


def _about_editing(request: GenerationRequest) -> Iterator[str]:
    """What no step reads: a picture to start from leaves fewer of them."""
    runs = passes(request)
    if not runs:
        return
    yield from prompt_notes(request.prompt, runs[0].steps_taken)
    if request.guidance > 1:
        yield from prompt_notes(request.negative, runs[0].steps_taken)


def _about_size(request: GenerationRequest, asked: Asked) -> Iterator[str]:
    """A canvas that is too large for the model, and an upscaler that has nothing to enlarge."""
    start, drawn = asked.start, (request.width, request.height)
    if request.source is None or start.size is None:
        return
    if start.is_canvas and drawn != start.size and asked.flags.size is None:
        yield say(
            "The canvas has {canvas} pixels and the model at most {most} a side: it is drawn at "
            "{drawn}, and the picture on it is resampled.",
            canvas="{}x{}".format(*start.size),
            most=asked.recipe.max_side_px,
            drawn="{}x{}".format(*drawn),
        )
    grows = any(wanted > has for wanted, has in zip(drawn, start.size, strict=True))
    if asked.flags.upscaler is not None and request.hires is None and not grows:
        yield say(
            "The upscaler {name} does nothing: the picture need not grow.",
            name=request.source.upscaler,
        )


def _about_strengths(request: GenerationRequest) -> Iterator[str]:
    """What a strength means in so few steps; the pass of a strength of 0 is none."""
    runs = passes(request)
    if request.source is not None:
        yield _sentence(_meaning(request, runs[0] if request.source.strength else None))
    if request.hires is not None:
        meaning = _meaning(request, runs[-1] if request.hires.strength else None)
        yield _sentence(say("hires: {meaning}", meaning=meaning))


def _meaning(request: GenerationRequest, run: Pass | None) -> str:
    if run is None:
        return describe_strength(request.sampler, request.steps, 0)
    return describe_strength(run.sampler, run.steps, run.strength, run.timesteps)


def _steps(count: int) -> str:
    return say_many("1 step", "{n} steps", count)


def _sentence(words: str) -> str:
    return say("{words}.", words=f"{words[0].upper()}{words[1:]}")
