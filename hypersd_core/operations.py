"""What the operator asks of a bot that runs: how the machine is, and to read its files again."""

import asyncio
import platform
import shutil
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import psutil  # type: ignore[import-untyped]  # ships no types

from hypersd_core.library import Library
from hypersd_core.preset_book import PresetBook
from hypersd_core.preset_files import read_shipped
from hypersd_core.recipe_book import RecipeBook
from hypersd_core.settings import Settings

_PACKAGES = ("hypersd-bot", "torch", "diffusers", "discord.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The process and what it runs on. ``versions`` are of what is installed, by name."""

    uptime_s: float
    used_bytes: int
    free_memory_bytes: int
    free_disk_bytes: int
    versions: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded:
    """What there is now. ``problems`` are sentences about files that cannot be used."""

    models: int
    loras: int
    recipes: int
    presets: int
    problems: tuple[str, ...]


class Operations:
    """Looks and reads again. One reading at a time: files are also looked for by themselves."""

    def __init__(self, settings: Settings, library: Library, presets: PresetBook) -> None:
        self._settings = settings
        self._library = library
        self._presets = presets
        self._reading = asyncio.Lock()
        self._since_s = time.monotonic()

    async def refresh(self) -> None:
        """Find model files that came, went or changed. Raises HyperSDError and OSError."""
        async with self._reading:
            await asyncio.to_thread(self._library.refresh)

    async def reload(self) -> Reloaded:
        """Read recipes, presets and the models folder anew. Raises HyperSDError and OSError.

        What is wrong changes nothing.
        """
        async with self._reading:
            book = await asyncio.to_thread(RecipeBook.read, self._settings.recipes_file)
            shipped = await asyncio.to_thread(read_shipped, self._settings.presets_file)
            self._library.go_by(book)
            self._presets.ship(shipped)
            await asyncio.to_thread(self._library.refresh)
        problems = (entry.problem for entry in self._library.entries())
        return Reloaded(
            models=len(self._library.models()),
            loras=len(self._library.loras()),
            recipes=len(self._library.recipes()),
            presets=len(shipped),
            problems=tuple(problem for problem in problems if problem),
        )

    def machine(self) -> Machine:
        """How it is now."""
        return Machine(
            uptime_s=time.monotonic() - self._since_s,
            used_bytes=psutil.Process().memory_info().rss,
            free_memory_bytes=psutil.virtual_memory().available,
            free_disk_bytes=shutil.disk_usage(self._settings.local_dir).free,
            versions={"Python": platform.python_version(), **_versions()},
        )


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # run from a checkout that was never installed
            continue
    return found
