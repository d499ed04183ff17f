"""Captions for the drawings, worded anew at each use: the model learns words, not sentences."""

import dataclasses
import random

from hypersd_core.pretrain.drawings import Labels
from hypersd_core.pretrain.wording import COPIED

LEADS = ("portrait of a", "a", "picture of a", "drawing of a", "head and shoulders portrait of a")
ADJECTIVES = ("beautiful", "pretty", "friendly", "young")
NOUNS = {"woman": ("woman", "lady", "girl"), "man": ("man", "guy", "boy")}
FILLERS = (*COPIED, "cute")


# How often a caption names what is there. Colours of hair, skin and background nearly always, or
# they would drift; what is small or rare in a picture always, or it would not be learnt.
_SHARES = {
    "hair": 0.95,
    "skin": 0.9,
    "background": 0.92,
    "expression": 0.9,
    "style": 0.7,
    "eyes": 0.8,
    "details": 0.95,
    "glasses": 0.95,
    "beard": 0.95,
    "clothes": 0.8,
}
_PAIRS = {"hair": ("hair_colour", "hair_cut"), "clothes": ("shirt_colour", "clothes")}
_SHORT = 0.15  # share of captions with a tag or two, as people write them


def caption(labels: Labels, rng: random.Random) -> str:
    """One caption: lead, noun, then tags in any order; each tag may be missing."""
    return captioned(labels, rng)[0]


def captioned(labels: Labels, rng: random.Random) -> tuple[str, Labels]:
    """A caption, and the labels that it names; those that it leaves out are empty there."""
    said = _leave_out(labels, rng)
    tags = _tags(said)
    tags += [rng.choice(FILLERS) for share in (0.25, 0.15) if rng.random() < share]
    rng.shuffle(tags)
    tags = [f"({tag})" if rng.random() < 0.07 else tag for tag in tags]
    text = ", ".join([_lead(labels, rng), *tags])
    return text.capitalize() if rng.random() < 0.1 else text, said


def full_caption(labels: Labels) -> str:
    """The plain caption that names hair, skin, expression, background and style; for evaluation."""
    return (
        f"portrait of a {labels.noun}, {_hair(labels)}, {labels.skin} skin, {labels.expression}, "
        f"{labels.background} background, {labels.style} style"
    )


def _lead(labels: Labels, rng: random.Random) -> str:
    adjective = f"{rng.choice(ADJECTIVES)} " if rng.random() < 0.3 else ""
    noun = rng.choice(NOUNS[labels.noun]) if rng.random() < 0.9 else "person"
    lead = f"{rng.choice(LEADS)} " if rng.random() < 0.8 else ""
    return f"{lead}{adjective}{noun}"


def _leave_out(labels: Labels, rng: random.Random) -> Labels:
    scale = 0.25 if rng.random() < _SHORT else 1.0
    left_out = [
        field
        for name, share in _SHARES.items()
        if rng.random() >= share * scale
        for field in _PAIRS.get(name, (name,))
    ]
    return dataclasses.replace(labels, **dict.fromkeys(left_out, ""))


def _tags(said: Labels) -> list[str]:
    tags = [
        _hair(said) if said.hair_colour else "",
        f"{said.skin} skin" if said.skin else "",
        f"{said.background} background" if said.background else "",
        f"{said.style} style" if said.style else "",
        f"{said.shirt_colour} {said.clothes}" if said.clothes else "",
        *(said.expression, said.eyes, said.details, said.glasses, said.beard),
    ]
    return [tag for tag in tags if tag]


def _hair(labels: Labels) -> str:
    """``short rainbow hair``; a named cut that is no adjective reads ``pink hair, mohawk``."""
    colour, cut = labels.hair_colour, labels.hair_cut
    if cut == "long hair with flowers":
        return f"long {colour} hair with flowers"
    if cut in {"long", "short", "long wavy", "short curly", "spiky"}:
        return f"{cut} {colour} hair"
    return f"{colour} hair, {cut}"
