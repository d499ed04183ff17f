"""Checks of the machine: Python, packages, what draws, ports, the operator's settings."""

import difflib
import errno
import os
import re
import socket
import stat
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from hypersd_core.doctor.check import Check, ok, problem, warning
from hypersd_core.settings import Settings

if TYPE_CHECKING:
    from hypersd_core.engine.device_report import DeviceReport

_OLDEST_PYTHON = (3, 11)
_SHOWN = ("torch", "diffusers", "transformers", "discord.py")
_SMALL_GPU_BYTES = 6 * 10**9
_PREFIX = "HYPERSD_"
_ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?(\w+)\s*=", re.MULTILINE)
_INSTALL = "Run: python -m pip install -c constraints.txt -e ."


def check_python(version: tuple[int, int, int] = sys.version_info[:3]) -> Check:
    """Whether this Python is new enough."""
    shown = ".".join(str(part) for part in version)
    if version >= _OLDEST_PYTHON:
        return ok("Python", shown)
    return problem("Python", f"{shown} is too old.", "Install Python 3.11 or newer.")


def requirements(pyproject: Path) -> list[str]:
    """What the project says that it needs."""
    project = tomllib.loads(pyproject.read_text("utf-8"))["project"]
    return [str(line) for line in project["dependencies"]]


def check_packages(
    needed: Iterable[str], version_of: Callable[[str], str] = metadata.version
) -> Check:
    """Whether what the project needs is installed, in versions that it was made for."""
    missing, other, shown = [], [], []
    for requirement in map(Requirement, needed):
        try:
            version = version_of(requirement.name)
        except metadata.PackageNotFoundError:
            missing.append(requirement.name)
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            other.append(f"{requirement.name} {version} (not {requirement.specifier})")
        if requirement.name in _SHOWN:
            shown.append(f"{requirement.name} {version}")
    if missing:
        return problem("packages", f"Not installed: {', '.join(missing)}.", _INSTALL)
    if other:
        return warning("packages", f"Untested versions: {', '.join(other)}.", _INSTALL)
    return ok("packages", ", ".join(shown) or "all there")


def check_settings(environment: Mapping[str, str], env_files: Iterable[Path]) -> Iterator[Check]:
    """Names that mean nothing, and files with the token that others can read."""
    files = [file for file in dict.fromkeys(env_files) if file.is_file()]
    given = {name.upper() for name in environment}
    for file in files:
        given |= {name.upper() for name in _ASSIGNMENT.findall(file.read_text("utf-8-sig"))}
    known = {f"{_PREFIX}{name.upper()}" for name in Settings.model_fields}
    unknown = sorted(name for name in given - known if name.startswith(_PREFIX))
    for name in unknown:
        close = difflib.get_close_matches(name, known, n=1)
        advice = f"Is {close[0]} meant?" if close else "README.md lists the settings."
        yield warning("settings", f"{name} is no setting.", advice)
    for file in filter(_is_open_to_others, files):
        yield warning(
            "settings",
            f"{file} may be read by everybody on this machine, and the token is in it.",
            f"Run: chmod 600 {file}",
        )
    if not unknown:
        yield ok("settings", ", ".join(str(file) for file in files) or "from the environment")


def check_device(report: "DeviceReport") -> Check:
    """What draws, and whether torch was built for it."""
    if not report.gpu:
        return _check_processor(report)
    sentence = (
        f"{report.gpu}, {report.memory_bytes / 1e9:.0f} GB, torch {report.torch}, "
        f"driver {report.driver or 'unknown'}"
    )
    if not report.has_kernels:
        return problem(
            "GPU",
            f"{sentence}: this torch has no code for it.",
            "Install a torch that is built for this GPU: https://pytorch.org/get-started/locally",
        )
    if report.memory_bytes < _SMALL_GPU_BYTES:
        advice = "SDXL's parts will take turns on it, which is slower; SD1.5 fits."
        return warning("GPU", f"{sentence}.", advice)
    return ok("GPU", sentence)


def _check_processor(report: "DeviceReport") -> Check:
    memory = f"{report.memory_bytes / 1e9:.0f} GB"
    if report.driver and not report.built_for:
        return problem(
            "GPU",
            f"There is an {report.driver.split(',')[0]}, but torch {report.torch} is built for "
            "processors alone.",
            "Install the CUDA build of torch: https://pytorch.org/get-started/locally",
        )
    if report.driver:
        return problem(
            "GPU",
            f"torch {report.torch} is built for {report.built_for} and cannot use the GPU "
            f"({report.driver}).",
            "Update the driver, or install a torch that is built for an older CUDA.",
        )
    return ok(
        "GPU",
        f"None: {report.cores} processor cores draw, with {memory}. The model that ships takes "
        "about a second a picture, SDXL minutes.",
    )


def check_port(name: str, host: str, port: int, *, setting: str) -> Check:
    """Whether the bot could listen there. The bot itself, if it runs, does so already."""
    where = f"{host}, port {port}"
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            if os.name == "posix":  # as servers do; elsewhere the option means something else
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return warning(
                name, f"{where} is taken.", f"By the bot itself, if it runs; else set {setting}."
            )
        return problem(
            name, f"{where} cannot be listened at ({error.strerror}).", f"Set {setting}."
        )
    return ok(name, f"{where} is free")


def _is_open_to_others(file: Path) -> bool:
    return os.name == "posix" and bool(file.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
