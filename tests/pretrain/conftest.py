import pytest
from transformers import CLIPTokenizer

from hypersd_core.pretrain import models
from tests.tiny_model import sample_labels


@pytest.fixture(scope="session")
def tokenizer() -> CLIPTokenizer:
    """Trained on a few hundred captions."""
    return models.train_tokenizer(sample_labels(), seed=0)
