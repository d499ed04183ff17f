import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from hypersd_core.engine.engine import Engine
from hypersd_core.engine.loader import Model, load_model
from tests.engine.diffusers_reference import load_pipeline
from tests.engine.model_files import folder_file
from tests.engine.one_model import OneModel
from tests.tiny_sd15 import NAME as SD15_NAME
from tests.tiny_sd15 import build_tiny_sd15


@pytest.fixture(scope="session")
def model(tiny_model_folder: Path) -> Model:
    """Loaded once: no test may change it."""
    return load_model(folder_file(tiny_model_folder), torch.device("cpu"))


@pytest.fixture(scope="session")
def pipeline(tiny_model_folder: Path) -> Any:
    return load_pipeline(tiny_model_folder)


@pytest.fixture
def own_model(tiny_model_folder: Path) -> Model:
    """A model of the test's own, to break."""
    return load_model(folder_file(tiny_model_folder), torch.device("cpu"))


@pytest.fixture
def engine(model: Model) -> Engine:
    return Engine(OneModel(model))


@pytest.fixture(scope="session")
def tiny_sd15_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder that nobody may change; copy it first."""
    folder = tmp_path_factory.mktemp("models") / SD15_NAME
    build_tiny_sd15(folder)
    return folder


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody may ask the network, not even a test that ends in an error."""
    attempts: list[object] = []

    def refuse(*arguments: object, **_: object) -> None:
        attempts.append(arguments)
        raise OSError("this test has no network")

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    yield
    assert attempts == []
