"""Samplers and parametrisations together: a network of each kind, against diffusers' schedulers."""

from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor

from hypersd_core.engine.prediction import PREDICTIONS
from hypersd_core.samplers import SAMPLERS, initial_noise, start_latents
from tests.samplers.closed_forms import SCHEDULE, nonlinear
from tests.samplers.diffusers_reference import (
    SD_BETAS,
    DDIMScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    TCDScheduler,
    sample_with_diffusers,
)

SEEDS = [3, 11]
SCHEDULERS: dict[str, Any] = {
    "ddim": lambda **kind: DDIMScheduler(
        **SD_BETAS,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=False,
        **kind,
    ),
    "tcd": lambda **kind: TCDScheduler(**SD_BETAS, **kind),
    "lcm": lambda **kind: LCMScheduler(**SD_BETAS, **kind),
    "euler": lambda **kind: EulerDiscreteScheduler(**SD_BETAS, timestep_spacing="trailing", **kind),
    "euler_a": lambda **kind: EulerAncestralDiscreteScheduler(
        **SD_BETAS, timestep_spacing="trailing", **kind
    ),
}

# diffusers 0.42 calls np.array on tensors, which numpy 2.4 wants to see spelt otherwise.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)


# diffusers' EulerAncestralDiscreteScheduler has no sample prediction.
PAIRS = [pair for pair in product(SCHEDULERS, PREDICTIONS) if pair != ("euler_a", "sample")]


@pytest.mark.parametrize("steps", [1, 2, 4, 8])
@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_every_kind_of_network_is_sampled_as_in_diffusers(name: str, kind: str, steps: int) -> None:
    scheduler = SCHEDULERS[name](prediction_type=kind)
    scheduler.set_timesteps(steps)
    noise = initial_noise(SEEDS, (4, 8, 8), device=torch.device("cpu"))
    options = {"eta": 0.3} if name in {"ddim", "tcd"} else {}
    expected = sample_with_diffusers(scheduler, nonlinear, noise, seeds=SEEDS, **options)

    def denoise(x: Tensor, t: float) -> Tensor:
        return PREDICTIONS[kind](x, nonlinear(x, t), SCHEDULE.alpha_bar_at(t))

    grid = SAMPLERS[name].grid(SCHEDULE, steps)
    ours = SAMPLERS[name].sample(
        denoise,
        start_latents(noise, grid),
        grid=grid,
        seeds=SEEDS,
        schedule=SCHEDULE,
        eta=options.get("eta", 1.0),
    )
    assert float((ours - expected).norm() / expected.norm()) < 1e-4
