"""Diffusers' layout: a folder with an index and one folder for each part. JSON only, no weights."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypersd_core.engine.header import printable
from hypersd_core.errors import ModelError
from hypersd_core.i18n import say, say_all
from hypersd_core.models import DRAWABLE, Family

INDEX = "model_index.json"
"""Every such folder has this file, and nothing else does."""
PIPELINES: Mapping[str, Family] = {
    "StableDiffusionXLPipeline": Family.SDXL,
    "StableDiffusionPipeline": Family.SD15,
    "StableDiffusionXLImg2ImgPipeline": Family.SDXL_REFINER,  # the refiner's own
    "StableDiffusion3Pipeline": Family.SD3,
    "FluxPipeline": Family.FLUX,
}
"""The classes that an index names."""
PARTS: Mapping[Family, tuple[str, ...]] = {
    Family.SDXL: ("text_encoder", "text_encoder_2", "unet", "vae"),
    Family.SD15: ("text_encoder", "unet", "vae"),
}
"""The folders with weights."""
_FOLDERS = {*PARTS[Family.SDXL], "tokenizer", "tokenizer_2", "scheduler"}
_MAX_JSON_BYTES = 1_000_000
_QUOTED_CHARS = 60


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file of honest size; raises ModelError, which names file and folder."""
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_JSON_BYTES + 1)
        values = json.loads(raw.decode("utf-8")) if len(raw) <= _MAX_JSON_BYTES else None
    except FileNotFoundError as error:
        raise ModelError(say("{file} is missing.", file=shown(path))) from error
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(say("{file} is not readable JSON.", file=shown(path))) from error
    if not isinstance(values, dict):
        raise ModelError(say("{file} does not hold a JSON object.", file=shown(path)))
    return values


def shown(path: Path) -> str:
    """``path`` as people may see it: ``fast.safetensors``, ``dream``, ``dream/unet/config.json``.

    It begins with the model itself: where the models lie on this machine is nobody's business.
    """
    model = path.parent if path.suffix == ".json" else path
    if model.name in _FOLDERS:
        model = model.parent
    return printable(path.relative_to(model.parent).as_posix())


def unknown_kind(pipeline: str) -> str:
    """What follows a folder's name if its ``pipeline`` is none of ``PIPELINES``, without a stop."""
    drawn = say_all([name for name, family in PIPELINES.items() if family in DRAWABLE])
    return say(
        "is of the kind {kind}: only {names} can be drawn with",
        kind=printable(pipeline)[:_QUOTED_CHARS],
        names=drawn,
    )
