"""The parts of a model: found in files and checked by names and shapes first, then loaded.

A part is built without memory from its config, so that all of a model is known to be whole before
the first weight is read. Nothing here knows folders or checkpoints, and nothing asks the network.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors import SafetensorError
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from hypersd_core.engine.detection.folder_layout import shown
from hypersd_core.engine.loading.layouts import Naming
from hypersd_core.engine.loading.ldm_names import Stored
from hypersd_core.engine.loading.scheduler_config import TrainingNoise
from hypersd_core.engine.loading.weights import Weights
from hypersd_core.errors import ModelError
from hypersd_core.i18n import say, say_many

Config = Mapping[str, Any]

TITLES = {
    "text_encoder": say("text encoder"),
    "text_encoder_2": say("second text encoder"),
    "unet": say("UNet"),
    "vae": say("VAE"),
}
_CLASSES: Mapping[str, Any] = {
    "text_encoder": CLIPTextModel,
    "text_encoder_2": CLIPTextModelWithProjection,
    "unet": UNet2DConditionModel,
    "vae": AutoencoderKL,
}
_FLOATS = frozenset({"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"})
# Tensors beside the weights that change no picture.
_HARMLESS = re.compile(
    r"model_ema\."  # a second UNet, averaged
    r"|(.+\.)?position_ids$"  # 0, 1, … 76
    r"|(.+\.)?logit_scale$"  # of CLIP's own training
    r"|(cond_stage_model|conditioner\.embedders\.0)\.(transformer\.)?text_projection"  # unused
    r"|(first_stage_model\.)?loss\."  # the VAE's critic
    r"|(first_stage_model\.)?logvar$"
    r"|betas$|\w*alphas_cumprod(_prev)?$|posterior_\w+$"  # the noise schedule
    r"|denoiser\.sigmas$|scale_factor$"
    r"|v_pred$|ztsnr$"  # how it was trained: the catalogue reads them
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """One part, found and checked. ``module`` is on the meta device; ``path`` names it to people.

    ``stored``: where ``weights`` keep each tensor of ``module``.
    """

    path: Path
    module: Any  # of two libraries, alike in being a torch.nn.Module with a config alone
    weights: Weights
    stored: Mapping[str, Stored]

    @property
    def numbers(self) -> int:
        """How many numbers the part is made of."""
        return sum(tensor.numel() for tensor in self.module.state_dict().values())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """A model in files, by its parts' names; a checkpoint without VAE has no such part."""

    parts: Mapping[str, Part]
    configs: Mapping[str, Config]
    tokenizers: Mapping[str, CLIPTokenizer]
    noise: TrainingNoise


def find_part(
    name: str, config: Config, weights: Weights, namings: Sequence[Naming], *, path: Path
) -> Part | None:
    """The part ``name`` among ``weights``; None without any tensor of it.

    Of ``namings`` the one is taken that finds most. Raises ModelError where tensors are missing or
    have another shape than ``config`` asks for.
    """
    module = _build(name, config, path)
    shapes = {key: tuple(tensor.shape) for key, tensor in module.state_dict().items()}
    stored = max((naming(shapes) for naming in namings), key=lambda found: _hits(found, weights))
    if not _hits(stored, weights):
        return None
    missing = sorted(s.name for s in stored.values() if s.name not in weights.names)
    if missing:
        raise ModelError(
            say(
                "The model is damaged: {file} lacks {tensors}.",
                file=shown(path),
                tensors=_tensors(missing),
            )
        )
    for key, shape in shapes.items():
        _check_tensor(stored[key], weights, shape, path)
    return Part(path=path, module=module, weights=weights, stored=stored)


def refuse_surplus(weights: Weights, parts: Iterable[Part], *, path: Path) -> None:
    """Raise ModelError if ``weights`` hold what none of ``parts`` has a place for."""
    used = {stored.name for part in parts for stored in part.stored.values()}
    surplus = sorted(name for name in weights.names - used if not _HARMLESS.match(name))
    if surplus:
        raise ModelError(
            say(
                "The model is damaged: {file} has a surplus of {tensors}.",
                file=shown(path),
                tensors=_tensors(surplus),
            )
        )


@torch.inference_mode(mode=False)
@torch.no_grad()
def load_part(
    part: Part, *, device: torch.device, dtype: torch.dtype, on_numbers: Callable[[int], None]
) -> Any:  # noqa: ANN401 - as Part.module
    """Read the part's weights to ``device`` and return its module, which no gradient enters.

    A tensor at a time, so that beside the module only one tensor is in memory. ``on_numbers`` is
    told how many numbers came with each. Whoever loads, the weights are ordinary tensors: LoRAs are
    merged into them in inference mode and outside.
    """
    values = {}
    for key, empty in part.module.state_dict().items():
        value = torch.empty(empty.shape, dtype=dtype, device=device)
        try:
            value.copy_(part.weights.read(part.stored[key]).reshape(empty.shape))
        except (OSError, SafetensorError) as error:
            raise ModelError(
                say("The model {file} was changed while it was loaded.", file=shown(part.path))
            ) from error
        values[key] = value
        on_numbers(value.numel())
    part.module.load_state_dict(values, assign=True)
    _count_positions(part.module, device)
    return part.module


def _build(name: str, config: Config, path: Path) -> Any:  # noqa: ANN401 - as Part.module
    cls = _CLASSES[name]
    try:
        with torch.device("meta"):
            if name in {"unet", "vae"}:
                module = cls.from_config(dict(config))
            else:
                module = cls(CLIPTextConfig.from_dict(dict(config)))
    except Exception as error:  # on a wrong config two libraries raise what they like
        raise ModelError(
            say(
                "The model is damaged: no {part} can be built from the config of {file}.",
                part=TITLES[name],
                file=shown(path),
            )
        ) from error
    return module.eval().requires_grad_(False)


def _hits(found: Mapping[str, Stored], weights: Weights) -> int:
    return sum(stored.name in weights.names for stored in found.values())


def _check_tensor(stored: Stored, weights: Weights, shape: tuple[int, ...], path: Path) -> None:
    have = weights.shape(stored)
    # A matrix may lie there as a convolution of 1×1.
    if have[: len(shape)] != shape or any(side != 1 for side in have[len(shape) :]):
        raise ModelError(
            say(
                "The model {file} is damaged or of another size: {tensor} is {shape}, not "
                "{wanted}.",
                file=shown(path),
                tensor=stored.name,
                shape=_times(have),
                wanted=_times(shape),
            )
        )
    if weights.dtype(stored.name) not in _FLOATS:
        raise ModelError(
            say(
                "The model {file} keeps {tensor} as {dtype}; only {names} can be read.",
                file=shown(path),
                tensor=stored.name,
                dtype=weights.dtype(stored.name),
                names=", ".join(sorted(_FLOATS)),
            )
        )


def _tensors(names: Sequence[str]) -> str:
    return say_many("the tensor {name}", "{n} tensors, {name} first", len(names), name=names[0])


def _times(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape)) or say("a number")


def _count_positions(module: torch.nn.Module, device: torch.device) -> None:
    """Fill CLIP's only buffer, which no file holds: the positions 0, 1, … of a prompt's tokens."""
    for owner in module.modules():
        for name, buffer in owner.named_buffers(recurse=False):
            assert name == "position_ids", f"{name} of {type(owner).__name__} has no value"
            setattr(owner, name, torch.arange(buffer.shape[-1], device=device)[None])
