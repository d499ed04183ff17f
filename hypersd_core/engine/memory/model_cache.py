"""Keeps loaded models for as long as memory lasts; the least recently used goes first."""

import gc
import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import torch

log = logging.getLogger(__name__)

K = TypeVar("K", bound=Hashable)
M = TypeVar("M")


class ModelCache(Generic[K, M]):
    """Loaded models by what they were loaded from. For one thread: the one that loads and draws.

    Whoever keeps a model that was got here keeps its memory, evicted or not: ask again instead.
    """

    def __init__(
        self,
        load: Callable[[K], M],
        *,
        size_bytes: Callable[[K], int],
        free_bytes: Callable[[], int],
    ) -> None:
        """``size_bytes(key)``: what loading ``key`` will take; ``free_bytes()``: what there is."""
        self._load = load
        self._size_bytes = size_bytes
        self._free_bytes = free_bytes
        self._models: OrderedDict[K, M] = OrderedDict()

    @property
    def keys(self) -> tuple[K, ...]:
        """What is loaded; the least recently used first."""
        return tuple(self._models)

    def get(self, key: K) -> M:
        """The model of ``key``, loaded if it is not there.

        What ``load`` raises passes through, and the models in the cache stay. Those that were
        evicted to make room are loaded again when somebody asks for them.
        """
        if key not in self._models:
            self._make_room(key)
            self._models[key] = self._load(key)
        self._models.move_to_end(key)
        return self._models[key]

    def _make_room(self, key: K) -> None:
        needed = self._size_bytes(key)
        while self._models and self._free_bytes() < needed:
            oldest = next(iter(self._models))
            del self._models[oldest]
            _release_memory()
            log.info("unloaded %s to make room for %s (%.1f GB)", oldest, key, needed / 1e9)


def _release_memory() -> None:
    gc.collect()  # models have cycles: their memory would come back at some later time
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
