"""Number formats by device, and how devices say that memory ran out.

The trap of the formats is SDXL's VAE: it overflows in float16.
"""

import pytest
import torch

from hypersd_core.engine.device import is_out_of_memory, network_dtype, vae_dtype
from hypersd_core.errors import ModelError

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


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be reported later"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    ],
)
def test_too_little_memory_is_known_by_any_of_its_names(error: BaseException) -> None:
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: an illegal memory access was encountered"),
        RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
        ModelError("The model 'CUDA error: out of memory' is damaged."),
    ],
)
def test_other_faults_are_not_too_little_memory(error: BaseException) -> None:
    assert not is_out_of_memory(error)
