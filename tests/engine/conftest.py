from pathlib import Path
from typing import Any

import pytest
import torch

from hypersd_core.engine.engine import Engine
from hypersd_core.engine.loader import Model, load_model
from tests.engine.diffusers_reference import load_pipeline


@pytest.fixture(scope="session")
def model(tiny_model_folder: Path) -> Model:
    """Loaded once: no test may change it."""
    return load_model(tiny_model_folder, torch.device("cpu"))


@pytest.fixture(scope="session")
def pipeline(tiny_model_folder: Path) -> Any:
    return load_pipeline(tiny_model_folder)


@pytest.fixture
def own_model(tiny_model_folder: Path) -> Model:
    """A model of the test's own, to break."""
    return load_model(tiny_model_folder, torch.device("cpu"))


@pytest.fixture
def engine(model: Model) -> Engine:
    return Engine(model)
