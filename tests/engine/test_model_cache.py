"""Models stay while memory lasts, go when it is needed, and no failed load takes one away."""

import logging
import weakref

import pytest

from hypersd_core.engine.memory.model_cache import ModelCache
from hypersd_core.errors import ModelError


class Weights:
    """Takes memory while it is alive, and has a cycle, as modules have."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.itself = self


class Device:
    """Has so much memory; loads models by name. ``broken`` ones cannot be loaded."""

    def __init__(self, total: int, **sizes: int) -> None:
        self.total = total
        self.sizes = sizes
        self.broken: set[str] = set()
        self.loads: list[str] = []
        self.alive: weakref.WeakSet[Weights] = weakref.WeakSet()
        self.cache = ModelCache(
            self.load, size_bytes=self.sizes.__getitem__, free_bytes=self.free_bytes
        )

    def load(self, name: str) -> Weights:
        self.loads.append(name)
        if name in self.broken:
            raise ModelError(f"{name} is cut off.")
        weights = Weights(name)
        self.alive.add(weights)
        return weights

    def free_bytes(self) -> int:
        return self.total - sum(self.sizes[weights.name] for weights in self.alive)


@pytest.fixture
def device() -> Device:
    return Device(10, a=4, b=4, c=4, d=9, huge=50)


def test_a_model_is_loaded_once(device: Device) -> None:
    assert device.cache.get("a") is device.cache.get("a")
    assert device.loads == ["a"]


def test_models_stay_together_while_they_fit(device: Device) -> None:
    for name in "abab":
        assert device.cache.get(name).name == name
    assert device.loads == ["a", "b"]


def test_the_least_recently_used_goes_first(device: Device) -> None:
    for name in "abac":
        device.cache.get(name)
    assert device.cache.keys == ("a", "c")
    assert device.loads == ["a", "b", "c"]


def test_no_more_models_go_than_must(device: Device) -> None:
    for name in "abd":
        device.cache.get(name)
    assert device.cache.keys == ("d",)
    device.cache.get("a")
    assert device.cache.keys == ("a",)


def test_memory_is_free_before_the_next_model_is_loaded(device: Device) -> None:
    """Cycles and all: with what is only forgotten, two models would have to fit."""
    for name in "abcabc":
        device.cache.get(name)
        assert device.free_bytes() >= 0
    assert {weights.name for weights in device.alive} == {"b", "c"}


def test_a_model_larger_than_the_device_is_tried_alone(device: Device) -> None:
    device.cache.get("a")
    assert device.cache.get("huge").name == "huge"
    assert device.cache.keys == ("huge",)


def test_a_broken_file_leaves_the_old_models_serving(device: Device) -> None:
    old = device.cache.get("a")
    device.broken = {"b"}
    with pytest.raises(ModelError, match="b is cut off"):
        device.cache.get("b")
    assert device.cache.keys == ("a",)
    assert device.cache.get("a") is old
    device.broken.clear()
    assert device.cache.get("b").name == "b"


def test_a_model_that_went_for_a_broken_file_is_said_so_and_comes_back(
    device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    device.cache.get("a")
    device.broken = {"d"}
    with pytest.raises(ModelError):
        device.cache.get("d")
    assert "unloaded a to make room for d" in caplog.text
    assert device.cache.get("a").name == "a"
    assert device.loads == ["a", "d", "a"]


def test_a_model_that_somebody_keeps_makes_the_next_one_go_too(device: Device) -> None:
    kept = device.cache.get("a")
    device.cache.get("b")
    device.cache.get("c")
    assert kept in device.alive
    assert device.cache.keys == ("c",)
