"""Single files that cannot be drawn with: each gets one sentence that names it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor

from hypersd_core.engine.loader import load_model, load_vae
from hypersd_core.engine.model import Model
from hypersd_core.errors import ModelError
from hypersd_core.models import Family, Kind, ModelFile
from tests import ldm_layout
from tests.engine.model_files import folder_file, model_file, read_states, write, write_checkpoint

CPU = torch.device("cpu")
UNET = ldm_layout.UNET
State = dict[str, Tensor]
Damage = Callable[[Path], object]
pytestmark = pytest.mark.usefixtures("no_network")


@pytest.fixture
def checkpoint(tiny_model_folder: Path, tmp_path: Path) -> ModelFile:
    return model_file(write_checkpoint(tmp_path / "whole.safetensors", tiny_model_folder))


@pytest.fixture
def unet(tiny_model_folder: Path, tmp_path: Path) -> ModelFile:
    tensors = read_states(tiny_model_folder)["unet"]
    return model_file(write(tmp_path / "part.safetensors", tensors), kind=Kind.UNET)


def edit(change: Callable[[State], object]) -> Damage:
    def damage(path: Path) -> None:
        tensors = safetensors.torch.load_file(path)
        change(tensors)
        write(path, tensors)

    return damage


def lose(start: str) -> Damage:
    def change(tensors: State) -> None:
        for name in [name for name in tensors if name.startswith(start)]:
            del tensors[name]

    return edit(change)


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


# what is wrong: how it comes about, and what the sentence says
DAMAGES: dict[str, tuple[Damage, str]] = {
    "it is gone": (Path.unlink, "any more"),
    "it is cut off": (cut_in_half, "is cut off"),
    "it is empty": (lambda path: path.write_bytes(b""), "is empty"),
    "it is a text": (lambda path: path.write_text("Not Found"), "is a text file"),
    "it is a page": (lambda path: path.write_text("<html>404</html>"), "is a web page"),
    "it is a pickle": (lambda path: torch.save({"a": torch.ones(1)}, path), "is a pickle"),
    "a tensor is missing": (
        lose(f"{UNET}input_blocks.0.0.bias"),
        f"lacks the tensor {UNET}input_blocks.0.0.bias",
    ),
    "two tensors are missing": (
        lose(f"{UNET}time_embed.0."),
        f"lacks 2 tensors, {UNET}time_embed.0.bias first",
    ),
    "a fused tensor is missing": (
        lose("conditioner.embedders.1.model.transformer.resblocks.0.attn.in_proj_weight"),
        "in_proj_weight first",
    ),
    "a fused tensor is a number": (
        edit(
            lambda t: t.update(
                {
                    "conditioner.embedders.1.model.transformer.resblocks.0.attn.in_proj_bias":
                    torch.tensor(1.0)
                }
            )
        ),
        "in_proj_bias is",
    ),
    "a tensor has another shape": (
        edit(lambda t: t.update({f"{UNET}input_blocks.0.0.weight": torch.zeros(96, 9, 3, 3)})),
        "input_blocks.0.0.weight is 96×9×3×3, not 96×4×3×3",
    ),
    "a tensor is whole numbers": (
        edit(lambda t: t.update({f"{UNET}out.2.bias": torch.zeros(4, dtype=torch.int8)})),
        "as I8",
    ),
    "a tensor is one too many": (
        edit(lambda t: t.update({f"{UNET}new.weight": torch.zeros(1)})),
        f"has a surplus of the tensor {UNET}new.weight",
    ),
    "tensors are too many": (
        edit(lambda t: t.update({"edm_mean": torch.zeros(4), "edm_std": torch.zeros(4)})),
        "has a surplus of 2 tensors, edm_mean first",
    ),
    "the UNet is missing": (lose(UNET), "holds no UNet"),
    "the VAE is missing": (lose(ldm_layout.VAE), "holds no VAE"),
    "the first text encoder is missing": (lose(ldm_layout.SDXL_CLIP), "holds no text encoder"),
    "the second text encoder is missing": (
        lose(ldm_layout.SDXL_OPEN_CLIP), "holds no second text encoder",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_a_wrong_checkpoint_is_refused_with_one_sentence_that_names_it(
    name: str, checkpoint: ModelFile, tiny_model_folder: Path
) -> None:
    damage, says = DAMAGES[name]
    damage(checkpoint.path)
    with pytest.raises(ModelError) as refused:
        load_model(checkpoint, CPU, config=tiny_model_folder)
    message = str(refused.value)
    assert says in message
    assert "whole" in message
    assert str(checkpoint.path.parent) not in message
    assert message.endswith(".")
    assert "\n" not in message


def refusal(file: ModelFile, **options: Any) -> str:
    with pytest.raises(ModelError) as refused:
        load_model(file, CPU, **options)
    return str(refused.value)


def test_a_checkpoint_of_unusual_widths_needs_a_config(checkpoint: ModelFile) -> None:
    message = refusal(checkpoint)
    assert message.startswith("whole.safetensors is a model of unusual widths: ")
    assert 'Write config = "FOLDER" into whole.toml beside it' in message


def test_a_config_of_another_family_is_refused(
    checkpoint: ModelFile, tiny_sd15_folder: Path
) -> None:
    message = refusal(checkpoint, config=tiny_sd15_folder)
    assert message == "The folder tiny-sd15 describes SD1.5, not SDXL."


def test_what_the_catalogue_refuses_is_not_loaded(checkpoint: ModelFile) -> None:
    file = replace(checkpoint, obstacle="whole.safetensors is a model of FLUX.")
    assert refusal(file) == "whole.safetensors is a model of FLUX."


@pytest.mark.parametrize(("family", "label"), [(Family.FLUX, "FLUX"), (None, "unknown")])
def test_other_families_are_refused(
    family: Family | None, label: str, checkpoint: ModelFile
) -> None:
    assert refusal(replace(checkpoint, family=family)) == (
        f"whole is of the family {label}; only SD1.5 and SDXL can be drawn with."
    )


def test_a_lora_is_no_model(checkpoint: ModelFile) -> None:
    assert refusal(replace(checkpoint, kind=Kind.LORA)) == (
        "whole is of the kind lora; it must be a checkpoint or a unet."
    )


def test_an_unknown_prediction_is_refused(checkpoint: ModelFile, tiny_model_folder: Path) -> None:
    message = refusal(checkpoint, config=tiny_model_folder, prediction="flow")
    assert message == (
        "whole is said to predict flow; only epsilon, v_prediction, sample are known."
    )


def test_a_unet_alone_needs_a_base(unet: ModelFile) -> None:
    assert refusal(unet) == (
        "part is a UNet alone: it needs a base of SDXL for text encoders and VAE."
    )


def test_the_base_must_be_of_the_same_family(unet: ModelFile, tiny_sd15_folder: Path) -> None:
    assert refusal(unet, base=folder_file(tiny_sd15_folder)) == (
        "part is a UNet of SDXL; its base tiny-sd15 is not."
    )


def test_the_base_must_be_a_whole_model(unet: ModelFile) -> None:
    assert refusal(unet, base=unet) == "part is of the kind unet; it must be a checkpoint."


def test_a_unet_that_is_larger_than_its_base_is_refused(
    unet: ModelFile, tiny_model_folder: Path
) -> None:
    edit(lambda t: t.update({"conv_in.weight": torch.zeros(320, 4, 3, 3)}))(unet.path)
    message = refusal(unet, base=folder_file(tiny_model_folder))
    assert message == (
        "The model part.safetensors is damaged or of another size: "
        "conv_in.weight is 320×4×3×3, not 96×4×3×3."
    )


def test_a_file_without_a_unet_is_no_unet(unet: ModelFile, tiny_model_folder: Path) -> None:
    write(unet.path, ldm_layout.ldm_vae(read_states(tiny_model_folder)["vae"]))
    assert refusal(unet, base=folder_file(tiny_model_folder)) == "part holds no UNet."


VAE_DAMAGES: dict[str, tuple[Damage, str]] = {
    "it is cut off": (cut_in_half, "is cut off"),
    "it is empty": (lambda path: write(path, {}), "holds no VAE"),
    "a tensor is missing": (lose("encoder.conv_in.bias"), "lacks the tensor encoder.conv_in.bias"),
    "its latents are wider": (
        edit(lambda t: t.update({"post_quant_conv.weight": torch.zeros(16, 16, 1, 1)})),
        "post_quant_conv.weight is 16×16×1×1, not 4×4×1×1",
    ),
}


@pytest.mark.parametrize("name", VAE_DAMAGES)
def test_a_wrong_vae_is_refused_with_one_sentence_that_names_it(
    name: str, model: Model, tiny_model_folder: Path, tmp_path: Path
) -> None:
    path = write(tmp_path / "clear.safetensors", read_states(tiny_model_folder)["vae"])
    damage, says = VAE_DAMAGES[name]
    damage(path)
    with pytest.raises(ModelError) as refused:
        load_vae(model_file(path, kind=Kind.VAE, family=None), model)
    assert says in str(refused.value)
    assert "clear.safetensors" in str(refused.value)
    assert str(tmp_path) not in str(refused.value)


def test_a_checkpoint_is_no_vae(checkpoint: ModelFile, model: Model) -> None:
    with pytest.raises(ModelError, match=r"^whole is of the kind checkpoint; it must be a vae\.$"):
        load_vae(checkpoint, model)
