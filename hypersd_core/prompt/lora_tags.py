"""LoRAs that a prompt names: ``<lora:name:0.8>`` is taken out of the text."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hypersd_core.errors import InvalidRequest
from hypersd_core.i18n import say
from hypersd_core.prompt.quoting import shorten

_TAG = re.compile(r"<(?P<kind>lora|lyco|hypernet)\b(?P<fields>[^<>]*)(?P<end>>?)", re.IGNORECASE)
# Tags with what separates them from the text; this only from where it begins, as it may be long.
_TAGS = re.compile(
    r"(?: (?<![\s,]) [\s,]+ )? (?: <(?:lora|lyco|hypernet)\b[^<>]*> [\s,]* )+",
    re.IGNORECASE | re.VERBOSE,
)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")
_WEIGHTS = ("te", "unet")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraTag:
    """Which LoRA, and how strongly: ``weight`` on the UNet, ``text_weight`` on the text encoders.

    ``<lora:name:text_weight:weight>``: a single number is both of them.
    """

    name: str
    weight: float = 1.0
    text_weight: float = 1.0


def split_loras(
    text: str, weight_of: Callable[[str], float] = lambda _name: 1.0
) -> tuple[str, tuple[LoraTag, ...]]:
    """Take the tags out of ``text``, with the comma or space that each leaves over.

    ``<lora:name>``, ``<lora:name:te>``, ``<lora:name:te:unet>`` or by name, ``te=``, ``unet=``;
    ``lyco`` is the same. ``weight_of(name)`` is the weight of a tag that says none; what it raises
    goes through. To be called before anything else reads ``text``: a tag has colons that
    would mean prompt editing. Inside editing a LoRA works in every step, as in A1111.

    Raises InvalidRequest for a tag that cannot be read, for hypernetworks, and for a LoRA that is
    named twice: two weights may be meant as a sum or as a correction, so nothing is guessed.
    """
    tags = tuple(_read(found, weight_of) for found in _TAG.finditer(text))
    names = [tag.name.casefold() for tag in tags]
    for tag in tags:
        if names.count(tag.name.casefold()) > 1:
            raise InvalidRequest(
                say(
                    "The LoRA {name} is named twice: write it once, with one weight.",
                    name=shorten(tag.name),
                )
            )
    return _TAGS.sub(_separator, text), tags


def refuse_loras(negative: str) -> None:
    """Raise InvalidRequest if the negative prompt names a LoRA."""
    if tags := split_loras(negative)[1]:
        raise InvalidRequest(
            say(
                "The LoRA {name} stands in the negative prompt: a LoRA changes the whole model, so "
                "write it in the prompt.",
                name=tags[0].name,
            )
        )


def _read(found: re.Match[str], weight_of: Callable[[str], float]) -> LoraTag:
    if found["kind"].lower() == "hypernet":
        raise InvalidRequest(
            say(
                "{tag} names a hypernetwork; only LoRAs can be used: <lora:name>.",
                tag=shorten(found.group()),
            )
        )
    if not found["end"]:
        raise _unreadable(found, say("is never closed"))
    before, _, fields = found["fields"].partition(":")
    name, *weights = (field.strip() for field in fields.split(":"))
    if before.strip() or not name:
        raise _unreadable(found, say("names no LoRA"))
    said = _read_weights(found, weights)
    text_weight = said["te"] if "te" in said else weight_of(name)
    return LoraTag(name=name, weight=said.get("unet", text_weight), text_weight=text_weight)


def _read_weights(found: re.Match[str], fields: Sequence[str]) -> dict[str, float]:
    """The weights that are said, by name; those without come in the order of ``_WEIGHTS``."""
    said: dict[str, float] = {}
    nameless = iter(_WEIGHTS)
    for field in fields:
        name, equals, number = (part.strip() for part in field.rpartition("="))
        name = name.lower() if equals else next(nameless, "")
        if name not in _WEIGHTS or name in said or not _NUMBER.fullmatch(number):
            raise _unreadable(found, say('cannot have "{field}"', field=shorten(field)))
        said[name] = float(number)
    return said


def _unreadable(found: re.Match[str], problem: str) -> InvalidRequest:
    return InvalidRequest(
        say(
            "The tag {tag} {problem}: write <lora:name>, <lora:name:0.8> or, for text encoders and "
            "UNet apart, <lora:name:te=0.5:unet=0.8>.",
            tag=shorten(found.group()),
            problem=problem,
        )
    )


def _separator(tags: re.Match[str]) -> str:
    """What stays between the texts around ``tags``: nothing at an end or inside of a bracket."""
    if tags.string[: tags.start()].endswith(("(", "[")) or not tags.start():
        return ""
    if tags.string.startswith((")", "]"), tags.end()) or tags.end() == len(tags.string):
        return ""
    separators = _TAG.sub("", tags.group())
    if "," in separators:
        return ", "
    return separators[:1]
