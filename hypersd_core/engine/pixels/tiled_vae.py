"""The VAE in tiles, for pictures that do not pass through it at once on this device.

Only the layers above latent size are tiled: attention sees the whole picture. Normalisation must
not see single tiles, or each comes out in a tone of its own, as with diffusers' ``tiled_decode``
(20 to 37 dB from the whole picture with the VAE that ships, 33 to 49 dB here). So a first run,
without overlap, measures what GroupNorm divides by over all tiles, and a second one draws with it.
"""

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn

from hypersd_core.engine.pixels.overlapping_tiles import Tiles, draw_in_tiles

TILES = Tiles(side=64, overlap=16)
"""In latents: 512 pixels, of which a tile's outer 32 are not used where it has a neighbour.

SDXL's VAE in bfloat16 then takes 0.8 GiB for a picture of 2048x2048, instead of 6.
"""

_Hook: TypeAlias = Callable[[nn.GroupNorm, tuple[Tensor], Tensor], Tensor | None]


@torch.inference_mode()
def decode_tiled(
    vae: AutoencoderKL, latents: Tensor, *, is_seamless: bool = False, tiles: Tiles = TILES
) -> Tensor:
    """Pixels (B, 3, H, W) in float32 of ``latents`` (B, C, h, w), as ``vae.decode`` takes them.

    With ``is_seamless`` opposite borders meet: call it inside ``seamless`` then.
    """
    decoder = vae.decoder
    before = _chain(vae.post_quant_conv, decoder.conv_in, decoder.mid_block)
    tiled = _Tiled(
        _chain(*decoder.up_blocks, decoder.conv_norm_out, decoder.conv_act, decoder.conv_out),
        channels=vae.config.out_channels,
        tiles=tiles,
        margin=tiles.overlap if is_seamless else 0,
    )
    size = (latents.shape[-2] * _factor(vae), latents.shape[-1] * _factor(vae))
    return torch.cat(
        [tiled.run(before(x), grid=_size(x), target_size=size) for x in latents[:, None]]
    )


@torch.inference_mode()
def encode_tiled(
    vae: AutoencoderKL, pixels: Tensor, *, is_seamless: bool = False, tiles: Tiles = TILES
) -> Tensor:
    """Mean latents (B, C, h, w) in float32 of ``pixels`` (B, 3, H, W), as ``vae.encode`` takes."""
    encoder = vae.encoder
    tiled = _Tiled(
        _chain(encoder.conv_in, *encoder.down_blocks),
        channels=vae.config.block_out_channels[-1],
        tiles=tiles,
        margin=tiles.overlap if is_seamless else 0,
    )
    after = _chain(
        encoder.mid_block,
        encoder.conv_norm_out,
        encoder.conv_act,
        encoder.conv_out,
        vae.quant_conv,
    )
    grid = (pixels.shape[-2] // _factor(vae), pixels.shape[-1] // _factor(vae))
    hidden = [tiled.run(x, grid=grid, target_size=grid).to(x.dtype) for x in pixels[:, None]]
    return torch.cat([after(x).chunk(2, dim=1)[0].float() for x in hidden])  # mean, then variance


def _chain(*modules: nn.Module | None) -> nn.Sequential:
    return nn.Sequential(*(module for module in modules if module is not None))


def _factor(vae: AutoencoderKL) -> int:
    return int(2 ** (len(vae.config.block_out_channels) - 1))


def _size(picture: Tensor) -> tuple[int, int]:
    return picture.shape[-2], picture.shape[-1]


@dataclass(frozen=True, slots=True)
class _Tiled:
    """``network``, which makes ``channels`` channels, run in tiles of a grid.

    ``margin``: how much of the grid is seen once more beyond the opposite border.
    """

    network: nn.Sequential
    channels: int
    tiles: Tiles
    margin: int

    def run(self, source: Tensor, *, grid: tuple[int, int], target_size: tuple[int, int]) -> Tensor:
        """What the network makes of one picture, (1, channels, *target_size), in float32."""
        moments = self._measure(source, grid)

        def normalise(norm: nn.GroupNorm, inputs: tuple[Tensor], _: Tensor) -> Tensor:
            return _normalise(norm, inputs[0], moments[norm])

        height, width = (side + 2 * self.margin for side in grid)
        factor = target_size[0] // grid[0]
        target = source.new_empty(
            1, self.channels, height * factor, width * factor, dtype=torch.float32
        )
        wrapped = _wrap(source, self.margin * (source.shape[-1] // grid[1]))
        with self._hooked(normalise):
            draw_in_tiles(self.network, wrapped, target, grid=(height, width), tiles=self.tiles)
        edge = self.margin * factor
        return target[..., edge:, edge:][..., : target_size[0], : target_size[1]]

    def _measure(self, source: Tensor, grid: tuple[int, int]) -> Mapping[nn.GroupNorm, Tensor]:
        """Each normalisation's moments over all tiles."""
        found: dict[nn.GroupNorm, list[Tensor]] = defaultdict(list)

        def measure(norm: nn.GroupNorm, inputs: tuple[Tensor], _: Tensor) -> None:
            found[norm].append(_moments(norm, inputs[0]))

        with self._hooked(measure):
            for tile in Tiles(side=self.tiles.side, overlap=0).cut(source, grid):
                self.network(tile)
        return {norm: _pool(entries) for norm, entries in found.items()}

    @contextlib.contextmanager
    def _hooked(self, hook: _Hook) -> Iterator[None]:
        norms = [module for module in self.network.modules() if isinstance(module, nn.GroupNorm)]
        handles = [norm.register_forward_hook(hook) for norm in norms]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def _moments(norm: nn.GroupNorm, x: Tensor) -> Tensor:
    """Variance and mean of each group of channels of ``x`` (1, C, H, W): (2, groups), float32.

    Group by group, so that no float32 copy of a whole tile is made.
    """
    groups = x.reshape(norm.num_groups, -1)
    moments = [torch.stack(torch.var_mean(group.float(), correction=0)) for group in groups]
    return torch.stack(moments, dim=1)


def _pool(moments: Sequence[Tensor]) -> Tensor:
    """The moments of equally large tiles taken together: the law of total variance."""
    variances, means = torch.stack(list(moments), dim=1)
    return torch.stack([variances.mean(dim=0) + means.var(dim=0, correction=0), means.mean(dim=0)])


def _normalise(norm: nn.GroupNorm, x: Tensor, moments: Tensor) -> Tensor:
    """What ``norm`` would make of ``x`` (1, C, H, W), had its groups these moments."""
    variance, mean = moments
    repeats = norm.num_channels // norm.num_groups
    factor = norm.weight * (variance + norm.eps).rsqrt().repeat_interleave(repeats)
    summand = norm.bias - factor * mean.repeat_interleave(repeats)
    return torch.addcmul(summand[:, None, None], x, factor[:, None, None]).to(x.dtype)


def _wrap(picture: Tensor, margin: int) -> Tensor:
    """``picture`` (..., H, W) with ``margin`` more on each side, from the opposite one."""
    rows, columns = (
        torch.arange(-margin, length + margin, device=picture.device) % length
        for length in picture.shape[-2:]
    )
    return picture[..., rows[:, None], columns]
