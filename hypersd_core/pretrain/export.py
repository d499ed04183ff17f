"""Writes the trained parts as a diffusers model folder, fp16, complete or not at all."""

import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLPipeline
from transformers import CLIPTokenizer

from hypersd_core.pretrain import models
from hypersd_core.pretrain.diffusion import Denoiser


def export(
    folder: Path,
    tokenizer: CLIPTokenizer,
    denoiser: Denoiser,
    vae: AutoencoderKL,
    *,
    scaling_factor: float,
) -> None:
    """Save to ``folder`` through a folder beside it; files in it that are not weights survive."""
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    vae.register_to_config(scaling_factor=scaling_factor)
    pipeline = StableDiffusionXLPipeline(
        vae=vae,
        text_encoder=denoiser.text_encoder,
        text_encoder_2=denoiser.text_encoder_2,
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=denoiser.unet,
        scheduler=_scheduler(),
        add_watermarker=False,
    )
    pipeline.to(dtype=torch.float16)
    pipeline.save_pretrained(partial, safe_serialization=True)
    models.save_tokenizers(tokenizer, partial)
    if folder.exists():
        for kept in (path for path in folder.iterdir() if path.is_file()):
            if not (partial / kept.name).exists():
                shutil.copy2(kept, partial / kept.name)
    _swap(partial, folder)


def _swap(new: Path, folder: Path) -> None:
    """Put ``new`` in the place of ``folder``; a whole model is on disk at every moment."""
    old = folder.with_name(f"{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _scheduler() -> EulerDiscreteScheduler:
    """SDXL's schedule; the last two keys keep DDIM built from this config from clamping latents."""
    scheduler = EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear"
    )
    scheduler.register_to_config(clip_sample=False, set_alpha_to_one=False)
    return scheduler
