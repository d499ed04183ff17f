"""Trains UNet and both text encoders together, from scratch, by the diffusion loss."""

import dataclasses
import random
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from hypersd_core.pretrain import models, run
from hypersd_core.pretrain.captions import caption
from hypersd_core.pretrain.drawings import Labels
from hypersd_core.samplers.schedule import NoiseSchedule

BATCH = 16
_PEAK_RATE = 1e-3
_DROPOUT = 0.12  # share of captions replaced by zeros: the unconditional half of guidance
_OFFSET_NOISE = 0.05  # Guttenberg (2023): lets the mean colour of a picture move
_MIN_SNR_GAMMA = 5.0  # Hang et al. (2023), eq. 8
_EMA = 0.999


class Denoiser(nn.Module):
    """What the diffusion loss trains: two text encoders and the UNet, wired as in SDXL."""

    def __init__(self, tokenizer: CLIPTokenizer) -> None:
        super().__init__()
        self.text_encoder: CLIPTextModel = models.text_encoder_1(tokenizer)
        self.text_encoder_2: CLIPTextModelWithProjection = models.text_encoder_2(tokenizer)
        self.unet: UNet2DConditionModel = models.unet().to(memory_format=torch.channels_last)

    def forward(
        self, latents: Tensor, t: Tensor, ids: Tensor, ids_2: Tensor, keep: Tensor
    ) -> Tensor:
        """Predict the noise in ``latents`` (B, 4, 16, 16); ``keep`` (B,) is 0 for no text."""
        first = self.text_encoder(ids, output_hidden_states=True)
        second = self.text_encoder_2(ids_2, output_hidden_states=True)
        context = torch.cat([first.hidden_states[-2], second.hidden_states[-2]], dim=-1)
        size = float(models.SIZE_PX)
        time_ids = latents.new_tensor([[size, size, 0, 0, size, size]]).expand(len(latents), 6)
        prediction = self.unet(
            latents,
            t,
            encoder_hidden_states=context * keep[:, None, None],
            added_cond_kwargs={
                "text_embeds": second.text_embeds * keep[:, None],
                "time_ids": time_ids,
            },
        )
        return prediction.sample


@dataclasses.dataclass(frozen=True, slots=True)
class Examples:
    """``latents``: (N, 4, 16, 16), scaled to unit variance; ``labels``: N entries."""

    latents: Tensor
    labels: Sequence[Labels]


def train_denoiser(
    examples: Examples, tokenizer: CLIPTokenizer, checkpoint: Path, *, total: int, seed: int
) -> Denoiser:
    """Train for ``total`` batches and return the moving average; resumes from ``checkpoint``."""
    torch.manual_seed(seed)
    model = Denoiser(tokenizer)
    average = deepcopy(model).eval().requires_grad_(False)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=_PEAK_RATE, betas=(0.9, 0.99), weight_decay=0.01
    )
    state = run.load_checkpoint(checkpoint) or {"step": 0}
    if state["step"]:
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])

    def save(step: int) -> None:
        run.save_checkpoint(
            checkpoint,
            {
                "step": step,
                "model": model.state_dict(),
                "average": average.state_dict(),
                "optimizer": optimizer.state_dict(),
            },
        )

    alpha_bar = NoiseSchedule.scaled_linear().alpha_bar.float()
    for step, report in run.steps(checkpoint.stem, done=state["step"], total=total, save=save):
        run.set_learning_rate(optimizer, peak=_PEAK_RATE, step=step, total=total)
        batch = _batch(examples, tokenizer, seed=seed, step=step)
        with torch.autocast("cpu", torch.bfloat16):
            loss = _loss(model, batch, alpha_bar)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        _follow(average, model, decay=min(_EMA, (1 + step) / (10 + step)))
        report(loss.item())
    return average


@dataclasses.dataclass(frozen=True, slots=True)
class _Batch:
    latents: Tensor
    ids: Tensor
    ids_2: Tensor
    keep: Tensor
    noise: Tensor
    t: Tensor


def _batch(examples: Examples, tokenizer: CLIPTokenizer, *, seed: int, step: int) -> _Batch:
    """Everything random of one step comes from (seed, step): a resumed run is the same run."""
    rng = np.random.default_rng([seed, step])
    words = random.Random(f"{seed}/{step}")  # noqa: S311 - wording, not cryptography
    index = rng.integers(len(examples.latents), size=BATCH)
    captions = [caption(examples.labels[i], words) for i in index]
    ids = tokenizer(
        captions, padding="max_length", truncation=True, max_length=models.MAX_TOKENS,
        return_tensors="pt",
    ).input_ids  # fmt: skip
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    latents = examples.latents[torch.from_numpy(index)]
    noise = torch.randn(latents.shape, generator=generator)
    offset = torch.randn(latents.shape[:2], generator=generator)[:, :, None, None]
    return _Batch(
        latents=latents,
        ids=ids,
        ids_2=_pad_with_zero(ids, end=tokenizer.eos_token_id),
        keep=(torch.rand(BATCH, generator=generator) >= _DROPOUT).float(),
        noise=noise + _OFFSET_NOISE * offset,
        t=torch.randint(0, 1000, (BATCH,), generator=generator),
    )


def _pad_with_zero(ids: Tensor, *, end: int) -> Tensor:
    """SDXL's second tokenizer pads with id 0 after the first end token."""
    after_end = (ids == end).cumsum(dim=1) > 1
    return ids.masked_fill(after_end, 0)


def _loss(model: Denoiser, batch: _Batch, alpha_bar: Tensor) -> Tensor:
    """Mean squared error of the predicted noise, weighted by min(SNR, gamma) / SNR."""
    signal = alpha_bar[batch.t][:, None, None, None]
    noisy = signal.sqrt() * batch.latents + (1 - signal).sqrt() * batch.noise
    noisy = noisy.contiguous(memory_format=torch.channels_last)
    prediction = model(noisy, batch.t, batch.ids, batch.ids_2, batch.keep).float()
    error = F.mse_loss(prediction, batch.noise, reduction="none").mean(dim=(1, 2, 3))
    snr = alpha_bar[batch.t] / (1 - alpha_bar[batch.t])
    return (error * snr.clamp(max=_MIN_SNR_GAMMA) / snr).mean()


@torch.no_grad()
def _follow(average: nn.Module, model: nn.Module, *, decay: float) -> None:
    pairs = zip(average.parameters(), model.parameters(), strict=True)
    for mean, value in pairs:
        mean.lerp_(value, 1 - decay)
