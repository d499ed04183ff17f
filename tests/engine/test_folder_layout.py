"""What people are told of a path in the models folder."""

from pathlib import Path

import pytest

from hypersd_core.engine.detection.folder_layout import read_json, shown
from hypersd_core.errors import ModelError

MODELS = Path("/srv/bot/models")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("fast.safetensors", "fast.safetensors"),
        ("loras/fast.safetensors", "fast.safetensors"),
        ("dream", "dream"),
        ("dream/model_index.json", "dream/model_index.json"),
        ("dream/unet", "dream/unet"),
        ("dream/unet/config.json", "dream/unet/config.json"),
        ("dream/tokenizer_2", "dream/tokenizer_2"),
        ("dream/scheduler/scheduler_config.json", "dream/scheduler/scheduler_config.json"),
        ("xl/dream/unet/config.json", "dream/unet/config.json"),
        ("vae/clear.safetensors", "clear.safetensors"),
        ("clear-vae/config.json", "clear-vae/config.json"),
        ("two\nlines.safetensors", "two\ufffdlines.safetensors"),
        ("\udcff.safetensors", "\ufffd.safetensors"),
    ],
)
def test_a_path_is_shown_from_its_model_on(path: str, said: str) -> None:
    assert shown(MODELS / path) == said


@pytest.mark.parametrize("path", ["fast.safetensors", "unet", "config.json", "unet/config.json"])
def test_a_path_in_the_current_folder_is_shown_as_it_is(path: str) -> None:
    assert shown(Path(path)) == path


def test_json_that_is_not_there_is_named_without_the_folders_above(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"^dream/unet/config\.json is missing\.$"):
        read_json(tmp_path / "dream" / "unet" / "config.json")
