"""Seamless pictures: on a torus, rolling the input rolls the output and does nothing else."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from hypersd_core.engine.loader import load_model
from hypersd_core.engine.model import Model
from hypersd_core.engine.pixels.tiling import seamless
from hypersd_core.models import Family
from tests.engine.model_files import model_file

Network = Callable[[Model, Tensor], Tensor]
SHIFT = (8, 4)  # in latents: the UNets here halve them twice at most


def predict(model: Model, latents: Tensor) -> Tensor:
    width = model.unet.config.cross_attention_dim
    context = torch.linspace(-1, 1, 77 * width).reshape(1, 77, width)
    added = None
    if model.text_encoder_2 is not None:
        pooled = torch.ones(1, model.text_encoder_2.config.projection_dim)
        added = {"text_embeds": pooled, "time_ids": torch.tensor([[64.0, 64, 0, 0, 64, 64]])}
    output: Tensor = model.unet(
        latents, 500, encoder_hidden_states=context, added_cond_kwargs=added
    ).sample
    return output


def decode(model: Model, latents: Tensor) -> Tensor:
    pixels: Tensor = model.vae.decode(latents).sample
    return pixels


def encode(model: Model, pixels: Tensor) -> Tensor:
    latents: Tensor = model.vae.encode(pixels).latent_dist.mode()
    return latents


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=["sdxl", "sd15"])
def any_model(request: pytest.FixtureRequest, own_model: Model, tiny_sd15_folder: Path) -> Model:
    if request.param == "sdxl":
        return own_model
    file = model_file(tiny_sd15_folder, family=Family.SD15)
    return load_model(file, torch.device("cpu"))


@torch.inference_mode()
def rolled_difference(model: Model, network: Network, *, before: int = 1, after: int = 1) -> float:
    """How far the output of a rolled input is from the rolled output, in standard deviations.

    ``before`` and ``after``: pixels, of input and output, in a latent.
    """
    x = noise(1, 3 if before > 1 else 4, 16 * before, 24 * before)
    plain = network(model, x)
    moved = network(model, x.roll((SHIFT[0] * before, SHIFT[1] * before), (2, 3)))
    expected = plain.roll((SHIFT[0] * after, SHIFT[1] * after), (2, 3))
    return float((moved - expected).abs().max() / plain.std())


@pytest.mark.parametrize(
    ("network", "before", "after"), [(predict, 1, 1), (decode, 1, 4), (encode, 4, 1)]
)
def test_rolling_the_input_rolls_the_output_and_without_seamless_it_does_not(
    any_model: Model, network: Network, before: int, after: int
) -> None:
    with seamless(any_model):
        assert rolled_difference(any_model, network, before=before, after=after) < 1e-3
    assert rolled_difference(any_model, network, before=before, after=after) > 0.05


@pytest.mark.parametrize("network", [predict, decode])
@torch.inference_mode()
def test_a_convolution_changes_at_the_border_alone(own_model: Model, network: Network) -> None:
    first = own_model.unet.conv_in if network is predict else own_model.vae.decoder.conv_in
    x = noise(1, 4, 16, 24)
    plain = first(x)
    with seamless(own_model):
        closed = first(x)
    assert torch.equal(closed[..., 1:-1, 1:-1], plain[..., 1:-1, 1:-1])
    assert not torch.equal(closed, plain)


@pytest.mark.parametrize("is_interrupted", [False, True])
@torch.inference_mode()
def test_afterwards_the_model_draws_the_same_bits_as_before(
    own_model: Model, is_interrupted: bool
) -> None:
    latents, pixels = noise(1, 4, 16, 24), noise(1, 3, 64, 96)
    inputs = ((predict, latents), (decode, latents), (encode, pixels))
    before = [network(own_model, x) for network, x in inputs]
    try:
        with seamless(own_model):
            inside = [network(own_model, x) for network, x in inputs]
            if is_interrupted:
                raise KeyError
    except KeyError:
        assert is_interrupted
    after = [network(own_model, x) for network, x in inputs]
    assert all(map(torch.equal, before, after))
    assert not any(map(torch.equal, before, inside))


def test_no_weight_is_touched(own_model: Model) -> None:
    parts = (own_model.unet, own_model.vae)
    before = [(p.data_ptr(), p._version) for part in parts for p in part.parameters()]
    with seamless(own_model):
        inside = [(p.data_ptr(), p._version) for part in parts for p in part.parameters()]
    assert inside == before


def test_another_vae_of_the_same_model_is_closed_too(own_model: Model, model: Model) -> None:
    mixed = dataclasses.replace(own_model, vae=model.vae)
    with seamless(mixed):
        assert rolled_difference(mixed, decode, after=4) < 1e-3
