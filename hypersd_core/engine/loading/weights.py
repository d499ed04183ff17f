"""Tensors in safetensors files: known by their headers at once, read one by one when asked for."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from hypersd_core.engine.detection.folder_layout import shown
from hypersd_core.engine.header import TensorInfo, read_header
from hypersd_core.engine.loading.ldm_names import Stored
from hypersd_core.errors import ModelError
from hypersd_core.i18n import say


class Weights:
    """All tensors of a few files, by name. Raises ModelError for a file that is not whole."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._infos: dict[str, TensorInfo] = {}
        self._opened: dict[str, Any] = {}  # safe_open has no types
        for path in files:
            tensors = read_header(path).tensors
            self._infos.update(tensors)
            self._opened.update(dict.fromkeys(tensors, _open(path)))

    @property
    def names(self) -> AbstractSet[str]:
        """The names of all tensors in the files."""
        return self._infos.keys()

    def dtype(self, name: str) -> str:
        """The number format in the words of safetensors: ``F16``, ``BF16``."""
        return self._infos[name].dtype

    def shape(self, stored: Stored) -> tuple[int, ...]:
        """The shape in which ``read`` gives the tensor."""
        shape = self._infos[stored.name].shape
        if stored.third is not None:
            rows = _third(shape, stored.third)
            shape = (rows.stop - rows.start, *shape[1:])
        return shape[::-1] if stored.transposed else shape

    def read(self, stored: Stored) -> Tensor:
        """The tensor, or the part of it that ``stored`` says, in memory of its own.

        Raises OSError or SafetensorError where the file has changed since it was opened.
        """
        opened = self._opened[stored.name]
        if stored.third is None:
            tensor: Tensor = opened.get_tensor(stored.name)
        else:
            tensor = opened.get_slice(stored.name)[
                _third(self._infos[stored.name].shape, stored.third)
            ]
        return tensor.mT if stored.transposed else tensor


def _open(path: Path) -> Any:  # noqa: ANN401 - safe_open has no types
    try:
        # Not mapped, as is usual: who cuts a mapped file off ends the process that reads it.
        return safe_open(path, framework="pt", backend="pread")
    except (OSError, SafetensorError) as error:
        raise ModelError(
            say("{file} is not a safetensors file that can be read.", file=shown(path))
        ) from error


def _third(shape: tuple[int, ...], third: int) -> slice:
    rows = shape[0] if shape else 0
    return slice(third * rows // 3, (third + 1) * rows // 3)
