"""Loads a model folder in diffusers' layout, from disk alone.

Every folder goes the same way, the model that ships and a 7 GB checkpoint alike. Only safetensors
are read, a missing or surplus tensor is an error, and every error names the file.
"""

import contextlib
import dataclasses
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors import SafetensorError
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer
from transformers.utils.logging import disable_progress_bar

from hypersd_core.engine.prediction import PREDICTIONS
from hypersd_core.errors import ModelError
from hypersd_core.samplers import NoiseSchedule

log = logging.getLogger(__name__)

_T = TypeVar("_T")
_TIMESTEPS = 1000  # of the training schedule: the same in every SDXL model
_PIPELINE = "StableDiffusionXLPipeline"
_COMPONENTS: dict[str, Any] = {
    "text_encoder": CLIPTextModel,
    "text_encoder_2": CLIPTextModelWithProjection,
    "unet": UNet2DConditionModel,
    "vae": AutoencoderKL,
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The parts of one SDXL model, in evaluation mode on ``device``."""

    name: str
    device: torch.device
    tokenizer: CLIPTokenizer
    tokenizer_2: CLIPTokenizer
    text_encoder: CLIPTextModel
    text_encoder_2: CLIPTextModelWithProjection
    unet: UNet2DConditionModel
    vae: AutoencoderKL
    schedule: NoiseSchedule
    prediction: str


def best_device() -> torch.device:
    """The first GPU where there is one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def load_model(folder: Path, device: torch.device) -> Model:
    """Load ``folder``; raises ModelError with one sentence when it is not a whole SDXL model."""
    _check_layout(folder)
    scheduler_file = folder / "scheduler" / "scheduler_config.json"
    scheduler = _read_json(scheduler_file)
    schedule, prediction = _schedule(scheduler, scheduler_file), _kind(scheduler, scheduler_file)
    disable_progress_bar()
    unet_dtype, vae_dtype = _dtypes(device)
    dtypes = dict.fromkeys(_COMPONENTS, unet_dtype) | {"vae": vae_dtype}
    parts = {
        name: _load_weights(cls, folder / name, dtypes[name]).to(device)
        for name, cls in _COMPONENTS.items()
    }
    model = Model(
        name=folder.name,
        device=device,
        tokenizer=_load_tokenizer(folder / "tokenizer", parts["text_encoder"]),
        tokenizer_2=_load_tokenizer(folder / "tokenizer_2", parts["text_encoder_2"]),
        schedule=schedule,
        prediction=prediction,
        **parts,
    )
    log.info("loaded %s on %s as %s", model.name, device, unet_dtype)
    return model


def _dtypes(device: torch.device) -> tuple[torch.dtype, torch.dtype]:
    """Dtypes of UNet and VAE: SDXL's VAE overflows in float16, never in bfloat16."""
    if device.type == "cpu":
        return torch.float32, torch.float32
    if torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.bfloat16, torch.bfloat16
    return torch.float16, torch.float32


def _check_layout(folder: Path) -> None:
    if not folder.is_dir():
        raise ModelError(f"There is no model folder {folder}.")
    kind = _read_json(folder / "model_index.json").get("_class_name")
    if kind != _PIPELINE:
        raise ModelError(
            f"The model {folder} is of the kind {kind}; only {_PIPELINE} can be drawn with."
        )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"The model is incomplete: {path} is missing.") from error
    except (OSError, ValueError) as error:
        raise ModelError(f"The model is damaged: {path} is not readable JSON.") from error
    if not isinstance(values, dict):
        raise ModelError(f"The model is damaged: {path} does not hold a JSON object.")
    return values


def _load_weights(
    cls: Any,  # noqa: ANN401 - classes of two libraries, alike in from_pretrained alone
    folder: Path,
    dtype: torch.dtype,
) -> torch.nn.Module:
    _read_json(folder / "config.json")
    module, info = _read(
        folder,
        lambda: cls.from_pretrained(
            folder,
            dtype=dtype,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
        ),
    )
    missing, surplus = sorted(info["missing_keys"]), sorted(info["unexpected_keys"])
    for problem, keys in (("lacks", missing), ("has a surplus of", surplus)):
        if keys:
            raise ModelError(
                f"The model is damaged: {folder} {problem} {len(keys)} tensors, {keys[0]} first."
            )
    return module.eval().requires_grad_(False)


def _load_tokenizer(folder: Path, encoder: Any) -> CLIPTokenizer:  # noqa: ANN401 - as above
    _read_json(folder / "tokenizer_config.json")
    tokenizer = _read(folder, lambda: CLIPTokenizer.from_pretrained(folder, local_files_only=True))
    # Without its vocabulary file the class makes a tokenizer that knows nothing, and says nothing.
    if len(tokenizer) != encoder.config.vocab_size:
        raise ModelError(
            f"The model is damaged: {folder} knows {len(tokenizer)} tokens, "
            f"its text encoder {encoder.config.vocab_size}."
        )
    return tokenizer


def _read(folder: Path, load: Callable[[], _T]) -> _T:
    """Call ``load``; what a broken file makes it raise becomes a sentence about ``folder``."""
    try:
        with _quiet_libraries():
            return load()
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"The model is damaged: weights in {folder} are missing, cut off or not safetensors."
        ) from error
    except Exception as error:  # on a broken file two libraries raise what they like
        raise ModelError(f"The model is damaged: {folder} cannot be loaded.") from error


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


def _schedule(config: dict[str, Any], path: Path) -> NoiseSchedule:
    kind, timesteps = config.get("beta_schedule"), config.get("num_train_timesteps", _TIMESTEPS)
    if (kind, timesteps) != ("scaled_linear", _TIMESTEPS):
        raise ModelError(
            f"The model asks in {path} for the noise schedule {kind} of {timesteps} timesteps; "
            f"only scaled_linear of {_TIMESTEPS} is known."
        )
    if config.get("rescale_betas_zero_snr"):
        raise ModelError(f"The model asks in {path} for zero terminal SNR; it is not known yet.")
    start, end = config.get("beta_start"), config.get("beta_end")
    if not (isinstance(start, float) and isinstance(end, float) and 0 < start <= end < 1):
        raise ModelError(
            f"The model is damaged: the betas in {path} must lie between 0 and 1, "
            f"got {start!r} and {end!r}."
        )
    return NoiseSchedule.scaled_linear(start, end, timesteps)


def _kind(config: dict[str, Any], path: Path) -> str:
    """What the UNet predicts, a key of ``PREDICTIONS``."""
    kind = config.get("prediction_type", "epsilon")
    if kind not in list(PREDICTIONS):
        raise ModelError(
            f"The model asks in {path} for the prediction type {kind}; "
            f"only {', '.join(PREDICTIONS)} are known."
        )
    return str(kind)
