"""Presets on a real file: revisions, history, defaults, and what is forgotten."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hypersd_core.errors import PresetChanged
from hypersd_core.presets import Preset
from hypersd_core.store.database import Database
from hypersd_core.store.presets import KEPT_CHANGES, PresetTable, PresetWrite

GUILD, OTHER_GUILD, ADMIN = 2**62 + 1, 7, 2**62 + 3
PHOTO, INK = Preset(name="Photo", prompt="photo"), Preset(name="Ink", prompt="ink")


@pytest.fixture
async def table(tmp_path: Path) -> AsyncIterator[PresetTable]:
    async with Database.open(tmp_path) as database:
        yield PresetTable(database)


def adding(preset: Preset, shipped: str | None = None) -> PresetWrite:
    return PresetWrite(id=None, revision=0, shipped=shipped, before=None, after=preset)


def changing(id_: int, revision: int, before: Preset | None, after: Preset | None) -> PresetWrite:
    return PresetWrite(id=id_, revision=revision, before=before, after=after)


async def test_what_is_written_survives_reopening(tmp_path: Path) -> None:
    async with Database.open(tmp_path) as database:
        await PresetTable(database).write(GUILD, ADMIN, [adding(PHOTO), adding(INK, "ink")])
    async with Database.open(tmp_path) as database:
        photo, ink = await PresetTable(database).of_guild(GUILD)
        assert (photo.preset, photo.shipped, photo.revision) == (PHOTO, None, 1)
        assert (ink.preset, ink.shipped) == (INK, "ink")
        assert await PresetTable(database).of_guild(OTHER_GUILD) == ()


async def test_a_write_for_an_older_revision_changes_nothing_at_all(table: PresetTable) -> None:
    await table.write(GUILD, ADMIN, [adding(PHOTO)])
    (photo,) = await table.of_guild(GUILD)
    await table.write(GUILD, ADMIN, [changing(photo.id, 1, PHOTO, None)])
    with pytest.raises(PresetChanged, match="Somebody else changed the preset Photo meanwhile"):
        await table.write(GUILD, ADMIN, [adding(INK), changing(photo.id, 1, PHOTO, INK)])
    assert [row.preset for row in await table.of_guild(GUILD)] == [None]


async def test_a_name_can_be_taken_once_in_a_guild_but_again_after_a_deletion(
    table: PresetTable,
) -> None:
    await table.write(GUILD, ADMIN, [adding(PHOTO)])
    await table.write(OTHER_GUILD, ADMIN, [adding(PHOTO)])
    with pytest.raises(PresetChanged):
        await table.write(GUILD, ADMIN, [adding(Preset(name="PHOTO"))])
    (photo,) = await table.of_guild(GUILD)
    await table.write(GUILD, ADMIN, [changing(photo.id, 1, PHOTO, None)])
    await table.write(GUILD, ADMIN, [adding(Preset(name="PHOTO"))])


async def test_a_guild_cannot_write_what_belongs_to_another(table: PresetTable) -> None:
    await table.write(GUILD, ADMIN, [adding(PHOTO)])
    (photo,) = await table.of_guild(GUILD)
    with pytest.raises(PresetChanged):
        await table.write(OTHER_GUILD, ADMIN, [changing(photo.id, 1, PHOTO, INK)])


async def test_changes_are_newest_first_and_those_made_together_share_a_batch(
    table: PresetTable,
) -> None:
    await table.write(GUILD, ADMIN, [adding(PHOTO), adding(INK)])
    (photo, _) = await table.of_guild(GUILD)
    await table.write(GUILD, ADMIN, [changing(photo.id, 1, PHOTO, None)])
    deleted, ink, added = await table.changes(GUILD)
    assert (added.before, added.after, added.user_id) == (None, PHOTO, ADMIN)
    assert (deleted.before, deleted.after) == (PHOTO, None)
    assert (added.batch, ink.batch) == (added.id, added.id)
    assert deleted.batch == deleted.id
    assert deleted.at >= added.at


async def test_a_write_that_changes_nothing_is_not_remembered(table: PresetTable) -> None:
    copy = PresetWrite(id=None, revision=0, shipped="photo", before=PHOTO, after=PHOTO)
    await table.write(GUILD, ADMIN, [copy])
    assert await table.changes(GUILD) == ()


async def test_a_default_follows_its_preset_and_sleeps_while_that_is_deleted(
    table: PresetTable,
) -> None:
    await table.write(GUILD, ADMIN, [adding(PHOTO)])
    (photo,) = await table.of_guild(GUILD)
    await table.set_default(GUILD, 5, photo.id)
    await table.set_default(GUILD, 5, photo.id)
    await table.write(GUILD, ADMIN, [changing(photo.id, 1, PHOTO, INK)])
    assert await table.defaults(GUILD) == {5: INK}
    await table.write(GUILD, ADMIN, [changing(photo.id, 2, INK, None)])
    assert await table.defaults(GUILD) == {}
    await table.write(GUILD, ADMIN, [changing(photo.id, 3, None, INK)])
    assert await table.defaults(GUILD) == {5: INK}
    await table.set_default(GUILD, 5, None)
    assert await table.defaults(GUILD) == {}


async def test_old_changes_are_forgotten_and_with_them_deleted_presets(table: PresetTable) -> None:
    await table.write(GUILD, ADMIN, [adding(PHOTO)])
    (photo,) = await table.of_guild(GUILD)
    await table.write(GUILD, ADMIN, [changing(photo.id, 1, PHOTO, None)])
    await table.write(GUILD, ADMIN, [adding(INK, "ink")])
    (_, ink) = await table.of_guild(GUILD)
    await table.write(GUILD, ADMIN, [changing(ink.id, 1, INK, None)])
    revision = 2
    for _ in range(KEPT_CHANGES // 2):
        await table.write(GUILD, ADMIN, [changing(ink.id, revision, None, INK)])
        await table.write(GUILD, ADMIN, [changing(ink.id, revision + 1, INK, None)])
        revision += 2
    assert len(await table.changes(GUILD)) == KEPT_CHANGES
    assert [row.key for row in await table.of_guild(GUILD)] == ["ink"]
