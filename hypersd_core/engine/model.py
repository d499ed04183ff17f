"""A loaded model: what every other part of the engine is given."""

import dataclasses

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from hypersd_core.models import Family
from hypersd_core.samplers import NoiseSchedule


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The parts of one model, in evaluation mode on ``device``.

    SD1.5 has neither ``tokenizer_2`` nor ``text_encoder_2``. ``prediction``, what the UNet says, is
    a key of ``PREDICTIONS``.
    """

    name: str
    family: Family
    device: torch.device
    tokenizer: CLIPTokenizer
    tokenizer_2: CLIPTokenizer | None
    text_encoder: CLIPTextModel
    text_encoder_2: CLIPTextModelWithProjection | None
    unet: UNet2DConditionModel
    vae: AutoencoderKL
    schedule: NoiseSchedule
    prediction: str
