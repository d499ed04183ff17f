"""Loads models from disk alone: folders, single files, UNets on another model's parts, VAEs.

Every model goes the same way, the one that ships and a 7 GB checkpoint alike: all its parts are
found and checked by their headers, then their weights are read. Only safetensors are, every error
names the file, and one that is raised leaves nothing behind.
"""

import contextlib
import dataclasses
import functools
import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL

from hypersd_core.engine.device import best_device, is_out_of_memory, network_dtype, vae_dtype
from hypersd_core.engine.loading import find
from hypersd_core.engine.loading.parts import TITLES, Found, Part, load_part
from hypersd_core.engine.model import Model
from hypersd_core.engine.prediction import PREDICTIONS
from hypersd_core.errors import ModelError, OutOfMemory
from hypersd_core.i18n import say
from hypersd_core.models import ModelFile

__all__ = [
    "FoundModel",
    "Model",
    "OnProgress",
    "best_device",
    "find_model",
    "load_model",
    "load_vae",
    "read_model",
]

log = logging.getLogger(__name__)

OnProgress = Callable[[str, float], None]
"""``on_progress(part, share)``: ``part`` is being read, ``share`` in [0, 1] of all is there."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoundModel:
    """A model that is whole and fits, before any of its weights is read: to be read once.

    ``dtypes``: that of each part on ``device``.
    """

    file: ModelFile
    device: torch.device
    found: Found
    dtypes: Mapping[str, torch.dtype]
    prediction: str


def load_model(
    file: ModelFile,
    device: torch.device,
    *,
    base: ModelFile | None = None,
    config: Path | None = None,
    prediction: str | None = None,
    resting_on: torch.device | None = None,
    on_progress: OnProgress | None = None,
) -> Model:
    """Load ``file`` to draw on ``device``: ``find_model``, then ``read_model``."""
    found = find_model(file, device, base=base, config=config, prediction=prediction)
    return read_model(found, resting_on=resting_on, on_progress=on_progress)


def find_model(
    file: ModelFile,
    device: torch.device,
    *,
    base: ModelFile | None = None,
    config: Path | None = None,
    prediction: str | None = None,
) -> FoundModel:
    """Find all parts that drawing with ``file`` on ``device`` needs, by their headers alone.

    ``base`` lends a UNet-only file what it lacks. ``config`` is a folder in diffusers' layout that
    describes single files of unusual widths. ``prediction`` overrides what the file says of itself.

    Raises ModelError, with one sentence, for what is not a whole model.
    """
    if prediction is not None and prediction not in PREDICTIONS:
        known = ", ".join(PREDICTIONS)
        raise ModelError(
            say(
                "{model} is said to predict {kind}; only {names} are known.",
                model=file.name,
                kind=prediction,
                names=known,
            )
        )
    with _quiet_libraries():
        found = find.find_model(file, base=base, config=config)
    return FoundModel(
        file=file,
        device=device,
        found=found,
        dtypes={name: _dtype(name, part, device) for name, part in found.parts.items()},
        prediction=prediction or found.noise.prediction,
    )


def read_model(
    model: FoundModel,
    *,
    resting_on: torch.device | None = None,
    on_progress: OnProgress | None = None,
) -> Model:
    """Read the weights of ``model``, in the dtypes that suit its device.

    They are left on ``resting_on``, without it on the model's device. ``on_progress`` is called at
    every percent; what it raises ends the reading.

    Raises ModelError where a file has changed meanwhile, and OutOfMemory.
    """
    file, found, device = model.file, model.found, model.device
    with _quiet_libraries():
        parts = _load(file, found.parts, model.dtypes, resting_on or device, on_progress)
    log.info("loaded %s for %s as %s", file.name, device, parts["unet"].dtype)
    return Model(
        name=file.name,
        family=find.family_of(file),
        device=device,
        tokenizer=found.tokenizers["tokenizer"],
        tokenizer_2=found.tokenizers.get("tokenizer_2"),
        text_encoder=parts["text_encoder"],
        text_encoder_2=parts.get("text_encoder_2"),
        unet=parts["unet"],
        vae=parts["vae"],
        schedule=found.noise.schedule,
        prediction=model.prediction,
    )


def load_vae(file: ModelFile, model: Model) -> AutoencoderKL:
    """Load the VAE in ``file``, a file or a folder, to where the one of ``model`` is.

    Raises ModelError where it does not fit, and OutOfMemory.
    """
    with _quiet_libraries():
        part = find.find_vae(file, model)
        dtypes = {"vae": _dtype("vae", part, model.device)}
        return _load(file, {"vae": part}, dtypes, model.vae.device, None)["vae"]


def _dtype(name: str, part: Part, device: torch.device) -> torch.dtype:
    if name == "vae":
        return vae_dtype(device, overflows=part.module.config.force_upcast)
    return network_dtype(device)


def _load(
    file: ModelFile,
    parts: Mapping[str, Part],
    dtypes: Mapping[str, torch.dtype],
    device: torch.device,
    on_progress: OnProgress | None,
) -> dict[str, Any]:
    progress = _Progress(sum(part.numbers for part in parts.values()), on_progress)
    try:
        return {
            name: load_part(
                part,
                device=device,
                dtype=dtypes[name],
                on_numbers=functools.partial(progress.add, TITLES[name]),
            )
            for name, part in parts.items()
        }
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        # raised below: inside this block the cause would keep the tensors alive
    raise OutOfMemory(say("{name} needs more memory than this device has.", name=file.name))


class _Progress:
    """Counts numbers and tells of every whole percent of ``total``."""

    def __init__(self, total: int, on_progress: OnProgress | None) -> None:
        self._total = total
        self._on_progress = on_progress
        self._done = 0
        self._told = ("", 0)

    def add(self, part: str, numbers: int) -> None:
        self._done += numbers
        now = (part, 100 * self._done // self._total)
        if now != self._told and self._on_progress is not None:
            self._on_progress(part, self._done / self._total)
        self._told = now


@contextlib.contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Without their many-line reports: what is wrong is raised, or checked by us."""
    loggers = [logging.getLogger(name) for name in ("diffusers", "transformers")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
