"""RRDBNet, the network of ESRGAN: residual-in-residual dense blocks, then doublings.

Wang et al. (2018), "ESRGAN", section 3.1 and figure 4. Pixel-unshuffle before it, for factors below
4, is Real-ESRGAN's: Wang et al. (2021), section 3.3. Its size is read off the weights.
"""

import re
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hypersd_core.i18n import say

_SLOPE = 0.2  # of the leaky ReLU
_RESIDUAL_SCALE = 0.2
_MOST_DOUBLINGS = 3  # 8 times the size; most that are released make 4
# Three ways to name the same tensors. Ours is that of BasicSR and Real-ESRGAN, with a dot before
# the number of a doubling; ESRGAN's own after its revision differs in the names alone.
_REVISED = {
    r"RRDB_trunk\.(\d+)\.RDB(\d)\.": r"body.\1.rdb\2.",
    r"trunk_conv\.": "conv_body.",
    r"HRconv\.": "conv_hr.",
    r"(?:conv_up|upconv)(\d)\.": r"conv_up.\1.",
}
# ESRGAN's first is a sequence, in which activations and doublings have numbers too.
_NUMBERED = {
    r"model\.1\.sub\.(\d+)\.RDB(\d)\.conv(\d)\.0\.": r"body.\1.rdb\2.conv\3.",
    r"model\.1\.sub\.\d+\.(weight|bias)": r"conv_body.\1",
    r"model\.0\.": "conv_first.",
}


class RRDBNet(nn.Module):
    """Pixels (B, 3, H, W) in [0, 1] to (B, 3, H * scale, W * scale).

    ``unshuffle`` is the side of the squares of pixels that become channels first; H and W are
    multiples of it.
    """

    def __init__(
        self, *, channels: int, growth: int, blocks: int, doublings: int, unshuffle: int
    ) -> None:
        super().__init__()
        self.unshuffle = unshuffle
        self.scale = 2**doublings // unshuffle
        self.conv_first = _conv(3 * unshuffle**2, channels)
        self.body = nn.Sequential(*(_Block(channels, growth) for _ in range(blocks)))
        self.conv_body = _conv(channels, channels)
        self.conv_up = nn.ModuleDict(
            {str(i + 1): _conv(channels, channels) for i in range(doublings)}
        )
        self.conv_hr = _conv(channels, channels)
        self.conv_last = _conv(channels, 3)

    def forward(self, pixels: Tensor) -> Tensor:
        """The enlarged picture, not yet clamped to [0, 1]."""
        x = self.conv_first(F.pixel_unshuffle(pixels, self.unshuffle))
        x = x + self.conv_body(self.body(x))
        for conv in self.conv_up.values():
            x = F.leaky_relu(conv(F.interpolate(x, scale_factor=2.0, mode="nearest")), _SLOPE)
        enlarged: Tensor = self.conv_last(F.leaky_relu(self.conv_hr(x), _SLOPE))
        return enlarged


class _DenseBlock(nn.Module):
    """Five convolutions, each of which sees the outputs of all before it."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.conv1 = _conv(channels, growth)
        self.conv2 = _conv(channels + growth, growth)
        self.conv3 = _conv(channels + 2 * growth, growth)
        self.conv4 = _conv(channels + 3 * growth, growth)
        self.conv5 = _conv(channels + 4 * growth, channels)

    def forward(self, x: Tensor) -> Tensor:
        seen = x
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            seen = torch.cat([seen, F.leaky_relu(conv(seen), _SLOPE)], dim=1)
        return x + _RESIDUAL_SCALE * self.conv5(seen)


class _Block(nn.Module):
    """Residual in residual: three dense blocks with a shortcut around them."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.rdb1 = _DenseBlock(channels, growth)
        self.rdb2 = _DenseBlock(channels, growth)
        self.rdb3 = _DenseBlock(channels, growth)

    def forward(self, x: Tensor) -> Tensor:
        return x + _RESIDUAL_SCALE * self.rdb3(self.rdb2(self.rdb1(x)))


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)


def build_rrdb(tensors: Mapping[str, Tensor]) -> RRDBNet:
    """The network of these weights, under any of the three namings.

    Raises ValueError, with what is wrong, when they are not those of a whole RRDBNet that turns
    colour pictures into colour pictures.
    """
    weights = _renamed(tensors)
    first, growing = weights.get("conv_first.weight"), weights.get("body.0.rdb1.conv1.weight")
    if first is None or growing is None or first.ndim != 4 or growing.ndim != 4:
        raise ValueError(say("the first convolutions of an RRDBNet are missing"))
    blocks, doublings = _count(weights, "body"), _count(weights, "conv_up")
    unshuffle = {3: 1, 12: 2, 48: 4}.get(first.shape[1], 0)
    if not unshuffle or doublings > _MOST_DOUBLINGS or 2**doublings < unshuffle:
        raise ValueError(
            say(
                "{channels} channels in and {doublings} doublings do not match",
                channels=first.shape[1],
                doublings=doublings,
            )
        )
    if len(weights) != 2 * (15 * blocks + doublings + 4):  # weight and bias of each convolution
        raise ValueError(
            say(
                "{tensors} tensors are too few or too many for {blocks} blocks",
                tensors=len(weights),
                blocks=blocks,
            )
        )
    with torch.device("meta"):
        network = RRDBNet(
            channels=len(first),
            growth=len(growing),
            blocks=blocks,
            doublings=doublings,
            unshuffle=unshuffle,
        )
    try:
        network.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        raise ValueError(say("a tensor is missing or has a wrong shape")) from error
    return network.eval().requires_grad_(requires_grad=False)


def _renamed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors under our names; an unknown name stays as it is."""
    rules = _NUMBERED | _tail(tensors) if "model.0.weight" in tensors else _REVISED
    weights = {}
    for name, tensor in tensors.items():
        ours = name
        for pattern, replacement in rules.items():
            ours = re.sub(f"^{pattern}", replacement, ours)
        weights[ours] = tensor
    return weights


def _tail(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Rules for what follows the blocks in the numbered naming.

    With n doublings their convolutions are model.3, model.6, ..., model.3n, and the last two
    model.3n+2 and model.3n+4.
    """
    found = [re.match(r"model\.(\d{1,2})\.", name) for name in tensors]
    last = max(int(match[1]) for match in found if match)
    ups = {rf"model\.{3 * i}\.": f"conv_up.{i}." for i in range(1, (last - 4) // 3 + 1)}
    return ups | {rf"model\.{last - 2}\.": "conv_hr.", rf"model\.{last}\.": "conv_last."}


def _count(weights: Mapping[str, Tensor], part: str) -> int:
    """How many different numbers follow ``part`` in the names."""
    return len({name.split(".")[1] for name in weights if name.startswith(f"{part}.")})
