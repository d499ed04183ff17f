import asyncio
import io
import time

import discord
from discord import app_commands
from PIL import Image

from tests.sandbox.page_client import PageClient
from tests.sandbox.probes import refused, register
from tests.sandbox.sample_bot import SampleBot, running_bot

EPHEMERAL, LOADING = 64, 128


async def test_a_command_is_deferred_and_filled_with_a_file(
    bot: SampleBot, page: PageClient
) -> None:
    answer = await page.command("draw", prompt="a cat", steps=8)
    assert answer["outcome"] == "deferred_message"
    await asyncio.sleep(0.1)
    message = await page.message(answer["message"])
    assert message["content"].startswith("a cat in 8 at 0.5")
    assert not message["flags"] & LOADING
    assert message["interaction"]["name"] == "draw"
    assert [user["username"] for user in message["mentions"]] == ["ada"]
    (attachment,) = message["attachments"]
    assert (attachment["width"], attachment["height"]) == (96, 64)
    assert attachment["description"] == "a teal area"
    assert attachment["content_type"] == "image/png"
    status, data = await page.download(attachment["url"])
    assert status == 200
    assert Image.open(io.BytesIO(data)).size == (96, 64)


async def test_an_uploaded_file_is_an_option(bot: SampleBot, page: PageClient) -> None:
    stored = await page.upload("notes.txt", b"12345")
    answer = await page.command("draw", prompt="x", reference=stored["id"])
    await asyncio.sleep(0.1)
    assert "like 5 bytes" in (await page.message(answer["message"]))["content"]


async def test_autocomplete_asks_the_bot(bot: SampleBot, page: PageClient) -> None:
    answer = await page.act(
        "autocomplete", name="draw", focused="colour", options={"colour": "t", "prompt": "x"}
    )
    assert (
        answer["choices"]
        == [
            {"name": "Teal", "value": "teal"},
            {"name": "Tomato", "value": "tomato"},
            {"name": "Orchid", "value": "orchid"},
        ][:2]
    )


async def test_a_file_is_uploaded_for_its_option(bot: SampleBot, page: PageClient) -> None:
    answer = await page.command("draw", prompt="x", reference=("notes.txt", b"1234567"))
    await asyncio.sleep(0.1)
    assert "like 7 bytes" in (await page.message(answer["message"]))["content"]


async def test_choices_are_completed(bot: SampleBot, page: PageClient) -> None:
    choices = await page.complete("draw", "colour", prompt="x", colour="te")
    assert choices == [{"name": "Teal", "value": "teal"}]


async def test_a_subcommand_is_found_by_its_full_name(bot: SampleBot, page: PageClient) -> None:
    answer = await page.command("preset show", name="ink")
    message = await page.message(answer["message"])
    assert message["content"] == "preset ink"
    assert message["interaction"]["name"] == "preset show"


async def test_commands_work_in_the_direct_message(bot: SampleBot, page: PageClient) -> None:
    answer = await page.act("command", channel="dm", name="keep", options={})
    assert answer["outcome"] == "message"
    assert await page.messages(user="ben", channel="dm") == []


async def test_a_menu_command_gets_the_message(bot: SampleBot, page: PageClient) -> None:
    said = await page.say("to be")
    answer = await page.act("command", name="Quote", target=said["id"])
    assert (await page.message(answer["message"]))["content"] == "> to be"


async def test_a_menu_command_gets_the_person(bot: SampleBot, page: PageClient) -> None:
    answer = await page.at(user="lin").user_context("ben", "Wave")
    message = await page.message(answer["message"])
    assert message["content"] == "lin waves at ben"
    assert message["type"] == 23


async def test_a_menu_command_works_for_others_in_other_channels(
    bot: SampleBot, page: PageClient
) -> None:
    thread = page.at(user="ben", channel="sketches")
    said = await thread.say("to be")
    answer = await page.context(said["id"], "Quote", user="mia", channel="sketches")
    assert (await thread.message(answer["message"]))["content"] == "> to be"


async def test_an_ephemeral_message_has_one_reader(bot: SampleBot, page: PageClient) -> None:
    answer = await page.command("preset show", name="x")
    assert answer["message"] in [message["id"] for message in await page.messages()]
    assert await page.messages(user="ben") == []
    channel = bot.get_channel(int((await page.messages())[0]["channel_id"]))
    assert isinstance(channel, discord.TextChannel)
    assert await refused(channel.fetch_message(int(answer["message"]))) == (404, 10008)
    assert [message async for message in channel.history()] == []


async def test_an_ephemeral_deferral_stays_ephemeral(bot: SampleBot, page: PageClient) -> None:
    answer = await page.command("draw", prompt="x", private=True)
    await asyncio.sleep(0.1)
    message = await page.message(answer["message"])
    assert message["flags"] & EPHEMERAL
    assert message["attachments"][0]["ephemeral"]
    assert await page.messages(user="ben") == []


async def test_a_command_fails_when_the_bot_is_too_slow(bot: SampleBot, page: PageClient) -> None:
    codes: list[tuple[int, int]] = []

    async def slow(interaction: discord.Interaction) -> None:
        await asyncio.sleep(0.7)
        codes.append(await refused(interaction.response.send_message("late")))

    await register(bot, slow)
    assert (await page.command("probe"))["outcome"] == "failed"
    await asyncio.sleep(0.2)
    assert codes == [(404, 10062)]
    assert await page.messages() == []


async def test_a_second_answer_is_refused(bot: SampleBot, page: PageClient) -> None:
    codes: list[tuple[int, int]] = []

    async def twice(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("one")
        interaction.response._response_type = None  # as a second process would see it
        codes.append(await refused(interaction.response.send_message("two")))

    await register(bot, twice)
    await page.command("probe")
    await asyncio.sleep(0.05)
    assert codes == [(400, 40060)]


async def test_an_expired_token_is_invalid(bot: SampleBot, page: PageClient) -> None:
    kept: list[discord.Interaction] = []

    async def keep(interaction: discord.Interaction) -> None:
        kept.append(interaction)
        await interaction.response.send_message("one")

    await register(bot, keep)
    await page.command("probe")
    await kept[0].followup.send("in time")
    assert (await page.post("/sandbox/expire", {}))["expired"] == 1
    assert await refused(kept[0].followup.send("late")) == (401, 50027)
    assert await refused(kept[0].edit_original_response(content="late")) == (401, 50027)


async def test_a_token_without_an_answer_is_unknown(bot: SampleBot, page: PageClient) -> None:
    codes: list[tuple[int, int]] = []

    async def early(interaction: discord.Interaction) -> None:
        codes.append(await refused(interaction.followup.send("too early")))
        await interaction.response.send_message("now")

    await register(bot, early)
    await page.command("probe")
    assert codes == [(404, 10015)]


async def test_follow_ups_reply_to_the_answer_and_can_be_changed(
    bot: SampleBot, page: PageClient
) -> None:
    async def chatty(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("first")
        message = await interaction.followup.send("second", wait=True)
        await message.edit(content="changed")
        extra = await interaction.followup.send("third", wait=True)
        assert (await interaction.followup.fetch_message(extra.id)).content == "third"
        await extra.delete()
        assert (await interaction.original_response()).content == "first"

    await register(bot, chatty)
    await page.command("probe")
    await asyncio.sleep(0.2)
    first, second = await page.messages()
    assert second["content"] == "changed"
    assert second["referenced_message"]["id"] == first["id"]


async def test_a_wrong_kind_of_answer_is_refused(bot: SampleBot, page: PageClient) -> None:
    codes: list[tuple[int, int]] = []

    async def confused(interaction: discord.Interaction) -> None:
        route = discord.http.Route(
            "POST", f"/interactions/{interaction.id}/{interaction.token}/callback"
        )
        codes.append(await refused(bot.http.request(route, json={"type": 7, "data": {}})))
        await interaction.response.send_message("sorry")

    await register(bot, confused)
    await page.command("probe")
    assert codes == [(400, 50035)]


async def test_more_than_25_choices_are_refused(bot: SampleBot, page: PageClient) -> None:
    async def handler(interaction: discord.Interaction, name: str) -> None:
        raise AssertionError("only completed")

    async def complete(_: discord.Interaction, __: str) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=str(n), value=str(n)) for n in range(26)]

    await register(bot, handler, completes=complete)
    answer = await page.act("autocomplete", name="probe", focused="name")
    assert answer["outcome"] == "failed"
    assert (await page.log())[-1]["response"]["code"] == 50035


async def test_an_interaction_fails_when_no_bot_is_there(page: PageClient) -> None:
    async with running_bot(discord.Intents(guilds=True)):
        shown = await page.command("keep")
    assert (await page.press(shown["message"], "reroll:1:7"))["outcome"] == "failed"


async def test_the_interaction_says_who_where_and_in_which_language(
    bot: SampleBot, page: PageClient
) -> None:
    seen: list[discord.Interaction] = []

    async def look(interaction: discord.Interaction) -> None:
        seen.append(interaction)
        await interaction.response.send_message("ok")

    await register(bot, look)
    await page.act("command", user="ben", channel="drawings", name="probe")
    await page.act("command", user="ben", channel="dm", name="probe", locale="fr")
    guild, direct = seen
    assert guild.guild is not None
    assert guild.guild.name == "Atelier"
    assert (guild.locale, guild.guild_locale) == (discord.Locale.german, discord.Locale.german)
    assert guild.context.guild
    assert guild.is_guild_integration()
    assert guild.app_permissions.attach_files
    assert not guild.permissions.administrator
    assert guild.filesize_limit == 50_000
    assert (time.time() - guild.created_at.timestamp()) < 5
    assert direct.context.dm_channel
    assert direct.locale is discord.Locale.french
    assert isinstance(direct.channel, discord.DMChannel)
    assert direct.user.name == "ben"
