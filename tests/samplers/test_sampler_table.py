"""The uniform call that the engine makes: every sampler, by name."""

import math
from itertools import count

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from hypersd_core.samplers import SAMPLERS, Denoise, initial_noise, slerp, start_latents
from hypersd_core.sampling import SAMPLING_METHODS, model_calls
from tests.samplers.closed_forms import SCHEDULE, Gaussian, nonlinear

CPU = torch.device("cpu")
SHAPE = (4, 8, 6)
SEEDS = [0, 7, 2**32 - 1]


def run(
    sampler: str,
    noise: Tensor,
    *,
    steps: int,
    seeds: list[int],
    eta: float = 1.0,
    denoise: Denoise = nonlinear,
    strength: float = 1.0,
    clean: Tensor | None = None,
) -> Tensor:
    """From unit noise, and perhaps a clean picture, as the engine does it."""
    method = SAMPLERS[sampler]
    grid = method.grid(SCHEDULE, steps, strength=strength)
    x = start_latents(noise, grid, clean)
    return method.sample(denoise, x, grid=grid, seeds=seeds, schedule=SCHEDULE, eta=eta)


class HostReads(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's base is untyped
    """Records what makes the host wait for the device: reading a tensor's value."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's base is untyped
        self.names: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]  # torch's signature
        name = func.name()
        if name.startswith(("aten::_local_scalar_dense", "aten::nonzero", "aten::equal")):
            self.names.append(name)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("strength", [0.3, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 4, 8])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_model_is_asked_as_often_as_announced(
    sampler: str, steps: int, strength: float
) -> None:
    calls = count()

    def denoise(x: Tensor, t: float) -> Tensor:
        next(calls)
        return nonlinear(x, t)

    x = initial_noise(SEEDS, SHAPE, device=CPU)
    run(sampler, x, steps=steps, seeds=SEEDS, denoise=denoise, strength=strength, clean=x)
    assert next(calls) == model_calls(sampler, steps, strength=strength)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_calls_per_step_tells_the_step_of_each_call(sampler: str) -> None:
    asked: list[float] = []

    def denoise(x: Tensor, t: float) -> Tensor:
        asked.append(t)
        return nonlinear(x, t)

    run(sampler, initial_noise(SEEDS, SHAPE, device=CPU), steps=5, seeds=SEEDS, denoise=denoise)
    begins = (*SAMPLERS[sampler].grid(SCHEDULE, 5).timesteps, -1.0)
    for call, t in enumerate(asked):
        step = call // SAMPLING_METHODS[sampler].calls_per_step
        assert begins[step] + 1e-9 >= t > begins[step + 1]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_eta_does_something_exactly_where_the_table_says_so(sampler: str) -> None:
    x = initial_noise(SEEDS, SHAPE, device=CPU)
    none, some = (run(sampler, x, steps=4, seeds=SEEDS, eta=eta) for eta in (0.0, 0.5))
    assert torch.equal(none, some) is not SAMPLING_METHODS[sampler].uses_eta


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_few_and_many_steps_give_finite_latents(sampler: str) -> None:
    x = initial_noise([7], SHAPE, device=CPU)
    for steps in (1, 2, 3, 5, 13, 50):
        for strength in (0.001, 0.5, 1.0):
            out = run(sampler, x, steps=steps, seeds=[7], strength=strength, clean=x)
            assert bool(out.isfinite().all()), (steps, strength)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_zero_terminal_snr_is_sampled_from_its_very_end(sampler: str) -> None:
    """With a network that predicts v, whose estimate at pure noise does not divide by nothing."""
    schedule = SCHEDULE.rescaled_to_zero_terminal_snr()
    grid = SAMPLERS[sampler].grid(schedule, 4)
    x = start_latents(initial_noise(SEEDS, SHAPE, device=CPU), grid)
    out = SAMPLERS[sampler].sample(nonlinear, x, grid=grid, seeds=SEEDS, schedule=schedule, eta=1.0)
    assert grid.start_t == 999
    assert float(x.std()) == pytest.approx(1, abs=0.1)
    assert float(out.abs().max()) < 10


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name != "lcm"])
def test_many_steps_with_a_perfect_diffusion_model_sample_the_data(sampler: str) -> None:
    data, shape = Gaussian(mean=0.7, std=0.5), (1, 120, 120)
    noise = initial_noise([5], shape, device=CPU).double()
    eta = SAMPLING_METHODS[sampler].default_eta
    grid = SAMPLERS[sampler].grid(SCHEDULE, 50)
    samples = SAMPLERS[sampler].sample(
        data.posterior_mean,
        data.noised(noise, 999),
        grid=grid,
        seeds=[5],
        schedule=SCHEDULE,
        eta=eta,
    )
    assert float(samples.mean()) == pytest.approx(0.7, abs=0.03)
    assert float(samples.std()) == pytest.approx(0.5, rel=0.2)


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name != "lcm"])
def test_a_low_strength_keeps_the_data_what_it_was(sampler: str) -> None:
    data, shape = Gaussian(mean=0.7, std=0.5), (1, 120, 120)
    noise, picture = (initial_noise([seed], shape, device=CPU).double() for seed in (5, 6))
    clean = 0.7 + 0.5 * picture
    samples = run(
        sampler,
        noise,
        steps=50,
        seeds=[5],
        eta=SAMPLING_METHODS[sampler].default_eta,
        denoise=data.posterior_mean,
        strength=0.1,
        clean=clean,
    )
    assert float(samples.mean()) == pytest.approx(0.7, abs=0.03)
    assert float(samples.std()) == pytest.approx(0.5, rel=0.2)
    likeness = torch.corrcoef(torch.stack([samples.flatten(), clean.flatten()]))[0, 1]
    assert float(likeness) > 0.6


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("strength", [0.6, 1.0])
@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_seed_draws_the_same_alone_and_in_a_batch(
    sampler: str, steps: int, strength: float, eta: float
) -> None:
    noise = initial_noise(SEEDS, SHAPE, device=CPU)
    clean = torch.sin(noise) if strength < 1 else None
    batch = run(sampler, noise, steps=steps, seeds=SEEDS, eta=eta, strength=strength, clean=clean)
    for i, seed in enumerate(SEEDS):
        alone = run(
            sampler,
            initial_noise([seed], SHAPE, device=CPU),
            steps=steps,
            seeds=[seed],
            eta=eta,
            strength=strength,
            clean=None if clean is None else clean[i : i + 1],
        )
        assert torch.equal(batch[i], alone[0])


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_same_call_draws_the_same_picture(sampler: str) -> None:
    x = initial_noise(SEEDS, SHAPE, device=CPU)
    first, second = (run(sampler, x, steps=4, seeds=SEEDS) for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_shape_and_dtype_survive_and_the_input_is_left_alone(
    sampler: str, dtype: torch.dtype
) -> None:
    x = initial_noise(SEEDS, SHAPE, device=CPU).to(dtype)
    before = x.clone()
    out = run(sampler, x, steps=4, seeds=SEEDS)
    assert out.shape == x.shape
    assert out.dtype == dtype
    assert torch.equal(x, before)


@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_nothing_waits_for_the_device(sampler: str, steps: int) -> None:
    x = initial_noise(SEEDS, SHAPE, device=CPU)
    with HostReads() as reads:
        run(sampler, x, steps=steps, seeds=SEEDS)
        run(sampler, slerp(x, x + 1, 0.2), steps=steps, seeds=SEEDS, strength=0.5, clean=x)
    assert reads.names == []


def test_the_recorder_of_host_reads_sees_one() -> None:
    with HostReads() as reads:
        float(torch.ones(()))
    assert reads.names == ["aten::_local_scalar_dense"]


def test_first_latents_are_those_of_the_reference_programs() -> None:
    """diffusers starts DDIM, TCD and LCM from unit noise, the others from sigma_max times it."""
    seen: list[Tensor] = []

    def denoise(x: Tensor, t: float) -> Tensor:
        seen.append(x)
        assert t == 999
        return torch.zeros_like(x)

    x = initial_noise(SEEDS, SHAPE, device=CPU).double()
    for sampler in SAMPLERS:
        run(sampler, x, steps=1, seeds=SEEDS, denoise=denoise)
    sigma_max = SCHEDULE.sigma(999)
    for sampler, latents in zip(SAMPLERS, seen, strict=True):
        scale = 1 if sampler in {"ddim", "tcd", "lcm"} else sigma_max / math.hypot(1, sigma_max)
        torch.testing.assert_close(latents, x * scale)
