"""How the log is written: as text for people or as one JSON object a line for machines.

Two promises: no token is ever written, whatever a library logs; and a message about a job carries
the job's number as a field. Messages about jobs begin with ``job %d``, which is where it is from.
"""

import json
import logging
import re
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

log = logging.getLogger(__name__)

HIDDEN = "[hidden]"
_ABOUT_A_JOB = "job %d"
_LOADING_EVERY_S = 5.0
_TOKENS = re.compile(
    r"""(?P<before>
        /webhooks/\d+/ | /interactions/\d+/        # the token of an interaction is in the address
        | ["']token["']:\s*["']                    # and in the event
        | \bBot[ ](?=[\w-]{8,}\.)                  # the header that logs in
    )[^\s/"'?]+""",
    re.VERBOSE,
)


def set_up(level: str, log_format: str, secrets: Iterable[str] = ()) -> None:
    """Write the log of this process to standard error; replaces what was set up before.

    ``log_format`` is ``text`` or ``json``. ``secrets`` are hidden wherever they stand.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(secrets) if log_format == "json" else TextFormatter(secrets))
    logging.basicConfig(level=level, handlers=[handler], force=True)


def job_of(record: logging.LogRecord) -> int | None:
    """The number of the job that a message is about."""
    if isinstance(record.msg, str) and record.msg.startswith(_ABOUT_A_JOB):
        number = record.args[0] if isinstance(record.args, tuple) and record.args else None
        return number if isinstance(number, int) else None
    return None


class _Discreet(logging.Formatter):
    """Hides tokens in everything that it formats."""

    def __init__(self, secrets: Iterable[str] = (), fmt: str | None = None) -> None:
        super().__init__(fmt)
        self._secrets = tuple(secret for secret in secrets if secret)

    def hide(self, text: str) -> str:
        """``text`` without tokens."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return _TOKENS.sub(rf"\g<before>{HIDDEN}", text)


class TextFormatter(_Discreet):
    """``2026-11-23 15:04:05,123 INFO hypersd_core.service: job 42 <- 0.31 s gpu``."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__(secrets, "%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the traceback below it."""
        return self.hide(super().format(record))


class JsonFormatter(_Discreet):
    """``time`` (UTC), ``level``, ``logger``, ``message``; ``job`` and ``error`` where they are."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        fields: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": self.hide(record.getMessage()),
        }
        if (job := job_of(record)) is not None:
            fields["job"] = job
        if record.exc_info:
            fields["error"] = self.hide(self.formatException(record.exc_info))
        return json.dumps(fields, ensure_ascii=False)


class LoadingLog:
    """Tells of a model that loads, but not of every percent. On the GPU thread."""

    def __init__(self, on_loaded: Callable[[str], None] = lambda _: None) -> None:
        self._told_s = time.monotonic()
        self._on_loaded = on_loaded

    def tell(self, model: str, part: str, share: float) -> None:
        """Log a line every few seconds; ``on_loaded(model)`` when all of it is there."""
        if share >= 1:
            self._on_loaded(model)
        if time.monotonic() - self._told_s > _LOADING_EVERY_S:
            self._told_s = time.monotonic()
            log.info("loading %s: %.0f %%, %s", model, 100 * share, part)
