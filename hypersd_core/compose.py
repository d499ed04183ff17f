"""How a person's wishes become a whole request.

What the person says wins over the recipe; what nobody says is the recipe's. A few-step LoRA in the
prompt brings its own recipe, and what comes to nothing is said in the request's notes.
"""

import dataclasses
import re
import secrets
from collections.abc import Sequence
from typing import TypeVar

from hypersd_core.errors import InvalidRequest
from hypersd_core.flags import PromptFlags
from hypersd_core.i18n import say
from hypersd_core.library import Choice, Library
from hypersd_core.models import Family
from hypersd_core.notes import notes
from hypersd_core.pasted import pasted, wish_again
from hypersd_core.prompt import LoraTag, refuse_loras, split_loras
from hypersd_core.recipes import MAX_RATIO, Recipe
from hypersd_core.request import (
    LANCZOS,
    LATENT,
    MAX_SEED,
    Emphasis,
    GenerationRequest,
    Hires,
    Source,
    Variation,
)
from hypersd_core.sampling import SAMPLING_METHODS, sampler_named
from hypersd_core.wishes import NOISE, Asked, Start, Wish, typed_wish

DEFAULT_STRENGTH = 0.6
DEFAULT_HIRES_STRENGTH = 0.5
DEFAULT_VARIATION_STRENGTH = 0.2
A1111S_ANY_SEED = -1
OWN_VAE = "none"
"""The name that asks for a model's own VAE where its recipe has another."""

_HIRES = say("hires, a factor such as 1.5")
_T = TypeVar("_T")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """What to draw, and whether its result is for the asker alone."""

    request: GenerationRequest
    private: bool


def compose(text: str, options: PromptFlags, library: Library, *, start: Start = NOISE) -> Composed:
    """The whole request for what a person typed, ready to be drawn.

    Arguments and errors as in ``typed_wish`` and ``compose_wish``.
    """
    earlier = pasted(text, with_picture=bool(start.picture))
    if earlier is None:
        return compose_wish(typed_wish(text, options), library, start=start)
    wish, about_it = wish_again(earlier, options, library, start=start)
    about_it = (say("This was read as the parameters of an earlier picture."), *about_it)
    return compose_wish(wish, library, start=start, about_it=about_it)


def compose_wish(
    wish: Wish, library: Library, *, start: Start = NOISE, about_it: tuple[str, ...] = ()
) -> Composed:
    """The whole request for ``wish``. A missing seed, or -1, is drawn here, once and for all.

    ``about_it`` are notes to come first.

    Raises InvalidRequest, RecipeUnknown for a model whose recipe nobody knows, and ModelError for
    one that cannot be drawn with.
    """
    chosen = wish.flags
    refuse_loras(chosen.negative or "")
    model = library.model(chosen.model)
    prompt, tags = split_loras(wish.prompt, lambda name: _scale(library.lora(name)))
    loras = [library.lora(tag.name) for tag in tags]
    _check_loras(loras, model)
    asked = Asked(
        flags=chosen,
        model=model,
        loras=tuple(loras),
        recipe=_recipe(model, _few_step(loras, tags), chosen.recipe, library),
        start=start,
    )
    named = tuple(
        dataclasses.replace(tag, name=lora.file.name) for tag, lora in zip(tags, loras, strict=True)
    )
    request = _request(prompt, asked, library, named, _source(chosen, library, start))
    request = dataclasses.replace(request, notes=(*about_it, *notes(request, asked)))
    return Composed(request=request, private=bool(chosen.private))


def _request(
    prompt: str,
    asked: Asked,
    library: Library,
    loras: tuple[LoraTag, ...],
    source: Source | None,
) -> GenerationRequest:
    chosen, recipe = asked.flags, asked.recipe
    width, height = _size(asked)
    sampler = _sampler(chosen.sampler, recipe)
    steps = _steps(chosen, recipe)
    return GenerationRequest(
        prompt=prompt,
        negative=chosen.negative or "",
        model=asked.model.file.name,
        sampler=sampler,
        steps=steps,
        guidance=_or(chosen.guidance, recipe.guidance),
        eta=_or(chosen.eta, _eta(sampler, recipe)),
        width=width,
        height=height,
        seed=said_or_any_seed(chosen.seed),
        count=_or(chosen.count, 1),
        timesteps=recipe.timesteps if steps == len(recipe.timesteps) else (),
        loras=loras,
        vae=_vae(asked, library),
        emphasis=_emphasis(chosen.emphasis, recipe),
        clip_skip=_clip_skip(asked),
        tiling=bool(chosen.tiling),
        variation=_variation(chosen),
        source=source,
        hires=_hires(chosen, library),
        enlarge=recipe.enlarge,
    )


def _steps(chosen: PromptFlags, recipe: Recipe) -> int:
    if chosen.speed is None:
        return _or(chosen.steps, recipe.steps)
    if chosen.steps is not None:
        raise InvalidRequest(
            say(
                "Steps ({steps}) and speed ({speed}) both say how many steps to take: "
                "say one of them.",
                steps=chosen.steps,
                speed=chosen.speed,
            )
        )
    return recipe.steps_at(chosen.speed)


def _size(asked: Asked) -> tuple[int, int]:
    """What is said, else as the picture to start from, else the recipe's."""
    recipe, start = asked.recipe, asked.start
    if asked.flags.size is not None:
        return recipe.size(asked.flags.size)
    if start.size is None:
        return recipe.size(f"{recipe.width}x{recipe.height}")
    is_exact = start.is_canvas and max(start.size) <= recipe.max_side_px
    if is_exact:
        return recipe.size("{}x{}".format(*start.size))
    width, height = start.size
    # of a panorama the middle is drawn
    return recipe.size(f"{min(width, MAX_RATIO * height)}:{min(height, MAX_RATIO * width)}")


def _recipe(
    model: Choice, few_step: Sequence[Choice], name: str | None, library: Library
) -> Recipe:
    """The model's own, with the sampling of a named recipe or of the first few-step LoRA.

    Sizes stay the model's own where it has a recipe.
    """
    if name is not None:
        wished = library.recipe(name)
        _check_fits(wished, model)
    elif few_step:
        assert few_step[0].recipe is not None
        wished = few_step[0].recipe
    elif model.recipe is None:
        raise library.unknown(model)
    else:
        return model.recipe
    return wished if model.recipe is None else model.recipe.sampled_as(wished)


def _check_fits(recipe: Recipe, model: Choice) -> None:
    _check_family(say("The recipe {name}", name=recipe.name), recipe.family, model)
    predicts = (model.recipe and model.recipe.prediction) or model.file.prediction
    if recipe.prediction not in {"", predicts}:
        raise InvalidRequest(
            say(
                "The recipe {recipe} is for models that predict {wanted}; {model} is loaded as one "
                "that predicts {predicts}, and only a recipe of its own can change that.",
                recipe=recipe.name,
                wanted=recipe.prediction,
                model=model.file.name,
                predicts=predicts,
            )
        )


def _check_family(what: str, family: Family | None, model: Choice) -> None:
    """Both may be unknown; then the engine finds out."""
    if family and model.file.family and family != model.file.family:
        raise InvalidRequest(
            say(
                "{what} is made for {family}, but {model} is {other}.",
                what=what,
                family=family.label,
                model=model.file.name,
                other=model.file.family.label,
            )
        )


def _check_loras(loras: Sequence[Choice], model: Choice) -> None:
    names = [lora.file.name for lora in loras]
    for lora in loras:
        _check_family(say("The LoRA {name}", name=lora.file.name), lora.file.family, model)
        if names.count(lora.file.name) > 1:
            raise InvalidRequest(
                say(
                    "The LoRA {name} is named twice, in two ways: name it once.",
                    name=lora.file.name,
                )
            )


def _scale(lora: Choice) -> float:
    return 1.0 if lora.recipe is None else lora.recipe.lora_scale


def _few_step(loras: Sequence[Choice], tags: Sequence[LoraTag]) -> list[Choice]:
    """The LoRAs that bring a recipe; one of weight 0 brings nothing."""
    return [
        lora
        for lora, tag in zip(loras, tags, strict=True)
        if lora.recipe is not None and tag.weight
    ]


def _sampler(name: str | None, recipe: Recipe) -> str:
    """The sampler's key, whatever way of writing it was used: ``DPM++ SDE Karras``, ``tcd``."""
    if name is None:
        return recipe.sampler
    if key := sampler_named(name):
        return key
    raise InvalidRequest(
        say(
            "There is no sampler {name!r}; there are {names}.",
            name=name,
            names=", ".join(SAMPLING_METHODS),
        )
    )


def _eta(sampler: str, recipe: Recipe) -> float:
    """The recipe's eta belongs to the recipe's sampler; another sampler brings its own."""
    if sampler == recipe.sampler and recipe.eta is not None:
        return recipe.eta
    return SAMPLING_METHODS[sampler].default_eta


def _vae(asked: Asked, library: Library) -> str:
    name = _or(asked.flags.vae, asked.recipe.vae)
    if name.lower() in {"", OWN_VAE}:
        return ""
    vae = library.vae(name)
    _check_family(say("The VAE {name}", name=vae.name), vae.family, asked.model)
    return vae.name


def _emphasis(name: str | None, recipe: Recipe) -> Emphasis:
    if name is None:
        return recipe.emphasis
    try:
        return Emphasis(re.sub(r"[\s-]+", "_", name.strip().lower()))
    except ValueError as error:
        raise InvalidRequest(
            say(
                "emphasis must be one of {names}, got {name!r}.",
                names=", ".join(Emphasis),
                name=name,
            )
        ) from error


def _clip_skip(asked: Asked) -> int:
    """SDXL's text encoders always give their last layer but one."""
    wanted = _or(asked.flags.clip_skip, asked.recipe.clip_skip)
    return 1 if asked.model.file.family is Family.SDXL else wanted


def _variation(chosen: PromptFlags) -> Variation | None:
    if chosen.variation_seed is None and chosen.variation_strength is None:
        return None
    return Variation(
        seed=_or(chosen.variation_seed, _any_seed()),
        strength=_or(chosen.variation_strength, DEFAULT_VARIATION_STRENGTH),
    )


def _source(chosen: PromptFlags, library: Library, start: Start) -> Source | None:
    if not start.picture:
        _refuse_alone(say("strength"), chosen.strength, needs=say("a picture to start from"))
        _refuse_alone(say("A mask"), start.mask or None, needs=say("a picture to start from"))
        if chosen.hires is None:
            _refuse_alone(say("upscaler"), chosen.upscaler, needs=say("a picture or hires"))
        return None
    return Source(
        picture=start.picture,
        strength=_or(chosen.strength, DEFAULT_STRENGTH),
        mask=start.mask,
        upscaler=_source_upscaler(chosen, library),
    )


def _source_upscaler(chosen: PromptFlags, library: Library) -> str:
    """A picture has no latents to stretch: where these are wished, the hires pass is meant."""
    name = _or(chosen.upscaler, LANCZOS)
    if name.lower() != LATENT:
        return _upscaler(name, (LANCZOS,), library)
    if chosen.hires is None:
        _refuse_alone(say("upscaler latent"), name, needs=_HIRES)
    return LANCZOS


def _hires(chosen: PromptFlags, library: Library) -> Hires | None:
    if chosen.hires is None:
        _refuse_alone(say("hires strength"), chosen.hires_strength, needs=_HIRES)
        _refuse_alone(say("hires steps"), chosen.hires_steps, needs=_HIRES)
        return None
    return Hires(
        scale=chosen.hires,
        strength=_or(chosen.hires_strength, DEFAULT_HIRES_STRENGTH),
        steps=_or(chosen.hires_steps, 0),
        upscaler=_upscaler(_or(chosen.upscaler, LATENT), (LATENT, LANCZOS), library),
    )


def _upscaler(name: str, built_in: Sequence[str], library: Library) -> str:
    return name.lower() if name.lower() in built_in else library.upscaler(name).name


def _refuse_alone(name: str, value: object, *, needs: str) -> None:
    if value is not None:
        raise InvalidRequest(say("{name} needs {needs}.", name=name, needs=needs))


def said_or_any_seed(said: int | None) -> int:
    """The seed that was said; any where none was, or A1111's -1."""
    return _any_seed() if said is None or said == A1111S_ANY_SEED else said


def _any_seed() -> int:
    return secrets.randbelow(MAX_SEED + 1)


def _or(value: _T | None, otherwise: _T) -> _T:
    return otherwise if value is None else value
