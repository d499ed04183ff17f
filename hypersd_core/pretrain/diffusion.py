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

from hypersd_core.pretrain import captions, models, run, wording
from hypersd_core.pretrain.reading import Readers, Said
from hypersd_core.pretrain.subjects import Attributes
from hypersd_core.samplers.schedule import NoiseSchedule

BATCH = 16
_PEAK_RATE = 1e-3
_DROPOUT = 0.12  # share of captions replaced by zeros: the unconditional half of guidance
_OFFSET_NOISE = 0.1  # Guttenberg (2023): hides the mean colour, so that it is read from the words
_MIN_SNR_GAMMA = 5.0  # Hang et al. (2023), eq. 8, for the loss of v
_MAX_WEIGHT = 25.0
_READING = 0.5  # weight of the readers' loss
_AVERAGED = 0.02  # share of the run that the moving average looks back on


class Denoiser(nn.Module):
    """What the diffusion loss trains: two text encoders and the UNet, wired as in SDXL."""

    def __init__(self, tokenizer: CLIPTokenizer, shape: models.Shape = models.PORTRAIT_64) -> None:
        super().__init__()
        self.shape = shape
        self.text_encoder: CLIPTextModel = models.text_encoder_1(tokenizer, shape)
        self.text_encoder_2: CLIPTextModelWithProjection = models.text_encoder_2(tokenizer, shape)
        self.unet: UNet2DConditionModel = models.unet(shape).to(memory_format=torch.channels_last)

    def encode(self, ids: Tensor, ids_2: Tensor) -> "Text":
        """The conditioning of captions, (B, 77) token ids for each encoder."""
        first = self.text_encoder(ids, output_hidden_states=True)
        second = self.text_encoder_2(ids_2, output_hidden_states=True)
        context = torch.cat([first.hidden_states[-2], second.hidden_states[-2]], dim=-1)
        return Text(context, second.text_embeds)

    def forward(self, latents: Tensor, t: Tensor, text: "Text", keep: Tensor) -> Tensor:
        """Predict the noise in ``latents`` (B, C, H, W); ``keep`` (B,) is 0 for no text."""
        size = float(self.shape.size_px)
        time_ids = latents.new_tensor([[size, size, 0, 0, size, size]]).expand(len(latents), 6)
        prediction = self.unet(
            latents,
            t,
            encoder_hidden_states=text.context * keep[:, None, None],
            added_cond_kwargs={
                "text_embeds": text.pooled * keep[:, None],
                "time_ids": time_ids,
            },
        )
        return prediction.sample


@dataclasses.dataclass(frozen=True, slots=True)
class Text:
    """``context``: (B, 77, both widths); ``pooled``: (B, width of the second encoder)."""

    context: Tensor
    pooled: Tensor


@dataclasses.dataclass(frozen=True, slots=True)
class Examples:
    """``latents``: (N, C, H, W), scaled to unit variance; ``labels``: N entries."""

    latents: Tensor
    labels: Sequence[Said]


def train_denoiser(
    examples: Examples,
    tokenizer: CLIPTokenizer,
    checkpoint: Path,
    *,
    total: int,
    seed: int,
    batch_size: int = BATCH,
    shape: models.Shape = models.PORTRAIT_64,
) -> Denoiser:
    """Train for ``total`` batches and return the moving average; resumes from ``checkpoint``."""
    torch.manual_seed(seed)
    model = Denoiser(tokenizer, shape)
    readers = Readers(examples.labels, widths=(shape.context_width, shape.pooled_width))
    device = run.device()
    model.to(device)
    readers.to(device)
    trained = models.parameters(model, readers)
    average = deepcopy(model).eval().requires_grad_(False)
    optimizer = torch.optim.AdamW(trained, lr=_PEAK_RATE, betas=(0.9, 0.99), weight_decay=0.01)
    done, save = run.resume(
        checkpoint,
        {"model": model, "readers": readers, "average": average, "optimizer": optimizer},
    )
    keep = 1 - 1 / max(10.0, _AVERAGED * total)
    alpha_bar = NoiseSchedule.scaled_linear().alpha_bar.float().to(device)
    for step, report in run.steps(checkpoint.stem, done=done, total=total, save=save):
        run.set_learning_rate(optimizer, peak=_PEAK_RATE, step=step, total=total)
        batch = _batch(examples, tokenizer, size=batch_size, seed=seed, step=step).to(device)
        with torch.autocast(device.type, torch.bfloat16):
            loss = _loss(model, readers, batch, alpha_bar)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        _follow(average, model, decay=min(keep, (1 + step) / (10 + step)))
        report(loss.item())
    return average.to("cpu")


@dataclasses.dataclass(frozen=True, slots=True)
class _Batch:
    latents: Tensor
    ids: Tensor
    ids_2: Tensor
    ends: Tensor
    said: Sequence[Said]
    keep: Tensor
    noise: Tensor
    t: Tensor

    def to(self, device: torch.device) -> "_Batch":
        tensors = ("latents", "ids", "ids_2", "ends", "keep", "noise", "t")
        return dataclasses.replace(
            self, **{name: getattr(self, name).to(device) for name in tensors}
        )


def _batch(
    examples: Examples, tokenizer: CLIPTokenizer, *, size: int, seed: int, step: int
) -> _Batch:
    """Everything random of one step comes from (seed, step): a resumed run is the same run."""
    rng = np.random.default_rng([seed, step])
    words = random.Random(f"{seed}/{step}")  # noqa: S311 - wording, not cryptography
    index = rng.integers(len(examples.latents), size=size)
    worded = [_captioned(examples.labels[i], words) for i in index]
    ids, ids_2 = token_ids([text for text, _ in worded], tokenizer)
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    latents = examples.latents[torch.from_numpy(index)]
    noise = torch.randn(latents.shape, generator=generator)
    offset = torch.randn(latents.shape[:2], generator=generator)[:, :, None, None]
    return _Batch(
        latents=latents,
        ids=ids,
        ids_2=ids_2,
        ends=(ids == tokenizer.eos_token_id).int().argmax(dim=1),
        said=[said for _, said in worded],
        keep=(torch.rand(size, generator=generator) >= _DROPOUT).float(),
        noise=noise + _OFFSET_NOISE * offset,
        t=_timesteps(size, generator),
    )


def token_ids(texts: Sequence[str], tokenizer: CLIPTokenizer) -> tuple[Tensor, Tensor]:
    """The ids of ``texts`` for each text encoder, (B, 77) both."""
    ids = tokenizer(
        list(texts),
        padding="max_length",
        truncation=True,
        max_length=models.MAX_TOKENS,
        return_tensors="pt",
    ).input_ids
    return ids, _pad_with_zero(ids, end=tokenizer.eos_token_id)


def _captioned(entry: Said, rng: random.Random) -> tuple[str, Said]:
    if isinstance(entry, Attributes):
        return wording.captioned(entry, rng)
    return captions.captioned(entry, rng)


def _pad_with_zero(ids: Tensor, *, end: int) -> Tensor:
    """SDXL's second tokenizer pads with id 0 after the first end token."""
    after_end = (ids == end).cumsum(dim=1) > 1
    return ids.masked_fill(after_end, 0)


def _timesteps(size: int, generator: torch.Generator) -> Tensor:
    """Uniform, but a quarter of them in the noisiest fifth, where words decide most."""
    t = torch.randint(0, 1000, (size,), generator=generator)
    noisy = torch.randint(800, 1000, (size,), generator=generator)
    return torch.where(torch.rand(size, generator=generator) < 0.25, noisy, t)


def _loss(model: Denoiser, readers: Readers, batch: _Batch, alpha_bar: Tensor) -> Tensor:
    """The noise loss, and what the readers miss in the text.

    Text encoders that start from nothing learn from pictures alone that "green" is somewhere, but
    hardly that the hair is green and the background is not. The readers make them.
    """
    text = model.encode(batch.ids, batch.ids_2)
    rows = torch.arange(len(batch.ids), device=batch.ids.device)
    ends = text.context[rows, batch.ends]
    reading = readers.loss((ends, text.pooled), batch.said)
    return _noise_loss(model, text, batch, alpha_bar) + _READING * reading


def _noise_loss(model: Denoiser, text: Text, batch: _Batch, alpha_bar: Tensor) -> Tensor:
    """Mean squared error of the predicted noise, weighted by min(SNR + 1, gamma) / SNR.

    That is the weight of a v-prediction's loss. With min(SNR, gamma) / SNR, usual for noise, almost
    nothing depends on the noisiest steps, where colours are decided: the model then takes them from
    the noise and not from the caption.
    """
    signal = alpha_bar[batch.t][:, None, None, None]
    noisy = signal.sqrt() * batch.latents + (1 - signal).sqrt() * batch.noise
    noisy = noisy.contiguous(memory_format=torch.channels_last)
    prediction = model(noisy, batch.t, text, batch.keep).float()
    error = F.mse_loss(prediction, batch.noise, reduction="none").mean(dim=(1, 2, 3))
    snr = alpha_bar[batch.t] / (1 - alpha_bar[batch.t])
    weight = ((snr + 1).clamp(max=_MIN_SNR_GAMMA) / snr).clamp(max=_MAX_WEIGHT)
    return (error * weight).mean()


@torch.no_grad()
def _follow(average: nn.Module, model: nn.Module, *, decay: float) -> None:
    pairs = zip(average.parameters(), model.parameters(), strict=True)
    for mean, value in pairs:
        mean.lerp_(value, 1 - decay)
