"""What happens to jobs, as numbers for Prometheus. Who tells sees only the small ``Watcher``.

Each ``Metrics`` has a registry of its own, so that two bots, or two tests, can live in one process.
Gauges are read from their owners at the moment somebody asks.
"""

import time
from collections.abc import Callable, Mapping
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_WAITING_S = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800)
_DRAWING_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120, 300)
_LAG_S = (0.005, 0.02, 0.1, 0.5, 1, 5)


class Watcher(Protocol):
    """Is told what becomes of jobs. Cheap, never raises, for the event loop."""

    def job_drawn(self, *, model: str, pictures: int, gpu_s: float, waited_s: float) -> None:
        """The GPU is done with a job that had waited ``waited_s`` seconds in the queue."""

    def job_ended(self, job_id: int, outcome: str) -> None:
        """A job reached its last state: ``delivered``, ``failed``, ``cancelled``, ``blocked``."""

    def posted(self, route: str) -> None:
        """A result reached its user by ``token``, ``channel``, ``direct message`` or ``show``."""


class Unwatched:
    """A watcher that looks away."""

    def job_drawn(self, *, model: str, pictures: int, gpu_s: float, waited_s: float) -> None:
        """Nothing."""

    def job_ended(self, job_id: int, outcome: str) -> None:
        """Nothing."""

    def posted(self, route: str) -> None:
        """Nothing."""


UNWATCHED = Unwatched()


class Metrics:
    """A watcher that counts, with ``last_job``: the one that ended last, if any did."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.last_job: Mapping[str, object] | None = None
        self._jobs = self._counter("jobs", "Jobs that ended.", "outcome")
        self._pictures = self._counter("pictures", "Pictures drawn.", "model")
        self._gpu_s = self._counter("gpu_seconds", "Seconds that the GPU drew.", "model")
        self._posted = self._counter("deliveries", "Results that reached their user.", "route")
        self._errors = self._counter("discord_errors", "Answers of Discord above 399.", "status")
        self._loads = self._counter("model_loads", "Models read into memory.", "model")
        self._waiting_s = self._histogram("waiting_seconds", "A job in the queue.", _WAITING_S)
        self._drawing_s = self._histogram("drawing_seconds", "A job on the GPU.", _DRAWING_S)
        self._lag_s = self._histogram("event_loop_lag_seconds", "A timer that is late.", _LAG_S)

    def job_drawn(self, *, model: str, pictures: int, gpu_s: float, waited_s: float) -> None:
        """Count pictures and seconds."""
        self._pictures.labels(model).inc(pictures)
        self._gpu_s.labels(model).inc(gpu_s)
        self._drawing_s.observe(gpu_s)
        self._waiting_s.observe(waited_s)

    def job_ended(self, job_id: int, outcome: str) -> None:
        """Count the job and remember it."""
        self._jobs.labels(str(outcome)).inc()
        self.last_job = {"id": job_id, "outcome": str(outcome), "ended_at": time.time()}

    def posted(self, route: str) -> None:
        """Count a delivery."""
        self._posted.labels(route).inc()

    def discord_answered(self, status: int) -> None:
        """Count an answer of Discord's, if it is an error. discord.py may try again."""
        if status >= 400:
            self._errors.labels(str(status)).inc()

    def model_loaded(self, model: str) -> None:
        """Count a model that was read into memory. For any thread."""
        self._loads.labels(model).inc()

    def loop_lagged(self, lag_s: float) -> None:
        """Observe how late the event loop came to a timer."""
        self._lag_s.observe(lag_s)

    def gauge(self, name: str, about: str, read: Callable[[], float]) -> None:
        """Publish ``hypersd_<name>``: what ``read`` returns whenever somebody asks."""
        Gauge(f"hypersd_{name}", about, registry=self._registry).set_function(read)

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def _counter(self, name: str, about: str, label: str) -> Counter:
        return Counter(f"hypersd_{name}", about, [label], registry=self._registry)

    def _histogram(self, name: str, about: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"hypersd_{name}", about, registry=self._registry, buckets=buckets)
