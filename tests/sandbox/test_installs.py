"""Where commands are offered, and what an application may do that is installed to a user only."""

from typing import Any

import discord
import pytest
from discord import app_commands

from sandbox.places import ADA, ELSEWHERE, FIRST_ID, STUDIO
from tests.sandbox.page_client import PageClient, PageRefusal
from tests.sandbox.probes import ANYWHERE, refused, register, register_noted
from tests.sandbox.sample_bot import SampleBot

CAFE_ID = FIRST_ID + 110


async def test_an_interaction_says_whose_installation_allows_it(
    bot: SampleBot, page: PageClient
) -> None:
    noted = await register_noted(bot, ANYWHERE)
    owners: list[Any] = []
    for user, place in [("ada", "general"), ("ben", "general"), ("ada", "dm"), ("ben", "dm")]:
        await page.at(user=user, channel=place).command("probe")
        owners.append(noted.last._integration_owners)
    guild = {0: STUDIO.id}
    assert owners == [guild | {1: ADA.id}, guild, {0: 0, 1: ADA.id}, {0: 0}]


async def test_without_support_for_users_only_the_guild_is_named(
    bot: SampleBot, page: PageClient
) -> None:
    noted = await register_noted(bot)
    await page.command("probe")
    assert noted.last._integration_owners == {0: STUDIO.id}
    with pytest.raises(PageRefusal, match="Ada has no command 'probe' in cafe"):
        await page.at(channel="cafe").command("probe")


async def test_only_who_installed_it_has_commands_elsewhere(
    bot: SampleBot, page: PageClient
) -> None:
    await register_noted(bot, ANYWHERE)
    for place in ("cafe", "weekend"):
        assert "probe" in await page.at(channel=place).offered()
        assert await page.at(user="ben", channel=place).offered() == []


async def test_elsewhere_the_bot_is_a_guest(bot: SampleBot, page: PageClient) -> None:
    noted = await register_noted(bot, ANYWHERE)
    answer = await page.at(channel="cafe").command("probe")
    asked = noted.last
    assert asked.context.guild
    assert asked.is_user_integration()
    assert not asked.is_guild_integration()
    assert asked._integration_owners == {1: ADA.id}
    granted = discord.Permissions(embed_links=True, attach_files=True)  # and what Ada has not
    assert asked.app_permissions == granted
    assert not asked.permissions.manage_guild
    seen = await page.at(user="ben", channel="cafe").message(answer["message"])
    assert seen["content"] == "noted"


async def test_a_group_is_a_private_channel(bot: SampleBot, page: PageClient) -> None:
    noted = await register_noted(bot, ANYWHERE)
    await page.at(channel="weekend").command("probe")
    assert noted.last.context.private_channel
    assert isinstance(noted.last.channel, discord.GroupChannel)
    assert noted.last._integration_owners == {1: ADA.id}
    assert len(await page.messages(user="ben", channel="weekend")) == 1
    shown = (await page.get("/sandbox/state?user=lin"))["channels"]
    assert "weekend" not in [entry["name"] for entry in shown]


async def test_a_guest_has_no_access_to_channel_and_guild(bot: SampleBot) -> None:
    place = bot.get_partial_messageable(CAFE_ID)
    assert await refused(place.send("x")) == (403, 50001)
    assert await refused(bot.fetch_channel(CAFE_ID)) == (403, 50001)
    assert await refused(bot.fetch_guild(ELSEWHERE.id)) == (404, 10004)
    assert await refused(bot.tree.sync(guild=discord.Object(ELSEWHERE.id))) == (403, 50001)
    assert "Elsewhere" not in [guild.name for guild in bot.guilds]


async def test_a_guest_learns_nothing_of_messages_there(bot: SampleBot, page: PageClient) -> None:
    await page.at(channel="cafe").say("hello")
    await page.at(channel="weekend").say("hello")
    answer = await page.command("keep")
    assert answer["outcome"] == "message"  # the gateway has passed what came before
    assert bot.posts == []


async def test_a_guest_sends_five_follow_ups(bot: SampleBot, page: PageClient) -> None:
    codes: list[tuple[int, int]] = []

    async def chatty(interaction: discord.Interaction) -> None:
        for number in range(5):
            await interaction.followup.send(str(number))
        if interaction.is_guild_integration():
            await interaction.followup.send("one more")
        else:
            codes.append(await refused(interaction.followup.send("one more")))
        await interaction.edit_original_response(content="over")

    async def answer(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("first")
        await chatty(interaction)

    await register(bot, answer, ANYWHERE)
    for place, count in (("cafe", 6), ("general", 7)):
        at = page.at(channel=place)
        await at.command("probe")
        await wait_for(at, "over")
        assert len(await at.messages()) == count
    assert codes == [(400, 40094)]


async def wait_for(page: PageClient, content: str) -> None:
    while content not in [m["content"] for m in await page.messages()]:
        pass


async def test_without_leave_for_external_apps_answers_are_ephemeral(
    bot: SampleBot, page: PageClient
) -> None:
    async def twice(interaction: discord.Interaction) -> None:
        await interaction.response.defer()
        await interaction.followup.send("one")
        await interaction.followup.send("over")

    await register(bot, twice, ANYWHERE)
    quiet = page.at(channel="quiet-room")
    await quiet.command("probe")
    await wait_for(quiet, "over")
    assert [m["flags"] & 64 for m in await quiet.messages()] == [64, 64]
    assert await quiet.messages(user="ben") == []


async def test_a_button_acts_for_who_installed_the_application(
    bot: SampleBot, page: PageClient
) -> None:
    pressed: list[discord.Interaction] = []

    class Look(discord.ui.View):
        @discord.ui.button(label="Look", custom_id="look")
        async def look(self, interaction: discord.Interaction, _: discord.ui.Button[Any]) -> None:
            pressed.append(interaction)
            await interaction.response.defer()

    async def show(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("look", view=Look())

    await register(bot, show, ANYWHERE)
    answer = await page.at(channel="cafe").command("probe")
    await page.at(user="ben", channel="cafe").press(answer["message"], "look")
    assert pressed[0].user.name == "ben"
    assert pressed[0]._integration_owners == {1: ADA.id}


async def test_commands_keep_to_their_contexts(bot: SampleBot, page: PageClient) -> None:
    only_here = app_commands.allowed_contexts(guilds=True)
    await register_noted(bot, ANYWHERE, only_here)
    assert "probe" in await page.offered()
    assert "probe" in await page.at(channel="cafe").offered()
    assert "probe" not in await page.at(channel="dm").offered()
    assert "probe" not in await page.at(channel="weekend").offered()


@pytest.mark.parametrize(
    ("permissions", "who"),
    [
        ({"manage_guild": True}, ["ada"]),
        ({"manage_messages": True}, ["ada", "mia"]),
        ({}, ["ada"]),
    ],
)
async def test_default_permissions_decide_who_has_a_command(
    bot: SampleBot, page: PageClient, permissions: dict[str, bool], who: list[str]
) -> None:
    await register_noted(bot, app_commands.default_permissions(**permissions))
    people = ("ada", "ben", "lin", "mia")
    assert [name for name in people if "probe" in await page.at(user=name).offered()] == who
    assert "probe" in await page.at(user="ben", channel="dm").offered()


async def test_an_age_restricted_command_keeps_to_its_channels(
    bot: SampleBot, page: PageClient
) -> None:
    def restricted(command: app_commands.Command[Any, ..., None]) -> None:
        command.nsfw = True

    await register_noted(bot, restricted)
    assert "probe" not in await page.offered()
    assert "probe" in await page.at(channel="after-dark").offered()
    assert "probe" in await page.at(channel="dm").offered()


async def test_the_own_direct_message_grants_what_discord_grants(
    bot: SampleBot, page: PageClient
) -> None:
    noted = await register_noted(bot)
    await page.at(channel="dm").command("probe")
    granted = noted.last.app_permissions
    assert granted.attach_files
    assert not granted.send_messages
    await page.permit("dm", deny=["ATTACH_FILES"])
    await page.at(user="ada", channel="dm").command("probe")
    assert not noted.last.app_permissions.attach_files
