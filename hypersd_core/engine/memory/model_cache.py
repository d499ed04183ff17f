"""Keeps loaded models for as long as memory lasts; the least recently used goes first."""

import gc
import logging
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch

log = logging.getLogger(__name__)

K = TypeVar("K", bound=Hashable)
M = TypeVar("M")


@dataclass(frozen=True, slots=True, kw_only=True)
class Loadable(Generic[M]):
    """A model that is known to be whole: what must be free before ``load()`` reads it."""

    needed_bytes: int
    load: Callable[[], M]


class ModelCache(Generic[K, M]):
    """Loaded models by what they were loaded from. For one thread: the one that loads and draws.

    Whoever keeps a model that was got here keeps its memory, evicted or not: ask again instead.
    """

    def __init__(
        self,
        *,
        free_bytes: Callable[[], int],
        supersedes: Callable[[K, K], bool],
        title: Callable[[K], str],
    ) -> None:
        """``free_bytes()``: what there is; ``supersedes(new, old)``: nobody asks for old again.

        ``title(key)`` names it in the log.
        """
        self._free_bytes = free_bytes
        self._supersedes = supersedes
        self._title = title
        self._models: OrderedDict[K, M] = OrderedDict()

    def get(self, key: K, find: Callable[[], Loadable[M]]) -> M:
        """The model of ``key``, loaded if it is not there.

        ``find()`` is asked first: what it raises passes through, and all models stay. So do those
        that need not make room where loading raises; the others are loaded again when somebody
        asks for them.
        """
        if key not in self._models:
            found = find()
            self._drop([old for old in self._models if self._supersedes(key, old)], room_for=key)
            self._make_room(key, found.needed_bytes)
            self._models[key] = found.load()
        self._models.move_to_end(key)
        return self._models[key]

    def keep_only(self, key: K) -> None:
        """Unload every other model."""
        self._drop([other for other in self._models if other != key], room_for=key)

    def _make_room(self, key: K, needed_bytes: int) -> None:
        while self._models and self._free_bytes() < needed_bytes:
            self._drop([next(iter(self._models))], room_for=key)

    def _drop(self, keys: Collection[K], *, room_for: K) -> None:
        for key in keys:
            del self._models[key]
            log.info("unloaded %s to make room for %s", self._title(key), self._title(room_for))
        if keys:
            release_memory()


def release_memory() -> None:
    """Give back what nothing refers to any more."""
    gc.collect()  # models have cycles: their memory would come back at some later time
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
