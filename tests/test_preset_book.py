"""What admins do with presets, on a real store."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hypersd_core.errors import InvalidRequest, PresetChanged, PresetNotFound
from hypersd_core.flags import PromptFlags
from hypersd_core.preset_book import MAX_PRESETS, Imported, PresetBook
from hypersd_core.preset_files import to_styles_csv, to_toml
from hypersd_core.presets import Preset
from hypersd_core.store import Store

GUILD, OTHER_GUILD, ADMIN = 2**62 + 1, 7, 2**62 + 3
CHANNEL, THREAD = 11, 12
PHOTO = Preset(name="Photo", prompt="photo of {prompt}")
INK = Preset(name="Ink", prompt="{prompt}, ink")
OWN = Preset(name="Own", options=PromptFlags(steps=4), locked=frozenset({"steps"}))


@pytest.fixture
async def book(tmp_path: Path) -> AsyncIterator[PresetBook]:
    async with Store.open(tmp_path) as store:
        yield PresetBook(store.presets, (PHOTO, INK))


async def names(book: PresetBook, guild_id: int | None = GUILD) -> list[str]:
    return [entry.preset.name for entry in await book.list(guild_id)]


def styled(preset: Preset, prompt: str) -> Preset:
    return dataclasses.replace(preset, prompt=prompt)


async def test_shipped_presets_are_in_every_guild_and_in_direct_messages(book: PresetBook) -> None:
    assert await names(book) == await names(book, None) == ["Photo", "Ink"]
    assert (await book.get(None, " PHOTO ")).preset == PHOTO


async def test_a_guilds_own_come_first_and_are_its_own(book: PresetBook) -> None:
    await book.create(GUILD, OWN, user_id=ADMIN)
    await book.create(GUILD, Preset(name="Above"), user_id=ADMIN)
    assert await names(book) == ["Above", "Own", "Photo", "Ink"]
    assert await names(book, OTHER_GUILD) == ["Photo", "Ink"]


async def test_a_missing_preset_is_named_with_those_close_to_it(book: PresetBook) -> None:
    with pytest.raises(PresetNotFound, match="no preset 'foto' here; close to it are Photo"):
        await book.get(GUILD, "foto")
    with pytest.raises(PresetNotFound, match="There is no preset 'xyz' here"):
        await book.edit(GUILD, "xyz", OWN, user_id=ADMIN)


async def test_a_name_is_taken_whatever_its_case(book: PresetBook) -> None:
    with pytest.raises(InvalidRequest, match="There is a preset PHOTO here already"):
        await book.create(GUILD, dataclasses.replace(OWN, name="PHOTO"), user_id=ADMIN)
    with pytest.raises(InvalidRequest, match="There is a preset ink here already"):
        await book.rename(GUILD, "Photo", "ink", user_id=ADMIN)
    assert (await book.rename(GUILD, "Photo", "PHOTO", user_id=ADMIN)).preset.name == "PHOTO"


async def test_editing_a_shipped_preset_makes_a_copy_in_this_guild_alone(book: PresetBook) -> None:
    entry = await book.edit(GUILD, "photo", styled(PHOTO, "new"), user_id=ADMIN)
    assert (entry.preset.prompt, entry.shipped, entry.revision) == ("new", "photo", 1)
    assert await names(book) == ["Photo", "Ink"]
    assert (await book.get(OTHER_GUILD, "photo")).preset == PHOTO
    await book.undo(GUILD, user_id=ADMIN)
    assert (await book.get(GUILD, "photo")).preset == PHOTO


async def test_deleting_a_shipped_preset_hides_it_here_until_it_is_undone(
    book: PresetBook,
) -> None:
    await book.delete(GUILD, "photo", user_id=ADMIN)
    assert await names(book) == ["Ink"]
    assert await names(book, OTHER_GUILD) == ["Photo", "Ink"]
    (undone,) = await book.undo(GUILD, user_id=ADMIN)
    assert (undone.before, undone.after) == (PHOTO, None)
    assert await names(book) == ["Photo", "Ink"]


async def test_a_renamed_shipped_preset_does_not_come_twice(book: PresetBook) -> None:
    await book.rename(GUILD, "Photo", "Snapshot", user_id=ADMIN)
    assert await names(book) == ["Snapshot", "Ink"]


async def test_a_new_preset_may_have_the_name_of_a_hidden_one(book: PresetBook) -> None:
    await book.delete(GUILD, "photo", user_id=ADMIN)
    await book.create(GUILD, Preset(name="Photo", prompt="ours"), user_id=ADMIN)
    assert (await book.get(GUILD, "photo")).preset.prompt == "ours"
    with pytest.raises(InvalidRequest, match="There is nothing to undo here"):
        await book.undo(OTHER_GUILD, user_id=ADMIN)


async def test_the_second_of_two_edits_at_once_is_told_so(book: PresetBook) -> None:
    seen = await book.create(GUILD, OWN, user_id=ADMIN)
    edits = (
        book.edit(GUILD, "Own", styled(OWN, p), user_id=ADMIN, expected=seen.revision)
        for p in ("one", "two")
    )
    done = await asyncio.gather(*edits, return_exceptions=True)
    assert [isinstance(each, PresetChanged) for each in done].count(True) == 1
    with pytest.raises(PresetChanged, match="Somebody else changed the preset Own"):
        await book.delete(GUILD, "Own", user_id=ADMIN, expected=seen.revision)
    assert await book.get(GUILD, "Own")


async def test_two_who_change_a_shipped_preset_at_once_do_not_both_succeed(
    book: PresetBook,
) -> None:
    edits = (book.edit(GUILD, "Photo", styled(PHOTO, p), user_id=ADMIN, expected=0) for p in "ab")
    done = await asyncio.gather(*edits, return_exceptions=True)
    assert [isinstance(each, PresetChanged) for each in done].count(True) == 1
    assert await names(book) == ["Photo", "Ink"]


async def test_an_edit_that_changes_nothing_is_no_change(book: PresetBook) -> None:
    seen = await book.create(GUILD, OWN, user_id=ADMIN)
    assert await book.edit(GUILD, "own", OWN, user_id=ADMIN) == seen
    assert len(await book.history(GUILD)) == 1


async def test_undoing_twice_goes_back_two_steps_and_is_itself_in_the_history(
    book: PresetBook,
) -> None:
    await book.create(GUILD, OWN, user_id=ADMIN)
    await book.edit(GUILD, "Own", styled(OWN, "one"), user_id=ADMIN)
    await book.edit(GUILD, "Own", styled(OWN, "two"), user_id=ADMIN)
    await book.undo(GUILD, user_id=5)
    assert (await book.get(GUILD, "Own")).preset.prompt == "one"
    await book.undo(GUILD, user_id=5)
    assert (await book.get(GUILD, "Own")).preset == OWN
    newest, *_ = history = await book.history(GUILD, "own")
    assert (newest.user_id, newest.after, newest.undoes) == (5, OWN, history[3].id)
    assert len(history) == 5
    await book.undo(GUILD, user_id=5)
    assert await names(book) == ["Photo", "Ink"]
    with pytest.raises(InvalidRequest, match="nothing to undo"):
        await book.undo(GUILD, user_id=5)


async def test_undo_can_be_of_one_preset_also_of_a_deleted_one(book: PresetBook) -> None:
    await book.create(GUILD, OWN, user_id=ADMIN)
    await book.delete(GUILD, "Own", user_id=ADMIN)
    await book.delete(GUILD, "Ink", user_id=ADMIN)
    await book.undo(GUILD, user_id=ADMIN, name="own")
    assert await names(book) == ["Own", "Photo"]
    with pytest.raises(PresetNotFound):
        await book.history(GUILD, "never was")
    assert await book.history(GUILD, "photo") == ()


async def test_going_back_far_enough_brings_back_who_had_the_name_before(book: PresetBook) -> None:
    await book.create(GUILD, OWN, user_id=ADMIN)
    await book.delete(GUILD, "Own", user_id=ADMIN)
    await book.create(GUILD, Preset(name="own"), user_id=ADMIN)
    await book.edit(GUILD, "own", Preset(name="own", prompt="x"), user_id=ADMIN)
    for _ in range(3):
        await book.undo(GUILD, user_id=ADMIN)
    assert (await book.get(GUILD, "Own")).preset == OWN


async def test_an_undone_rename_finds_its_name_taken(book: PresetBook) -> None:
    await book.rename(GUILD, "Photo", "Snapshot", user_id=ADMIN)
    await book.create(GUILD, Preset(name="photo"), user_id=ADMIN)
    with pytest.raises(InvalidRequest, match="another preset is called Photo now"):
        await book.undo(GUILD, user_id=ADMIN, name="Snapshot")


async def test_defaults_hold_in_their_channel_its_threads_and_the_guild(book: PresetBook) -> None:
    await book.create(GUILD, OWN, user_id=ADMIN)
    await book.set_default(GUILD, None, "Photo")
    await book.set_default(GUILD, CHANNEL, "own")
    titles = [
        [layer.title for layer in await book.default_layers(*place)]
        for place in (
            (GUILD, CHANNEL),
            (GUILD, THREAD, CHANNEL),
            (GUILD, 99),
            (OTHER_GUILD, CHANNEL),
            (None, CHANNEL),
        )
    ]
    both = ["this channel's preset Own", "this server's preset Photo"]
    assert titles == [both, both, both[1:], [], []]
    assert await book.defaults(GUILD) == {None: PHOTO, CHANNEL: OWN}
    await book.set_default(GUILD, THREAD, "Ink")
    channel, _ = await book.default_layers(GUILD, THREAD, CHANNEL)
    assert (channel.prompt, channel.locked) == (INK.prompt, frozenset())
    await book.set_default(GUILD, CHANNEL, None)
    assert await book.defaults(GUILD) == {None: PHOTO, THREAD: INK}


async def test_a_default_survives_rename_deletion_and_its_undoing(book: PresetBook) -> None:
    await book.set_default(GUILD, None, "Photo")
    assert await book.history(GUILD) == ()
    await book.rename(GUILD, "Photo", "Snapshot", user_id=ADMIN)
    await book.delete(GUILD, "Snapshot", user_id=ADMIN)
    assert await book.default_layers(GUILD, CHANNEL) == ()
    await book.undo(GUILD, user_id=ADMIN)
    (layer,) = await book.default_layers(GUILD, CHANNEL)
    assert layer.title == "this server's preset Snapshot"


async def test_an_import_says_what_became_of_each_and_is_undone_as_one(book: PresetBook) -> None:
    await book.create(GUILD, OWN, user_id=ADMIN)
    new = Preset(name="New", prompt="new")
    data = to_toml([new, PHOTO, styled(OWN, "imported")])
    kept = await book.import_toml(GUILD, data, user_id=ADMIN)
    assert kept == Imported(added=("New",), unchanged=("Photo",), skipped=("Own",))
    assert (await book.get(GUILD, "Own")).preset == OWN
    again = await book.import_toml(GUILD, data, user_id=ADMIN, replace=True)
    assert again == Imported(replaced=("Own",), unchanged=("New", "Photo"))
    more = to_toml([Preset(name="More"), styled(INK, "more")])
    await book.import_toml(GUILD, more, user_id=ADMIN, replace=True)
    assert len(await book.undo(GUILD, user_id=ADMIN)) == 2
    assert await names(book) == ["New", "Own", "Photo", "Ink"]
    assert (await book.get(GUILD, "Ink")).preset == INK


async def test_what_is_exported_is_imported_elsewhere_unchanged(book: PresetBook) -> None:
    await book.create(GUILD, OWN, user_id=ADMIN)
    data = await book.export_toml(GUILD)
    done = await book.import_toml(OTHER_GUILD, data, user_id=ADMIN)
    assert (done.added, done.unchanged) == (("Own",), ("Photo", "Ink"))
    assert await book.export_toml(OTHER_GUILD) == data
    assert await book.export_toml(None, "ink") == to_toml([INK])


async def test_styles_are_imported_and_exported_with_what_is_lost(book: PresetBook) -> None:
    data = to_styles_csv([Preset(name="Oil", prompt="oil")]) + b"Bad,a (fox,\r\n"
    done = await book.import_styles_csv(GUILD, data, user_id=ADMIN)
    assert done.added == ("Oil",)
    assert [name for name, _ in done.left_out] == ["Bad"]
    await book.create(GUILD, OWN, user_id=ADMIN)
    styles = await book.export_styles_csv(GUILD)
    assert styles.lost == ("Own loses steps, locked: styles hold only texts.",)
    assert styles.data.count(b"\r\n") == 5


async def test_a_guild_has_room_for_a_hundred(book: PresetBook) -> None:
    many = [Preset(name=f"P{i}") for i in range(MAX_PRESETS - 2)]
    with pytest.raises(InvalidRequest, match="would make 101 presets; a server can have 100"):
        await book.import_toml(GUILD, to_toml([*many, OWN]), user_id=ADMIN)
    assert await names(book) == ["Photo", "Ink"]
    await book.import_toml(GUILD, to_toml(many), user_id=ADMIN)
    with pytest.raises(InvalidRequest, match="would make 101 presets"):
        await book.create(GUILD, OWN, user_id=ADMIN)
