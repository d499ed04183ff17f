"""LCM: multistep consistency sampling of a latent consistency model. Luo et al. (2023).

Each step takes the clean estimate, under the boundary condition of consistency models, and adds
fresh noise for the next timestep. Also the sampler of DMD2 and of Hyper-SD's one-step UNet, which
were made for timesteps of their own.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor

from hypersd_core.samplers.affine import AffineStep, take_steps
from hypersd_core.samplers.noise import NoiseLike
from hypersd_core.samplers.schedule import Denoise, NoiseSchedule

_SIGMA_DATA = 0.5
_TIMESTEP_SCALING = 10.0


def sample_lcm(
    denoise: Denoise,
    x: Tensor,
    *,
    timesteps: Sequence[float],
    schedule: NoiseSchedule,
    noise: NoiseLike,
) -> Tensor:
    """Sample with LCM; one model call per timestep, fresh noise after all but the last.

    ``x``: VP latents (B, C, h, w) at ``timesteps[0]``. ``timesteps``: falling, at least one.
    Returns clean latents, those of diffusers' ``LCMScheduler``.
    """
    # The last step adds no noise: it ends on the estimate itself, where alpha_bar is 1.
    steps = [_step(t, schedule.alpha_bar_at(t_next)) for t, t_next in pairwise(timesteps)] + [
        _step(timesteps[-1], 1.0)
    ]
    return take_steps(denoise, x, steps=steps, noise=noise)


def _step(t: float, ab_next: float) -> AffineStep:
    """Luo et al. (2023), algorithm 3, with c_skip and c_out as in its section 4.1.

    ``f(x, t) = c_skip x + c_out x0`` is ``x`` itself at t = 0.
    """
    scaled = t * _TIMESTEP_SCALING
    c_skip = _SIGMA_DATA**2 / (scaled**2 + _SIGMA_DATA**2)
    c_out = scaled / math.hypot(scaled, _SIGMA_DATA)
    signal = math.sqrt(ab_next)
    return AffineStep(t=t, keep=signal * c_skip, clean=signal * c_out, noise=math.sqrt(1 - ab_next))
