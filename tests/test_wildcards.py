"""Wildcard lists of a guild, on a real database: made, changed, refused."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from hypersd_core.errors import InvalidRequest
from hypersd_core.expansion import expand
from hypersd_core.store import Store
from hypersd_core.wildcards import (
    MAX_ENTRIES,
    MAX_ENTRY_CHARS,
    MAX_LISTS,
    WildcardBook,
    WildcardList,
    read_entries,
    read_file,
)
from tests.jobs.sample_jobs import GUILD, OTHER_GUILD

USER = 7


@pytest_asyncio.fixture
async def book(tmp_path: Path) -> AsyncIterator[WildcardBook]:
    async with Store.open(tmp_path) as store:
        yield WildcardBook(store)


async def test_a_list_is_picked_from_in_its_guild_alone(book: WildcardBook) -> None:
    made = await book.create(GUILD, " Animal ", "# wild ones\nfox\n\n  hare \nfox", user_id=USER)
    assert made == WildcardList(name="animal", entries=("fox", "hare", "fox"))
    assert await book.get(GUILD, "__ANIMAL__") == made
    assert await book.all(GUILD) == (made,)
    assert await book.lists(OTHER_GUILD) == await book.lists(None) == {}
    texts = expand("a __animal__", await book.lists(GUILD), seed=1, most=1).texts
    assert texts[0] in {"a fox", "a hare"}


async def test_lists_outlast_a_restart(tmp_path: Path) -> None:
    async with Store.open(tmp_path) as store:
        await WildcardBook(store).create(GUILD, "动物", "狐狸\n猫", user_id=USER)
    async with Store.open(tmp_path) as store:
        assert await WildcardBook(store).lists(GUILD) == {"动物": ("狐狸", "猫")}


async def test_a_list_is_replaced_only_where_that_is_meant(book: WildcardBook) -> None:
    await book.create(GUILD, "a", "x", user_id=USER)
    with pytest.raises(InvalidRequest, match="There is a wildcard list a already"):
        await book.create(GUILD, "A", "y", user_id=USER)
    await book.create(GUILD, "A", "y", user_id=USER, replace=True)
    assert (await book.get(GUILD, "a")).entries == ("y",)


async def test_lines_are_taken_out_then_put_at_the_end(book: WildcardBook) -> None:
    await book.create(GUILD, "a", "x\ny\nx", user_id=USER)
    edited = await book.edit(GUILD, "_A_", user_id=USER, add="z\n# no", remove="x")
    assert edited == await book.get(GUILD, "a") == WildcardList(name="a", entries=("y", "z"))
    with pytest.raises(InvalidRequest, match="The list a has no entry 'w' to remove"):
        await book.edit(GUILD, "a", user_id=USER, remove="w")
    with pytest.raises(InvalidRequest, match="at least one entry"):
        await book.edit(GUILD, "a", user_id=USER, remove="y\nz")
    assert await book.get(GUILD, "a") == edited


async def test_a_renamed_list_is_known_to_lists_that_pick_from_it(book: WildcardBook) -> None:
    await book.create(GUILD, "a", "x", user_id=USER)
    await book.create(GUILD, "b", "big __a__", user_id=USER)
    await book.rename(GUILD, "a", "c", user_id=USER)
    assert await book.lists(GUILD) == {"b": ("big __c__",), "c": ("x",)}
    with pytest.raises(InvalidRequest, match="There is a wildcard list b already"):
        await book.rename(GUILD, "c", "b", user_id=USER)
    await book.rename(GUILD, "c", "C", user_id=USER)
    assert set(await book.lists(GUILD)) == {"b", "c"}


async def test_a_deleted_list_is_gone(book: WildcardBook) -> None:
    await book.create(GUILD, "animal", "x", user_id=USER)
    await book.delete(GUILD, "animal", user_id=USER)
    assert await book.all(GUILD) == ()
    with pytest.raises(InvalidRequest, match="There is no wildcard list animal here"):
        await book.delete(GUILD, "animal", user_id=USER)


async def test_close_names_are_offered(book: WildcardBook) -> None:
    await book.create(GUILD, "animal", "x", user_id=USER)
    with pytest.raises(InvalidRequest, match="did you mean animal"):
        await book.get(GUILD, "animals")


async def test_lists_that_would_pick_from_themselves_are_refused(book: WildcardBook) -> None:
    with pytest.raises(InvalidRequest, match="a would pick from itself: a > a"):
        await book.create(GUILD, "a", "fine\nan __A__", user_id=USER)
    await book.create(GUILD, "a", "__b__ __d__", user_id=USER)
    await book.create(GUILD, "b", "__c__", user_id=USER)
    with pytest.raises(InvalidRequest, match="c would pick from itself: c > a > b > c"):
        await book.create(GUILD, "c", "__a__", user_id=USER)
    await book.create(GUILD, "c", r"\__a__", user_id=USER)


async def test_a_guild_has_so_many_lists(book: WildcardBook) -> None:
    with_many = book._store.wildcards.edit(
        GUILD, USER, lambda _: {f"l{i}": ("x",) for i in range(MAX_LISTS)}
    )
    await with_many
    with pytest.raises(InvalidRequest, match="200 wildcard lists here, the most"):
        await book.create(GUILD, "one-more", "x", user_id=USER)
    await book.create(GUILD, "l0", "y", user_id=USER, replace=True)


async def test_all_lists_together_have_so_many_characters(book: WildcardBook) -> None:
    big = tuple(["x" * MAX_ENTRY_CHARS] * MAX_ENTRIES)
    await book._store.wildcards.edit(GUILD, USER, lambda _: {f"l{i}": big for i in range(5)})
    with pytest.raises(InvalidRequest, match="1,000,001 characters; at most 1,000,000"):
        await book.create(GUILD, "one-more", "x", user_id=USER)


@pytest.mark.parametrize("name", ["", "a b", "a__b", "a,b", "a{b", "a.b", "-" * 41, "a\u200bb"])
async def test_a_name_must_fit_between_underscores(book: WildcardBook, name: str) -> None:
    with pytest.raises(InvalidRequest, match="cannot be called"):
        await book.create(GUILD, name, "x", user_id=USER)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# nothing\n\n", "needs at least one entry"),
        ("x\n" * 1_001, "The list has 1,001 entries; at most 1,000"),
        ("x\n" + "y" * 201, "Entry 2 has 201 characters; at most 200"),
    ],
)
def test_entries_have_limits(text: str, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        read_entries(text)


def test_a_list_as_text_reads_back() -> None:
    some = WildcardList(name="a", entries=("x, y", "z # w", "{q}"))
    assert read_entries(read_file(some.text.encode())) == some.entries
    assert read_file(b"\xef\xbb\xbfx\r\ny") == "x\r\ny"


@pytest.mark.parametrize(
    ("data", "message"), [(b"\xff\xfe", "not text in UTF-8"), (b"x" * 4_000_001, "4,000,001 bytes")]
)
def test_a_file_that_is_no_text_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        read_file(data)
