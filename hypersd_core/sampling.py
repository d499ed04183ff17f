"""The sampling methods by name: what people call them and what they cost. No torch here.

How each works is in ``samplers/``, which has one function for every name in this table.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingMethod:
    """``label`` and ``schedule_label`` are A1111's words; ``model_calls(steps)`` is its cost."""

    label: str
    schedule_label: str = ""
    default_eta: float
    model_calls: Callable[[int], int]

    @property
    def full_label(self) -> str:
        """Both labels, as people write them: ``DPM++ SDE Karras``."""
        return f"{self.label} {self.schedule_label}".strip()


SAMPLING_METHODS: Mapping[str, SamplingMethod] = MappingProxyType(
    {
        "tcd": SamplingMethod(label="TCD", default_eta=0.3, model_calls=lambda steps: steps),
        "dpmpp_sde": SamplingMethod(
            label="DPM++ SDE",
            schedule_label="Karras",
            default_eta=1.0,
            model_calls=lambda steps: 2 * steps - 1,
        ),
    }
)


def model_calls(sampler: str, steps: int) -> int:
    """How often ``sampler`` asks the model in ``steps`` steps."""
    return SAMPLING_METHODS[sampler].model_calls(steps)
