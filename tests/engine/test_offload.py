"""Parts are on the device while they work and at no other time; the weights at rest never move.

"meta" stands for the device: a real one to torch, on which no weight is forgotten by chance.
"""

import dataclasses
from pathlib import Path

import pytest
import torch

from hypersd_core.engine.loader import load_model
from hypersd_core.engine.memory.offload import Part, placed
from hypersd_core.engine.memory.policy import MemoryMode
from hypersd_core.engine.model import Model
from hypersd_core.models import Family
from tests.engine.model_files import model_file

META = torch.device("meta")
NAMES = {
    Part.TEXT_ENCODERS: ("text_encoder", "text_encoder_2"),
    Part.UNET: ("unet",),
    Part.VAE: ("vae",),
}


@pytest.fixture
def resting(own_model: Model) -> Model:
    """Its weights are in main memory, and its work would be on another device."""
    return dataclasses.replace(own_model, device=META)


def tensors(model: Model, part: Part) -> list[torch.Tensor]:
    modules = [getattr(model, name) for name in NAMES[part]]
    return [t for m in modules if m is not None for t in (*m.parameters(), *m.buffers())]


def everything(model: Model) -> list[torch.Tensor]:
    return [tensor for part in Part for tensor in tensors(model, part)]


@pytest.mark.parametrize("part", Part)
def test_only_the_part_at_work_is_on_the_device(resting: Model, part: Part) -> None:
    with placed(resting, part, mode=MemoryMode.OFFLOAD):
        for other in Part:
            devices = {tensor.device.type for tensor in tensors(resting, other)}
            assert devices == {"meta" if other is part else "cpu"}
    assert {tensor.device.type for tensor in everything(resting)} == {"cpu"}


def test_a_placed_part_works_on_the_device(resting: Model) -> None:
    latents = torch.empty(1, 4, 8, 8, device=META)
    with placed(resting, Part.VAE, mode=MemoryMode.OFFLOAD):
        assert resting.vae.device == META
        assert resting.vae.decode(latents).sample.device == META
    assert resting.vae.device.type == "cpu"


@pytest.mark.parametrize("is_interrupted", [False, True])
@torch.inference_mode()
def test_afterwards_every_tensor_is_the_very_same(resting: Model, is_interrupted: bool) -> None:
    before = [(tensor, tensor.data_ptr()) for tensor in everything(resting)]
    values = [tensor.clone() for tensor, _ in before]
    for part in Part:
        try:
            with placed(resting, part, mode=MemoryMode.OFFLOAD):
                if is_interrupted:
                    raise KeyError
        except KeyError:
            assert is_interrupted
    after = everything(resting)
    assert all(a is b and a.data_ptr() == at for a, (b, at) in zip(after, before, strict=True))
    assert all(map(torch.equal, after, values))


def test_what_is_saved_with_the_model_stays_so(resting: Model) -> None:
    names = [getattr(resting, name).state_dict().keys() for name in NAMES[Part.TEXT_ENCODERS]]
    with placed(resting, Part.TEXT_ENCODERS, mode=MemoryMode.OFFLOAD):
        pass
    after = [getattr(resting, name).state_dict().keys() for name in NAMES[Part.TEXT_ENCODERS]]
    assert after == names


def test_weights_changed_at_rest_are_what_works(own_model: Model) -> None:
    weight = own_model.unet.conv_in.weight
    with torch.no_grad():
        weight.fill_(2)
    with placed(own_model, Part.UNET, mode=MemoryMode.OFFLOAD):
        assert own_model.unet.conv_in.weight is not weight
        assert (own_model.unet.conv_in.weight == 2).all()


@pytest.mark.parametrize("part", Part)
def test_a_resident_model_is_left_alone(resting: Model, part: Part) -> None:
    before = everything(resting)
    with placed(resting, part, mode=MemoryMode.RESIDENT):
        assert all(a is b for a, b in zip(everything(resting), before, strict=True))


def test_a_model_with_one_text_encoder_has_its_parts_placed_too(tiny_sd15_folder: Path) -> None:
    model = load_model(model_file(tiny_sd15_folder, family=Family.SD15), torch.device("cpu"))
    resting = dataclasses.replace(model, device=META)
    with placed(resting, Part.TEXT_ENCODERS, mode=MemoryMode.OFFLOAD):
        assert {t.device.type for t in tensors(resting, Part.TEXT_ENCODERS)} == {"meta"}


@pytest.mark.gpu
def test_a_gpu_holds_one_part_at_a_time_and_nothing_afterwards(own_model: Model) -> None:
    model = dataclasses.replace(own_model, device=torch.device("cuda"))
    before = torch.cuda.memory_allocated()
    for part in Part:
        size = sum(tensor.nbytes for tensor in tensors(model, part))
        with placed(model, part, mode=MemoryMode.OFFLOAD):
            taken = torch.cuda.memory_allocated() - before
            assert size <= taken <= size + 512 * len(tensors(model, part))  # blocks of 512 bytes
        assert torch.cuda.memory_allocated() == before
