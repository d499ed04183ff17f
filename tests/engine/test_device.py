"""Number formats by device, where the trap is SDXL's VAE: it overflows in float16."""

import pytest
import torch

from hypersd_core.engine.device import network_dtype, vae_dtype

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture(params=[True, False], ids=["bfloat16", "no bfloat16"])
def has_bfloat16(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: request.param)
    return bool(request.param)


@pytest.mark.usefixtures("has_bfloat16")
@pytest.mark.parametrize("overflows", [True, False])
def test_a_processor_computes_in_float32(overflows: bool) -> None:
    assert network_dtype(CPU) == torch.float32
    assert vae_dtype(CPU, overflows=overflows) == torch.float32


def test_a_gpu_computes_in_bfloat16_where_it_can(has_bfloat16: bool) -> None:
    assert network_dtype(CUDA) == (torch.bfloat16 if has_bfloat16 else torch.float16)


def test_a_vae_that_overflows_is_never_in_float16(has_bfloat16: bool) -> None:
    expected = torch.bfloat16 if has_bfloat16 else torch.float32
    assert vae_dtype(CUDA, overflows=True) == expected


def test_a_vae_that_was_made_for_float16_stays_small(has_bfloat16: bool) -> None:
    assert vae_dtype(CUDA, overflows=False) == network_dtype(CUDA)
