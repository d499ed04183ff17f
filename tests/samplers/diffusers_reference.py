"""diffusers' schedulers, whose constructors and mixins carry no usable types, as ``Any``."""

from typing import Any

import diffusers

SD_BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}

DDIMScheduler: Any = diffusers.DDIMScheduler
DPMSolverSDEScheduler: Any = diffusers.DPMSolverSDEScheduler
TCDScheduler: Any = diffusers.TCDScheduler
