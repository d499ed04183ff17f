"""Tells what a model folder in diffusers' layout is, by its JSON files and its weights' names."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypersd_core.engine.detection.probe import Finding
from hypersd_core.engine.detection.unet import GUIDED_PROBLEM, unet_problem
from hypersd_core.engine.header import printable
from hypersd_core.models import DRAWABLE, Family, Kind

INDEX = "model_index.json"
"""Every such folder has this file, and nothing else does."""

_MAX_JSON_BYTES = 1_000_000
_PIPELINES = {
    "StableDiffusionXLPipeline": Family.SDXL,
    "StableDiffusionPipeline": Family.SD15,
    "StableDiffusionXLImg2ImgPipeline": Family.SDXL_REFINER,  # the refiner's own
    "StableDiffusion3Pipeline": Family.SD3,
    "FluxPipeline": Family.FLUX,
}
_PARTS = {
    Family.SDXL: ("text_encoder", "text_encoder_2", "unet", "vae"),
    Family.SD15: ("text_encoder", "unet", "vae"),
}
_SD2_TEXT_WIDTH = 1024


class _Damaged(Exception):
    """Holds what follows "NAME …" in the sentence for the person."""


def detect_folder(folder: Path) -> Finding:
    """What the model in ``folder`` is; never raises."""
    try:
        return _detect(folder)
    except _Damaged as damage:
        return Finding(kind=Kind.CHECKPOINT, layout="diffusers", problem=str(damage))


def _detect(folder: Path) -> Finding:
    pipeline = str(_read_json(folder, INDEX).get("_class_name"))
    family = _PIPELINES.get(pipeline)
    if family is None:
        raise _Damaged(
            f"is of the kind {printable(pipeline)[:60]}: only {' and '.join(list(_PIPELINES)[:2])} "
            "can be drawn with"
        )
    if family not in DRAWABLE:
        problem = unet_problem(family, 0)
        return Finding(kind=Kind.CHECKPOINT, family=family, layout="diffusers", problem=problem)
    unet = _read_json(folder, "unet/config.json")
    if family is Family.SD15 and unet.get("cross_attention_dim") == _SD2_TEXT_WIDTH:
        family = Family.SD2
    scheduler = _read_json(folder, "scheduler/scheduler_config.json")
    return Finding(
        kind=Kind.CHECKPOINT,
        family=family,
        layout="diffusers",
        prediction=str(scheduler.get("prediction_type", "epsilon")),
        zero_terminal_snr=scheduler.get("rescale_betas_zero_snr") is True,
        problem=_problem(folder, family, unet),
    )


def _problem(folder: Path, family: Family, unet: Mapping[str, Any]) -> str:
    inputs = unet.get("in_channels", 4)
    if problem := unet_problem(family, inputs if isinstance(inputs, int) else 0):
        return problem
    if unet.get("time_cond_proj_dim") is not None:
        return GUIDED_PROBLEM
    for part in _PARTS[family]:
        if not any((folder / part).glob("*.safetensors")):
            return _missing(folder, part)
    return ""


def _missing(folder: Path, part: str) -> str:
    if any((folder / part).glob("*.bin")):
        return (
            f"keeps its {part} as a pickle, which can run any code when it is loaded: "
            "download the .safetensors files"
        )
    return f"is incomplete: its {part} has no .safetensors file"


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    """The object in a JSON file of honest size; raises _Damaged."""
    path = folder / name
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_JSON_BYTES + 1)
        values = json.loads(raw.decode("utf-8")) if len(raw) <= _MAX_JSON_BYTES else None
    except FileNotFoundError as error:
        raise _Damaged(f"is incomplete: {name} is missing") from error
    except (OSError, ValueError, RecursionError) as error:
        raise _Damaged(f"is damaged: {name} is not readable JSON") from error
    if not isinstance(values, dict):
        raise _Damaged(f"is damaged: {name} does not hold a JSON object")
    return values
