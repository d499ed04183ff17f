"""One request to pixels: our own denoising loop around a loaded model.

Nothing in the loop waits for the device: coefficients are Python numbers, computed before.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hypersd_core.engine.loader import Model
from hypersd_core.engine.prediction import PREDICTIONS
from hypersd_core.engine.text import Conditioning, encode_prompts
from hypersd_core.errors import Cancelled, GenerationFailed, OutOfMemory
from hypersd_core.request import GenerationRequest
from hypersd_core.samplers import SAMPLERS, initial_noise
from hypersd_core.sampling import model_calls

OnStep = Callable[[int, int], None]
"""``on_step(done, total)`` after each model call."""


class Engine:
    """Draws with one model. Built and used on one thread."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def generate(
        self,
        request: GenerationRequest,
        *,
        on_step: OnStep,
        should_stop: Callable[[], bool],
    ) -> list[NDArray[np.uint8]]:
        """Draw every picture of ``request``, each (height, width, 3).

        Raises Cancelled at the next model call once ``should_stop()`` is true, OutOfMemory when
        even single pictures do not fit.
        """
        try:
            return self._draw(request, request.seeds, on_step, should_stop)
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
            # retried below: inside this block the traceback would keep the tensors alive
        self._free()
        try:
            return [
                picture
                for seed in request.seeds
                for picture in self._draw(request, [seed], on_step, should_stop)
            ]
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
            message = f"{request.width}x{request.height} needs more memory than this device has."
            raise OutOfMemory(message) from error

    def _free(self) -> None:
        if self._model.device.type == "cuda":
            torch.cuda.empty_cache()

    @torch.inference_mode()
    def _draw(
        self,
        request: GenerationRequest,
        seeds: Sequence[int],
        on_step: OnStep,
        should_stop: Callable[[], bool],
    ) -> list[NDArray[np.uint8]]:
        model = self._model
        noise = initial_noise(seeds, self._latent_shape(request), device=model.device)
        positive, negative = encode_prompts(model, request.prompt, request.negative)
        branches = [negative, positive] if request.guidance > 1 else [positive]
        done, total = 0, model_calls(request.sampler, request.steps)
        predict = self._predictor(request, branches, len(seeds))

        def denoise(x: Tensor, t: float) -> Tensor:
            nonlocal done
            if should_stop():
                raise Cancelled("The job was cancelled.")
            alpha_bar = model.schedule.alpha_bar_at(t)
            x0 = PREDICTIONS[model.prediction](x, predict(x, t), alpha_bar)
            done += 1
            on_step(done, total)
            return x0

        latents = SAMPLERS[request.sampler](
            denoise,
            noise,
            steps=request.steps,
            seeds=seeds,
            schedule=model.schedule,
            eta=request.eta,
        )
        return self._decode(latents)

    def _latent_shape(self, request: GenerationRequest) -> tuple[int, int, int]:
        config = self._model.vae.config
        factor = 2 ** (len(config.block_out_channels) - 1)
        return config.latent_channels, request.height // factor, request.width // factor

    def _predictor(
        self, request: GenerationRequest, branches: Sequence[Conditioning], count: int
    ) -> Callable[[Tensor, float], Tensor]:
        """The UNet's output for (x, t), guided if there are two branches: negative, positive.

        Guidance is u + w (c - u), Ho and Salimans (2022) in Imagen's form; 1 is none.
        """
        unet = self._model.unet
        dtype = unet.dtype
        context = torch.cat([b.context.expand(count, -1, -1) for b in branches])
        pooled = torch.cat([b.pooled.expand(count, -1) for b in branches])
        # original size, crop corner, target size: SDXL (Podell et al. 2023), section 2.2
        size = (request.height, request.width)
        time_ids = context.new_tensor([[*size, 0, 0, *size]]).expand(len(context), -1)
        extra = {"text_embeds": pooled, "time_ids": time_ids}

        def predict(x: Tensor, t: float) -> Tensor:
            latents = x.to(dtype).repeat(len(branches), 1, 1, 1)
            # full() writes the number from a kernel; torch.tensor() would be a copy to wait for
            steps = torch.full((len(latents),), t, device=x.device)
            output = unet(
                latents, steps, encoder_hidden_states=context, added_cond_kwargs=extra
            ).sample.float()
            if len(branches) == 1:
                return output
            without, with_prompt = output.chunk(2)
            return without + request.guidance * (with_prompt - without)

        return predict

    def _decode(self, latents: Tensor) -> list[NDArray[np.uint8]]:
        vae = self._model.vae
        decoded = vae.decode((latents / vae.config.scaling_factor).to(vae.dtype)).sample
        if not torch.isfinite(decoded).all():
            raise GenerationFailed("The picture came out as numbers that are not finite.")
        pixels = ((decoded.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        return list(pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy())


def _is_out_of_memory(error: RuntimeError | MemoryError) -> bool:
    """Whether memory ran out: on the processor torch has no class for it, only a sentence."""
    is_processor = "DefaultCPUAllocator: can't allocate memory" in str(error)
    return is_processor or isinstance(error, (torch.OutOfMemoryError, MemoryError))
