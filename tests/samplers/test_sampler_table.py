"""The uniform call that the engine makes: every sampler, by name."""

import math

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from hypersd_core.samplers import SAMPLERS, initial_noise
from hypersd_core.sampling import SAMPLING_METHODS, model_calls
from tests.samplers.closed_forms import SCHEDULE, nonlinear

CPU = torch.device("cpu")
SHAPE = (4, 8, 6)
SEEDS = [0, 7, 2**32 - 1]


def run(sampler: str, x: Tensor, *, steps: int, seeds: list[int], eta: float = 1.0) -> Tensor:
    return SAMPLERS[sampler](nonlinear, x, steps=steps, seeds=seeds, schedule=SCHEDULE, eta=eta)


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


@pytest.mark.parametrize("steps", [1, 2, 4, 8])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_model_is_asked_as_often_as_announced(sampler: str, steps: int) -> None:
    calls = 0

    def denoise(x: Tensor, t: float) -> Tensor:
        nonlocal calls
        calls += 1
        return nonlinear(x, t)

    x = initial_noise(SEEDS, SHAPE, device=CPU)
    SAMPLERS[sampler](denoise, x, steps=steps, seeds=SEEDS, schedule=SCHEDULE, eta=1.0)
    assert (
        calls == model_calls(sampler, steps) == {"tcd": steps, "dpmpp_sde": 2 * steps - 1}[sampler]
    )


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_seed_draws_the_same_alone_and_in_a_batch(sampler: str, steps: int, eta: float) -> None:
    batch = run(sampler, initial_noise(SEEDS, SHAPE, device=CPU), steps=steps, seeds=SEEDS, eta=eta)
    for i, seed in enumerate(SEEDS):
        x = initial_noise([seed], SHAPE, device=CPU)
        alone = run(sampler, x, steps=steps, seeds=[seed], eta=eta)
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
    assert reads.names == []


def test_the_recorder_of_host_reads_sees_one() -> None:
    with HostReads() as reads:
        float(torch.ones(()))
    assert reads.names == ["aten::_local_scalar_dense"]


def test_first_latents_are_those_of_the_reference_programs() -> None:
    """diffusers starts TCD from unit noise; k-diffusion starts from sigma_max times unit noise."""
    seen: list[Tensor] = []

    def denoise(x: Tensor, t: float) -> Tensor:
        seen.append(x)
        assert t == 999
        return torch.zeros_like(x)

    x = initial_noise(SEEDS, SHAPE, device=CPU).double()
    for sampler in ("tcd", "dpmpp_sde"):
        SAMPLERS[sampler](denoise, x, steps=1, seeds=SEEDS, schedule=SCHEDULE, eta=1.0)
    sigma_max = SCHEDULE.sigma(999)
    torch.testing.assert_close(seen[0], x)
    torch.testing.assert_close(seen[1], x * sigma_max / math.sqrt(1 + sigma_max**2))


def test_every_sampling_method_has_its_function() -> None:
    assert set(SAMPLERS) == set(SAMPLING_METHODS)


def test_labels_are_a1111s_words() -> None:
    labels = {name: (row.label, row.schedule_label) for name, row in SAMPLING_METHODS.items()}
    assert labels == {"tcd": ("TCD", ""), "dpmpp_sde": ("DPM++ SDE", "Karras")}
