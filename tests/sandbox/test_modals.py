"""Modals with every input there is, filled in as a person would."""

from typing import Any

import discord
import pytest

from tests.sandbox.page_client import Json, PageClient, PageRefusal
from tests.sandbox.probes import register
from tests.sandbox.sample_bot import SampleBot
from tests.sandbox.sample_forms import Everything, Pickers


async def opened(bot: SampleBot, page: PageClient, modal: discord.ui.Modal) -> Json:
    async def note(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("thanks")

    async def ask(interaction: discord.Interaction) -> None:
        modal.on_submit = note  # type: ignore[method-assign]
        await interaction.response.send_modal(modal)

    await register(bot, ask)
    return await page.command("probe")


def inputs(modal: discord.ui.Modal) -> list[Any]:
    return [item.component for item in modal.children if isinstance(item, discord.ui.Label)]


async def test_a_modal_takes_texts_choices_flags_and_files(
    bot: SampleBot, page: PageClient
) -> None:
    modal = Everything()
    answer = await opened(bot, page, modal)
    values = {
        "Note": "hello",
        "Style": "Ink",
        "Extras": ["Oil", "Photo"],
        "Ping me": True,
        "Pictures": [("a.txt", b"1"), ("b.txt", b"22")],
    }
    assert (await page.submit(answer, values))["outcome"] == "message"
    inputs: list[Any] = [
        label.component for label in modal.walk_children() if hasattr(label, "component")
    ]
    note, style, extras, ping, files = inputs
    assert (note.value, style.value, extras.values, ping.value) == (
        "hello",
        "Ink",
        ["Oil", "Photo"],
        True,
    )
    assert [(entry.filename, entry.size) for entry in files.values] == [("a.txt", 1), ("b.txt", 2)]


async def test_optional_inputs_may_stay_empty(bot: SampleBot, page: PageClient) -> None:
    modal = Everything()
    answer = await opened(bot, page, modal)
    with pytest.raises(PageRefusal, match="takes 1 to 1 values, got 0"):
        await page.submit(answer, {})
    assert (await page.submit(answer, {"Style": "Oil"}))["outcome"] == "message"
    with pytest.raises(AssertionError, match="no input"):
        await page.submit(answer, {"Stile": "Oil"})


async def test_a_modal_takes_people_roles_and_channels_by_name(
    bot: SampleBot, page: PageClient
) -> None:
    modal = Pickers()
    answer = await opened(bot, page, modal)
    values = {"Who": ["ben", "lin"], "Role": "Regulars", "Where": "reports", "Styles": ["Ink"]}
    with pytest.raises(PageRefusal, match=r"is of kind 11; offered are \[0\]"):
        await page.submit(answer, values | {"Where": "sketches"})
    assert (await page.submit(answer, values))["outcome"] == "message"
    inputs: list[Any] = [
        label.component for label in modal.walk_children() if hasattr(label, "component")
    ]
    who, role, where, style = inputs
    assert [member.name for member in who.values] == ["ben", "lin"]
    assert all(isinstance(member, discord.Member) for member in who.values)
    assert [entry.name for entry in role.values] == ["Regulars"]
    assert [entry.name for entry in where.values] == ["reports"]
    assert style.values == ["Ink"]
