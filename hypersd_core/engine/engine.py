"""One request to pictures: gets what it is drawn with, and copes with too little memory."""

import dataclasses
import functools
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
from hypersd_core.i18n import say
from hypersd_core.passes import total_model_calls
from hypersd_core.request import GenerationRequest

log = logging.getLogger(__name__)

OnStep = Callable[[int, int], None]
"""``on_step(done, total)`` after each model call."""


class Supply(Protocol):
    """What is drawn with; ``hypersd_core.engine.shelf.Shelf`` has it all."""

    def ready(self, request: GenerationRequest, *, check: Callable[[], None]) -> Ready:
        """The model of ``request``, its LoRAs merged. What ``check()`` raises ends the loading."""
        ...

    def make_room(self, request: GenerationRequest) -> None:
        """Give back all memory that the model of ``request`` does not take."""
        ...

    def upscaler(self, name: str) -> Upscaler | None:
        """The network of this name, None for plain resampling."""
        ...


class Engine:
    """Draws requests, one after another. Built and used on one thread."""

    def __init__(self, supply: Supply) -> None:
        self._supply = supply

    def prepare(self, request: GenerationRequest, *, should_stop: Callable[[], bool]) -> None:
        """Load what ``request`` is drawn with. Raises as ``generate``."""
        progress = Progress(0, lambda *_: None, should_stop)
        progress.check()
        try:
            self._supply.ready(request, check=progress.check)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            log.warning("too little memory to prepare %s", request.model)  # generate makes room

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
        width). Once ``should_stop()`` is true, raises Cancelled at the next model call, or percent
        of loading. Raises ModelError and ModelNotFound for what cannot be drawn with, OutOfMemory
        when even single pictures do not fit.
        """
        draw = functools.partial(
            self._draw, request, pictures, on_step=on_step, should_stop=should_stop
        )
        everything = range(request.count)
        try:
            return draw([everything])
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            # retried below: inside this block the traceback would keep the tensors alive
        log.warning("too little memory for %d pictures at once: one by one", request.count)
        self._supply.make_room(request)
        try:
            return draw([[index] for index in everything], in_tiles=True)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            width, height = request.final_size
            sentence = say(
                "{name} needs more memory than this device has.", name=f"{width}x{height}"
            )
            raise OutOfMemory(sentence) from error

    @torch.inference_mode()
    def _draw(
        self,
        request: GenerationRequest,
        pictures: Mapping[str, Pixels],
        groups: Sequence[Sequence[int]],
        *,
        in_tiles: bool = False,
        on_step: OnStep,
        should_stop: Callable[[], bool],
    ) -> list[Pixels]:
        """The pictures of each group of indices; ``in_tiles`` spares all the memory it can."""
        progress = Progress(total_model_calls(request) * len(groups), on_step, should_stop)
        progress.check()  # before a model is loaded for nobody
        ready = self._supply.ready(request, check=progress.check)
        if in_tiles:
            ready = dataclasses.replace(ready, free_bytes=0)
        drawn = [
            Drawing(
                ready,
                request,
                indices,
                pictures=pictures,
                upscaler=self._supply.upscaler,
                progress=progress,
            ).draw()
            for indices in groups
        ]
        return list(itertools.chain.from_iterable(drawn))
