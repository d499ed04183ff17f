"""ESRGAN's network against its definition, written here once more without any module."""

from collections.abc import Callable, Mapping

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hypersd_core.engine.pixels.rrdb import RRDBNet, build_rrdb
from tests.engine.upscaler_files import numbered_weights, real_esrgan_names, revised_names

Weights = dict[str, Tensor]


def same_names(weights: Mapping[str, Tensor]) -> Weights:
    return dict(weights)


def paper(weights: Weights, x: Tensor, *, doublings: int, blocks: int = 2) -> Tensor:
    """Wang et al. (2018), figure 4, from weights in the numbered naming."""

    def conv(name: str, x: Tensor) -> Tensor:
        return F.conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=1)

    def act(x: Tensor) -> Tensor:
        return torch.where(x > 0, x, 0.2 * x)

    def dense(name: str, x: Tensor) -> Tensor:
        seen = [x]
        for i in range(1, 5):
            seen.append(act(conv(f"{name}.conv{i}.0", torch.cat(seen, 1))))
        return x + 0.2 * conv(f"{name}.conv5.0", torch.cat(seen, 1))

    first = conv("model.0", x)
    y = first
    for block in range(blocks):
        z = y
        for i in (1, 2, 3):
            z = dense(f"model.1.sub.{block}.RDB{i}", z)
        y = y + 0.2 * z
    y = first + conv(f"model.1.sub.{blocks}", y)
    for i in range(1, doublings + 1):
        doubled = y.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        y = act(conv(f"model.{3 * i}", doubled))
    y = act(conv(f"model.{3 * doublings + 2}", y))
    return conv(f"model.{3 * doublings + 4}", y)


def pixels(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", [same_names, real_esrgan_names, revised_names])
@pytest.mark.parametrize("doublings", [0, 1, 2, 3])
def test_every_naming_gives_the_network_of_the_paper(
    doublings: int, name: Callable[[Weights], Weights]
) -> None:
    weights = numbered_weights(doublings=doublings)
    network = build_rrdb(name(weights))
    x = pixels(1, 3, 10, 12)
    assert network.scale == 2**doublings
    torch.testing.assert_close(network(x), paper(weights, x, doublings=doublings))


@pytest.mark.parametrize(("inputs", "square", "scale"), [(12, 2, 2), (48, 4, 1)])
def test_more_channels_mean_that_squares_of_pixels_go_in_as_channels(
    inputs: int, square: int, scale: int
) -> None:
    weights = numbered_weights(inputs=inputs)
    network = build_rrdb(real_esrgan_names(weights))
    x = pixels(1, 3, 16, 8)
    folded = x.reshape(1, 3, 16 // square, square, 8 // square, square)
    folded = folded.permute(0, 1, 3, 5, 2, 4).reshape(1, inputs, 16 // square, 8 // square)
    assert (network.scale, network.unshuffle) == (scale, square)
    torch.testing.assert_close(network(x), paper(weights, folded, doublings=2))


def test_the_released_size_has_the_parameters_that_its_authors_count() -> None:
    """16,697,987: RealESRGAN_x4plus, and every ESRGAN of 23 blocks."""
    with torch.device("meta"):
        network = RRDBNet(channels=64, growth=32, blocks=23, doublings=2, unshuffle=1)
    assert sum(parameter.numel() for parameter in network.parameters()) == 16_697_987


def changed(**changes: Tensor | None) -> Weights:
    """Whole weights with tensors replaced; None removes one. Double underscores are dots."""
    named = {name.replace("__", "."): tensor for name, tensor in changes.items()}
    weights = real_esrgan_names(numbered_weights()) | named
    return {name: tensor for name, tensor in weights.items() if tensor is not None}


BROKEN: dict[str, Weights] = {
    "nothing": {},
    "one tensor": {"conv_first.weight": torch.zeros(8, 3, 3, 3)},
    "one numbered tensor": {"model.0.weight": torch.zeros(8, 3, 3, 3)},
    "no first": changed(conv_first__weight=None),
    "a missing bias": changed(conv_hr__bias=None),
    "a missing weight": changed(body__1__rdb2__conv3__weight=None),
    "one too many": changed(more=torch.zeros(1)),
    "another name": changed(conv_hr__bias=None, conv_hr__offset=torch.zeros(8)),
    "a flat first": changed(conv_first__weight=torch.zeros(8)),
    "four channels in": changed(conv_first__weight=torch.zeros(8, 4, 3, 3)),
    "one channel out": changed(conv_last__weight=torch.zeros(1, 8, 3, 3)),
    "another growth": changed(body__0__rdb1__conv1__weight=torch.zeros(5, 8, 3, 3)),
    "a block far away": changed(body__7__rdb1__conv1__weight=torch.zeros(4, 8, 3, 3)),
    "16 times the size": numbered_weights(doublings=4),
    "larger squares than it enlarges": changed(
        conv_first__weight=torch.zeros(8, 48, 3, 3), conv_up2__weight=None, conv_up2__bias=None
    ),
}


@pytest.mark.parametrize("weights", BROKEN.values(), ids=BROKEN)
def test_weights_of_another_network_are_refused(weights: Weights) -> None:
    with pytest.raises(ValueError, match=r"\w+"):
        build_rrdb(weights)
