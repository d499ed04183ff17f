"""How long a request will keep the GPU: its size in units, times what a unit took so far."""

from hypersd_core.passes import megapixel_calls
from hypersd_core.request import GenerationRequest

NEWEST_WEIGHT = 0.2
"""What the newest run counts for in the mean, once there are enough of them."""

_SMALLEST = 0.01
"""Units of a request that asks the model for nothing, and only resizes a picture."""


class CostEstimate:
    """Sizes in units and the mean ``ms_per_unit`` of real runs, which begins as a guess.

    A unit is one model call for one unguided picture of a megapixel.
    """

    def __init__(self, *, ms_per_unit: float) -> None:
        self.ms_per_unit = ms_per_unit
        self._runs = 0

    def units(self, request: GenerationRequest) -> float:
        """The size of ``request``. Guidance above 1 asks the model twice in each call."""
        branches = 2 if request.guidance > 1 else 1
        return max(megapixel_calls(request) * branches * request.count, _SMALLEST)

    def learn(self, request: GenerationRequest, gpu_ms: int) -> None:
        """Correct the mean by a finished run. The first one replaces the guess altogether.

        A request that asks the model for nothing tells nothing of it.
        """
        if not megapixel_calls(request):
            return
        self._runs += 1
        weight = max(NEWEST_WEIGHT, 1 / self._runs)
        self.ms_per_unit += weight * (gpu_ms / self.units(request) - self.ms_per_unit)
