"""The sampling methods by name: what people call them, and what they and a strength cost.

How each works is in ``samplers/``, which has one sampler for every name in this table. No torch
here: those who only show or count steps need none.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from hypersd_core.i18n import say, say_many

TRAINING_TIMESTEPS = 1_000
"""T of SD1.5 and SDXL: timesteps lie in [0, T)."""

CONSISTENCY_LEVELS = 50
"""Length of the grid that LCM and TCD students are distilled on: 19, 39, … 999."""

_ROUNDING = 1e-9  # 0.7 * 10 is 7.000000000000001 or less: not a reason for another step


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingMethod:
    """``label`` and ``schedule_label`` are A1111's words.

    ``calls_per_step``: model calls of a step; the last step has one. ``default_eta`` is the share
    of noise added on the way; where ``uses_eta`` is false, eta changes nothing. ``levels`` is the
    number of noise levels at which a run can start from a picture.
    """

    label: str
    schedule_label: str = ""
    default_eta: float
    uses_eta: bool = True
    calls_per_step: int = 1
    levels: int = TRAINING_TIMESTEPS

    @property
    def full_label(self) -> str:
        """Both labels, as people write them: ``DPM++ SDE Karras``."""
        return f"{self.label} {self.schedule_label}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Where a run begins, and how many steps it takes from there."""

    timestep: int
    steps: int


_KARRAS, _UNIFORM = "Karras", "SGM Uniform"

SAMPLING_METHODS: Mapping[str, SamplingMethod] = MappingProxyType(
    {
        # Trailing grids are close to A1111's SGM Uniform, but not the same: 749, not 749.25.
        "ddim": SamplingMethod(label="DDIM", default_eta=0.0),
        "tcd": SamplingMethod(label="TCD", default_eta=0.3, levels=CONSISTENCY_LEVELS),
        "lcm": SamplingMethod(
            label="LCM", default_eta=0.0, uses_eta=False, levels=CONSISTENCY_LEVELS
        ),
        "euler": SamplingMethod(label="Euler", default_eta=0.0, uses_eta=False),
        "euler_a": SamplingMethod(label="Euler a", default_eta=1.0),
        "dpmpp_sde": SamplingMethod(
            label="DPM++ SDE", schedule_label=_KARRAS, default_eta=1.0, calls_per_step=2
        ),
        "dpmpp_sde_uniform": SamplingMethod(
            label="DPM++ SDE", schedule_label=_UNIFORM, default_eta=1.0, calls_per_step=2
        ),
        "dpmpp_2m_sde": SamplingMethod(
            label="DPM++ 2M SDE", schedule_label=_KARRAS, default_eta=1.0
        ),
        "dpmpp_2m_sde_uniform": SamplingMethod(
            label="DPM++ 2M SDE", schedule_label=_UNIFORM, default_eta=1.0
        ),
    }
)


def sampler_named(name: str) -> str | None:
    """The key of the sampler, whatever way of writing it was used: ``DPM++ SDE Karras``, ``tcd``.

    None if there is no such sampler.
    """
    wanted = re.sub(r"[^a-z0-9+]", "", name.lower())
    for key, method in SAMPLING_METHODS.items():
        spellings = {key, method.label, method.full_label}
        if wanted in {re.sub(r"[^a-z0-9+]", "", spelling.lower()) for spelling in spellings}:
            return key
    return None


def start_at(sampler: str, steps: int, strength: float, timesteps: Sequence[int] = ()) -> Start:
    """Where a run of ``strength`` in (0, 1] begins; 1 is the whole of its ``steps``.

    A strength of 0.3 noises a picture up to 30 % of the timesteps and takes 30 % of the steps, at
    least one. ``timesteps`` are those that the model was made for, falling: the start is then the
    nearest of them, and all behind it are taken.
    """
    assert 0 < strength <= 1, f"strength must be above 0 and at most 1, got {strength}"
    if timesteps:
        wanted = strength * TRAINING_TIMESTEPS - 1
        nearest = min(timesteps, key=lambda timestep: abs(timestep - wanted))
        return Start(timestep=nearest, steps=len(timesteps) - timesteps.index(nearest))
    levels = SAMPLING_METHODS[sampler].levels
    level = max(1, math.ceil(levels * strength - _ROUNDING))
    return Start(
        timestep=level * (TRAINING_TIMESTEPS // levels) - 1,
        steps=max(1, math.ceil(steps * strength - _ROUNDING)),
    )


def model_calls(
    sampler: str, steps: int, *, strength: float = 1.0, timesteps: Sequence[int] = ()
) -> int:
    """How often ``sampler`` asks the model in a run of ``steps``; the rest as in ``start_at``."""
    taken = start_at(sampler, steps, strength, timesteps).steps
    return SAMPLING_METHODS[sampler].calls_per_step * (taken - 1) + 1


def describe_strength(
    sampler: str, steps: int, strength: float, timesteps: Sequence[int] = ()
) -> str:
    """What ``strength`` in [0, 1] means here, for people; arguments as in ``start_at``.

    ``strength 0.3 at 4 steps starts from 30 % noise and takes 2 of 4 steps``.
    """
    if strength == 0:
        return say("strength 0 takes no step: the picture stays as it is")
    start = start_at(sampler, steps, strength, timesteps)
    share = (start.timestep + 1) / TRAINING_TIMESTEPS
    meaning = say(
        "strength {strength:g} at {total} starts from {share:.3g} % noise and takes {taken} of "
        "{total}",
        strength=strength,
        total=say_many("1 step", "{n} steps", steps),
        share=100 * share,
        taken=start.steps,
    )
    if not timesteps:
        return meaning
    if len(timesteps) == 1:
        return say(
            "{meaning}: the model knows only timestep {timestep}, so no strength differs",
            meaning=meaning,
            timestep=timesteps[0],
        )
    return say(
        "{meaning}: the model knows only timesteps {timesteps}",
        meaning=meaning,
        timesteps=", ".join(map(str, timesteps)),
    )
