"""Writes models in the latent-diffusion layout: the names and shapes of single-file checkpoints.

Takes and gives dicts of tensors; on the meta device too, where a real-size layout costs nothing.
"""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from hypersd_core.engine.loading.ldm_names import open_clip_names, unet_names, vae_names

State = Mapping[str, Tensor]

UNET = "model.diffusion_model."
VAE = "first_stage_model."
SDXL_CLIP = "conditioner.embedders.0.transformer."
SDXL_OPEN_CLIP = "conditioner.embedders.1.model."
SD15_CLIP = "cond_stage_model.transformer."
# What the files of the first releases hold beside the model.
SDXL_EXTRAS = (
    "conditioner.embedders.0.transformer.text_model.embeddings.position_ids",
    "conditioner.embedders.1.model.logit_scale",
)
SD15_EXTRAS = (
    "alphas_cumprod",
    "alphas_cumprod_prev",
    "betas",
    "cond_stage_model.transformer.text_model.embeddings.position_ids",
    "log_one_minus_alphas_cumprod",
    "model_ema.decay",
    "model_ema.num_updates",
    "posterior_log_variance_clipped",
    "posterior_mean_coef1",
    "posterior_mean_coef2",
    "posterior_variance",
    "sqrt_alphas_cumprod",
    "sqrt_one_minus_alphas_cumprod",
    "sqrt_recip_alphas_cumprod",
    "sqrt_recipm1_alphas_cumprod",
)


def ldm_unet(state: State, *, prefix: str = UNET) -> dict[str, Tensor]:
    """A UNet2DConditionModel. Without ``prefix`` it is the UNet-only file of some releases."""
    return {prefix + ldm: state[name] for name, ldm in unet_names(state).items()}


def ldm_vae(state: State, *, prefix: str = VAE) -> dict[str, Tensor]:
    """An AutoencoderKL; its attention's matrices become 1×1 convolutions."""
    return {prefix + ldm: _as_stored(ldm, state[name]) for name, ldm in vae_names(state).items()}


def _as_stored(name: str, tensor: Tensor) -> Tensor:
    is_matrix = ".attn_1." in name and tensor.ndim == 2
    return tensor[:, :, None, None].contiguous() if is_matrix else tensor


def clip(state: State, *, prefix: str = SDXL_CLIP) -> dict[str, Tensor]:
    """A CLIPTextModel, always below ``text_model.``, as transformers before 5.6 named it."""
    return {
        f"{prefix}text_model.{name.removeprefix('text_model.')}": tensor
        for name, tensor in state.items()
    }


def open_clip(state: State, *, prefix: str = SDXL_OPEN_CLIP) -> dict[str, Tensor]:
    """A CLIPTextModelWithProjection in OpenCLIP's names: fused in_proj, transposed projection."""
    groups: dict[str, list[tuple[int, Tensor]]] = {}
    for name, stored in open_clip_names(state).items():
        tensor = state[name].T if stored.transposed else state[name]
        groups.setdefault(stored.name, []).append((stored.third or 0, tensor))
    return {prefix + name: _joined(parts) for name, parts in groups.items()}


def _joined(parts: Iterable[tuple[int, Tensor]]) -> Tensor:
    return torch.cat([tensor for _, tensor in sorted(parts, key=lambda part: part[0])])


def ldm_sdxl(
    *, unet: State, vae: State, text_encoder: State, text_encoder_2: State
) -> dict[str, Tensor]:
    """A whole SDXL checkpoint, without ``SDXL_EXTRAS``."""
    return ldm_unet(unet) | ldm_vae(vae) | clip(text_encoder) | open_clip(text_encoder_2)


def ldm_sd15(*, unet: State, vae: State, text_encoder: State) -> dict[str, Tensor]:
    """A whole SD1.5 checkpoint, without ``SD15_EXTRAS``."""
    return ldm_unet(unet) | ldm_vae(vae) | clip(text_encoder, prefix=SD15_CLIP)
