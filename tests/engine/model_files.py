"""Models written as the files that people bring, and one look at what they draw."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from hypersd_core.engine.model import Model
from hypersd_core.models import Family, Kind, ModelFile
from tests import ldm_layout

PARTS = ("text_encoder", "text_encoder_2", "unet", "vae")


def model_file(path: Path, **changes: Any) -> ModelFile:
    """An SDXL checkpoint at ``path``, with ``changes``."""
    values: dict[str, Any] = {
        "name": path.stem,
        "path": path,
        "kind": Kind.CHECKPOINT,
        "family": Family.SDXL,
        "bytes": 0,
    }
    return ModelFile(**(values | changes))


def folder_file(folder: Path) -> ModelFile:
    """The model in ``folder``, taken for whole."""
    family = Family.SDXL if "XL" in (folder / "model_index.json").read_text() else Family.SD15
    return model_file(folder, name=folder.name, family=family)


def read_states(folder: Path) -> dict[str, dict[str, Tensor]]:
    """The tensors of each part of the model in ``folder``."""
    files = {name: next(folder.glob(f"{name}/*.safetensors"), None) for name in PARTS}
    return {name: safetensors.torch.load_file(file) for name, file in files.items() if file}


def write(path: Path, tensors: Mapping[str, Tensor]) -> Path:
    safetensors.torch.save_file({n: t.contiguous() for n, t in tensors.items()}, path)
    return path


def write_checkpoint(path: Path, folder: Path) -> Path:
    """The model in ``folder`` as one file in LDM's layout."""
    states = read_states(folder)
    if "text_encoder_2" in states:
        return write(path, ldm_layout.ldm_sdxl(**states))
    return write(path, ldm_layout.ldm_sd15(**states))


def modules(model: Model) -> dict[str, torch.nn.Module]:
    parts = {name: getattr(model, name) for name in PARTS}
    return {name: part for name, part in parts.items() if part is not None}


def assert_same_weights(ours: torch.nn.Module, theirs: torch.nn.Module) -> None:
    """Every number is the same, bit by bit."""
    ours_state, theirs_state = ours.state_dict(), theirs.state_dict()
    assert ours_state.keys() == theirs_state.keys()
    for name, tensor in ours_state.items():
        assert torch.equal(tensor, theirs_state[name]), name


@torch.inference_mode()
def one_step(model: Model) -> Tensor:
    """Pixels from one call of every part: what they show moves with any weight."""
    ids = torch.tensor([[model.tokenizer.bos_token_id, 5, 9, model.tokenizer.eos_token_id]])
    context, added = model.text_encoder(ids).last_hidden_state, None
    if model.text_encoder_2 is not None:
        output = model.text_encoder_2(ids, output_hidden_states=True)
        context = torch.cat([context, output.hidden_states[-2]], dim=-1)
        sizes = torch.tensor([[64.0, 64, 0, 0, 64, 64]])
        added = {"text_embeds": output.text_embeds, "time_ids": sizes}
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    noise = model.unet(latents, 999, encoder_hidden_states=context, added_cond_kwargs=added).sample
    pixels: Tensor = model.vae.decode(latents - noise).sample
    return pixels
