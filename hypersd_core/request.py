"""What to draw, who asked, and what came of it: the frozen values that travel through the bot.

Checked once, on construction; trusted afterwards. All of them go to JSON and back unchanged.
"""

import dataclasses
import enum
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from hypersd_core.errors import InvalidRequest
from hypersd_core.sampling import SAMPLING_METHODS

MAX_PROMPT_CHARS = 2_000
MAX_STEPS = 50
MAX_GUIDANCE = 30.0
MAX_COUNT = 4
MAX_SEED = 2**32 - 1
SIZE_MULTIPLE_PX = 8
MIN_SIDE_PX, MAX_SIDE_PX = 32, 2_048
MAX_ENLARGE = 8


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """Every parameter of one job. The same request gives the same bytes on the same machine.

    ``guidance`` of 1 or less means none: the negative prompt then has no effect. Picture ``i`` uses
    ``seed + i``. ``enlarge`` is the whole factor by which finished pictures are enlarged (Lanczos).
    """

    prompt: str
    negative: str = ""
    model: str
    sampler: str
    steps: int
    guidance: float
    eta: float = 0.0
    width: int
    height: int
    seed: int
    count: int = 1
    enlarge: int = 1

    def __post_init__(self) -> None:
        if not self.prompt.strip():
            raise InvalidRequest("The prompt is empty: say what to draw.")
        for name, text in (("prompt", self.prompt), ("negative prompt", self.negative)):
            if len(text) > MAX_PROMPT_CHARS:
                raise InvalidRequest(
                    f"The {name} has {len(text):,} characters; "
                    f"at most {MAX_PROMPT_CHARS:,} are allowed."
                )
            if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
                raise InvalidRequest(f"The {name} is not valid text: write it as UTF-8.")
        if self.sampler not in SAMPLING_METHODS:
            allowed = ", ".join(SAMPLING_METHODS)
            raise InvalidRequest(f"There is no sampler {self.sampler!r}; there are {allowed}.")
        _check_range("steps", self.steps, 1, MAX_STEPS)
        _check_range("guidance", self.guidance, 0, MAX_GUIDANCE)
        _check_range("eta", self.eta, 0, 1)
        _check_range("seed", self.seed, 0, MAX_SEED)
        _check_range("count", self.count, 1, MAX_COUNT)
        _check_range("enlarge", self.enlarge, 1, MAX_ENLARGE)
        for name, side_px in (("width", self.width), ("height", self.height)):
            _check_range(name, side_px, MIN_SIDE_PX, MAX_SIDE_PX)
            if side_px % SIZE_MULTIPLE_PX:
                raise InvalidRequest(
                    f"{name} must be divisible by {SIZE_MULTIPLE_PX}, got {side_px}: "
                    f"try {side_px // SIZE_MULTIPLE_PX * SIZE_MULTIPLE_PX}."
                )

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each picture; the count wraps around after the largest seed."""
        return tuple((self.seed + i) % (MAX_SEED + 1) for i in range(self.count))

    def to_json(self) -> dict[str, Any]:
        """A dict of plain values, for ``from_json``."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """The request that ``to_json`` described."""
        return cls(**values)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who asked, from where, and how an answer reaches them.

    ``token`` answers the interaction until ``token_expires_at`` (UTC). ``guild_id`` is None in a
    direct message. A ``private`` result is shown to the asker alone.
    """

    user_id: int
    guild_id: int | None
    channel_id: int
    private: bool = False
    application_id: int
    token: str
    token_expires_at: datetime
    locale: str = "en-US"

    def to_json(self) -> dict[str, Any]:
        """A dict of plain values, for ``from_json``."""
        return dataclasses.asdict(self) | {"token_expires_at": self.token_expires_at.isoformat()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """The origin that ``to_json`` described."""
        expires_at = datetime.fromisoformat(values["token_expires_at"])
        return cls(**(values | {"token_expires_at": expires_at}))


class JobState(enum.StrEnum):
    """``queued -> running -> made -> delivered``, or ``failed``, or ``cancelled``."""

    QUEUED = "queued"
    RUNNING = "running"
    MADE = "made"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One finished file on disk. ``infotext`` is its A1111 parameters text."""

    index: int
    seed: int
    path: Path
    width: int
    height: int
    bytes: int
    infotext: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EncodedPicture:
    """One finished picture before it is on disk. ``suffix`` is its file ending: ``png``."""

    data: bytes
    suffix: str
    width: int
    height: int
    infotext: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One accepted request. ``failure`` is the sentence for the user when ``state`` is failed."""

    id: int
    request: GenerationRequest
    origin: Origin
    state: JobState
    attempt: int
    created_at: datetime
    parent_id: int | None = None
    failure: str = ""
    gpu_ms: int = 0
    pictures: tuple[Picture, ...] = ()


def _check_range(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:  # also refuses NaN
        raise InvalidRequest(f"{name} must be from {least:,g} to {most:,.10g}, got {value}.")
