"""Captions for the drawings, worded anew at each use: the model learns words, not sentences."""

import random

from hypersd_core.pretrain.drawings import Labels

LEADS = ("portrait of a", "a", "picture of a", "drawing of a", "head and shoulders portrait of a")
ADJECTIVES = ("beautiful", "pretty", "friendly", "young")
NOUNS = {"woman": ("woman", "lady", "girl"), "man": ("man", "guy", "boy")}
# Words that people copy from prompt to prompt. They say nothing about these drawings, and the model
# must learn just that.
FILLERS = (
    "hyperdetailed photography",
    "soft light",
    "cover",
    "dark makeup",
    "masterpiece",
    "best quality",
    "highly detailed",
    "head and shoulders portrait",
    "sharp focus",
    "8k",
    "art",
    "cute",
)


def caption(labels: Labels, rng: random.Random) -> str:
    """One caption: lead, noun, then tags in any order; each tag may be missing.

    Colours of hair, skin and background are nearly always named, or they would drift.
    """
    tags = _tags(labels, rng)
    rng.shuffle(tags)
    tags = [f"({tag})" if rng.random() < 0.07 else tag for tag in tags]
    text = ", ".join([_lead(labels, rng), *tags])
    return text.capitalize() if rng.random() < 0.1 else text


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


def _tags(labels: Labels, rng: random.Random) -> list[str]:
    candidates = [
        (_hair(labels), 0.95),
        (f"{labels.skin} skin", 0.9),
        (f"{labels.background} background", 0.92),
        (labels.expression, 0.9),
        (f"{labels.style} style", 0.7),
        (labels.eyes, 0.8),
        (labels.details, 0.95),
        (labels.glasses, 0.95),
        (labels.beard, 0.95),
        (f"{labels.shirt_colour} {labels.clothes}", 0.8 if labels.clothes else 0.0),
        (rng.choice(FILLERS), 0.25),
        (rng.choice(FILLERS), 0.15),
    ]
    return [tag for tag, share in candidates if tag and rng.random() < share]


def _hair(labels: Labels) -> str:
    """``short rainbow hair``; a named cut that is no adjective reads ``pink hair, mohawk``."""
    colour, cut = labels.hair_colour, labels.hair_cut
    if cut == "long hair with flowers":
        return f"long {colour} hair with flowers"
    if cut in {"long", "short", "long wavy", "short curly", "spiky"}:
        return f"{cut} {colour} hair"
    return f"{colour} hair, {cut}"
