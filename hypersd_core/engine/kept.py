"""Inpainting with any model: what the mask leaves out is kept, in latents and then in pixels.

The clean estimate is replaced outside the mask at every model call, so that the sampler itself
carries the known part along at the right noise level. This works for every sampler, as all of them
see the model through its clean estimate.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from torch import Tensor

from hypersd_core.engine.latents import Pixels

Mask = NDArray[np.uint8]
"""(height, width): 255 is drawn, 0 is kept."""

_FEATHER = 1 / 64
"""Radius of the soft border between old and new pixels, as a share of the shorter side."""


class Kept:
    """A picture's part outside of a mask."""

    def __init__(self, picture: Pixels, mask: Mask, clean: Tensor) -> None:
        """``clean``: the picture's latents (B, C, h, w)."""
        self._picture = picture
        self._mask = mask
        self._clean = clean
        self._drawn = _to_latent_size(mask, clean)

    def restore(self, x0: Tensor) -> Tensor:
        """Put the known latents back into the clean estimate ``x0`` (B, C, h, w)."""
        return torch.lerp(self._clean, x0, self._drawn)

    def paste(self, drawn: Sequence[Pixels]) -> list[Pixels]:
        """The drawn pictures with the old pixels, unchanged by the VAE, outside the mask."""
        radius = _FEATHER * min(self._mask.shape)
        soft = Image.fromarray(self._mask).filter(ImageFilter.GaussianBlur(radius))
        # never over what is to be kept whole: the soft border lies inside the mask
        share = np.minimum(np.asarray(soft), self._mask)[:, :, None].astype(np.float32) / 255
        return [
            (self._picture + share * (new.astype(np.float32) - self._picture))
            .round()
            .astype(np.uint8)
            for new in drawn
        ]


def _to_latent_size(mask: Mask, like: Tensor) -> Tensor:
    """(1, 1, h, w) in [0, 1]: a latent is drawn as soon as one of its pixels is."""
    whole = torch.from_numpy(mask).to(like.device, like.dtype)[None, None] / 255
    return F.adaptive_max_pool2d(whole, like.shape[-2:])
