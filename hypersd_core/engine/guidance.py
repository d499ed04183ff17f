"""The UNet asked with the prompt of each step, and with the negative one beside it if guided."""

import torch
from torch import Tensor

from hypersd_core.engine.loader import Model
from hypersd_core.engine.text import Conditioning, PromptSchedule
from hypersd_core.models import Family


class Predictor:
    """The UNet's output for noisy latents, by step. Guidance of 1 or less asks once, not twice.

    Guidance is u + w (c - u): Ho and Salimans (2022), in Imagen's form, where 1 is none.
    """

    def __init__(
        self, model: Model, prompts: PromptSchedule, *, guidance: float, size: tuple[int, int]
    ) -> None:
        """``size``: (width, height) of the picture in pixels."""
        self._unet = model.unet
        self._dtype = model.unet.dtype  # asked for once: the property walks all modules
        self._needs_sizes = model.family is Family.SDXL
        self._prompts = prompts
        self._guidance = guidance
        # original size, crop corner, target size: SDXL (Podell et al. 2023), section 2.2
        height_first = size[::-1]
        self._size_ids = [*height_first, 0, 0, *height_first]

    @property
    def _is_guided(self) -> bool:
        return self._guidance > 1

    def __call__(self, x: Tensor, t: float, *, step: int) -> Tensor:
        """Ask for ``x`` (B, C, h, w) at timestep ``t``; ``step`` (from 0) chooses the prompt."""
        positive, negative = self._prompts.at(step)
        branches = [negative, positive] if self._is_guided else [positive]
        output = self._ask(x, t, branches)
        if not self._is_guided:
            return output
        without, with_prompt = output.chunk(2)
        return without + self._guidance * (with_prompt - without)

    def _ask(self, x: Tensor, t: float, branches: list[Conditioning]) -> Tensor:
        latents = x.to(self._dtype).repeat(len(branches), 1, 1, 1)
        # full() writes the number from a kernel; torch.tensor() would be a copy to wait for
        timesteps = torch.full((len(latents),), t, device=x.device)
        context = torch.cat([b.context.expand(len(x), -1, -1) for b in branches])
        added = self._added(branches, len(x)) if self._needs_sizes else None
        output = self._unet(
            latents, timesteps, encoder_hidden_states=context, added_cond_kwargs=added
        )
        return output.sample.float()

    def _added(self, branches: list[Conditioning], count: int) -> dict[str, Tensor]:
        """SDXL's second conditioning: pooled text and the sizes of the picture.

        Sides are multiples of 8 up to 2048, which bfloat16 holds exactly.
        """
        pooled = torch.cat([b.pooled.expand(count, -1) for b in branches if b.pooled is not None])
        sizes = torch.stack([torch.full_like(pooled[:, 0], n) for n in self._size_ids], dim=1)
        return {"text_embeds": pooled, "time_ids": sizes}
