import os
from pathlib import Path

import pytest

# Read when torch is first imported, here and in every process that a test starts. More threads
# make nothing quicker at these sizes, and sums come out in the same order on every machine.
os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(scope="session")
def tiny_model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder that nobody may change; copy it first."""
    from tests.tiny_model import NAME, build_tiny_model  # noqa: PLC0415 - only who uses it waits

    folder = tmp_path_factory.mktemp("models") / NAME
    build_tiny_model(folder)
    return folder
