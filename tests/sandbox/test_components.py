import asyncio
from typing import Any

import discord
import pytest

from tests.sandbox.page_client import PageClient, PageRefusal
from tests.sandbox.probes import refusal, register
from tests.sandbox.sample_bot import Gallery, SampleBot, running_bot


async def test_media_in_a_layout_are_resolved_and_left_out_of_attachments(
    bot: SampleBot, page: PageClient
) -> None:
    answer = await page.command("gallery", pictures=2)
    message = await page.message(answer["message"])
    (container,) = message["components"]
    section, _, gallery, *_ = container["components"]
    items = gallery["items"]
    assert [item["media"]["content_type"] for item in items] == ["image/png"] * 2
    assert [item["spoiler"] for item in items] == [False, True]
    assert items[0]["media"]["url"].endswith("/teal.png")
    assert (items[0]["media"]["width"], items[0]["media"]["height"]) == (96, 64)
    assert section["accessory"]["media"]["attachment_id"] == items[0]["media"]["attachment_id"]
    assert message["attachments"] == []


async def test_components_are_numbered(bot: SampleBot, page: PageClient) -> None:
    answer = await page.command("gallery")
    (container,) = (await page.message(answer["message"]))["components"]
    assert container["id"] == 1
    assert [child["id"] for child in container["components"]] == [2, 5, 6, 7, 12]


async def test_a_button_edits_its_message(bot: SampleBot, page: PageClient) -> None:
    shown = await page.command("gallery")
    answer = await page.press(shown["message"], "count")
    assert answer == answer | {"outcome": "update", "message": shown["message"]}
    message = await page.message(shown["message"])
    assert "### counted" in str(message["components"])
    assert message["edited_timestamp"] is not None


async def test_a_select_hands_over_its_values(bot: SampleBot, page: PageClient) -> None:
    shown = await page.command("gallery")
    answer = await page.press(shown["message"], "style", values=["Ink"])
    assert (await page.message(answer["message"]))["content"] == "Ink, then"


async def test_people_are_chosen_by_name(bot: SampleBot, page: PageClient) -> None:
    chosen: list[Any] = []

    class Pick(discord.ui.View):
        @discord.ui.select(cls=discord.ui.MentionableSelect, custom_id="who", max_values=2)
        async def who(
            self, interaction: discord.Interaction, select: discord.ui.MentionableSelect[Any]
        ) -> None:
            chosen.extend(select.values)
            await interaction.response.defer()

    async def ask(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("who?", view=Pick())

    await register(bot, ask)
    shown = await page.command("probe")
    await page.choose(shown["message"], "who", "lin", "Regulars")
    assert {type(entry) for entry in chosen} == {discord.Member, discord.Role}
    assert {str(entry.id) for entry in chosen} == {
        await page.id_of("lin"),
        await page.id_of("Regulars"),
    }


async def test_a_modal_makes_the_round_trip(bot: SampleBot, page: PageClient) -> None:
    shown = await page.command("gallery")
    opened = await page.press(shown["message"], "rename")
    assert opened["outcome"] == "modal"
    row, label = opened["modal"]["components"]
    values = {
        row["components"][0]["custom_id"]: "Bob",
        label["component"]["custom_id"]: ["Large"],
    }
    answer = await page.act("modal", interaction=opened["interaction"], values=values)
    assert answer["outcome"] == "update"
    assert "### Bob, Large" in str((await page.message(shown["message"]))["components"])


async def test_a_modal_refuses_what_discords_client_would(bot: SampleBot, page: PageClient) -> None:
    shown = await page.command("gallery")
    opened = await page.press(shown["message"], "rename")
    with pytest.raises(PageRefusal, match="is required"):
        await page.act("modal", interaction=opened["interaction"], values={})
    with pytest.raises(PageRefusal, match="opened no modal for Ben"):
        await page.act("modal", user="ben", interaction=opened["interaction"], values={})


async def test_only_admins_get_past_an_owners_button(bot: SampleBot, page: PageClient) -> None:
    shown = await page.command("gallery")
    refusal = await page.press(shown["message"], "delete", user="ben")
    assert refusal["outcome"] == "message"
    assert len(await page.messages()) == 1
    await page.press(shown["message"], "delete")
    await asyncio.sleep(0.05)
    assert await page.messages() == []


async def test_a_disabled_button_cannot_be_pressed(bot: SampleBot, page: PageClient) -> None:
    shown = await page.command("gallery")
    with pytest.raises(PageRefusal, match="is disabled"):
        await page.press(shown["message"], "gone")


async def test_a_modal_with_six_rows_is_refused(bot: SampleBot, page: PageClient) -> None:
    errors: list[discord.HTTPException] = []

    async def wide(interaction: discord.Interaction) -> None:
        modal = discord.ui.Modal(title="T" * 46)
        modal._children.extend(discord.ui.TextInput[Any](label="a") for _ in range(6))
        errors.append(await refusal(interaction.response.send_modal(modal)))
        await interaction.response.send_message("sorry")

    await register(bot, wide)
    await page.command("probe")
    assert errors[0].code == 50035
    for part in ("data.title", "data.components: Must be between 1 and 5"):
        assert part in errors[0].text


async def test_old_buttons_work_after_the_bot_was_restarted(page: PageClient) -> None:
    async with running_bot(discord.Intents(guilds=True)):
        shown = await page.command("keep")
    async with running_bot(discord.Intents(guilds=True)):
        answer = await page.press(shown["message"], "reroll:1:7")
    assert (await page.message(answer["message"]))["content"] == "rerolled 7"


async def test_a_user_select_hands_over_members(bot: SampleBot, page: PageClient) -> None:
    chosen: list[Any] = []

    class Pick(discord.ui.View):
        @discord.ui.select(cls=discord.ui.UserSelect, custom_id="who", max_values=2)
        async def who(
            self, interaction: discord.Interaction, select: discord.ui.UserSelect[Any]
        ) -> None:
            chosen.extend(select.values)
            await interaction.response.defer()

    async def ask(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("who?", view=Pick())

    await register(bot, ask)
    shown = await page.command("probe")
    people = (await page.get("/sandbox/state"))["users"]
    answer = await page.press(shown["message"], "who", values=[u["id"] for u in people[:2]])
    assert answer["outcome"] == "deferred_update"
    assert [member.name for member in chosen] == ["ada", "ben"]
    assert all(isinstance(member, discord.Member) for member in chosen)


async def test_a_layout_edit_keeps_its_pictures(bot: SampleBot, page: PageClient) -> None:
    shown = await page.command("gallery", pictures=1)
    before = await page.message(shown["message"])
    await page.press(shown["message"], "count")
    after = await page.message(shown["message"])
    media = [m["components"][0]["components"][2]["items"][0]["media"] for m in (before, after)]
    assert media[0]["url"] == media[1]["url"]
    assert (await page.download(media[1]["url"]))[0] == 200
    assert Gallery().has_components_v2()
