"""The step that most samplers share: new latents are old ones, clean estimate and noise, mixed.

What tells DDIM, TCD, LCM and Euler apart is the numbers of the mixture alone.
"""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from hypersd_core.samplers.noise import NoiseLike
from hypersd_core.samplers.schedule import Denoise


class AffineStep(NamedTuple):
    """``x_next = keep x + clean x0 + noise z`` with the model's ``x0`` for ``x`` at ``t``."""

    t: float
    keep: float
    clean: float
    noise: float


def no_noise(x: Tensor) -> Tensor:
    """Stands in for the noise of samplers that add none."""
    raise AssertionError("a step adds noise, but no noise was given")


def take_steps(
    denoise: Denoise, x: Tensor, *, steps: Sequence[AffineStep], noise: NoiseLike = no_noise
) -> Tensor:
    """Take every step, with one model call each. Noise is drawn by the steps that add some."""
    for step in steps:
        x = step.keep * x + step.clean * denoise(x, float(step.t))
        if step.noise > 0:
            x = x + step.noise * noise(x)
    return x
