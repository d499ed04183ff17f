"""A request as the runs of the sampler that it takes: one, two with hires, none at strength 0."""

from collections.abc import Iterator
from dataclasses import dataclass

from hypersd_core.request import GenerationRequest
from hypersd_core.sampling import model_calls, start_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One run of the sampler at one size, in pixels. ``strength`` below 1 starts from a picture."""

    sampler: str
    width: int
    height: int
    steps: int
    strength: float = 1.0
    timesteps: tuple[int, ...] = ()

    @property
    def steps_taken(self) -> int:
        """How many of its steps it takes."""
        return start_at(self.sampler, self.steps, self.strength, self.timesteps).steps

    @property
    def calls(self) -> int:
        """How often it asks the model."""
        return model_calls(
            self.sampler, self.steps, strength=self.strength, timesteps=self.timesteps
        )


def passes(request: GenerationRequest) -> tuple[Pass, ...]:
    """What to run, in order."""
    return tuple(run for run in _wanted(request) if run.strength > 0)


def total_model_calls(request: GenerationRequest) -> int:
    """How often the model is asked for each picture of ``request``."""
    return sum(run.calls for run in passes(request))


def megapixel_calls(request: GenerationRequest) -> float:
    """Model calls for each picture, each counted with the megapixels that it works on."""
    return sum(run.calls * run.width * run.height / 1e6 for run in passes(request))


def _wanted(request: GenerationRequest) -> Iterator[Pass]:
    yield Pass(
        sampler=request.sampler,
        width=request.width,
        height=request.height,
        steps=request.steps,
        strength=1.0 if request.source is None else request.source.strength,
        timesteps=request.timesteps,
    )
    if request.hires is not None:
        width, height = request.final_size
        steps = request.hires.steps or request.steps
        yield Pass(
            sampler=request.sampler,
            width=width,
            height=height,
            steps=steps,
            strength=request.hires.strength,
            timesteps=request.timesteps if steps == request.steps else (),
        )
