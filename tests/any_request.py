"""Requests to change in one place, and any request that can be made."""

from typing import Any

from hypothesis import strategies as st

from hypersd_core.request import (
    MAX_COUNT,
    MAX_ENLARGE,
    MAX_GUIDANCE,
    MAX_PROMPT_CHARS,
    MAX_SEED,
    MAX_SIDE_PX,
    MAX_STEPS,
    MIN_SIDE_PX,
    SIZE_MULTIPLE_PX,
    GenerationRequest,
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
_SIDES = st.integers(MIN_SIDE_PX // SIZE_MULTIPLE_PX, MAX_SIDE_PX // SIZE_MULTIPLE_PX).map(
    lambda side: side * SIZE_MULTIPLE_PX
)
REQUESTS = st.builds(
    GenerationRequest,
    prompt=TEXTS.filter(str.strip),
    negative=TEXTS,
    model=st.text(st.characters(codec="utf-8"), max_size=40),
    sampler=st.sampled_from(sorted(SAMPLING_METHODS)),
    steps=st.integers(1, MAX_STEPS),
    guidance=st.floats(0, MAX_GUIDANCE),
    eta=st.floats(0, 1),
    width=_SIDES,
    height=_SIDES,
    seed=st.integers(0, MAX_SEED),
    count=st.integers(1, MAX_COUNT),
    enlarge=st.integers(1, MAX_ENLARGE),
)
