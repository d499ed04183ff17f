"""Requests to change in one place, and any request that can be made."""

from typing import Any

from hypothesis import strategies as st

from hypersd_core.prompt import LoraTag
from hypersd_core.request import (
    MAX_CLIP_SKIP,
    MAX_COUNT,
    MAX_ENLARGE,
    MAX_GUIDANCE,
    MAX_LORA_WEIGHT,
    MAX_PROMPT_CHARS,
    MAX_SEED,
    MAX_SIDE_PX,
    MAX_STEPS,
    MIN_SIDE_PX,
    SIZE_MULTIPLE_PX,
    Emphasis,
    GenerationRequest,
    Source,
    Variation,
)
from hypersd_core.sampling import SAMPLING_METHODS


def make_request(**changes: Any) -> GenerationRequest:
    """A plain request, with ``changes``."""
    values: dict[str, Any] = {
        "prompt": "a lady, (freckles)",
        "model": "tiny",
        "sampler": "dpmpp_sde",
        "steps": 4,
        "guidance": 2.0,
        "eta": 1.0,
        "width": 64,
        "height": 72,
        "seed": 123,
    }
    return GenerationRequest(**(values | changes))


TEXTS = st.text(st.characters(codec="utf-8"), max_size=MAX_PROMPT_CHARS)
_NAMES = st.text(st.characters(codec="utf-8"), max_size=40)
_SHARES = st.floats(0, 1)
_SEEDS = st.integers(0, MAX_SEED)
_WEIGHTS = st.floats(-MAX_LORA_WEIGHT, MAX_LORA_WEIGHT)
_SIDES = st.integers(MIN_SIDE_PX // SIZE_MULTIPLE_PX, MAX_SIDE_PX // SIZE_MULTIPLE_PX).map(
    lambda side: side * SIZE_MULTIPLE_PX
)
REQUESTS = st.builds(
    GenerationRequest,
    prompt=TEXTS.filter(str.strip),
    negative=TEXTS,
    model=_NAMES,
    sampler=st.sampled_from(sorted(SAMPLING_METHODS)),
    steps=st.integers(1, MAX_STEPS),
    guidance=st.floats(0, MAX_GUIDANCE),
    eta=_SHARES,
    width=_SIDES,
    height=_SIDES,
    seed=_SEEDS,
    count=st.integers(1, MAX_COUNT),
    timesteps=st.just(()),
    loras=st.lists(
        st.builds(LoraTag, name=_NAMES, weight=_WEIGHTS, text_weight=_WEIGHTS), max_size=3
    ).map(tuple),
    vae=_NAMES,
    emphasis=st.sampled_from(Emphasis),
    clip_skip=st.integers(1, MAX_CLIP_SKIP),
    tiling=st.booleans(),
    variation=st.none() | st.builds(Variation, seed=_SEEDS, strength=_SHARES),
    source=st.none() | st.builds(Source, picture=_NAMES, strength=_SHARES, mask=_NAMES),
    hires=st.none(),
    enlarge=st.integers(1, MAX_ENLARGE),
    notes=st.lists(TEXTS, max_size=2).map(tuple),
)
