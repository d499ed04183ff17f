"""What all samplers have in common: a grid for a number of steps, and a run along it."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from hypersd_core.samplers.grid import Grid, Spacing, noise_share, pinned
from hypersd_core.samplers.runs import Course, Run
from hypersd_core.samplers.schedule import Denoise, NoiseSchedule
from hypersd_core.sampling import TRAINING_TIMESTEPS, start_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampler:
    """One sampling method. ``name`` is its row in ``hypersd_core.sampling``.

    ``starts_from_unit_noise``: with no picture to start from it takes unit noise for latents at its
    first timestep, as consistency models do; otherwise noise is scaled to that noise level.
    """

    name: str
    spacing: Spacing
    run: Run
    starts_from_unit_noise: bool = False

    def grid(
        self,
        schedule: NoiseSchedule,
        steps: int,
        *,
        strength: float = 1.0,
        timesteps: Sequence[int] = (),
    ) -> Grid:
        """Space a run of ``strength`` in (0, 1]; 1 is all of its ``steps``.

        A lower strength starts from a picture, with fewer steps: ``sampling.start_at`` says where.
        ``timesteps`` pins them to those that the model was made for, one a step, falling.
        """
        total = schedule.num_train_timesteps
        assert total == TRAINING_TIMESTEPS, f"{total} timesteps, not {TRAINING_TIMESTEPS}"
        assert len(timesteps) in {0, steps}, f"{steps} steps, but {len(timesteps)} timesteps"
        start = start_at(self.name, steps, strength, timesteps)
        if timesteps:
            levels = pinned(schedule, timesteps[-start.steps :])
        else:
            levels = self.spacing(schedule, start.steps, start.timestep)
        return Grid(
            timesteps=levels.timesteps,
            sigmas=levels.sigmas,
            noise_scale=1.0 if self.starts_from_unit_noise else noise_share(levels.sigmas[0]),
        )

    def sample(
        self,
        denoise: Denoise,
        x: Tensor,
        *,
        grid: Grid,
        seeds: Sequence[int],
        schedule: NoiseSchedule,
        eta: float,
    ) -> Tensor:
        """Turn VP latents ``x`` (B, C, h, w) at the start of ``grid`` into clean ones.

        ``seeds``, one an image, fix the noise added on the way; ``eta`` in [0, 1] is its share.
        """
        course = Course(grid=grid, seeds=seeds, schedule=schedule, eta=eta)
        return self.run(denoise, x, course)
