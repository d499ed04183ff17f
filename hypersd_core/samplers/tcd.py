"""TCD: strategic stochastic sampling of a trajectory consistency model. Zheng et al. (2024).

Each step jumps along the deterministic trajectory to a point ``s`` that is cleaner than the next
timestep, then adds fresh noise to come back up to it. ``eta`` (gamma in the paper) says how far:
0 jumps to the next timestep itself, which is DDIM; 1 jumps to t = 0 every time, which is multistep
consistency sampling.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor

from hypersd_core.samplers.affine import AffineStep, take_steps
from hypersd_core.samplers.noise import NoiseLike
from hypersd_core.samplers.schedule import Denoise, NoiseSchedule


def sample_tcd(
    denoise: Denoise,
    x: Tensor,
    *,
    timesteps: Sequence[float],
    schedule: NoiseSchedule,
    eta: float,
    noise: NoiseLike,
) -> Tensor:
    """Sample with TCD; one model call per timestep.

    ``x``: VP latents (B, C, h, w) at ``timesteps[0]``. ``timesteps``: falling, at least one.
    ``eta`` in [0, 1]. Returns latents at timestep 0, where alpha_bar is 0.999 and not yet 1: that
    trace of the predicted noise stays, as in diffusers' ``TCDScheduler``.
    """
    steps = [
        _step(schedule, t=t, t_next=t_next, eta=eta) for t, t_next in pairwise((*timesteps, 0))
    ]
    return take_steps(denoise, x, steps=steps, noise=noise)


def _step(schedule: NoiseSchedule, *, t: float, t_next: float, eta: float) -> AffineStep:
    """Fold the DDIM jump t -> s and the re-noising s -> t_next into one affine step.

    The jump is ``x_s = sqrt(ab_s) x0 + sqrt(1 - ab_s) eps`` with ``eps`` from ``x`` and ``x0``; the
    noise ``x_next = sqrt(ab_next / ab_s) x_s + sqrt(1 - ab_next / ab_s) z``. On the last step both
    ``t_next`` and ``s`` are 0 and no noise is left to add.
    """
    # Rounded before the floor: 0.1 * 500 is 50, not the 49 that (1 - 0.9) * 500 would give.
    s = math.floor(round((1 - eta) * t_next, 6))
    ab, ab_s, ab_next = (schedule.alpha_bar_at(time) for time in (t, s, t_next))
    ratio = math.sqrt((1 - ab_s) / (1 - ab))
    renoise = ab_next / ab_s
    return AffineStep(
        t=t,
        keep=math.sqrt(renoise) * ratio,
        clean=math.sqrt(renoise) * (math.sqrt(ab_s) - ratio * math.sqrt(ab)),
        noise=math.sqrt(1 - renoise),
    )
