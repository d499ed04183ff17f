"""How long a request will take, learnt from what earlier ones took.

The GPU is kept for ``ms = fixed + per_call * calls + per_unit * units``: text encoding and the like
are paid once; each call of the model costs something however small the picture is (launching its
kernels); the rest grows with pixels. The coefficients are fitted for each model by recursive least
squares with exponential forgetting (Ljung, System Identification, 1999, 11.2), of relative errors,
so that a job of a second counts as much as one of a minute.
"""

import numpy as np
from numpy.typing import NDArray

from hypersd_core.passes import megapixel_calls, total_model_calls
from hypersd_core.request import GenerationRequest

FORGETTING = 0.95
"""What a run counts for after the next one: the last twenty decide."""

NEWEST_WEIGHT = 0.2
"""What the newest job counts for in the mean time of saving, once there are enough of them."""

_RIDGE = 1e-3
_SMALLEST = 0.01
"""Units of a request that asks the model for nothing, and only resizes a picture."""

Coefficients = NDArray[np.float64]
"""(3,): milliseconds for a job, for a call, for a unit."""


class CostEstimate:
    """Sizes in units, and milliseconds. Until the first run, ``ms_per_unit`` is the guess.

    A unit is one model call for one unguided picture of a megapixel. A model that was never
    measured is thought to be like those that were.
    """

    def __init__(self, *, ms_per_unit: float) -> None:
        guess = np.array([0.0, 0.0, ms_per_unit])
        self._guess = guess
        self._of_all = Fit(guess)
        self._of_model: dict[str, Fit] = {}
        self._saving_ms = 0.0
        self._saved = 0

    def units(self, request: GenerationRequest) -> float:
        """The size of ``request``. Guidance above 1 asks the model twice in each call."""
        branches = 2 if request.guidance > 1 else 1
        return max(megapixel_calls(request) * branches * request.count, _SMALLEST)

    def ms(self, request: GenerationRequest) -> float:
        """How long ``request`` should keep the GPU."""
        fit = self._of_model.get(request.model, self._of_all)
        return float(self._features(request) @ fit.coefficients)

    def learn(self, request: GenerationRequest, gpu_ms: int) -> None:
        """Correct the estimates by a finished run. The first one replaces the guess altogether.

        A request that asks the model for nothing tells nothing of it.
        """
        if not megapixel_calls(request):
            return
        features, ms = self._features(request), max(gpu_ms, 1)
        self._of_all.learn(features, ms)
        self._of_model.setdefault(request.model, Fit(self._guess)).learn(features, ms)

    def saving_ms(self, request: GenerationRequest) -> float:
        """How long its pictures should take to be looked at and written, while others are drawn."""
        return self._saving_ms * request.count

    def learn_saving(self, request: GenerationRequest, ms: float) -> None:
        """Correct the mean for a picture by a job that was saved."""
        self._saved += 1
        weight = max(NEWEST_WEIGHT, 1 / self._saved)
        self._saving_ms += weight * (ms / request.count - self._saving_ms)

    def _features(self, request: GenerationRequest) -> NDArray[np.float64]:
        return np.array([1.0, total_model_calls(request), self.units(request)])


class Fit:
    """Least squares of relative errors over runs, of which the latest count most.

    ``coefficients`` are never negative. What the runs leave open, as when all are alike, is said to
    be pixels: a small penalty is on the other two.
    """

    def __init__(self, guess: Coefficients) -> None:
        self.coefficients = guess
        self._normal = np.zeros((3, 3))
        self._target = np.zeros(3)

    def learn(self, features: NDArray[np.float64], ms: float) -> None:
        """Take in one run: ``features`` (3,) took ``ms``."""
        row = features / ms
        self._normal = FORGETTING * self._normal + np.outer(row, row)
        self._target = FORGETTING * self._target + row
        penalty = np.diag([_RIDGE, _RIDGE, 0.0]) * self._normal
        self.coefficients = _not_negative(self._normal + penalty, self._target)


def _not_negative(normal: NDArray[np.float64], target: NDArray[np.float64]) -> Coefficients:
    """Solve ``normal @ x = target``; what comes out negative is left out, the worst first."""
    kept = list(range(len(target)))
    solution = np.zeros(len(target))
    while kept:
        solved = np.linalg.lstsq(normal[np.ix_(kept, kept)], target[kept], rcond=None)[0]
        if solved.min() >= 0:
            solution[kept] = solved
            break
        del kept[int(solved.argmin())]
    return solution
