"""Short ways to ask an engine for pictures."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypersd_core.engine.engine import Engine
from hypersd_core.request import GenerationRequest
from tests.tiny_model import NAME, SIZE_PX

Pixels = NDArray[np.uint8]


def make_request(**changes: Any) -> GenerationRequest:
    """A small request, with ``changes``."""
    values: dict[str, Any] = {
        "prompt": "portrait of a lady, big smile, short rainbow hair",
        "model": NAME,
        "sampler": "tcd",
        "steps": 2,
        "guidance": 2.0,
        "eta": 0.3,
        "width": SIZE_PX,
        "height": SIZE_PX,
        "seed": 7,
    }
    return GenerationRequest(**(values | changes))


def draw(
    engine: Engine,
    *,
    on_step: Callable[[int, int], None] = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
    pictures: Mapping[str, Pixels] = MappingProxyType({}),
    **changes: Any,
) -> list[Pixels]:
    """The pictures of ``make_request(**changes)``."""
    return engine.generate(
        make_request(**changes), pictures, on_step=on_step, should_stop=should_stop
    )


def largest_difference(ours: Pixels, theirs: Pixels) -> int:
    """In steps of 1/255."""
    return int(np.abs(ours.astype(int) - theirs.astype(int)).max())
