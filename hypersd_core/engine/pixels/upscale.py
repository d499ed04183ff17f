"""Pictures to another size: ESRGAN-style networks that people bring, and Lanczos for the rest.

Pixels are uint8 (height, width, 3).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from safetensors import SafetensorError

from hypersd_core.engine.loading.ldm_names import Stored
from hypersd_core.engine.loading.weights import Weights
from hypersd_core.engine.pixels.overlapping_tiles import Tiles, draw_in_tiles
from hypersd_core.engine.pixels.rrdb import RRDBNet, build_rrdb
from hypersd_core.errors import GenerationFailed, ModelError
from hypersd_core.i18n import say
from hypersd_core.models import Kind, ModelFile

Pixels = NDArray[np.uint8]

TILES = Tiles(side=192, overlap=32)
"""In pixels before enlarging. Four times larger, with 64 channels, that is 150 MB a tensor in
float32, of which three are alive. Both are multiples of 4, as pixel-unshuffle asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upscaler:
    """A network that makes pictures ``scale`` times larger. For one thread."""

    name: str
    network: RRDBNet
    device: torch.device

    @property
    def scale(self) -> int:
        """The factor for both sides; networks that only clean up have 1."""
        return self.network.scale

    @torch.inference_mode()
    def upscale(
        self,
        pixels: Pixels,
        *,
        tiles: Tiles = TILES,
        on_tile: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> Pixels:
        """The picture, ``scale`` times larger, in tiles: memory is that of one of them.

        ``on_tile(done, total)`` follows each tile and may raise Cancelled. Raises GenerationFailed
        when the network's numbers are not finite.
        """
        height, width = pixels.shape[:2]
        source = self._to_network(pixels)
        grid = (source.shape[-2], source.shape[-1])
        target = torch.empty(1, 3, *(side * self.scale for side in grid), dtype=torch.uint8)
        draw_in_tiles(self._enlarge, source, target, grid=grid, tiles=tiles, on_tile=on_tile)
        enlarged = target[0, :, : height * self.scale, : width * self.scale]
        return enlarged.permute(1, 2, 0).contiguous().numpy()

    def _to_network(self, pixels: Pixels) -> torch.Tensor:
        """(1, 3, H, W) in [0, 1], the border repeated up to a whole number of squares."""
        x = torch.from_numpy(np.array(pixels)).to(self.device).permute(2, 0, 1)[None]
        x = x.to(self.network.conv_first.weight.dtype) / 255
        below, right = (-side % self.network.unshuffle for side in pixels.shape[:2])
        return F.pad(x, (0, right, 0, below), mode="replicate")

    def _enlarge(self, tile: torch.Tensor) -> torch.Tensor:
        drawn = self.network(tile).float()
        if not torch.isfinite(drawn).all():
            raise GenerationFailed(
                say("The upscaler {upscaler} drew numbers that are not finite.", upscaler=self.name)
            )
        return (drawn * 255).clamp(0, 255)


def load_upscaler(file: ModelFile, device: torch.device) -> Upscaler:
    """Load ``file``; raises ModelError with one sentence when it is no whole RRDBNet.

    In float16 on a GPU, as these networks are used everywhere: bfloat16 has 256 levels between 0.5
    and 1, no more than the picture itself.
    """
    if file.kind is not Kind.UPSCALER:
        raise ModelError(
            say("{file} is a {kind}, not an upscaler.", file=file.name, kind=file.kind)
        )
    weights = Weights([file.path])
    try:
        network = build_rrdb({name: weights.read(Stored(name)) for name in weights.names})
    except (OSError, SafetensorError) as error:
        raise ModelError(
            say("The upscaler {upscaler} was changed while it was loaded.", upscaler=file.name)
        ) from error
    except ValueError as error:
        raise ModelError(
            say(
                "{file} is no upscaler that can be used: {reason}.",
                file=file.name,
                reason=error.args[0],
            )
        ) from error
    dtype = torch.float32 if device.type == "cpu" else torch.float16
    return Upscaler(name=file.name, network=network.to(device, dtype), device=device)


def fit(
    pixels: Pixels,
    width: int,
    height: int,
    upscaler: Upscaler | None = None,
    *,
    on_tile: Callable[[int, int], None] = lambda _done, _total: None,
) -> Pixels:
    """The picture's middle in the proportions asked for, at exactly ``width`` by ``height``.

    Where it must grow, ``upscaler`` runs as often as it takes; Lanczos does the rest. A network of
    factor 1 runs once in any case.
    """
    pixels = _middle(pixels, width, height)
    for _ in range(_runs(pixels, width, height, upscaler)):
        assert upscaler is not None
        pixels = upscaler.upscale(pixels, on_tile=on_tile)
    return _resample(pixels, width, height, Image.Resampling.LANCZOS)


def fit_mask(mask: Pixels, width: int, height: int) -> Pixels:
    """A mask (height, width) cut and resized as ``fit`` does; Lanczos would ring at its edges."""
    return _resample(_middle(mask, width, height), width, height, Image.Resampling.BILINEAR)


def _runs(pixels: Pixels, width: int, height: int, upscaler: Upscaler | None) -> int:
    if upscaler is None:
        return 0
    growth = max(height / pixels.shape[0], width / pixels.shape[1])
    if upscaler.scale == 1:
        return 1
    return max(0, math.ceil(math.log(growth, upscaler.scale) - 1e-9))


def _middle(pixels: Pixels, width: int, height: int) -> Pixels:
    """The largest part in the middle with the proportions of ``width`` by ``height``."""
    old_height, old_width = pixels.shape[:2]
    new_height = min(old_height, max(1, round(old_width * height / width)))
    new_width = min(old_width, max(1, round(old_height * width / height)))
    top, left = (old_height - new_height) // 2, (old_width - new_width) // 2
    return pixels[top : top + new_height, left : left + new_width]


def _resample(pixels: Pixels, width: int, height: int, filter_: Image.Resampling) -> Pixels:
    if pixels.shape[:2] == (height, width):
        return np.ascontiguousarray(pixels)
    return np.array(Image.fromarray(pixels).resize((width, height), filter_))
