"""The three meanings of a UNet's output, against diffusers and closed forms."""

import math
from typing import Any

import diffusers
import pytest
import torch

from hypersd_core.engine.prediction import PREDICTIONS
from hypersd_core.samplers import NoiseSchedule
from tests.samplers.diffusers_reference import SD_BETAS

SCHEDULE = NoiseSchedule.scaled_linear()
SHAPE = (2, 4, 5, 3)


def noise(seed: int) -> torch.Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("t", [0, 1, 259, 499, 998, 999])
@pytest.mark.parametrize("kind", PREDICTIONS)
def test_the_clean_estimate_is_the_one_of_diffusers(kind: str, t: int) -> None:
    scheduler: Any = diffusers.DDIMScheduler(**SD_BETAS, prediction_type=kind, clip_sample=False)
    scheduler.alphas_cumprod = SCHEDULE.alpha_bar
    scheduler.set_timesteps(1000)
    x, output = noise(1), noise(2)
    expected = scheduler.step(output, t, x).pred_original_sample
    ours = PREDICTIONS[kind](x, output, SCHEDULE.alpha_bar_at(t))
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("alpha_bar", [0.9991, 0.5, 0.0047])
@pytest.mark.parametrize("kind", PREDICTIONS)
def test_a_perfect_output_gives_the_clean_latents(kind: str, alpha_bar: float) -> None:
    x0, eps = noise(3), noise(4)
    signal, spread = math.sqrt(alpha_bar), math.sqrt(1 - alpha_bar)
    perfect = {"epsilon": eps, "v_prediction": signal * eps - spread * x0, "sample": x0}
    x = signal * x0 + spread * eps
    ours = PREDICTIONS[kind](x, perfect[kind], alpha_bar)
    torch.testing.assert_close(ours, x0, rtol=1e-9, atol=1e-9)
