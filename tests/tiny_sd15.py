"""A small SD1.5 model folder: the classes of the real one, random weights, always the same."""

import json
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)

from hypersd_core.pretrain import models
from tests.tiny_model import sample_labels

NAME = "tiny-sd15"
SIZE_PX = 32
PIXELS_PER_LATENT = 4
TEXT_WIDTH = 128


def build_tiny_sd15(folder: Path) -> None:
    """Write the model to ``folder``, with the parts that nobody here uses mentioned, as usual."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tokenizer = models.train_tokenizer(sample_labels(), seed=0)
        pipeline = StableDiffusionPipeline(
            vae=_autoencoder(),
            text_encoder=models.text_encoder_1(tokenizer),
            tokenizer=tokenizer,
            unet=_unet(),
            scheduler=EulerDiscreteScheduler(
                beta_start=0.00085,
                beta_end=0.012,
                beta_schedule="scaled_linear",
                steps_offset=1,
            ),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
    pipeline.to(dtype=torch.float16)
    pipeline.save_pretrained(folder, safe_serialization=True)
    index = folder / "model_index.json"
    values = json.loads(index.read_text("utf-8"))
    values["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
    index.write_text(json.dumps(values), "utf-8")


def _unet() -> UNet2DConditionModel:
    """Cross-attention above, none at the bottom, 1×1 convolutions around it, as in SD1.5."""
    return UNet2DConditionModel(
        sample_size=SIZE_PX // PIXELS_PER_LATENT,
        block_out_channels=(32, 64),
        layers_per_block=2,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        attention_head_dim=8,
        cross_attention_dim=TEXT_WIDTH,
    )


def _autoencoder() -> AutoencoderKL:
    """Unlike the one of the model that ships, with attention in the middle."""
    return AutoencoderKL(
        block_out_channels=(16, 32, 32),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=SIZE_PX,
    )
