"""How a model was trained to see noise, as ``scheduler/scheduler_config.json`` says.

Which sampler draws is not read from it: recipes say that.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from hypersd_core.engine.detection.folder_layout import read_json, shown
from hypersd_core.engine.prediction import PREDICTIONS
from hypersd_core.errors import ModelError
from hypersd_core.i18n import say, say_all
from hypersd_core.samplers import NoiseSchedule

_TIMESTEPS = 1000  # of the training schedule: the same in every SD1.5 and SDXL model


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingNoise:
    """``betas``: the schedule before it is rescaled. ``prediction``: a key of ``PREDICTIONS``."""

    betas: NoiseSchedule
    zero_terminal_snr: bool
    prediction: str

    @property
    def schedule(self) -> NoiseSchedule:
        """The schedule that the model was trained with."""
        return self.betas.rescaled_to_zero_terminal_snr() if self.zero_terminal_snr else self.betas


def read_training_noise(model_folder: Path) -> TrainingNoise:
    """Read it from a folder in diffusers' layout; raises ModelError for what is not known."""
    path = model_folder / "scheduler" / "scheduler_config.json"
    config = read_json(path)
    return TrainingNoise(
        betas=_betas(config, path),
        zero_terminal_snr=config.get("rescale_betas_zero_snr") is True,
        prediction=_prediction(config, path),
    )


def _betas(config: Mapping[str, Any], path: Path) -> NoiseSchedule:
    if config.get("trained_betas") is not None:
        raise ModelError(
            say(
                "The model brings betas of its own in {file}; they are not known yet.",
                file=shown(path),
            )
        )
    kind, timesteps = config.get("beta_schedule"), config.get("num_train_timesteps", _TIMESTEPS)
    if kind not in list(_BETAS) or timesteps != _TIMESTEPS:
        raise ModelError(
            say(
                "The model asks in {file} for the noise schedule {kind} of {timesteps} timesteps; "
                "only {names} of {known} are known.",
                file=shown(path),
                kind=kind,
                timesteps=timesteps,
                names=say_all(list(_BETAS)),
                known=_TIMESTEPS,
            )
        )
    start, end = config.get("beta_start"), config.get("beta_end")
    if not (isinstance(start, float) and isinstance(end, float) and 0 < start <= end < 1):
        raise ModelError(
            say(
                "The model is damaged: the betas in {file} must lie between 0 and 1, got {start!r} "
                "and {end!r}.",
                file=shown(path),
                start=start,
                end=end,
            )
        )
    return _BETAS[kind](start, end, _TIMESTEPS)


def _linear(start: float, end: float, timesteps: int) -> NoiseSchedule:
    return NoiseSchedule.from_betas(torch.linspace(start, end, timesteps, dtype=torch.float64))


_BETAS: Mapping[str, Callable[[float, float, int], NoiseSchedule]] = {
    "scaled_linear": NoiseSchedule.scaled_linear,
    "linear": _linear,
}


def _prediction(config: Mapping[str, Any], path: Path) -> str:
    kind = config.get("prediction_type", "epsilon")
    if kind not in list(PREDICTIONS):
        raise ModelError(
            say(
                "The model asks in {file} for the prediction type {kind}; only {names} are known.",
                file=shown(path),
                kind=kind,
                names=", ".join(PREDICTIONS),
            )
        )
    return str(kind)
