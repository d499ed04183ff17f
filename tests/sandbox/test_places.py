"""Who is there, which channels there are, and what each may see and do in them."""

import discord
import pytest

from sandbox.places import LIN
from tests.sandbox.page_client import PageClient, PageRefusal
from tests.sandbox.probes import refused, register_noted
from tests.sandbox.sample_bot import SampleBot


def channel(bot: SampleBot, name: str) -> discord.abc.GuildChannel | discord.Thread:
    everything = [*bot.get_all_channels(), *(t for g in bot.guilds for t in g.threads)]
    return next(c for c in everything if c.name == name)


async def test_ada_owns_the_application_and_installed_it(bot: SampleBot) -> None:
    application = await bot.application_info()
    assert application.owner.name == "ada"
    assert application.user_integration_config is not None


async def test_members_come_with_their_roles_and_permissions(
    bot: SampleBot, page: PageClient
) -> None:
    noted = await register_noted(bot)
    rights: dict[str, tuple[list[str], bool, bool]] = {}
    for name in ("ada", "ben", "lin", "mia"):
        await page.at(user=name).command("probe")
        member = noted.last.user
        assert isinstance(member, discord.Member)
        permissions = noted.last.permissions
        roles = [role.name for role in member.roles if not role.is_default()]
        rights[name] = (roles, permissions.manage_messages, permissions.manage_guild)
    assert rights == {
        "ada": ([], True, True),
        "ben": (["Regulars"], False, False),
        "lin": ([], False, False),
        "mia": (["Moderators"], True, False),
    }


async def test_lin_speaks_chinese(bot: SampleBot, page: PageClient) -> None:
    noted = await register_noted(bot)
    await page.at(user="lin").command("probe")
    assert noted.last.locale is discord.Locale.chinese
    assert noted.last.user.display_name == "林"


async def test_reports_are_for_moderators(bot: SampleBot, page: PageClient) -> None:
    place = channel(bot, "reports")
    assert isinstance(place, discord.TextChannel)
    assert not place.permissions_for(place.guild.default_role).view_channel
    assert place.permissions_for(place.guild.me).send_messages
    await place.send("look at this")
    for name in ("ada", "mia"):
        assert len(await page.messages(user=name, channel="reports")) == 1
    with pytest.raises(PageRefusal, match="there is no channel 'reports'"):
        await page.at(user="ben", channel="reports").say("hello?")
    shown = (await page.get("/sandbox/state?user=lin"))["channels"]
    assert "reports" not in [entry["name"] for entry in shown]


async def test_a_channel_can_be_age_restricted(bot: SampleBot, page: PageClient) -> None:
    noted = await register_noted(bot)
    await page.at(channel="after-dark").command("probe")
    assert isinstance(noted.last.channel, discord.TextChannel)
    assert noted.last.channel.is_nsfw()


async def test_a_thread_has_its_parents_nature(bot: SampleBot, page: PageClient) -> None:
    noted = await register_noted(bot)
    answer = await page.at(channel="sketches").command("probe")
    thread = noted.last.channel
    assert isinstance(thread, discord.Thread)
    assert thread.parent is channel(bot, "pictures")
    assert thread.permissions_for(thread.guild.me).send_messages_in_threads
    assert (await page.at(channel="sketches").message(answer["message"]))["content"] == "noted"
    await page.permit("sketches", deny=["SEND_MESSAGES_IN_THREADS"])
    assert await refused(thread.send("x")) == (403, 50013)
    pictures = channel(bot, "pictures")
    assert isinstance(pictures, discord.TextChannel)
    await pictures.send("the permission of threads is not that of channels")


async def test_a_forum_holds_posts_and_no_messages(bot: SampleBot, page: PageClient) -> None:
    noted = await register_noted(bot)
    await page.at(channel="first-light").command("probe")
    post = noted.last.channel
    assert isinstance(post, discord.Thread)
    assert isinstance(post.parent, discord.ForumChannel)
    await post.send("a picture")
    assert len(await page.messages(channel="first-light")) == 2
    into_forum = bot.get_partial_messageable(post.parent.id).send("x")
    assert await refused(into_forum) == (400, 50008)
    with pytest.raises(PageRefusal, match="there is no channel 'showcase'"):
        await page.at(channel="showcase").say("x")


async def test_guilds_are_read_over_rest(bot: SampleBot) -> None:
    assert [guild.name async for guild in bot.fetch_guilds()] == ["Studio", "Atelier"]
    studio = bot.guilds[0]
    assert [role.name for role in await studio.fetch_roles()] == [
        "@everyone",
        "Regulars",
        "Moderators",
        "Hyper-SD",
    ]
    assert len(await studio.fetch_channels()) == 5
    mia = await studio.fetch_member(LIN.id + 1)
    assert [role.name for role in mia.roles] == ["@everyone", "Moderators"]
    assert (await bot.fetch_user(LIN.id)).display_name == "林"
    assert await refused(studio.fetch_member(1)) == (404, 10007)
    assert await refused(bot.fetch_user(1)) == (404, 10013)


async def test_people_share_files(bot: SampleBot, page: PageClient) -> None:
    said = await page.at(user="lin").say("look", files=[("a.txt", b"123")])
    (attachment,) = said["attachments"]
    assert await page.download(attachment["url"]) == (200, b"123")
    with pytest.raises(PageRefusal, match="there is no uploaded file '7'"):
        await page.say("look", attachments=["7"])
