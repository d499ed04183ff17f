"""Models stay while memory lasts, go when it is needed, and no broken file takes one away."""

import logging
import weakref

import pytest

from hypersd_core.engine.memory.model_cache import Loadable, ModelCache
from hypersd_core.errors import Cancelled, ModelError


class Weights:
    """Takes memory while it is alive, and has a cycle, as modules have."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.itself = self


class Device:
    """Has so much memory; loads models by name, of which ``broken`` ones are not whole.

    ``a2`` is a newer version of ``a``.
    """

    def __init__(self, total: int, **sizes: int) -> None:
        self.total = total
        self.sizes = sizes
        self.broken: set[str] = set()
        self.unwanted: set[str] = set()
        self.loads: list[str] = []
        self.alive: weakref.WeakSet[Weights] = weakref.WeakSet()
        self.cache: ModelCache[str, Weights] = ModelCache(
            free_bytes=self.free_bytes,
            supersedes=lambda new, old: new[0] == old[0],
            title=str.upper,
        )

    def get(self, name: str) -> Weights:
        return self.cache.get(name, lambda: self.find(name))

    def find(self, name: str) -> Loadable[Weights]:
        if name in self.broken:
            raise ModelError(f"{name} is cut off.")
        return Loadable(needed_bytes=self.sizes[name], load=lambda: self.load(name))

    def load(self, name: str) -> Weights:
        self.loads.append(name)
        weights = Weights(name)
        self.alive.add(weights)
        if name in self.unwanted:
            raise Cancelled(f"{name} is not wanted.")
        return weights

    def free_bytes(self) -> int:
        return self.total - sum(self.sizes[weights.name] for weights in self.alive)

    @property
    def loaded(self) -> set[str]:
        return {weights.name for weights in self.alive}


@pytest.fixture
def device() -> Device:
    return Device(10, a=4, a2=4, b=4, c=4, d=9, huge=50)


def test_a_model_is_loaded_once(device: Device) -> None:
    assert device.get("a") is device.get("a")
    assert device.loads == ["a"]


def test_models_stay_together_while_they_fit(device: Device) -> None:
    for name in "abab":
        assert device.get(name).name == name
    assert device.loads == ["a", "b"]


def test_the_least_recently_used_goes_first(
    device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for name in "abac":
        device.get(name)
    assert device.loaded == {"a", "c"}
    assert device.loads == ["a", "b", "c"]
    assert "unloaded B to make room for C" in caplog.text


def test_no_more_models_go_than_must(device: Device) -> None:
    for name in "abd":
        device.get(name)
    assert device.loaded == {"d"}
    device.get("a")
    assert device.loaded == {"a"}


def test_memory_is_free_before_the_next_model_is_loaded(device: Device) -> None:
    """Cycles and all: with what is only forgotten, two models would have to fit."""
    for name in "abcabc":
        device.get(name)
        assert device.free_bytes() >= 0
    assert device.loaded == {"b", "c"}


def test_a_model_larger_than_the_device_is_tried_alone(device: Device) -> None:
    device.get("a")
    assert device.get("huge").name == "huge"
    assert device.loaded == {"huge"}


@pytest.mark.parametrize("broken", ["b", "d", "huge", "a2"])
def test_a_broken_file_leaves_the_old_models_serving(device: Device, broken: str) -> None:
    """However large it says it is: it is known to be broken before room is made for it."""
    old = device.get("a")
    device.broken = {broken}
    with pytest.raises(ModelError, match=f"{broken} is cut off"):
        device.get(broken)
    assert device.get("a") is old
    device.broken.clear()
    assert device.get(broken).name == broken


def test_loading_that_is_stopped_leaves_what_did_not_make_room(device: Device) -> None:
    old = device.get("a")
    device.unwanted = {"b"}
    with pytest.raises(Cancelled):
        device.get("b")
    assert device.get("a") is old
    device.unwanted.clear()
    assert device.get("b").name == "b"
    assert device.loads == ["a", "b", "b"]


def test_an_older_version_goes_before_the_new_one_is_loaded(device: Device) -> None:
    for name in ("a", "b", "a2"):
        device.get(name)
    assert device.loaded == {"b", "a2"}
    device.get("b")
    assert device.loads == ["a", "b", "a2"]


def test_an_older_version_goes_even_where_both_would_fit(device: Device) -> None:
    device.get("a")
    device.get("a2")
    assert device.loaded == {"a2"}


def test_all_models_but_one_go_at_once(device: Device) -> None:
    device.total = 100
    for name in "abcd":
        device.get(name)
    kept = device.get("b")
    device.cache.keep_only("b")
    assert device.loaded == {"b"}
    assert device.get("b") is kept


def test_a_model_that_is_not_there_needs_all_others_gone(device: Device) -> None:
    device.get("a")
    device.cache.keep_only("c")
    assert device.loaded == set()


def test_a_model_that_somebody_keeps_makes_the_next_one_go_too(device: Device) -> None:
    kept = device.get("a")
    device.get("b")
    device.get("c")
    assert kept in device.alive
    assert device.loaded == {"a", "c"}
