"""One batch of pictures: from words, noise and perhaps a picture to pixels, with one loaded model.

Nothing in the loop waits for the device: coefficients are Python numbers, computed before.
"""

import contextlib
import itertools
from collections.abc import Callable, Mapping, Sequence

from torch import Tensor

from hypersd_core.engine.guidance import Predictor
from hypersd_core.engine.kept import Kept
from hypersd_core.engine.latents import PictureVae, Pixels, enlarge
from hypersd_core.engine.memory.offload import Part, placed
from hypersd_core.engine.pixels.tiling import seamless
from hypersd_core.engine.pixels.upscale import Upscaler, fit, fit_mask
from hypersd_core.engine.prediction import PREDICTIONS
from hypersd_core.engine.progress import Progress
from hypersd_core.engine.shelf import Ready
from hypersd_core.engine.text import PromptSchedule, encode_prompts
from hypersd_core.passes import Pass, passes
from hypersd_core.request import LATENT, MAX_SEED, GenerationRequest
from hypersd_core.samplers import SAMPLERS, initial_noise, slerp, start_latents
from hypersd_core.sampling import SAMPLING_METHODS


class Drawing:
    """Draws one batch of ``request``: its pictures number ``indices``.

    ``pictures`` are the input pictures that the request names; ``upscaler(name)`` is the network of
    that name, None for a plain resampling.
    """

    def __init__(
        self,
        ready: Ready,
        request: GenerationRequest,
        indices: Sequence[int],
        *,
        pictures: Mapping[str, Pixels],
        upscaler: Callable[[str], Upscaler | None],
        progress: Progress,
    ) -> None:
        self._model = ready.model
        self._mode = ready.mode
        self._vae = PictureVae(ready.model, free_bytes=ready.free_bytes, is_seamless=request.tiling)
        self._request = request
        self._indices = indices
        self._seeds = [request.seeds[index] for index in indices]
        self._pictures = pictures
        self._upscaler = upscaler
        self._progress = progress

    def draw(self) -> list[Pixels]:
        """The pictures, each (height, width, 3)."""
        with seamless(self._model) if self._request.tiling else contextlib.nullcontext():
            return self._draw()

    def _draw(self) -> list[Pixels]:
        runs = passes(self._request)
        if not runs:  # a strength of 0 draws nothing anew
            return [self._source(*self._request.final_size)] * len(self._indices)
        prompts = self._prompts(runs[0])
        latents: Tensor | None = None
        kept, first_step = None, 0
        for run in runs:
            clean = None
            if run.strength < 1 or self._has_mask:
                with self._placed(Part.VAE):
                    kept = self._kept(run)
                    clean = self._clean(run, latents)
            with self._placed(Part.UNET):
                latents = self._denoise(run, clean, kept, prompts, first_step=first_step)
            first_step += run.steps  # a second pass goes on where editing ended
        assert latents is not None
        with self._placed(Part.VAE):
            drawn = self._vae.decode(latents)
        return drawn if kept is None else kept.paste(drawn)

    @property
    def _has_mask(self) -> bool:
        return self._request.source is not None and bool(self._request.source.mask)

    def _placed(self, part: Part) -> contextlib.AbstractContextManager[None]:
        return placed(self._model, part, mode=self._mode)

    def _prompts(self, run: Pass) -> PromptSchedule:
        """The conditioning of each step; without guidance nobody asks for the negative prompt."""
        request = self._request
        with self._placed(Part.TEXT_ENCODERS):
            return encode_prompts(
                self._model,
                request.prompt,
                request.negative if request.guidance > 1 else "",
                steps=run.steps_taken,
                emphasis=request.emphasis,
                clip_skip=request.clip_skip,
            )

    def _source(self, width: int, height: int) -> Pixels:
        source = self._request.source
        assert source is not None, "only a source has a strength of 0"
        return self._fit(self._pictures[source.picture], width, height, source.upscaler)

    def _fit(self, picture: Pixels, width: int, height: int, upscaler: str) -> Pixels:
        network = self._upscaler(upscaler)
        return fit(picture, width, height, network, on_tile=lambda *_: self._progress.check())

    def _kept(self, run: Pass) -> Kept | None:
        if not self._has_mask:
            return None
        source = self._request.source
        assert source is not None
        picture = self._source(run.width, run.height)
        mask = fit_mask(self._pictures[source.mask], run.width, run.height)
        return Kept(picture, mask, self._vae.encode([picture]))

    def _clean(self, run: Pass, latents: Tensor | None) -> Tensor | None:
        """The latents that ``run`` starts from; None if it starts from noise alone."""
        if run.strength == 1:
            return None
        if latents is not None:
            return self._enlarged(latents, run)
        return self._vae.encode([self._source(run.width, run.height)])

    def _enlarged(self, latents: Tensor, run: Pass) -> Tensor:
        """What the first pass drew, at the size of the second."""
        hires = self._request.hires
        assert hires is not None, "only a hires pass follows another"
        if hires.upscaler == LATENT:
            return enlarge(latents, self._vae.latent_shape(run.width, run.height))
        pictures = self._vae.decode(latents)
        return self._vae.encode(
            [self._fit(picture, run.width, run.height, hires.upscaler) for picture in pictures]
        )

    def _denoise(
        self,
        run: Pass,
        clean: Tensor | None,
        kept: Kept | None,
        prompts: PromptSchedule,
        *,
        first_step: int,
    ) -> Tensor:
        """Run the sampler once. Returns latents (B, C, h, w)."""
        model, request, sampler = self._model, self._request, SAMPLERS[self._request.sampler]
        grid = sampler.grid(
            model.schedule, run.steps, strength=run.strength, timesteps=run.timesteps
        )
        predict = Predictor(model, prompts, guidance=request.guidance, size=(run.width, run.height))
        calls_per_step = SAMPLING_METHODS[request.sampler].calls_per_step
        calls = itertools.count()

        def denoise(x: Tensor, t: float) -> Tensor:
            self._progress.check()
            output = predict(x, t, step=first_step + next(calls) // calls_per_step)
            x0 = PREDICTIONS[model.prediction](x, output, model.schedule.alpha_bar_at(t))
            self._progress.advance()
            return x0 if kept is None else kept.restore(x0)

        drawn = sampler.sample(
            denoise,
            start_latents(self._noise(run), grid, clean),
            grid=grid,
            seeds=self._seeds,
            schedule=model.schedule,
            eta=request.eta,
        )
        # some samplers end on a trace of noise, which a hires pass would enlarge
        return drawn if kept is None else kept.restore(drawn)

    def _noise(self, run: Pass) -> Tensor:
        """Unit noise of each picture's seed, on the way to the variation's if there is one."""
        shape = self._vae.latent_shape(run.width, run.height)
        noise = initial_noise(self._seeds, shape, device=self._model.device)
        variation = self._request.variation
        if variation is None:
            return noise
        others = [(variation.seed + index) % (MAX_SEED + 1) for index in self._indices]
        towards = initial_noise(others, shape, device=self._model.device)
        return slerp(noise, towards, variation.strength)
