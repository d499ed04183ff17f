"""What a parameters text asks for, in the words of this bot: a prompt and options to draw it again.

Values are translated, not checked: ranges are the request's business, names of files the
catalogue's.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from hypersd_core.flags import PromptFlags
from hypersd_core.i18n import say
from hypersd_core.infotext import EMPHASIS_LABELS, UPSCALER_LABELS, Infotext
from hypersd_core.request import Emphasis
from hypersd_core.sampling import SAMPLING_METHODS


@dataclass(frozen=True, slots=True, kw_only=True)
class Redraw:
    """``prompt`` still holds its LoRA tags. ``notes`` are sentences on what could not be used."""

    prompt: str
    options: PromptFlags
    notes: tuple[str, ...] = ()


def options_of(info: Infotext, *, with_picture: bool = False) -> Redraw:
    """What a person would have to say to get what ``info`` tells of.

    ``with_picture`` says that there is a picture to start from; without one there is no strength.
    What A1111 leaves unsaid, no clip skip and its original emphasis, is said.
    """
    values: dict[str, Any] = {"clip_skip": 1, "emphasis": str(Emphasis.ORIGINAL)}
    unused: list[str] = []
    for key, text in info.parameters.items():
        if key in _TOLD_ELSEWHERE:
            continue
        field, parse = _reading(key, info.parameters)
        try:
            values[field] = parse(text)
        except ValueError:
            unused.append(key)
    sampler, problem = _sampler(info.parameters)
    notes = [problem] if problem else []
    if "strength" in values and not with_picture:
        notes.append(
            say("It was drawn from another picture, which its text does not hold: send that.")
        )
    if unused:
        keys = ", ".join(unused)
        notes.append(say("Of its parameters these cannot be used here: {keys}.", keys=keys))
    for field in _pointless(values, with_picture=with_picture):
        values.pop(field, None)
    options = PromptFlags(**values, sampler=sampler, negative=info.negative or None)
    return Redraw(prompt=info.prompt, options=options, notes=tuple(notes))


def _reading(key: str, parameters: Mapping[str, str]) -> tuple[str, Callable[[str], object]]:
    """The field that ``key`` fills, and how its value is read."""
    if key == "Denoising strength":
        has_second_pass = "Hires upscale" in parameters or "Hires resize" in parameters
        is_second_pass = has_second_pass and _SECOND_STRENGTH not in parameters
        return ("hires_strength" if is_second_pass else "strength"), float
    return _READINGS.get(key, ("", _refuse))


def _pointless(values: Mapping[str, object], *, with_picture: bool) -> Iterator[str]:
    """The fields that would be refused alone, without what they belong to."""
    if not with_picture:
        yield "strength"
    if "hires" not in values:
        yield from ("hires_strength", "hires_steps")
    if not with_picture and "hires" not in values:
        yield "upscaler"


def _refuse(text: str) -> object:
    raise ValueError(text)


def _size(text: str) -> str:
    if re.fullmatch(r"[1-9][0-9]*x[1-9][0-9]*", text) is None:
        raise ValueError(text)
    return text


def _vae(text: str) -> str | None:
    """Its name as it is here, without the file ending; empty for the model's own."""
    stem = re.sub(r"\.(safetensors|ckpt|pt|vae\.pt)$", "", text)
    return {"None": "", "Automatic": None}.get(stem, stem)


def _upscaler(label: str) -> str:
    """A1111's labels; those of its latent upscalers that resample otherwise are ``latent``, too."""
    plain = re.sub(r"^(Latent) \(.*\)$", r"\1", label)
    return {shown: name for name, shown in UPSCALER_LABELS.items()}.get(plain, label)


def _emphasis(label: str) -> str:
    names = {shown: str(name) for name, shown in EMPHASIS_LABELS.items()}
    if label not in names:
        raise ValueError(label)
    return names[label]


def _is_true(text: str) -> bool:
    return text == "True"


_SECOND_STRENGTH = "Hires denoising strength"
_READINGS: Mapping[str, tuple[str, Callable[[str], object]]] = MappingProxyType(
    {
        "Steps": ("steps", int),
        "CFG scale": ("guidance", float),
        "Seed": ("seed", int),
        "Size": ("size", _size),
        "Model": ("model", str),
        "VAE": ("vae", _vae),
        "Variation seed": ("variation_seed", int),
        "Variation seed strength": ("variation_strength", float),
        "Clip skip": ("clip_skip", int),
        "Tiling": ("tiling", _is_true),
        "Eta": ("eta", float),
        "Eta DDIM": ("eta", float),
        "Emphasis": ("emphasis", _emphasis),
        "Hires upscale": ("hires", float),
        "Hires steps": ("hires_steps", int),
        "Hires upscaler": ("upscaler", _upscaler),
        "Upscaler for img2img": ("upscaler", _upscaler),
        _SECOND_STRENGTH: ("hires_strength", float),
    }
)
# Read together with another key, brought again by the model's recipe, or of no use to anybody.
_TOLD_ELSEWHERE = frozenset(
    {
        "Sampler",
        "Schedule type",
        "Model hash",
        "VAE hash",
        "Lora hashes",
        "Hashes",
        "Timesteps",
        "Enlarged",
        "Batch size",
        "Batch pos",
        "User",
        "Version",
        "Civitai resources",
        "Civitai metadata",
    }
)
# What A1111 takes for "Automatic", where it is not the sampler's one plain schedule.
_AUTOMATIC = MappingProxyType({"DPM++ SDE": "Karras", "DPM++ 2M SDE": "Exponential"})


def _sampler(parameters: Mapping[str, str]) -> tuple[str | None, str]:
    """The sampler's key, and the sentence that says what of its name could not be used.

    A1111 wrote ``DPM++ SDE Karras`` before 1.9, and writes the schedule apart since then.
    """
    name = parameters.get("Sampler", "")
    for key, method in SAMPLING_METHODS.items():
        if name.casefold() in {key, method.full_label.casefold()} - {method.label.casefold()}:
            return key, ""
    schedule = parameters.get("Schedule type", "Automatic")
    if schedule == "Automatic":
        schedule = _AUTOMATIC.get(name, "")
    keys = [key for key, m in SAMPLING_METHODS.items() if m.label.casefold() == name.casefold()]
    if not keys:
        problem = say("There is no sampler {name!r} here: the model's own is used.", name=name)
        return None, problem if name else ""
    for key in keys:
        if SAMPLING_METHODS[key].schedule_label.casefold() == schedule.casefold():
            return key, ""
    label = SAMPLING_METHODS[keys[0]].full_label
    return keys[0], say(
        "There is no {sampler} with the schedule {schedule!r} here: {instead} is used.",
        sampler=name,
        schedule=schedule,
        instead=label,
    )
