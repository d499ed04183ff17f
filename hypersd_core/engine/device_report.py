"""What torch says of the device that it would draw on, and what the driver says of its own."""

import os
import shutil
import subprocess
from dataclasses import dataclass

import psutil  # type: ignore[import-untyped]  # ships no types
import torch

_DRIVER_WITHIN_S = 10
_ASK_DRIVER = ("--query-gpu=name,driver_version", "--format=csv,noheader")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceReport:
    """``gpu`` is what torch can draw on, empty for the processor; ``driver`` is nvidia-smi's word.

    ``built_for`` is the CUDA or ROCm version that this torch was built for, empty for none.
    ``has_kernels`` says whether that build has code for this very GPU.
    """

    torch: str
    built_for: str
    gpu: str = ""
    has_kernels: bool = True
    memory_bytes: int
    driver: str = ""
    cores: int = 1


def report_device() -> DeviceReport:
    """Look at this machine. Loads torch; takes seconds."""
    built_for = torch.version.cuda or torch.version.hip or ""
    if not torch.cuda.is_available():
        return DeviceReport(
            torch=torch.__version__,
            built_for=built_for,
            memory_bytes=psutil.virtual_memory().total,
            driver=_driver(),
            cores=os.cpu_count() or 1,
        )
    properties = torch.cuda.get_device_properties(0)
    return DeviceReport(
        torch=torch.__version__,
        built_for=built_for,
        gpu=properties.name,
        has_kernels=torch.version.hip is not None
        or has_kernels(torch.cuda.get_arch_list(), properties.major, properties.minor),
        memory_bytes=properties.total_memory,
        driver=_driver(),
    )


def has_kernels(architectures: list[str], major: int, minor: int) -> bool:
    """Whether a build for ``architectures`` runs on a GPU of this compute capability.

    ``sm_86`` is code for 8.6 and later minors of 8; ``compute_90`` can be compiled for all later
    ones by the driver. NVIDIA, CUDA C++ Programming Guide, "Application Compatibility".
    """
    for architecture in architectures:
        kind, _, digits = architecture.partition("_")
        number = int("".join(filter(str.isdigit, digits)) or 0)
        if kind == "compute" and number <= 10 * major + minor:
            return True
        if kind == "sm" and number // 10 == major and number % 10 <= minor:
            return True
    return False


def _driver() -> str:
    """Name and driver version of the first NVIDIA GPU; empty where there is no driver."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    try:
        told = subprocess.run(  # noqa: S603 - the driver's own program, with fixed arguments
            [program, *_ASK_DRIVER], capture_output=True, text=True, timeout=_DRIVER_WITHIN_S,
            check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return next(iter(told.stdout.splitlines()), "").strip()
