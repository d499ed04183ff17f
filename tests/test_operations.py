"""What the operator reads again while the bot runs."""

import shutil
from pathlib import Path

import pytest

from hypersd_core.assembly import Workshop
from hypersd_core.errors import ModelError
from hypersd_core.operations import Operations
from hypersd_core.preset_book import PresetBook
from hypersd_core.preset_files import read_shipped
from hypersd_core.settings import Settings
from hypersd_core.store import Store


class Elsewhere(Settings):
    """The same settings, whose shipped files lie in the data folder of a test."""

    @property
    def recipes_file(self) -> Path:
        return self.local_dir / "recipes.toml"

    @property
    def presets_file(self) -> Path:
        return self.local_dir / "presets.toml"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    shipped = Settings.read()
    for file in (shipped.recipes_file, shipped.presets_file):
        shutil.copy(file, tmp_path / file.name)
    shutil.copytree(shipped.recipes_file.parent / "configs", tmp_path / "configs")
    return Elsewhere.read().model_copy(update={"local_dir": tmp_path})


async def test_recipes_and_presets_are_read_again_and_wrong_ones_change_nothing(
    settings: Settings,
) -> None:
    library = Workshop.open(settings).library
    async with Store.open(settings.local_dir) as store:
        presets = PresetBook(store.presets, read_shipped(settings.presets_file))
        operations = Operations(settings, library, presets)
        before = await operations.reload()
        assert before.models == 1
        assert before.problems == ()
        ink = '[[preset]]\nname = "ink"\nprompt = "{prompt}, in ink"\n'
        settings.presets_file.write_text(ink, "utf-8")
        assert (await operations.reload()).presets == 1
        assert [entry.preset.name for entry in await presets.list(None)] == ["ink"]
        settings.recipes_file.write_text("[broken]\nsteps = 'many'\n", "utf-8")
        with pytest.raises(ModelError):
            await operations.reload()
        assert len(library.recipes()) == before.recipes
        await operations.refresh()


async def test_the_machine_is_looked_at(settings: Settings) -> None:
    library = Workshop.open(settings).library
    async with Store.open(settings.local_dir) as store:
        machine = Operations(settings, library, PresetBook(store.presets, ())).machine()
    assert machine.used_bytes > 0
    assert machine.free_disk_bytes > 0
    assert machine.uptime_s >= 0
    assert {"Python", "torch", "discord.py"} <= machine.versions.keys()
