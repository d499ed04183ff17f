"""DDIM: along the trajectory that the clean estimate points out. Song et al. (2021).

The sampler of Hyper-SD's 2, 4 and 8 step files and of PCM, on trailing timesteps. ``eta`` adds
noise on the way: 0 is the deterministic DDIM, 1 the ancestral DDPM.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor

from hypersd_core.samplers.affine import AffineStep, take_steps
from hypersd_core.samplers.noise import NoiseLike
from hypersd_core.samplers.schedule import Denoise, NoiseSchedule


def sample_ddim(
    denoise: Denoise,
    x: Tensor,
    *,
    timesteps: Sequence[float],
    schedule: NoiseSchedule,
    eta: float,
    noise: NoiseLike,
) -> Tensor:
    """Sample with DDIM; one model call per timestep.

    ``x``: VP latents (B, C, h, w) at ``timesteps[0]``. ``timesteps``: falling, at least one.
    ``eta`` in [0, 1]. Returns latents at timestep 0, where alpha_bar is 0.999 and not yet 1, as
    diffusers' ``DDIMScheduler`` does with SDXL's own ``set_alpha_to_one`` off. The estimate is
    never clipped: latents are not confined to [-1, 1].

    Each step ends where the next begins. diffusers 0.42 instead goes down by T // n (its issues
    9261 and 11347), up to a timestep away; where n divides T the two are equal.
    """
    steps = [
        _step(schedule, t=t, t_next=t_next, eta=eta) for t, t_next in pairwise((*timesteps, 0))
    ]
    return take_steps(denoise, x, steps=steps, noise=noise)


def _step(schedule: NoiseSchedule, *, t: float, t_next: float, eta: float) -> AffineStep:
    """Song et al. (2021), eq. 12 and 16, with ``eps`` from ``x`` and ``x0``."""
    ab, ab_next = schedule.alpha_bar_at(t), schedule.alpha_bar_at(t_next)
    spread = eta * math.sqrt((1 - ab_next) / (1 - ab) * (1 - ab / ab_next))
    keep = math.sqrt((1 - ab_next - spread**2) / (1 - ab))
    return AffineStep(t=t, keep=keep, clean=math.sqrt(ab_next) - keep * math.sqrt(ab), noise=spread)
