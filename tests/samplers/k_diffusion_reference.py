"""k-diffusion's own samplers, loaded from the installed distribution.

``import k_diffusion`` also imports its training and evaluation code, which needs torchvision, clip,
wandb and more. The samplers live in one file that needs scipy, torchdiffeq, torchsde and a single
four-line function of ``k_diffusion.utils``; so that file is loaded alone, with that function given.
"""

import importlib.util
import math
import sys
from importlib.metadata import distribution
from types import ModuleType
from typing import Any
from unittest import mock

from torch import Tensor

from tests.samplers.closed_forms import SCHEDULE, nonlinear


def _append_dims(x: Tensor, target_dims: int) -> Tensor:
    return x.reshape(*x.shape, *[1] * (target_dims - x.ndim))


def _load() -> Any:
    package, utils = ModuleType("k_diffusion"), ModuleType("k_diffusion.utils")
    utils.append_dims = _append_dims  # type: ignore[attr-defined]  # a module made by hand
    package.utils = utils  # type: ignore[attr-defined]  # a module made by hand
    path = distribution("k-diffusion").locate_file("k_diffusion/sampling.py")
    spec = importlib.util.spec_from_file_location("k_diffusion.sampling", str(path))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Only while it loads: nobody else should find half a package.
    with mock.patch.dict(sys.modules, {"k_diffusion": package, "k_diffusion.utils": utils}):
        spec.loader.exec_module(module)
    return module


sampling: Any = _load()


def k_denoise(x: Tensor, sigma: Tensor) -> Tensor:
    """``nonlinear`` in k-diffusion's scaling."""
    level = float(sigma[0])
    return nonlinear(x / math.hypot(1, level), SCHEDULE.timestep(level))
