"""Tells what a model folder in diffusers' layout is, by its JSON files and its weights' names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypersd_core.engine.detection.folder_layout import (
    INDEX,
    PARTS,
    PIPELINES,
    read_json,
    unknown_kind,
)
from hypersd_core.engine.detection.probe import Finding
from hypersd_core.engine.detection.unet import GUIDED_PROBLEM, unet_problem
from hypersd_core.i18n import say
from hypersd_core.models import DRAWABLE, Family, Kind

_SD2_TEXT_WIDTH = 1024


def detect_folder(folder: Path) -> Finding:
    """What the model in ``folder`` is; raises ModelError if its JSON files do not tell."""
    pipeline = str(read_json(folder / INDEX).get("_class_name"))
    family = PIPELINES.get(pipeline)
    if family is None:
        problem = unknown_kind(pipeline)
        return Finding(kind=Kind.CHECKPOINT, layout="diffusers", problem=problem)
    if family not in DRAWABLE:
        problem = unet_problem(family, 0)
        return Finding(kind=Kind.CHECKPOINT, family=family, layout="diffusers", problem=problem)
    unet = read_json(folder / "unet" / "config.json")
    if family is Family.SD15 and unet.get("cross_attention_dim") == _SD2_TEXT_WIDTH:
        family = Family.SD2
    scheduler = read_json(folder / "scheduler" / "scheduler_config.json")
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
    for part in PARTS[family]:
        if not any((folder / part).glob("*.safetensors")):
            return _missing(folder, part)
    return ""


def _missing(folder: Path, part: str) -> str:
    if any((folder / part).glob("*.bin")):
        return say(
            "keeps its {part} as a pickle, which can run any code when it is loaded: download the "
            ".safetensors files",
            part=part,
        )
    return say("is incomplete: its {part} has no .safetensors file", part=part)
