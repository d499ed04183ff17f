"""Defaults on real files: what survives, and what two edits at once leave."""

import asyncio
from pathlib import Path

import pytest

from hypersd_core.store import Store

USER, OTHER = 2**62 + 1, 8


async def test_defaults_survive_reopening_and_are_their_persons_alone(tmp_path: Path) -> None:
    async with Store.open(tmp_path) as store:
        assert await store.people.edit_defaults(USER, lambda _: {"a": "é"}) == {"a": "é"}
    async with Store.open(tmp_path) as store:
        assert await store.people.defaults(USER) == {"a": "é"}
        assert await store.people.defaults(OTHER) == {}


async def test_a_refused_edit_leaves_all_as_it_was(tmp_path: Path) -> None:
    async with Store.open(tmp_path) as store:
        await store.people.edit_defaults(USER, lambda _: {"a": 1})
        with pytest.raises(ZeroDivisionError):
            await store.people.edit_defaults(USER, lambda values: {"a": values["a"] / 0})
        assert await store.people.defaults(USER) == {"a": 1}


async def test_two_edits_at_once_both_hold(tmp_path: Path) -> None:
    async with Store.open(tmp_path) as store:
        await asyncio.gather(
            store.people.edit_defaults(USER, lambda values: {**values, "a": 1}),
            store.people.edit_defaults(USER, lambda values: {**values, "b": 2}),
        )
        assert await store.people.defaults(USER) == {"a": 1, "b": 2}


async def test_cleared_defaults_are_gone(tmp_path: Path) -> None:
    async with Store.open(tmp_path) as store:
        await store.people.edit_defaults(USER, lambda _: {"a": 1})
        assert await store.people.clear_defaults(USER)
        assert not await store.people.clear_defaults(USER)
        assert await store.people.defaults(USER) == {}
