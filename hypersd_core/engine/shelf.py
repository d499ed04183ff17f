"""What the engine draws with: models, VAEs, LoRAs and upscalers, loaded when first asked for."""

import dataclasses
import functools
import logging
from collections.abc import Callable
from typing import Protocol

import torch
from diffusers import AutoencoderKL

from hypersd_core.engine.device import network_dtype, vae_dtype
from hypersd_core.engine.loader import Model, load_model, load_vae
from hypersd_core.engine.lora import LoraCache, LoraSwitch, Weighted
from hypersd_core.engine.memory.model_bytes import ModelBytes, model_bytes
from hypersd_core.engine.memory.model_cache import ModelCache
from hypersd_core.engine.memory.policy import (
    MemoryMode,
    choose_mode,
    free_memory_bytes,
    resident_bytes,
)
from hypersd_core.engine.pixels.upscale import Upscaler, load_upscaler
from hypersd_core.models import ModelFile, ModelSpec
from hypersd_core.prompt import LoraTag
from hypersd_core.request import LANCZOS, GenerationRequest

log = logging.getLogger(__name__)

_MAIN_MEMORY = torch.device("cpu")
OnLoad = Callable[[str, str, float], None]
"""``on_load(model, part, share)``: how much of a model is loaded, 0 to 1."""


class Chosen(Protocol):
    """A file, and what to load for it."""

    @property
    def file(self) -> ModelFile:
        """The model's own file."""
        ...

    @property
    def spec(self) -> ModelSpec:
        """Its file, and what lends it the rest."""
        ...


class Files(Protocol):
    """Names to files; ``hypersd_core.library`` has them. Raise ModelNotFound and ModelError."""

    def model(self, name: str) -> Chosen:
        """A model."""
        ...

    def lora(self, name: str) -> Chosen:
        """A LoRA."""
        ...

    def vae(self, name: str) -> ModelFile:
        """A VAE."""
        ...

    def upscaler(self, name: str) -> ModelFile:
        """A network that enlarges."""
        ...


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ready:
    """A model with its LoRAs merged and its VAE chosen, and where its weights lie.

    ``free_bytes``: what the device had left when the model was loaded. Measured once, so that the
    same request is decoded in the same way every time.
    """

    model: Model
    mode: MemoryMode
    free_bytes: int


@dataclasses.dataclass(slots=True, kw_only=True, eq=False)
class _Loaded:
    """One model in memory, and what was made for it. Goes as a whole."""

    model: Model
    mode: MemoryMode
    free_bytes: int
    loras: LoraSwitch
    vaes: dict[ModelFile, AutoencoderKL]


class Shelf:
    """Loads by name and keeps what memory allows. For the GPU thread alone."""

    def __init__(
        self, files: Files, device: torch.device, *, on_load: OnLoad = lambda *_: None
    ) -> None:
        self._files = files
        self._device = device
        self._on_load = on_load
        self._loras = LoraCache()
        self._upscalers: dict[ModelFile, Upscaler] = {}
        self._models: ModelCache[ModelSpec, _Loaded] = ModelCache(
            self._load,
            size_bytes=lambda spec: resident_bytes(self._bytes(spec)),
            free_bytes=lambda: free_memory_bytes(device),
        )

    def load(self, model: str) -> None:
        """Have a model ready before anybody asks. Raises as ``ready``."""
        self._models.get(self._files.model(model).spec)

    def ready(self, request: GenerationRequest) -> Ready:
        """The model of ``request`` with its LoRAs and VAE.

        Raises ModelNotFound and ModelError; what was loaded before stays as it was.
        """
        loaded = self._models.get(self._files.model(request.model).spec)
        loaded.loras.apply([self._weighted(tag, loaded.model) for tag in request.loras])
        model = loaded.model
        if request.vae:
            vae = _vae(loaded, self._files.vae(request.vae))
            model = dataclasses.replace(model, vae=vae)
        return Ready(model=model, mode=loaded.mode, free_bytes=loaded.free_bytes)

    def upscaler(self, name: str) -> Upscaler | None:
        """The network of this name; None for resampling with Lanczos."""
        if name == LANCZOS:
            return None
        file = self._files.upscaler(name)
        if file not in self._upscalers:
            self._upscalers[file] = load_upscaler(file, self._device)
        return self._upscalers[file]

    def _weighted(self, tag: LoraTag, model: Model) -> Weighted:
        lora = self._loras.get(self._files.lora(tag.name).file, model)
        return lora, tag.weight, tag.text_weight

    def _load(self, spec: ModelSpec) -> _Loaded:
        mode = choose_mode(
            self._bytes(spec), device=self._device, free_bytes=free_memory_bytes(self._device)
        )
        model = load_model(
            spec.file,
            self._device,
            base=spec.base,
            config=spec.config,
            prediction=spec.prediction,
            resting_on=_MAIN_MEMORY if mode is MemoryMode.OFFLOAD else self._device,
            on_progress=functools.partial(self._on_load, spec.file.name),
        )
        if mode is MemoryMode.OFFLOAD:
            log.info("%s does not fit the device: its parts take turns there", spec.file.name)
        return _Loaded(
            model=model,
            mode=mode,
            free_bytes=free_memory_bytes(self._device),
            loras=LoraSwitch(model),
            vaes={},
        )

    def _bytes(self, spec: ModelSpec) -> ModelBytes:
        """What loading ``spec`` takes. A VAE is counted in float32, as if it overflowed."""
        dtype = network_dtype(self._device)
        return model_bytes(spec, dtype=dtype, vae_dtype=vae_dtype(self._device, overflows=True))


def _vae(loaded: _Loaded, file: ModelFile) -> AutoencoderKL:
    if file not in loaded.vaes:
        loaded.vaes[file] = load_vae(file, loaded.model)
    return loaded.vaes[file]
