"""Where a job is between its acceptance and its pictures: what a person is told meanwhile."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """``ahead`` jobs are drawn before it, one in hand included."""

    ahead: int
    eta_s: float
    is_paused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """Its turn has come, and ``share`` (0 to 1) of its model is in memory."""

    model: str
    share: float
    eta_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """``step`` of ``steps`` are done; none are until the first is."""

    step: int
    steps: int
    eta_s: float


Stage: TypeAlias = Waiting | Loading | Drawing
"""``eta_s``: seconds until the pictures should be there, to be posted."""
