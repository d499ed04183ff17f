"""Seeded noise, one stream per image: a seed draws the same picture alone and in a batch.

Everything is drawn on the CPU in float32 and then moved, so a seed means the same noise on every
device. The three sources of one seed are independent of each other.
"""

import math
from collections.abc import Callable, Sequence

import torch
import torchsde  # type: ignore[import-untyped]  # ships no types
from torch import Tensor

NoiseLike = Callable[[Tensor], Tensor]
"""``noise(x)``: standard normal noise with the shape, dtype and device of ``x``."""

NoiseBetween = Callable[[float, float], Tensor]
"""``noise(sigma, sigma_next)``: the increment of a Brownian path, scaled to unit variance."""

_LEAST_SINE = 1e-4  # of the angle between two noises, below which slerp goes straight


def initial_noise(seeds: Sequence[int], shape: tuple[int, ...], *, device: torch.device) -> Tensor:
    """Standard normal latents (B, *shape) in float32, image ``i`` from ``seeds[i]`` alone.

    ``shape`` is that of one image, (C, h, w). The numbers are those of a diffusers pipeline that is
    given one CPU generator per image.
    """
    noise = torch.stack([_draw(_generator(seed), shape) for seed in seeds])
    return _upload(noise, device, torch.float32)


def slerp(a: Tensor, b: Tensor, share: float) -> Tensor:
    """Go ``share`` of the way from noise ``a`` to noise ``b`` (B, C, h, w), on the sphere.

    Shoemake (1985), for each image as one vector: unlike the straight way, the noise keeps its
    length. 0 is ``a`` and 1 is ``b``, to the bit.
    """
    # Image by image: a sum over a whole batch may add in another order than over one image.
    return torch.stack([_slerp(one, other, share) for one, other in zip(a, b, strict=True)])


def _slerp(a: Tensor, b: Tensor, share: float) -> Tensor:
    cosine = (a * b).sum() / (a.norm() * b.norm())
    angle = cosine.clamp(-1, 1).acos()
    sine = angle.sin()
    is_straight = sine < _LEAST_SINE
    near = torch.where(is_straight, 1 - share, ((1 - share) * angle).sin() / sine)
    far = torch.where(is_straight, share, (share * angle).sin() / sine)
    return near * a + far * b


class StepNoise:
    """Fresh noise at every call, image ``i`` from its own generator.

    The generator is the one of ``initial_noise`` and goes on behind that first draw, as it does in
    a diffusers pipeline: the two never share a number.
    """

    def __init__(self, seeds: Sequence[int], shape: tuple[int, ...]) -> None:
        """Start behind the initial noise of ``seeds``; ``shape`` is that of one image."""
        self._shape = shape
        self._generators = [_generator(seed) for seed in seeds]
        for generator in self._generators:
            _draw(generator, shape)

    def __call__(self, x: Tensor) -> Tensor:
        """Return the next noise, like ``x``: (B, *shape) with one image per seed."""
        noise = torch.stack([_draw(generator, self._shape) for generator in self._generators])
        return _upload(noise, x.device, x.dtype)


class BrownianNoise:
    """Noise of a stochastic solver: unit increments of one Brownian path over sigma per image.

    A path is fixed by its seed and by the range of sigma, not by where or in which order it is
    asked: overlapping intervals give correlated noise, as the SDE demands. It is k-diffusion's
    ``BrownianTreeNoiseSampler`` (DPM++ SDE in A1111), number for number when both get the same
    sigmas in double precision.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        shape: tuple[int, ...],
        *,
        sigma_min: float,
        sigma_max: float,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        """Plant one tree over [``sigma_min``, ``sigma_max``] per seed; ``shape`` is one image's."""
        self._device, self._dtype = device, dtype
        low, high = _tree_position(sigma_min), _tree_position(sigma_max)
        self._trees = [
            torchsde.BrownianTree(low, torch.zeros(shape), high, entropy=seed) for seed in seeds
        ]

    def __call__(self, sigma: float, sigma_next: float) -> Tensor:
        """Return the increment between two different levels, (B, *shape), of unit variance."""
        start, end = sorted((_tree_position(sigma), _tree_position(sigma_next)))
        sign = 1.0 if sigma < sigma_next else -1.0
        increment = torch.stack([tree(start, end) for tree in self._trees])
        unit = increment * sign / math.sqrt(abs(sigma_next - sigma))
        return _upload(unit, self._device, self._dtype)


def _tree_position(sigma: float) -> float:
    """Round as torchsde does inside (``tol`` 1e-6).

    It rounds its bounds but not the questions, and warns when one of them falls a hair outside.
    """
    return round(sigma, 6)


def _generator(seed: int) -> torch.Generator:
    return torch.Generator("cpu").manual_seed(seed)


def _draw(generator: torch.Generator, shape: tuple[int, ...]) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float32)


def _upload(noise: Tensor, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Move to ``device`` without waiting for it: CUDA copies pinned memory in the background."""
    noise = noise.to(dtype)
    if device.type == "cuda":
        return noise.pin_memory().to(device, non_blocking=True)
    return noise.to(device)
