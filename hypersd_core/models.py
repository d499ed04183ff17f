"""What a model file is: its kind, its family, how it was trained. Values only, no torch, no files.

``engine/catalog.py`` finds these things out; everybody else is told.
"""

import enum
from dataclasses import dataclass
from pathlib import Path


class Kind(enum.StrEnum):
    """Which parts of a model a file holds."""

    CHECKPOINT = "checkpoint"
    """Text encoders, UNet and VAE: a folder in diffusers' layout, or one file."""
    UNET = "unet"
    LORA = "lora"
    VAE = "vae"
    UPSCALER = "upscaler"
    """An ESRGAN-style network from pixels to more pixels."""
    OTHER = "other"
    """Nothing to draw with: a ControlNet, a pickle, a damaged file. ``obstacle`` says what."""


class Family(enum.StrEnum):
    """The architecture that a file belongs to. A VAE or upscaler may have none."""

    SDXL = "sdxl"
    SDXL_REFINER = "sdxl-refiner"
    SD15 = "sd15"
    SD2 = "sd2"
    SD3 = "sd3"
    FLUX = "flux"

    @property
    def label(self) -> str:
        """As people write it."""
        return _LABELS[self]


_LABELS = {
    Family.SDXL: "SDXL",
    Family.SDXL_REFINER: "SDXL refiner",
    Family.SD15: "SD1.5",
    Family.SD2: "SD2",
    Family.SD3: "SD3",
    Family.FLUX: "FLUX",
}

DRAWABLE = frozenset({Family.SDXL, Family.SD15})
"""The families that the engine can draw with. Others are recognised, and refused in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """One file or folder below the models folder, as its headers tell.

    ``name`` is what people call it: the file's stem or the folder's name, with the path below the
    models folder in front where two would be alike. Only safetensors files lose their suffix, and
    only where the path without it is theirs alone. ``layout`` is how its tensors are named:
    ``diffusers`` or ``ldm`` for models, ``kohya``, ``diffusers`` or ``peft`` for LoRAs.
    ``obstacle`` is the sentence that says why it cannot be drawn with; it names the file, and is
    empty where it can.
    """

    name: str
    path: Path
    kind: Kind
    family: Family | None
    layout: str = ""
    prediction: str = "epsilon"
    """``epsilon``, ``v_prediction`` or ``sample``, as far as the file itself says."""
    zero_terminal_snr: bool = False
    lora_rank: int = 0
    """Of the first module; others may have another."""
    alias: str = ""
    """The name that a LoRA's trainer gave it, which prompts from elsewhere may use."""
    bytes: int
    changed_ns: int = 0
    """When it was last touched: what was loaded from an older file is not this one's."""
    obstacle: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """What to load to draw with one model: its file, and where to get what that file lacks.

    ``base`` lends text encoders and VAE to a UNet; ``config`` is a folder in diffusers' layout that
    describes parts of unusual widths; ``prediction`` overrides what the file says.
    """

    file: ModelFile
    base: ModelFile | None = None
    config: Path | None = None
    prediction: str | None = None
