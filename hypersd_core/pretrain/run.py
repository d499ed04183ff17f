"""What every stage shares: a progress line with ETA, and whole checkpoints or none."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch.optim import AdamW

log = logging.getLogger(__name__)

_REPORT_EVERY_S = 15.0
_SAVE_EVERY_S = 120.0


def device() -> torch.device:
    """Where to train: the first CUDA device if there is one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write ``state`` beside ``path``, then rename: a killed run leaves the old file or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """Return what ``save_checkpoint`` wrote, or None if this stage has not begun."""
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


class Stateful(Protocol):
    """A module or an optimizer."""

    def state_dict(self) -> dict[str, Any]:
        """All that must outlast the process."""
        ...

    def load_state_dict(self, state_dict: Any, /) -> Any:  # noqa: ANN401 - as torch types it
        """Become what ``state_dict`` told."""
        ...


def resume(path: Path, parts: Mapping[str, Stateful]) -> tuple[int, Callable[[int], None]]:
    """Give ``parts`` the state that was saved in ``path``, if any.

    Returns how many steps that state has seen, and what saves the parts after so many.
    """
    state = load_checkpoint(path) or {"step": 0}
    if state["step"]:
        for name, part in parts.items():
            part.load_state_dict(state[name])

    def save(step: int) -> None:
        states = {name: part.state_dict() for name, part in parts.items()}
        save_checkpoint(path, {"step": step, **states})

    return int(state["step"]), save


def steps(
    stage: str, *, done: int, total: int, save: Callable[[int], None]
) -> Iterator[tuple[int, Callable[[float], None]]]:
    """Yield ``(step, report)`` for the steps left; ``report(loss)`` feeds the progress line.

    ``save(step)`` is called every two minutes, at the end, and when the run is interrupted.
    """
    started = last_report = last_save = time.monotonic()
    smooth = 0.0
    step = done

    def report(loss: float) -> None:
        nonlocal smooth
        smooth = loss if smooth == 0.0 else 0.98 * smooth + 0.02 * loss

    try:
        while step < total:
            yield step, report
            step += 1
            now = time.monotonic()
            if now - last_report > _REPORT_EVERY_S:
                last_report = now
                per_s = (step - done) / (now - started)
                eta_min = (total - step) / per_s / 60
                log.info(
                    "%s %d/%d · loss %.4f · %.2f steps/s · %.0f min left",
                    stage, step, total, smooth, per_s, eta_min,
                )  # fmt: skip
            if now - last_save > _SAVE_EVERY_S:
                last_save = now
                save(step)
    finally:
        save(step)


def set_learning_rate(optimizer: AdamW, *, peak: float, step: int, total: int) -> None:
    """100 steps of warm-up, constant for 60 % of the run, then a cosine down to 2 %."""
    fraction = step / total
    cosine = 0.5 * (1 + torch.cos(torch.tensor(torch.pi * (fraction - 0.6) / 0.4)).item())
    decay = 1.0 if fraction < 0.6 else max(0.02, cosine)
    for group in optimizer.param_groups:
        group["lr"] = peak * decay * min(1.0, (step + 1) / 100)
