"""Captions for the drawings of every subject, worded anew at each use, in English or Chinese.

The model learns words, not sentences: tags come in any order, each may be missing.
"""

import random
from collections.abc import Mapping

from hypersd_core.pretrain import chinese
from hypersd_core.pretrain.subjects import Attributes

ADJECTIVES = ("beautiful", "pretty", "friendly", "young", "cute")
NOUNS: Mapping[str, tuple[str, ...]] = {
    "woman": ("woman", "lady", "girl"),
    "man": ("man", "guy", "boy"),
    "planet": ("planet",),
    "landscape": ("landscape", "scenery"),
    "monster": ("monster", "creature"),
}
_LEADS: Mapping[str, tuple[str, ...]] = {
    "portrait": ("portrait of a", "a", "picture of a", "head and shoulders portrait of a", ""),
    "figure": ("voxel", "blocky", "figure of a", "small figure of a"),
    "planet": ("a", "picture of a", ""),
    "landscape": ("a", "picture of a", ""),
    "plant": ("potted", "a", "a potted", ""),
    "monster": ("a", "a little", "drawing of a", ""),
}
# Words that people copy from prompt to prompt. They say nothing about these drawings, and the model
# must learn just that.
COPIED = (
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
)
FILLERS = (*COPIED, "drawing", "illustration")
# How often a caption names what is there: colours nearly always, or they would drift; what is small
# or rare in a picture always, or it would not be learnt.
_SHARES: Mapping[str, float] = {
    "style": 0.8,
    "skin": 0.9,
    "expression": 0.95,
    "eyes": 0.9,
    "clothes": 0.85,
    "surface": 0.9,
    "stars": 0.7,
}
_SHARE = 0.95
_TOGETHER = {"hair_cut": "hair_colour", "clothes_colour": "clothes"}  # said or left out as one
_ALWAYS = {"subject", "plant"}  # the lead says them
_SHORT = 0.15  # share of captions with a tag or two, as people write them
_CHINESE = 0.12


def captioned(attributes: Attributes, rng: random.Random) -> tuple[str, Attributes]:
    """A caption, and what it names of ``attributes``; the rest is left out there."""
    said = _leave_out(attributes, rng)
    if rng.random() < _CHINESE:
        return _chinese(said, rng)
    lead, noun_is_said = _lead(said, rng)
    if not noun_is_said:
        said = said.without(["noun"])
    tags = _tags(said)
    tags += [rng.choice(FILLERS) for share in (0.25, 0.15) if rng.random() < share]
    rng.shuffle(tags)
    tags = [f"({tag})" if rng.random() < 0.07 else tag for tag in tags]
    text = ", ".join([lead, *tags])
    return (text.capitalize() if rng.random() < 0.1 else text), said


def full_caption(attributes: Attributes) -> str:
    """The plain caption that names everything in one order; for evaluation."""
    words, subject = attributes, attributes["subject"]
    start = {"portrait": "portrait of a ", "figure": "figure of a ", "plant": "potted "}
    return ", ".join([start.get(subject, "a ") + _noun(words, None), *_tags(attributes)])


def _lead(said: Attributes, rng: random.Random) -> tuple[str, bool]:
    """The start of the caption, and whether it says the noun."""
    person = bool(said["noun"])
    named = not person or rng.random() < 0.9
    adjective = rng.choice(ADJECTIVES) if rng.random() < 0.3 else ""
    words = [
        rng.choice(_LEADS[said["subject"]]),
        adjective,
        _noun(said, rng) if named else "person",
    ]
    return " ".join(word for word in words if word), named


def _noun(words: Attributes, rng: random.Random | None) -> str:
    """Any of the subject's nouns, with its colour; without ``rng`` the first."""
    if words["subject"] == "plant":
        return f"{words['bloom_colour']} {words['plant']}".strip()
    names = NOUNS[words["noun"] or words["subject"]]
    name = rng.choice(names) if rng else names[0]
    coloured = words["subject"] in {"planet", "monster"}
    return f"{words['colour']} {name}".strip() if coloured else name


def _leave_out(attributes: Attributes, rng: random.Random) -> Attributes:
    scale = 0.25 if rng.random() < _SHORT else 1.0
    gone = [
        name
        for name in attributes.words
        if name not in {"noun", *_ALWAYS, *_TOGETHER}
        and rng.random() >= _SHARES.get(name, _SHARE) * scale
    ]
    gone += [name for name, head in _TOGETHER.items() if head in gone]
    if attributes["hair_cut"] == "bald":  # has no colour to stand or fall with
        gone = [name for name in gone if name != "hair_cut"]
    return attributes.without(gone)


def _tags(said: Attributes) -> list[str]:
    sky = "sky" if said["subject"] == "landscape" else "background"
    tags = [
        _hair(said),
        f"{said['skin']} skin" if said["skin"] else "",
        f"{said['clothes_colour']} {said['clothes']}" if said["clothes"] else "",
        f"{said['background']} {sky}" if said["background"] else "",
        f"{said['style']} style" if said["style"] else "",
        f"{said['pot_colour']} pot" if said["pot_colour"] else "",
        _terrain(said),
        *(said[name] for name in ("expression", "eyes", "cheeks", "glasses", "beard")),
        *(said[name] for name in ("surface", "ring", "moon", "stars", "sun", "top")),
    ]
    return [tag for tag in tags if tag]


def _terrain(said: Attributes) -> str:
    if said["subject"] != "landscape":
        return ""
    hills = said["terrain"] or ("hills" if said["colour"] else "")
    return f"{said['colour']} {hills}".strip()


def _hair(said: Attributes) -> str:
    """``short rainbow hair``; a named cut that is no adjective reads ``pink hair, mohawk``."""
    colour, cut = said["hair_colour"], said["hair_cut"]
    if not colour:
        return cut
    if cut == "long hair with flowers":
        return f"long {colour} hair with flowers"
    if cut in {"long", "short", "long wavy", "short curly", "spiky"}:
        return f"{cut} {colour} hair"
    return f"{colour} hair, {cut}"


def _chinese(said: Attributes, rng: random.Random) -> tuple[str, Attributes]:
    lead = rng.choice(chinese.LEADS[said["noun"] or said["subject"]])
    if said["subject"] == "figure":
        lead += chinese.FIGURE
    tags = [
        chinese.FRAMES.get(name, "{}").format(chinese.WORDS[word])
        for name, word in said.words.items()
        if name not in {"subject", "noun", "clothes", "clothes_colour", "colour", "terrain"}
    ]
    if said["clothes"]:
        tags.append(chinese.WORDS[said["clothes_colour"]] + chinese.WORDS[said["clothes"]])
    if said["colour"] or said["terrain"]:
        of = said["terrain"] or {"landscape": "rolling hills"}.get(said["subject"], "")
        thing = chinese.WORDS[of] if of else lead
        tags.append((chinese.WORDS[said["colour"]] if said["colour"] else "") + thing)
    rng.shuffle(tags)
    tags = [f"({tag})" if rng.random() < 0.05 else tag for tag in tags]
    return rng.choice((chinese.COMMA, ", ")).join([lead, *tags]), said
