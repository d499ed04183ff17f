"""A supply of one model that is loaded already, for tests that look inside it."""

from collections.abc import Callable
from dataclasses import dataclass

from hypersd_core.engine.memory.policy import MemoryMode
from hypersd_core.engine.model import Model
from hypersd_core.engine.pixels.upscale import Upscaler
from hypersd_core.engine.shelf import Ready
from hypersd_core.request import LANCZOS, GenerationRequest


@dataclass(frozen=True)
class OneModel:
    """Whatever a request names is drawn with ``model``, without LoRAs and networks."""

    model: Model
    mode: MemoryMode = MemoryMode.RESIDENT
    free_bytes: int = 2**40

    def ready(self, request: GenerationRequest, *, check: Callable[[], None]) -> Ready:
        assert not request.loras
        return Ready(model=self.model, mode=self.mode, free_bytes=self.free_bytes)

    def make_room(self, request: GenerationRequest) -> None:
        """There is nothing else in memory."""

    def upscaler(self, name: str) -> Upscaler | None:
        assert name == LANCZOS
        return None
