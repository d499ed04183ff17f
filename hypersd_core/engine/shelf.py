"""What the engine draws with: models, VAEs, LoRAs and upscalers, loaded when first asked for."""

import dataclasses
import logging
from collections.abc import Callable
from typing import Protocol, TypeVar

import torch
from diffusers import AutoencoderKL

from hypersd_core.engine.loader import FoundModel, Model, find_model, load_vae, read_model
from hypersd_core.engine.lora import LoraCache, LoraSwitch, Weighted
from hypersd_core.engine.memory.model_bytes import ModelBytes, model_bytes
from hypersd_core.engine.memory.model_cache import Loadable, ModelCache, release_memory
from hypersd_core.engine.memory.policy import (
    MemoryMode,
    choose_mode,
    free_memory_bytes,
    resident_bytes,
)
from hypersd_core.engine.pixels.upscale import Upscaler, load_upscaler
from hypersd_core.errors import OutOfMemory
from hypersd_core.i18n import say
from hypersd_core.models import ModelFile, ModelSpec
from hypersd_core.prompt import LoraTag
from hypersd_core.request import LANCZOS, GenerationRequest

log = logging.getLogger(__name__)

T = TypeVar("T")
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
            free_bytes=lambda: free_memory_bytes(device),
            supersedes=lambda new, old: new.file.path == old.file.path,
            title=lambda spec: spec.file.name,
        )

    def load(self, model: str) -> None:
        """Have a model ready before anybody asks. Raises as ``ready``."""
        self._loaded(model, lambda: None)

    def ready(
        self, request: GenerationRequest, *, check: Callable[[], None] = lambda: None
    ) -> Ready:
        """The model of ``request`` with its LoRAs and VAE.

        ``check()`` is called while weights are read; what it raises ends that. Raises
        ModelNotFound and ModelError, and what was loaded before stays; OutOfMemory when even
        alone it does not fit.
        """
        try:
            return self._ready(request, check)
        except OutOfMemory:
            log.warning("too little memory for %s beside others: alone", request.model)
            # tried again below: inside this block the traceback would keep the tensors alive
        self.make_room(request)
        return self._ready(request, check)

    def make_room(self, request: GenerationRequest) -> None:
        """Give back all memory but that of the model of ``request``. Raises as ``ready``."""
        self._upscalers.clear()
        self._models.keep_only(self._files.model(request.model).spec)
        release_memory()

    def upscaler(self, name: str) -> Upscaler | None:
        """The network of this name; None for resampling with Lanczos."""
        if name == LANCZOS:
            return None
        file = self._files.upscaler(name)
        return _newest(self._upscalers, file, lambda: load_upscaler(file, self._device))

    def _ready(self, request: GenerationRequest, check: Callable[[], None]) -> Ready:
        loaded = self._loaded(request.model, check)
        model = loaded.model
        loaded.loras.apply([self._weighted(tag, model) for tag in request.loras])
        if request.vae:
            file = self._files.vae(request.vae)
            vae = _newest(loaded.vaes, file, lambda: load_vae(file, loaded.model))
            model = dataclasses.replace(model, vae=vae)
        return Ready(model=model, mode=loaded.mode, free_bytes=loaded.free_bytes)

    def _weighted(self, tag: LoraTag, model: Model) -> Weighted:
        lora = self._loras.get(self._files.lora(tag.name).file, model)
        return lora, tag.weight, tag.text_weight

    def _loaded(self, model: str, check: Callable[[], None]) -> _Loaded:
        spec = self._files.model(model).spec
        return self._models.get(spec, lambda: self._find(spec, check))

    def _find(self, spec: ModelSpec, check: Callable[[], None]) -> Loadable[_Loaded]:
        found = find_model(
            spec.file, self._device, base=spec.base, config=spec.config, prediction=spec.prediction
        )
        size = model_bytes(found.found.parts, found.dtypes)
        return Loadable(
            needed_bytes=resident_bytes(size), load=lambda: self._read(found, size, check)
        )

    def _read(self, found: FoundModel, size: ModelBytes, check: Callable[[], None]) -> _Loaded:
        name = found.file.name

        def tell(part: str, share: float) -> None:
            check()
            self._on_load(name, part, share)

        free_bytes = free_memory_bytes(self._device)
        mode = choose_mode(size, device=self._device, free_bytes=free_bytes)
        if mode is MemoryMode.OFFLOAD:
            log.info("%s does not fit the device: its parts take turns there", name)
        resting_on = _MAIN_MEMORY if mode is MemoryMode.OFFLOAD else self._device
        if resting_on.type == "cpu" and size.total > free_memory_bytes(_MAIN_MEMORY):
            raise OutOfMemory(  # before the system ends the process
                say(
                    "{model} needs {size:.1f} GB of main memory, more than is free.",
                    model=name,
                    size=size.total / 1e9,
                )
            )
        model = read_model(found, resting_on=resting_on, on_progress=tell)
        return _Loaded(
            model=model,
            mode=mode,
            free_bytes=free_memory_bytes(self._device),
            loras=LoraSwitch(model),
            vaes={},
        )


def _newest(loaded: dict[ModelFile, T], file: ModelFile, load: Callable[[], T]) -> T:
    """What ``load`` makes of ``file``, once; what it made of an older version goes first."""
    if file not in loaded:
        for old in [old for old in loaded if old.path == file.path]:
            del loaded[old]
        loaded[file] = load()
    return loaded[file]
