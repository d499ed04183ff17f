"""All checks that need no network, in the order in which they are read."""

import os
from collections.abc import Iterator
from pathlib import Path

from hypersd_core.doctor.check import Check
from hypersd_core.doctor.data import (
    check_classifier,
    check_database,
    check_folder,
    check_languages,
    check_library,
)
from hypersd_core.doctor.machine import (
    check_device,
    check_packages,
    check_port,
    check_python,
    check_settings,
    requirements,
)
from hypersd_core.settings import ENV_FILES, Settings

_PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


def examine(settings: Settings) -> Iterator[Check]:
    """One check after another. Blocks; loads torch and reads the models folder."""
    from hypersd_core.engine.device_report import report_device  # noqa: PLC0415 - imports torch

    yield check_python()
    yield check_packages(requirements(_PYPROJECT))
    yield from check_settings(os.environ, ENV_FILES)
    yield check_device(report_device())
    yield from check_library(settings)
    yield from check_folder(settings.local_dir)
    yield check_database(settings.local_dir)
    yield check_classifier(settings.image_classifier)
    yield check_languages()
    yield from _check_ports(settings)


def _check_ports(settings: Settings) -> Iterator[Check]:
    if settings.metrics_port:
        host, port = settings.metrics_host, settings.metrics_port
        yield check_port("metrics", host, port, setting="HYPERSD_METRICS_PORT")
    if settings.sandbox_port and settings.sandbox_url is None and settings.discord_token is None:
        port = settings.sandbox_port
        yield check_port("sandbox", "127.0.0.1", port, setting="HYPERSD_SANDBOX_PORT")
