"""Any preset that can be made, and any layer."""

from typing import Any

from hypothesis import strategies as st

from hypersd_core.flags import PromptFlags
from hypersd_core.presets import FIELDS, NEGATIVE, PLACEHOLDER, PROMPT, Layer, Preset
from hypersd_core.sampling import SAMPLING_METHODS

NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=32
)
_PLAIN = st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="()[]<>\\{}")
TEXTS = st.text(_PLAIN, min_size=1, max_size=60).filter(str.strip)
STYLES = TEXTS | st.tuples(TEXTS, TEXTS).map(PLACEHOLDER.join)
_SHARES = st.floats(0, 1)
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    NEGATIVE: STYLES,
    "steps": st.integers(1, 50),
    "speed": st.sampled_from(["draft", "fast", "quality"]),
    "guidance": st.floats(0, 30),
    "sampler": st.sampled_from([*SAMPLING_METHODS, "DPM++ SDE Karras"]),
    "size": st.sampled_from(["1024x1024", "768x1152", "16:9", "portrait"]),
    "seed": st.integers(-1, 2**32 - 1),
    "count": st.integers(1, 4),
    "private": st.booleans(),
    "model": NAMES,
    "strength": _SHARES,
    "hires": st.floats(1.05, 4),
    "upscaler": st.sampled_from(["latent", "lanczos", "any-4x"]),
    "emphasis": st.sampled_from(["original", "no norm"]),
}


SAYABLE = (PROMPT, *_VALUES)


@st.composite
def _said(draw: st.DrawFn, among: tuple[str, ...]) -> dict[str, Any]:
    fields = draw(st.sets(st.sampled_from(among)))
    if "speed" in fields:
        fields.discard("steps")
    return {f: draw(STYLES if f == PROMPT else _VALUES[f]) for f in sorted(fields)}


@st.composite
def presets(draw: st.DrawFn, among: tuple[str, ...] = SAYABLE) -> Preset:
    """One that says some of the fields ``among``, and locks some of these."""
    said = draw(_said(among))
    locked = draw(st.sets(st.sampled_from(sorted(said)))) if said else set()
    return Preset(
        name=draw(NAMES),
        prompt=said.pop(PROMPT, PLACEHOLDER),
        options=PromptFlags(**said),
        locked=frozenset(locked),
        about=draw(st.just("") | NAMES),
    )


@st.composite
def layers(draw: st.DrawFn, among: tuple[str, ...] = SAYABLE) -> list[Layer]:
    """Up to four with different titles."""
    found = draw(st.lists(presets(among), max_size=4))
    return [Layer.of(preset, f"layer {i}") for i, preset in enumerate(found)]


@st.composite
def typed(draw: st.DrawFn, among: tuple[str, ...] = SAYABLE) -> tuple[str, PromptFlags]:
    """A prompt, which may be empty, and some of the options ``among``."""
    said = draw(_said(among))
    if NEGATIVE in said:
        said[NEGATIVE] = draw(TEXTS)
    said.pop(PROMPT, None)
    return draw(TEXTS | st.just("")), PromptFlags(**said)


assert set(_VALUES) <= set(FIELDS)
