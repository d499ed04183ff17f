"""Seeded noise: independent of the batch, and equal to diffusers and k-diffusion."""

import math
from itertools import pairwise

import pytest
import torch
from diffusers.utils.torch_utils import randn_tensor

from hypersd_core.samplers import NoiseSchedule, initial_noise, slerp
from hypersd_core.samplers.noise import BrownianNoise, StepNoise
from tests.samplers.k_diffusion_reference import sampling

CPU = torch.device("cpu")
SHAPE = (4, 8, 6)
SEEDS = [0, 7, 2**32 - 1, 2**63]
SIGMAS = NoiseSchedule.scaled_linear().karras_sigmas(8)


def brownian(seeds: list[int], shape: tuple[int, ...] = SHAPE) -> BrownianNoise:
    return BrownianNoise(
        seeds,
        shape,
        sigma_min=SIGMAS[-2],
        sigma_max=SIGMAS[0],
        device=CPU,
        dtype=torch.float32,
    )


def test_initial_and_step_noise_are_those_of_a_diffusers_pipeline() -> None:
    generators = [torch.Generator().manual_seed(seed) for seed in SEEDS]
    first, second, third = (
        randn_tensor((len(SEEDS), *SHAPE), generator=generators) for _ in range(3)
    )
    step_noise = StepNoise(SEEDS, SHAPE)
    assert torch.equal(initial_noise(SEEDS, SHAPE, device=CPU), first)
    assert torch.equal(step_noise(first), second)
    assert torch.equal(step_noise(first), third)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_step_noise_is_drawn_in_single_precision_whatever_the_latents_are(
    dtype: torch.dtype,
) -> None:
    x = torch.zeros(1, *SHAPE, dtype=dtype)
    drawn = StepNoise([7], SHAPE)(x.float())
    noise = StepNoise([7], SHAPE)(x)
    assert noise.dtype == dtype
    assert torch.equal(noise, drawn.to(dtype))


def test_every_image_of_a_batch_has_its_own_noise() -> None:
    batch_steps, batch_path = StepNoise(SEEDS, SHAPE), brownian(SEEDS)
    start = initial_noise(SEEDS, SHAPE, device=CPU)
    step, increment = batch_steps(start), batch_path(SIGMAS[1], SIGMAS[2])
    for i, seed in enumerate(SEEDS):
        alone = initial_noise([seed], SHAPE, device=CPU)
        assert torch.equal(start[i], alone[0])
        assert torch.equal(step[i], StepNoise([seed], SHAPE)(alone)[0])
        assert torch.equal(increment[i], brownian([seed])(SIGMAS[1], SIGMAS[2])[0])


def test_the_three_streams_of_a_seed_are_independent() -> None:
    shape = (4, 64, 64)
    start = initial_noise([7], shape, device=CPU)
    streams = torch.stack(
        [
            start.flatten(),
            StepNoise([7], shape)(start).flatten(),
            brownian([7], shape)(SIGMAS[0], SIGMAS[1]).flatten(),
        ]
    )
    torch.testing.assert_close(torch.corrcoef(streams), torch.eye(3), atol=0.03, rtol=0)


@pytest.mark.filterwarnings(
    # k-diffusion does not round its bounds as torchsde does inside; we do.
    "ignore:Should have t[ab]:UserWarning"
)
def test_brownian_noise_is_k_diffusions() -> None:
    reference = sampling.BrownianTreeNoiseSampler(
        torch.zeros(len(SEEDS), *SHAPE),
        *torch.tensor([SIGMAS[-2], SIGMAS[0]], dtype=torch.float64),
        seed=SEEDS,
    )
    ours = brownian(SEEDS)
    for sigma, sigma_next in pairwise(SIGMAS[:-1]):
        middle = math.sqrt(sigma * sigma_next)
        for ends in [(sigma, middle), (sigma, sigma_next), (sigma_next, sigma)]:
            assert torch.equal(ours(*ends), reference(*torch.tensor(ends, dtype=torch.float64)))


def test_brownian_increments_add_up_and_have_unit_variance() -> None:
    shape = (4, 64, 64)
    start, middle, end = 9.0, 4.0, 1.0
    noise = brownian([7], shape)
    whole = noise(start, end) * math.sqrt(start - end)
    first = noise(start, middle) * math.sqrt(start - middle)
    second = noise(middle, end) * math.sqrt(middle - end)
    torch.testing.assert_close(first + second, whole, atol=1e-5, rtol=0)
    assert float(noise(start, end).std()) == pytest.approx(1, abs=0.03)
    assert float(noise(start, end).mean()) == pytest.approx(0, abs=0.03)


def test_a_brownian_path_does_not_depend_on_earlier_questions() -> None:
    asked, fresh = brownian([7]), brownian([7])
    asked(5.0, 0.3)
    asked(12.0, 11.0)
    torch.testing.assert_close(asked(8.0, 2.0), fresh(8.0, 2.0), atol=1e-5, rtol=0)


@pytest.mark.parametrize("sigma", [14.614642, 14.6146414, 0.0291675, 0.02916754])
def test_rounding_at_the_ends_of_the_range_does_not_warn(sigma: float) -> None:
    noise = BrownianNoise(
        [1],
        SHAPE,
        sigma_min=min(sigma, 1.0),
        sigma_max=max(sigma, 1.0),
        device=CPU,
        dtype=torch.float32,
    )
    beyond = sigma * (1 + 4e-16) if sigma > 1 else sigma * (1 - 4e-16)
    assert bool(noise(beyond, 1.0).isfinite().all())


def two_noises(shape: tuple[int, ...] = SHAPE) -> tuple[torch.Tensor, torch.Tensor]:
    first, second = (initial_noise(seeds, shape, device=CPU) for seeds in ([1, 2, 3], [7, 8, 9]))
    return first, second


def test_slerp_starts_and_ends_at_its_two_noises_to_the_bit() -> None:
    a, b = two_noises()
    assert torch.equal(slerp(a, b, 0.0), a)
    assert torch.equal(slerp(a, b, 1.0), b)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_slerp_turns_each_image_by_its_share_of_the_angle(share: float) -> None:
    a, b = (noise.double().flatten(1) for noise in two_noises())
    a, b = a / a.norm(dim=1, keepdim=True), b / b.norm(dim=1, keepdim=True)
    between = slerp(a, b, share)
    whole, part = (torch.acos((a * other).sum(dim=1)) for other in (b, between))
    torch.testing.assert_close(part, share * whole, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(between.norm(dim=1), torch.ones(3).double(), rtol=1e-9, atol=1e-9)


def test_slerp_of_noise_is_noise_where_the_straight_way_is_not() -> None:
    a, b = two_noises((4, 64, 64))
    assert float(slerp(a, b, 0.5).std()) == pytest.approx(1, abs=0.02)
    assert float(a.lerp(b, 0.5).std()) == pytest.approx(0.707, abs=0.02)


def test_slerp_between_a_noise_and_itself_changes_nothing() -> None:
    a, _ = two_noises()
    torch.testing.assert_close(slerp(a, a.clone(), 0.4), a, rtol=1e-5, atol=1e-6)


def test_slerp_of_an_image_is_the_same_alone_and_in_a_batch() -> None:
    a, b = two_noises((4, 128, 128))
    batch = slerp(a, b, 0.3)
    for i in range(3):
        assert torch.equal(batch[i], slerp(a[i : i + 1], b[i : i + 1], 0.3)[0])
