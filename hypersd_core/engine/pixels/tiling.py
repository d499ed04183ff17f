"""Seamless pictures: every convolution sees the opposite border instead of zeros.

On such a torus UNet and VAE know no border: convolutions move with the picture, and attention and
normalisation never knew where a pixel is. The picture's left edge then continues its right one.
"""

import contextlib
from collections.abc import Iterator

from diffusers.models.downsampling import Downsample2D
from torch import Tensor, nn

from hypersd_core.engine.model import Model


@contextlib.contextmanager
def seamless(model: Model) -> Iterator[None]:
    """Draw, decode and encode on a torus inside the block; afterwards all is as it was.

    Changes no weights. Where the UNet cannot halve the latents evenly, the picture closes less
    exactly: SDXL needs sides that are multiples of 32 pixels, SD1.5 of 64.
    """
    convolutions = [
        module
        for part in (model.unet, model.vae)
        for module in part.modules()
        if isinstance(module, nn.Conv2d) and any(module.padding)
    ]
    modes = [convolution.padding_mode for convolution in convolutions]
    hooks = [
        convolution.register_forward_pre_hook(_close) for convolution in _padded_outside(model)
    ]
    try:
        for convolution in convolutions:
            convolution.padding_mode = "circular"
        yield
    finally:
        for convolution, mode in zip(convolutions, modes, strict=True):
            convolution.padding_mode = mode
        for hook in hooks:
            hook.remove()


def _padded_outside(model: Model) -> list[nn.Conv2d]:
    """Convolutions of the VAE's encoder that get a row and a column of zeros from diffusers."""
    return [
        module.conv
        for module in model.vae.modules()
        if isinstance(module, Downsample2D) and module.use_conv and module.padding == 0
    ]


def _close(_: nn.Module, inputs: tuple[Tensor]) -> None:
    """Put the first row and column where the zeros are, at the bottom and on the right."""
    [x] = inputs
    x[..., -1, :] = x[..., 0, :]
    x[..., :, -1] = x[..., :, 0]
