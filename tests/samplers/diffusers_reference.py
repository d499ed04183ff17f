"""diffusers' schedulers, whose constructors and mixins carry no usable types, as ``Any``."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import diffusers
import pytest
import torch
from torch import Tensor

from hypersd_core.samplers import Denoise
from tests.samplers.closed_forms import SCHEDULE

SD_BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}

DDIMScheduler: Any = diffusers.DDIMScheduler
DPMSolverMultistepScheduler: Any = diffusers.DPMSolverMultistepScheduler
DPMSolverSDEScheduler: Any = diffusers.DPMSolverSDEScheduler
EulerAncestralDiscreteScheduler: Any = diffusers.EulerAncestralDiscreteScheduler
EulerDiscreteScheduler: Any = diffusers.EulerDiscreteScheduler
LCMScheduler: Any = diffusers.LCMScheduler
TCDScheduler: Any = diffusers.TCDScheduler

Network = Callable[[Tensor, float], Tensor]
"""What a UNet answers for VP latents at a timestep: noise, v or sample."""


def in_double_precision(scheduler: Any) -> Any:
    """The scheduler on our table of alpha_bar, which is its own before rounding to float32."""
    scheduler.alphas_cumprod = SCHEDULE.alpha_bar
    scheduler.final_alpha_cumprod = SCHEDULE.alpha_bar[0]
    return scheduler


def noise_network(denoise: Denoise) -> Network:
    """The network that predicts noise, and with it the clean estimate of ``denoise``."""

    def network(x: Tensor, t: float) -> Tensor:
        alpha_bar = SCHEDULE.alpha_bar_at(t)
        return (x - math.sqrt(alpha_bar) * denoise(x, t)) / math.sqrt(1 - alpha_bar)

    return network


def sample_with_diffusers(
    scheduler: Any, network: Network, noise: Tensor, *, seeds: Sequence[int], **options: float
) -> Tensor:
    """Run a scheduler with its timesteps set from unit ``noise``, as a diffusers pipeline does.

    Its generators stand where ``StepNoise`` starts: behind the initial noise. ``options`` are those
    of its ``step``.
    """
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    for generator in generators:
        torch.randn(noise.shape[1:], generator=generator)
    x = noise * float(scheduler.init_noise_sigma)
    for t in scheduler.timesteps:
        output = network(scheduler.scale_model_input(x, t), float(t))
        # A tensor would round LCM's boundary condition to float32; Euler takes nothing else.
        step_t = t if t.is_floating_point() else int(t)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(f"{type(scheduler).__module__}.randn_tensor", _draw_as_we_do)
            x = scheduler.step(output, step_t, x, generator=generators, **options).prev_sample
    return x


def _draw_as_we_do(
    shape: Sequence[int], *, generator: list[torch.Generator], device: object, dtype: torch.dtype
) -> Tensor:
    """Noise of the dtype of the latents is drawn in that dtype there, and in float32 here."""
    return torch.stack([torch.randn(shape[1:], generator=each) for each in generator]).to(dtype)
