"""One request to pictures: gets what it is drawn with, and copes with too little memory."""

import dataclasses
import itertools
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import torch

from hypersd_core.engine.device import is_out_of_memory
from hypersd_core.engine.drawing import Drawing
from hypersd_core.engine.latents import Pixels
from hypersd_core.engine.pixels.upscale import Upscaler
from hypersd_core.engine.progress import Progress
from hypersd_core.engine.shelf import Ready
from hypersd_core.errors import OutOfMemory
from hypersd_core.passes import total_model_calls
from hypersd_core.request import GenerationRequest

log = logging.getLogger(__name__)

OnStep = Callable[[int, int], None]
"""``on_step(done, total)`` after each model call."""


class Supply(Protocol):
    """What is drawn with; ``hypersd_core.engine.shelf.Shelf`` has it all."""

    def ready(self, request: GenerationRequest) -> Ready:
        """The model of ``request``, its LoRAs merged."""
        ...

    def upscaler(self, name: str) -> Upscaler | None:
        """The network of this name, None for plain resampling."""
        ...


class Engine:
    """Draws requests, one after another. Built and used on one thread."""

    def __init__(self, supply: Supply) -> None:
        self._supply = supply

    def generate(
        self,
        request: GenerationRequest,
        pictures: Mapping[str, Pixels],
        *,
        on_step: OnStep,
        should_stop: Callable[[], bool],
    ) -> list[Pixels]:
        """Draw every picture of ``request``, each (height, width, 3).

        ``pictures`` are the input pictures that it names: (height, width, 3) uint8, masks (height,
        width). Raises Cancelled at the next model call once ``should_stop()`` is true, ModelError
        and ModelNotFound for what cannot be drawn with, OutOfMemory when even single pictures do
        not fit.
        """
        batch = _Batch(self._supply, request, pictures, on_step=on_step, should_stop=should_stop)
        everything = range(request.count)
        try:
            return batch.draw([everything])
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            # retried below: inside this block the traceback would keep the tensors alive
        log.warning("too little memory for %d pictures at once: one by one", request.count)
        _free()
        try:
            return batch.draw([[index] for index in everything], in_tiles=True)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            width, height = request.final_size
            message = f"{width}x{height} needs more memory than this device has."
            raise OutOfMemory(message) from error


class _Batch:
    """One request, drawn all at once or in smaller groups."""

    def __init__(
        self,
        supply: Supply,
        request: GenerationRequest,
        pictures: Mapping[str, Pixels],
        *,
        on_step: OnStep,
        should_stop: Callable[[], bool],
    ) -> None:
        self._supply = supply
        self._request = request
        self._pictures = pictures
        self._on_step = on_step
        self._should_stop = should_stop

    @torch.inference_mode()
    def draw(self, groups: Sequence[Sequence[int]], *, in_tiles: bool = False) -> list[Pixels]:
        """The pictures of each group of indices; ``in_tiles`` spares all the memory it can."""
        total = total_model_calls(self._request) * len(groups)
        progress = Progress(total, self._on_step, self._should_stop)
        progress.check()  # before a model is loaded for nobody
        ready = self._supply.ready(self._request)
        if in_tiles:
            ready = dataclasses.replace(ready, free_bytes=0)
        drawn = [
            Drawing(
                ready,
                self._request,
                indices,
                pictures=self._pictures,
                upscaler=self._supply.upscaler,
                progress=progress,
            ).draw()
            for indices in groups
        ]
        return list(itertools.chain.from_iterable(drawn))


def _free() -> None:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
