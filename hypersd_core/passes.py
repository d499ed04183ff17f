"""A request as the runs of the sampler that it takes: one, two with hires, none at strength 0."""

from dataclasses import dataclass

from hypersd_core.request import GenerationRequest
from hypersd_core.sampling import model_calls


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One run of the sampler at one size, in pixels. ``strength`` below 1 starts from a picture."""

    width: int
    height: int
    steps: int
    strength: float
    timesteps: tuple[int, ...] = ()


def passes(request: GenerationRequest) -> tuple[Pass, ...]:
    """What to run, in order."""
    first = Pass(
        width=request.width,
        height=request.height,
        steps=request.steps,
        strength=1.0 if request.source is None else request.source.strength,
        timesteps=request.timesteps,
    )
    return tuple(step for step in (first, *_hires(request)) if step.strength > 0)


def _hires(request: GenerationRequest) -> tuple[Pass, ...]:
    if request.hires is None:
        return ()
    width, height = request.final_size
    steps = request.hires.steps or request.steps
    return (
        Pass(
            width=width,
            height=height,
            steps=steps,
            strength=request.hires.strength,
            timesteps=request.timesteps if steps == request.steps else (),
        ),
    )


def total_model_calls(request: GenerationRequest) -> int:
    """How often the model is asked for each picture of ``request``."""
    return sum(_calls(request, step) for step in passes(request))


def megapixel_calls(request: GenerationRequest) -> float:
    """Model calls for each picture, each counted with the megapixels that it works on."""
    return sum(_calls(request, step) * step.width * step.height / 1e6 for step in passes(request))


def _calls(request: GenerationRequest, step: Pass) -> int:
    return model_calls(
        request.sampler, step.steps, strength=step.strength, timesteps=step.timesteps
    )
