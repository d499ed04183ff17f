"""Wildcard lists on real files: what survives, and what two edits at once leave."""

import asyncio
from pathlib import Path

import pytest

from hypersd_core.store import Store
from hypersd_core.store.database import rows
from tests.jobs.sample_jobs import GUILD, OTHER_GUILD

USER, OTHER = 7, 8


async def test_lists_survive_reopening_and_are_their_guilds_alone(tmp_path: Path) -> None:
    lists = {"a": ("x", "狐狸"), "b": ("y",)}
    async with Store.open(tmp_path) as store:
        assert await store.wildcards.edit(GUILD, USER, lambda _: lists) == lists
        await store.wildcards.edit(OTHER_GUILD, USER, lambda _: {"c": ("z",)})
    async with Store.open(tmp_path) as store:
        assert await store.wildcards.lists(GUILD) == lists
        assert await store.wildcards.edit(GUILD, USER, lambda _: {"b": ("w",)}) == {"b": ("w",)}
        assert await store.wildcards.lists(GUILD) == {"b": ("w",)}
        assert await store.wildcards.lists(OTHER_GUILD) == {"c": ("z",)}


async def test_a_refused_edit_leaves_all_as_it_was(tmp_path: Path) -> None:
    async with Store.open(tmp_path) as store:
        await store.wildcards.edit(GUILD, USER, lambda _: {"a": ("x",)})
        with pytest.raises(KeyError):
            await store.wildcards.edit(GUILD, USER, lambda lists: {"a": lists["b"]})
        assert await store.wildcards.lists(GUILD) == {"a": ("x",)}


async def test_two_edits_at_once_both_hold(tmp_path: Path) -> None:
    async with Store.open(tmp_path) as store:
        await asyncio.gather(
            store.wildcards.edit(GUILD, USER, lambda lists: {**lists, "a": ("x",)}),
            store.wildcards.edit(GUILD, OTHER, lambda lists: {**lists, "b": ("y",)}),
        )
        assert await store.wildcards.lists(GUILD) == {"a": ("x",), "b": ("y",)}


async def test_only_a_changed_list_gets_a_new_author(tmp_path: Path) -> None:
    async with Store.open(tmp_path) as store:
        await store.wildcards.edit(GUILD, USER, lambda _: {"a": ("x",), "b": ("y",)})
        await store.wildcards.edit(GUILD, OTHER, lambda lists: {**lists, "a": ("z",)})
        async with store.wildcards._database.transaction() as db:
            found = await rows(db, "SELECT name, user_id FROM wildcards ORDER BY name")
        assert [tuple(row) for row in found] == [("a", OTHER), ("b", USER)]
