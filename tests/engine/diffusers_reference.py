"""diffusers' own SDXL pipeline on the same folder: what our loop is compared with."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch

from hypersd_core.request import GenerationRequest
from tests.engine.drawing import Pixels


def load_pipeline(folder: Path) -> Any:
    """The pipeline in float32, with TCD."""
    pipeline = diffusers.StableDiffusionXLPipeline.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True, add_watermarker=False
    )
    pipeline.scheduler = diffusers.TCDScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def draw_with_diffusers(pipeline: Any, request: GenerationRequest) -> list[Pixels]:
    """The pictures of a plain ``request``: no weights, no BREAK, one chunk."""
    pictures: Sequence[Any] = pipeline(
        [request.prompt] * request.count,
        # None means zeros; an empty text would be encoded
        negative_prompt=[request.negative] * request.count if request.negative else None,
        num_inference_steps=request.steps,
        guidance_scale=request.guidance,
        eta=request.eta,
        width=request.width,
        height=request.height,
        generator=[torch.Generator("cpu").manual_seed(seed) for seed in request.seeds],
        output_type="np",
    ).images
    return [(picture * 255).round().astype(np.uint8) for picture in pictures]
