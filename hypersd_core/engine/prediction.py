"""What a UNet's output means: from any parametrisation to the clean estimate x0.

``x``: VP latents; ``output``: the UNet's, of the same shape; ``alpha_bar``: 1 is clean.
"""

import math
from collections.abc import Callable, Mapping

from torch import Tensor


def x0_from_epsilon(x: Tensor, output: Tensor, alpha_bar: float) -> Tensor:
    """The output is the noise. Song et al. (2021), eq. 9."""
    return (x - math.sqrt(1 - alpha_bar) * output) / math.sqrt(alpha_bar)


def x0_from_v(x: Tensor, output: Tensor, alpha_bar: float) -> Tensor:
    """The output is v = sqrt(alpha_bar) eps - sqrt(1 - alpha_bar) x0. Salimans and Ho (2022)."""
    return math.sqrt(alpha_bar) * x - math.sqrt(1 - alpha_bar) * output


def x0_from_sample(_x: Tensor, output: Tensor, _alpha_bar: float) -> Tensor:
    """The output is the clean estimate itself, as in SDXL-Lightning's one-step UNet."""
    return output


PREDICTIONS: Mapping[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "epsilon": x0_from_epsilon,
    "v_prediction": x0_from_v,
    "sample": x0_from_sample,
}
