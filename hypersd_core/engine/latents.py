"""Pixels to latents and back, in tiles where the device has too little memory for the whole."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from hypersd_core.engine.memory.policy import decode_in_tiles
from hypersd_core.engine.model import Model
from hypersd_core.engine.pixels.tiled_vae import decode_tiled, encode_tiled
from hypersd_core.errors import GenerationFailed
from hypersd_core.i18n import say

Pixels = NDArray[np.uint8]
"""(height, width, 3)."""


class PictureVae:
    """A model's VAE for pictures, one at a time: several at once are no quicker, and take memory.

    ``free_bytes`` of the device decide about tiles; ``is_seamless``: opposite borders meet.
    """

    def __init__(self, model: Model, *, free_bytes: int, is_seamless: bool) -> None:
        self._vae = model.vae
        self._device = model.device
        self._free_bytes = free_bytes
        self._is_seamless = is_seamless

    def latent_shape(self, width: int, height: int) -> tuple[int, int, int]:
        """(C, h, w) of the latents of one picture."""
        return self._vae.config.latent_channels, height // self._factor, width // self._factor

    def encode(self, pictures: Sequence[Pixels]) -> Tensor:
        """Latents (B, C, h, w) in float32: the posterior's mean, so that no noise is drawn."""
        latents = torch.cat([self._encode(picture) for picture in pictures])
        return latents.float() * self._vae.config.scaling_factor

    def decode(self, latents: Tensor) -> list[Pixels]:
        """The pictures of ``latents``. Raises GenerationFailed if they are not finite."""
        latents = (latents / self._vae.config.scaling_factor).to(self._vae.dtype)
        return [self._decode(picture) for picture in latents[:, None]]

    def _encode(self, picture: Pixels) -> Tensor:
        pixels = torch.from_numpy(picture).to(self._device)[None]
        pixels = (pixels.permute(0, 3, 1, 2).float() / 127.5 - 1).to(self._vae.dtype)
        if self._in_tiles(pixels.shape[-1], pixels.shape[-2]):
            return encode_tiled(self._vae, pixels, is_seamless=self._is_seamless)
        return self._vae.encode(pixels).latent_dist.mode()

    def _decode(self, latents: Tensor) -> Pixels:
        height, width = (side * self._factor for side in latents.shape[-2:])
        if self._in_tiles(width, height):
            decoded = decode_tiled(self._vae, latents, is_seamless=self._is_seamless)
        else:
            decoded = self._vae.decode(latents).sample
        if not torch.isfinite(decoded).all():
            raise GenerationFailed(
                say(
                    "The picture came out as numbers that are not finite: the weight of a LoRA is "
                    "too high, or the model or its VAE is broken."
                )
            )
        pixels = ((decoded[0].float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        return pixels.permute(1, 2, 0).contiguous().cpu().numpy()

    @property
    def _factor(self) -> int:
        """Pixels on a side of one latent."""
        return 2 ** (len(self._vae.config.block_out_channels) - 1)

    def _in_tiles(self, width: int, height: int) -> bool:
        return decode_in_tiles(width, height, free_bytes=self._free_bytes, dtype=self._vae.dtype)


def enlarge(latents: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Stretch latents to (C, h, w) without decoding: A1111's upscaler "Latent"."""
    return F.interpolate(latents, size=shape[1:], mode="bilinear", antialias=False)
