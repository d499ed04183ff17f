"""How a model wants to be drawn with: the settings that it was made for. Values only.

``hypersd_core.recipe_toml`` reads them from files, ``hypersd_core.recipe_book`` finds them.
"""

import dataclasses
import enum
import math
import re
from pathlib import Path
from typing import Self

from hypersd_core.errors import InvalidRequest
from hypersd_core.i18n import say
from hypersd_core.models import Family, Kind
from hypersd_core.request import MIN_SIDE_PX, SIZE_MULTIPLE_PX, Emphasis

MAX_RATIO = 4
_SHAPES = {"square": (1, 1), "portrait": (3, 4), "landscape": (4, 3)}


class Speed(enum.StrEnum):
    """How many steps to take, in words that fit every model."""

    DRAFT = "draft"
    """The least that it was made for."""
    FAST = "fast"
    """The recipe's own."""
    QUALITY = "quality"
    """The most that it was made for."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A released file that a recipe is for. Without ``sha256`` only its name is known."""

    name: str
    bytes: int = 0
    sha256: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The settings a model was made for. ``about`` tells people what it can draw.

    ``guidance`` of 1 or less is none. ``eta`` left out is the sampler's own. ``enlarge`` is how
    many times larger pictures are shown. A recipe with a reason to be ``undrawable`` knows a file
    that the engine cannot draw with; its ``sampler`` is empty.
    """

    name: str
    title: str
    about: str
    family: Family | None = None
    kinds: tuple[Kind, ...] = ()
    names: tuple[str, ...] = ()
    """Sets of words by which file names are known, see ``hypersd_core.file_names``."""
    files: tuple[Release, ...] = ()
    source: str = ""
    """Where the numbers come from."""
    sampler: str = ""
    timesteps: tuple[int, ...] = ()
    """The timesteps that the model was trained on, one a step; none are the sampler's own."""
    steps: int
    steps_made_for: tuple[int, ...] = ()
    """The least and the most steps that the file was distilled for; empty for any."""
    guidance: float
    guidance_limit: float | None = None
    """Above it pictures burn. Left out it is 1 for a model that is drawn without guidance."""
    eta: float | None = None
    lora_scale: float = 1.0
    """The weight of a LoRA where nobody says another."""
    prediction: str = ""
    """What the UNet predicts, where the file itself does not say."""
    base: str = ""
    """The checkpoint that lends a UNet file its text encoders and VAE."""
    config: Path | None = None
    """A folder with diffusers' configs, for a file of other widths than SDXL's or SD1.5's."""
    vae: str = ""
    clip_skip: int = 1
    emphasis: Emphasis = Emphasis.ORIGINAL
    width: int
    height: int
    max_side_px: int
    enlarge: int = 1
    examples: tuple[str, ...] = ()
    undrawable: str = ""

    @property
    def highest_guidance(self) -> float:
        """The guidance above which pictures burn; infinite where nobody knows."""
        if self.guidance_limit is not None:
            return self.guidance_limit
        return 1.0 if self.guidance <= 1 else math.inf

    def sampled_as(self, other: Self) -> Self:
        """This recipe with the sampling of ``other``, as a few-step LoRA brings its own."""
        return dataclasses.replace(
            self,
            title=other.title,
            sampler=other.sampler,
            timesteps=other.timesteps,
            steps=other.steps,
            steps_made_for=other.steps_made_for,
            guidance=other.guidance,
            guidance_limit=other.guidance_limit,
            eta=other.eta,
        )

    def steps_at(self, speed: str) -> int:
        """The number of steps that ``speed`` means for this model. Raises InvalidRequest.

        A model that was made for any number takes the recipe's own.
        """
        tier = speed_named(speed)
        if tier is Speed.FAST or not self.steps_made_for:
            return self.steps
        least, most = self.steps_made_for
        return least if tier is Speed.DRAFT else most

    def size(self, text: str) -> tuple[int, int]:
        """The width and height that ``text`` names: ``768x512``, ``3:2``, ``portrait``.

        A ratio keeps about the recipe's number of pixels. Raises InvalidRequest.
        """
        wanted = text.strip().lower().replace("\N{MULTIPLICATION SIGN}", "x").replace("*", "x")
        if exact := re.fullmatch(r"(\d{1,6})\s*x\s*(\d{1,6})", wanted):
            return self._checked(int(exact[1]), int(exact[2]))
        if ratio := re.fullmatch(r"(\d{1,4})\s*:\s*(\d{1,4})", wanted):
            return self._fit(int(ratio[1]), int(ratio[2]))
        if wanted in _SHAPES:
            return self._fit(*_SHAPES[wanted])
        raise InvalidRequest(
            say(
                "size must be like {width}x{height}, a ratio like 3:2, or one of {names}; "
                "got {text!r}.",
                width=self.width,
                height=self.height,
                names=", ".join(_SHAPES),
                text=text,
            )
        )

    def size_choices(self) -> list[tuple[str, str]]:
        """Labels and values to offer: ``("Portrait 56x72", "56x72")``."""
        sizes = ["{}x{}".format(*self._fit(*ratio)) for ratio in _SHAPES.values()]
        square, portrait, landscape = sizes
        labels = (
            say("Square {size}", size=square),
            say("Portrait {size}", size=portrait),
            say("Landscape {size}", size=landscape),
        )
        return list(zip(labels, sizes, strict=True))

    def _fit(self, across: int, down: int) -> tuple[int, int]:
        if not across or not down or max(across, down) > MAX_RATIO * min(across, down):
            raise InvalidRequest(
                say(
                    "A ratio must be between 1:{most} and {most}:1, got {across}:{down}.",
                    most=MAX_RATIO,
                    across=across,
                    down=down,
                )
            )
        unit = math.sqrt(self.width * self.height / (across * down))
        return self._checked(_to_multiple(across * unit), _to_multiple(down * unit))

    def _checked(self, width: int, height: int) -> tuple[int, int]:
        if max(width, height) > self.max_side_px:
            raise InvalidRequest(
                say(
                    "{width}x{height} is too large for this model: at most {most} pixels a side "
                    "are allowed.",
                    width=width,
                    height=height,
                    most=self.max_side_px,
                )
            )
        return width, height


def speed_named(text: str) -> Speed:
    """The speed that ``text`` names. Raises InvalidRequest."""
    try:
        return Speed(text.strip().lower())
    except ValueError as error:
        raise InvalidRequest(
            say("speed must be one of {names}, got {text!r}.", names=", ".join(Speed), text=text)
        ) from error


def _to_multiple(side_px: float) -> int:
    nearest = round(side_px / SIZE_MULTIPLE_PX) * SIZE_MULTIPLE_PX
    return max(MIN_SIDE_PX, nearest)
