"""A request as a person would type it: the prompt with its flags, to be copied and sent again.

Braces and wildcards in it are escaped, so that ``hypersd_core.expansion`` gives back one text, and
``compose`` of that the same request.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from hypersd_core.compose import OWN_VAE
from hypersd_core.errors import InvalidRequest
from hypersd_core.expansion import escape
from hypersd_core.flags import PromptFlags, field_name
from hypersd_core.i18n import say
from hypersd_core.infotext import lora_tag
from hypersd_core.pasted import pasted
from hypersd_core.prompt import split_loras
from hypersd_core.request import LANCZOS, GenerationRequest
from hypersd_core.sampling import SAMPLING_METHODS
from hypersd_core.wishes import Wish, typed_wish

_FLAGS: Mapping[str, str] = MappingProxyType(
    {f.name: f.name.replace("_", "-") for f in fields(PromptFlags)}
    | {"negative": "no", "tiling": "tile"}
)
_QUOTES = ("{}", '"{}"', "'{}'")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandText:
    """What to type as the prompt of ``/imagine``.

    ``unsaid`` are sentences on what typing cannot say, by the field of the request.
    """

    text: str
    unsaid: Mapping[str, str]


def as_command(request: GenerationRequest) -> CommandText:
    """``request`` in words. All fields that are not ``unsaid`` come back as they are."""
    prompt = " ".join([request.prompt, *map(lora_tag, request.loras)])
    spoken = command_of(prompt, options_of(request))
    return CommandText(
        text=spoken.text, unsaid=MappingProxyType({**spoken.unsaid, **dict(_lost(request, prompt))})
    )


def command_of(prompt: str, options: PromptFlags) -> CommandText:
    """``prompt``, which holds its LoRA tags, and ``options`` in words."""
    flags = flags_of(options)
    unsaid = dict(flags.unsaid)
    if not _is_read(prompt, Wish(prompt=prompt, flags=PromptFlags())):
        unsaid["prompt"] = say("The prompt cannot be typed so that it is read as it stands.")
    text = " ".join(filter(None, (prompt, flags.text)))
    if pasted(text, with_picture=False) is not None:
        unsaid["prompt"] = say("The prompt would be read as the parameters of a picture.")
    return CommandText(text=escape(text), unsaid=MappingProxyType(unsaid))


def flags_of(options: PromptFlags) -> CommandText:
    """``options`` alone as flags, for ``split_flags``; nothing is escaped."""
    unsaid: dict[str, str] = {}
    words: list[str] = []
    for field in fields(PromptFlags):
        value = getattr(options, field.name)
        if value is None or value is False:
            continue
        flag = _flag(field.name, value)
        if flag is None:
            unsaid[field.name] = _unsayable(field.name, value)
        else:
            words.append(flag)
    return CommandText(text=" ".join(words), unsaid=MappingProxyType(unsaid))


def options_of(request: GenerationRequest) -> PromptFlags:
    """What flags say of ``request``. What is always said may be otherwise in a recipe."""
    source, hires, variation = request.source, request.hires, request.variation
    method = SAMPLING_METHODS[request.sampler]
    has_eta = method.uses_eta or request.eta != method.default_eta
    return PromptFlags(
        negative=request.negative or None,
        model=request.model,
        size=f"{request.width}x{request.height}",
        steps=request.steps,
        guidance=request.guidance,
        sampler=request.sampler,
        eta=request.eta if has_eta else None,
        seed=request.seed,
        count=request.count if request.count > 1 else None,
        vae=request.vae or OWN_VAE,
        clip_skip=request.clip_skip,
        emphasis=str(request.emphasis),
        tiling=request.tiling or None,
        strength=source.strength if source else None,
        variation_seed=variation.seed if variation else None,
        variation_strength=variation.strength if variation else None,
        hires=hires.scale if hires else None,
        hires_strength=hires.strength if hires else None,
        hires_steps=(hires.steps or None) if hires else None,
        upscaler=_upscaler(request),
    )


def _upscaler(request: GenerationRequest) -> str | None:
    """One flag names both upscalers."""
    if request.hires is not None:
        return request.hires.upscaler
    if request.source is not None and request.source.upscaler != LANCZOS:
        return request.source.upscaler
    return None


def _lost(request: GenerationRequest, prompt: str) -> Iterator[tuple[str, str]]:
    """What no flag says, by field; ``prompt`` holds the tags of the LoRAs."""
    try:
        bare, loras = split_loras(prompt)
    except InvalidRequest:
        bare, loras = request.prompt, ()
    if bare != request.prompt:
        yield "prompt", say("The prompt cannot be typed so that it is read as it stands.")
    if loras != request.loras:
        yield "loras", say("The names of its LoRAs cannot be typed.")
    if request.source is not None:
        yield "source", say("It starts from a picture, which must be given again.")
    if request.timesteps:
        yield "timesteps", say("Its timesteps come with the recipe that it was drawn by.")
    if request.enlarge > 1:
        yield "enlarge", say("How far it is enlarged comes with the recipe of its model.")
    if request.vae.lower() == OWN_VAE:
        yield "vae", _unsayable("vae", request.vae)


def _flag(field: str, value: Any) -> str | None:  # noqa: ANN401 - of any field
    """The flag that is read as ``value`` of ``field``; None if there is none."""
    if field == "negative" and _has_loras(value):
        return None
    name = "ar" if field == "size" and ":" in value else _FLAGS[field]
    wanted = Wish(prompt="x", flags=PromptFlags(**{field: value}))
    for written in _written(value):
        flag = f"--{name} {written}".strip()
        if _is_read(f"x {flag}", wanted):
            return flag
    return None


def _written(value: object) -> Iterator[str]:
    if value is True:
        yield ""
    elif isinstance(value, float):
        yield f"{Decimal(repr(value)):f}".removesuffix(".0")  # all its digits, no exponent
    else:
        yield from (quotes.format(value) for quotes in _QUOTES)


def _has_loras(text: str) -> bool:
    try:
        return bool(split_loras(text)[1])
    except InvalidRequest:
        return True


def _is_read(text: str, wanted: Wish) -> bool:
    try:
        return typed_wish(text, PromptFlags()) == wanted
    except InvalidRequest:
        return False


def _unsayable(field: str, value: object) -> str:
    return say("{field} cannot be typed: {value!r}.", field=field_name(field), value=value)
