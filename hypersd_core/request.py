"""What to draw, who asked, and what came of it: the frozen values that travel through the bot.

Checked once, on construction; trusted afterwards. All of them go to JSON and back unchanged.
"""

import dataclasses
import enum
import itertools
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from hypersd_core.errors import InvalidRequest
from hypersd_core.i18n import say
from hypersd_core.prompt import LoraTag
from hypersd_core.sampling import SAMPLING_METHODS, TRAINING_TIMESTEPS

MAX_PROMPT_CHARS = 2_000
MAX_STEPS = 50
MAX_GUIDANCE = 30.0
MAX_COUNT = 4
MAX_SEED = 2**32 - 1
SIZE_MULTIPLE_PX = 8
MIN_SIDE_PX, MAX_SIDE_PX = 32, 2_048
MAX_ENLARGE = 8
MAX_FILE_BYTES = 10 * 2**20
"""What Discord takes everywhere; an interaction may allow more."""
MAX_LORAS = 8
MAX_LORA_WEIGHT = 4.0
MAX_CLIP_SKIP = 4
MIN_HIRES_SCALE, MAX_HIRES_SCALE = 1.05, 4.0
LATENT = "latent"
"""The upscaler of a hires pass that stretches latents and decodes nothing."""
LANCZOS = "lanczos"
"""The upscaler that resamples pixels."""


class Emphasis(enum.StrEnum):
    """What prompt weights do to the text encoders' states. Both names are A1111's."""

    ORIGINAL = "original"
    """Multiply, then restore each chunk's mean."""
    NO_NORM = "no_norm"
    """Multiply only; kinder to SDXL."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """Initial noise on the way (slerp) from a picture's own seed to ``seed``, ``strength`` of it.

    Picture ``i`` goes towards ``seed + i``. The strength is from 0, no change, to 1.
    """

    seed: int
    strength: float

    def __post_init__(self) -> None:
        _check_range(say("variation seed"), self.seed, 0, MAX_SEED)
        _check_range(say("variation strength"), self.strength, 0, 1)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A picture to start from instead of noise alone; resized to the request's size.

    ``picture`` and ``mask`` name files among the input pictures. ``strength`` is how much of it is
    noised and drawn again: 0 nothing, 1 everything. Where a ``mask`` is white the picture is drawn,
    elsewhere it is kept; no mask is all white. ``upscaler`` enlarges a picture that is too small:
    ``lanczos``, or the name of a model file.
    """

    picture: str
    strength: float
    mask: str = ""
    upscaler: str = LANCZOS

    def __post_init__(self) -> None:
        _check_range(say("strength"), self.strength, 0, 1)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Hires:
    """A second pass over the finished picture at ``scale`` times its size.

    ``upscaler`` is ``latent``, ``lanczos`` or the name of a model file; ``strength`` as in
    ``Source``; ``steps`` of 0 are those of the request.
    """

    scale: float
    strength: float
    steps: int = 0
    upscaler: str = LATENT

    def __post_init__(self) -> None:
        _check_range(say("hires scale"), self.scale, MIN_HIRES_SCALE, MAX_HIRES_SCALE)
        _check_range(say("hires strength"), self.strength, 0, 1)
        _check_range(say("hires steps"), self.steps, 0, MAX_STEPS)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """Every parameter of one job. The same request gives the same bytes on the same machine.

    ``guidance`` of 1 or less means none: the negative prompt then has no effect. Picture ``i`` uses
    ``seed + i``. ``timesteps`` are those the model was made for, one a step; without any, the
    sampler spreads its own. ``vae`` replaces the model's own. ``clip_skip`` counts from the last
    layer of SD1.5's text encoder, which is 1. ``enlarge`` is the whole factor by which finished
    pictures are enlarged (Lanczos). ``notes`` tell the person how the request was understood; they
    change nothing.
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
    timesteps: tuple[int, ...] = ()
    loras: tuple[LoraTag, ...] = ()
    vae: str = ""
    emphasis: Emphasis = Emphasis.ORIGINAL
    clip_skip: int = 1
    tiling: bool = False
    variation: Variation | None = None
    source: Source | None = None
    hires: Hires | None = None
    enlarge: int = 1
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.prompt.strip():
            raise InvalidRequest(say("The prompt is empty: say what to draw."))
        texts = ((say("prompt"), self.prompt), (say("negative prompt"), self.negative))
        for name, text in texts:
            if len(text) > MAX_PROMPT_CHARS:
                raise InvalidRequest(
                    say(
                        "The {name} has {chars:,} characters; at most {most:,} are allowed.",
                        name=name,
                        chars=len(text),
                        most=MAX_PROMPT_CHARS,
                    )
                )
            if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
                raise InvalidRequest(
                    say("The {name} is not valid text: write it as UTF-8.", name=name)
                )
        if self.sampler not in SAMPLING_METHODS:
            allowed = ", ".join(SAMPLING_METHODS)
            raise InvalidRequest(
                say(
                    "There is no sampler {name!r}; there are {names}.",
                    name=self.sampler,
                    names=allowed,
                )
            )
        _check_range(say("steps"), self.steps, 1, MAX_STEPS)
        _check_range(say("guidance"), self.guidance, 0, MAX_GUIDANCE)
        _check_range(say("eta"), self.eta, 0, 1)
        _check_range(say("seed"), self.seed, 0, MAX_SEED)
        _check_range(say("count"), self.count, 1, MAX_COUNT)
        _check_range(say("enlarge"), self.enlarge, 1, MAX_ENLARGE)
        _check_range(say("clip skip"), self.clip_skip, 1, MAX_CLIP_SKIP)
        for name, side_px in ((say("width"), self.width), (say("height"), self.height)):
            _check_range(name, side_px, MIN_SIDE_PX, MAX_SIDE_PX)
            if side_px % SIZE_MULTIPLE_PX:
                raise InvalidRequest(
                    say(
                        "{name} must be divisible by {divisor}, got {value}: try {near}.",
                        name=name,
                        divisor=SIZE_MULTIPLE_PX,
                        value=side_px,
                        near=side_px // SIZE_MULTIPLE_PX * SIZE_MULTIPLE_PX,
                    )
                )
        self._check_timesteps()
        self._check_loras()
        self._check_hires()

    def _check_timesteps(self) -> None:
        if not self.timesteps:
            return
        if len(self.timesteps) != self.steps:
            raise InvalidRequest(
                say(
                    "{steps} steps need as many timesteps, got {timesteps}.",
                    steps=self.steps,
                    timesteps=list(self.timesteps),
                )
            )
        for timestep in self.timesteps:
            _check_range(say("a timestep"), timestep, 0, TRAINING_TIMESTEPS - 1)
        if any(later >= earlier for earlier, later in itertools.pairwise(self.timesteps)):
            raise InvalidRequest(
                say("Timesteps must fall, got {timesteps}.", timesteps=list(self.timesteps))
            )

    def _check_loras(self) -> None:
        if len(self.loras) > MAX_LORAS:
            raise InvalidRequest(
                say(
                    "{count} LoRAs are asked for; at most {most} are allowed.",
                    count=len(self.loras),
                    most=MAX_LORAS,
                )
            )
        for lora in self.loras:
            name = say("the weight of {lora}", lora=lora.name)
            for weight in (lora.weight, lora.text_weight):
                _check_range(name, weight, -MAX_LORA_WEIGHT, MAX_LORA_WEIGHT)

    def _check_hires(self) -> None:
        if self.hires is None:
            return
        names = (say("the width after the hires pass"), say("the height after the hires pass"))
        for name, side_px in zip(names, self.final_size, strict=True):
            _check_range(name, side_px, MIN_SIDE_PX, MAX_SIDE_PX)
        if self.final_size == (self.width, self.height):  # the same noise again, shape and seed
            raise InvalidRequest(
                say(
                    "hires scale must make a picture of {width}x{height} larger by {least} pixels, "
                    "got {scale:g}.",
                    width=self.width,
                    height=self.height,
                    least=SIZE_MULTIPLE_PX,
                    scale=self.hires.scale,
                )
            )

    @property
    def final_size(self) -> tuple[int, int]:
        """Width and height of what is drawn, after a hires pass and before ``enlarge``."""
        if self.hires is None:
            return self.width, self.height
        width, height = (
            round(side_px * self.hires.scale / SIZE_MULTIPLE_PX) * SIZE_MULTIPLE_PX
            for side_px in (self.width, self.height)
        )
        return width, height

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each picture; the count wraps around after the largest seed."""
        return tuple((self.seed + i) % (MAX_SEED + 1) for i in range(self.count))

    def to_json(self) -> dict[str, Any]:
        """A dict of plain values, for ``from_json``."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """The request that ``to_json`` described; what older ones lack takes its default."""
        nested: dict[str, Any] = {}
        for key, kind in (("variation", Variation), ("source", Source), ("hires", Hires)):
            if values.get(key) is not None:
                nested[key] = kind(**values[key])
        if "emphasis" in values:
            nested["emphasis"] = Emphasis(values["emphasis"])
        nested["loras"] = tuple(LoraTag(**lora) for lora in values.get("loras", ()))
        for key in ("timesteps", "notes"):
            nested[key] = tuple(values.get(key, ()))
        return cls(**(values | nested))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who asked, from where, and how an answer reaches them.

    ``token`` answers the interaction until ``token_expires_at`` (UTC). ``guild_id`` is None in a
    direct message. A ``private`` result is shown to the asker alone, one with a ``spoiler`` is
    covered until somebody looks. ``can_post`` says whether the bot may write into the channel
    without the interaction, and ``max_file_bytes`` how large a file may be there. A result replaces
    the acknowledgement unless it ``has_own_message``, as each of several jobs has.
    """

    user_id: int
    guild_id: int | None
    channel_id: int
    private: bool = False
    spoiler: bool = False
    is_age_restricted: bool = False
    can_post: bool = True
    has_own_message: bool = False
    max_file_bytes: int = MAX_FILE_BYTES
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
    """One finished file on disk. ``infotext`` is its A1111 parameters text.

    ``rating`` is what the image classifier said, empty where it was not asked; ``spoiler`` whether
    the picture is covered for it.
    """

    index: int
    seed: int
    path: Path
    width: int
    height: int
    bytes: int
    infotext: str
    rating: str = ""
    spoiler: bool = False


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
    """One accepted request. ``failure`` is the sentence for the user when ``state`` is failed.

    ``preset`` names the one that was asked for, ``weight`` is its user's share in the queue,
    ``message`` is (channel id, message id) of what shows its pictures, or before that of the
    acknowledgement. ``is_deleted`` says that
    these were taken away. ``is_kept`` is False once its words are gone as well: their owner had
    them erased, or they have expired.
    """

    id: int
    request: GenerationRequest
    origin: Origin
    state: JobState
    attempt: int
    created_at: datetime
    started_at: datetime | None = None
    parent_id: int | None = None
    preset: str = ""
    weight: float = 1.0
    failure: str = ""
    blocked: bool = False
    gpu_ms: int = 0
    message: tuple[int, int] | None = None
    is_deleted: bool = False
    is_kept: bool = True
    pictures: tuple[Picture, ...] = ()


def _check_range(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:  # also refuses NaN
        raise InvalidRequest(
            say(
                "{name} must be from {least:,g} to {most:,.10g}, got {value}.",
                name=name,
                least=least,
                most=most,
                value=value,
            )
        )
