"""Trains the autoencoder: first both halves together, then the decoder alone on fixed latents.

The second stage exists because outlines sharpen slowly, and the diffusion model can already train
on the latents meanwhile: they no longer change.
"""

import logging
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from hypersd_core.pretrain import models, run

log = logging.getLogger(__name__)

BATCH = 16
_PEAK_RATE = 2e-3
_KL_WEIGHT = 5e-4
_LATENT_NOISE = 0.05  # of a standard deviation: what a diffusion sampler gets wrong


def train_autoencoder(
    pixels: NDArray[np.uint8],
    checkpoint: Path,
    *,
    total: int,
    seed: int,
    batch_size: int = BATCH,
    shape: models.Shape = models.PORTRAIT_64,
) -> AutoencoderKL:
    """Train encoder and decoder for ``total`` batches; resumes from ``checkpoint``."""
    torch.manual_seed(seed)
    vae = models.autoencoder(shape).to(memory_format=torch.channels_last)
    return _train(vae, vae, pixels, checkpoint, total=total, seed=seed, batch_size=batch_size)


def sharpen_decoder(
    vae: AutoencoderKL,
    pixels: NDArray[np.uint8],
    checkpoint: Path,
    *,
    total: int,
    seed: int,
    batch_size: int = BATCH,
) -> AutoencoderKL:
    """Train the decoder alone for ``total`` batches more; the latents stay as they are."""
    vae.requires_grad_(False)
    vae.decoder.requires_grad_(True)
    return _train(
        vae, vae.decoder, pixels, checkpoint, total=total, seed=seed + 1, batch_size=batch_size
    )


def _train(
    vae: AutoencoderKL,
    trained: torch.nn.Module,
    pixels: NDArray[np.uint8],
    checkpoint: Path,
    *,
    total: int,
    seed: int,
    batch_size: int,
) -> AutoencoderKL:
    device = run.device()
    vae.to(device)
    optimizer = torch.optim.AdamW(
        trained.parameters(), lr=_PEAK_RATE, betas=(0.9, 0.99), weight_decay=0.01
    )
    done, save = run.resume(checkpoint, {"vae": vae, "optimizer": optimizer})
    for step, report in run.steps(checkpoint.stem, done=done, total=total, save=save):
        run.set_learning_rate(optimizer, peak=_PEAK_RATE, step=step, total=total)
        # Everything random of one step comes from (seed, step): a resumed run is the same run.
        rng = np.random.default_rng([seed, step])
        picked = pixels[np.sort(rng.integers(len(pixels), size=batch_size))]
        target = to_model_range(picked).to(device)
        noise = torch.Generator().manual_seed(int(rng.integers(2**62)))
        with torch.autocast(device.type, torch.bfloat16):
            loss = _loss(vae, target, noise)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        torch.nn.utils.clip_grad_norm_(trained.parameters(), 1.0)
        optimizer.step()
        report(loss.item())
    return vae.to("cpu").eval().requires_grad_(False)


def _loss(vae: AutoencoderKL, target: Tensor, generator: torch.Generator) -> Tensor:
    """L1 + 2 MSE + 0.5 gradient L1 (outlines), with a KL term that keeps latents near N(0, 1)."""
    posterior = vae.encode(target).latent_dist
    latents = posterior.sample(generator)
    noise = torch.randn(latents.shape, generator=generator, dtype=latents.dtype)
    latents = latents + _LATENT_NOISE * latents.detach().std() * noise.to(latents.device)
    picture = vae.decode(latents).sample.float()
    kl = 0.5 * (posterior.mean**2 + posterior.var - 1 - posterior.logvar).float().mean()
    return (
        F.l1_loss(picture, target)
        + 2 * F.mse_loss(picture, target)
        + 0.5 * (_edge_loss(picture, target, dim=2) + _edge_loss(picture, target, dim=3))
        + _KL_WEIGHT * kl
    )


def _edge_loss(picture: Tensor, target: Tensor, *, dim: int) -> Tensor:
    return F.l1_loss(picture.diff(dim=dim), target.diff(dim=dim))


def to_model_range(pixels: NDArray[np.uint8]) -> Tensor:
    """(B, H, W, 3) uint8 -> (B, 3, H, W) in [-1, 1], channels last in memory."""
    picture = torch.from_numpy(pixels.astype(np.float32)).permute(0, 3, 1, 2)
    return (picture / 127.5 - 1).contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
def encode_all(vae: AutoencoderKL, pixels: NDArray[np.uint8]) -> Tensor:
    """Latents of all pictures before scaling, (N, C, H, W) float32; the posterior's mean."""
    parts = []
    device = run.device()
    vae.to(device)
    started = time.monotonic()
    for start in range(0, len(pixels), 64):
        picture = to_model_range(pixels[start : start + 64])
        parts.append(vae.encode(picture.to(device)).latent_dist.mean.contiguous().cpu())
        if len(parts) % 50 == 0:
            done = start + len(picture)
            left_s = (time.monotonic() - started) * (len(pixels) - done) / done
            log.info("encoding %d/%d · %.0f s left", done, len(pixels), left_s)
    vae.to("cpu")
    return torch.cat(parts)


def load_or_encode(vae: AutoencoderKL, pixels: NDArray[np.uint8], path: Path) -> Tensor:
    """The latents of all pictures from ``path`` (kept there in half precision), made if need be."""
    if not path.exists():
        partial = path.with_suffix(".partial.npy")
        np.save(partial, encode_all(vae, pixels).half().numpy())
        partial.replace(path)
    return torch.from_numpy(np.load(path)).float()


@torch.no_grad()
def standardise(vae: AutoencoderKL, pixels: NDArray[np.uint8]) -> None:
    """Give each latent channel mean 0 and variance 1 over ``pixels``; pictures stay as they are.

    The convolutions of 1 x 1 on both sides of the latents take it up, one undoing the other.
    Diffusion starts from noise of mean 0: it would have to learn any other mean first.
    """
    latents = encode_all(vae, pixels)
    mean, deviation = latents.mean(dim=(0, 2, 3)), latents.std(dim=(0, 2, 3))
    into, out = vae.quant_conv, vae.post_quant_conv
    channels = len(mean)
    into.weight[:channels] /= deviation[:, None, None, None]
    into.bias[:channels] = (into.bias[:channels] - mean) / deviation
    into.bias[channels:] -= 2 * deviation.log()  # the other half are logarithms of variances
    out.bias += (out.weight[:, :, 0, 0] * mean).sum(dim=1)
    out.weight *= deviation[None, :, None, None]


@torch.inference_mode()
def reconstruct(vae: AutoencoderKL, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """``pixels`` (N, H, W, 3) through the autoencoder and back."""
    latents = encode_all(vae, pixels)
    starts = range(0, len(latents), 16)
    decoded = [vae.decode(latents[start : start + 16]).sample for start in starts]
    picture = (torch.cat(decoded).clamp(-1, 1) + 1) * 127.5
    return picture.round().byte().permute(0, 2, 3, 1).numpy()


def psnr_db(pixels: NDArray[np.uint8], others: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio over all pixels, decibels; infinite if they are equal."""
    mse = np.mean((pixels.astype(np.float32) - others.astype(np.float32)) ** 2)
    return float(10 * np.log10(255.0**2 / mse)) if mse else float("inf")
