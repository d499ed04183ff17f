import asyncio
import io

import discord
import pytest

from sandbox.composer import Composer, Draft
from sandbox.errors import DiscordError
from sandbox.files import FileStore, Upload
from sandbox.messages import MessageBoard
from sandbox.model import Message
from sandbox.snowflake import Snowflakes
from sandbox.world import World
from tests.sandbox.page_client import PageClient
from tests.sandbox.probes import refusal, refused
from tests.sandbox.sample_bot import SampleBot, picture


@pytest.fixture
def channel(bot: SampleBot) -> discord.TextChannel:
    found = discord.utils.get(bot.get_all_channels(), name="general")
    assert isinstance(found, discord.TextChannel)
    return found


async def test_a_repeated_nonce_returns_the_first_message(
    channel: discord.TextChannel, page: PageClient
) -> None:
    first = await channel.send("once", nonce="job-1")
    again = await channel.send("twice", nonce="job-1")
    other = await channel.send("other", nonce="job-2")
    assert again.id == first.id
    assert again.content == "once"
    assert [m["content"] for m in await page.messages()] == ["once", "other"]
    assert other.nonce == "job-2"


async def test_a_lost_answer_and_a_retry_make_one_message(
    channel: discord.TextChannel, page: PageClient
) -> None:
    route = "POST /channels/*/messages"
    await page.fault(route, status=403, code=50013, after=True)
    await refusal(channel.send("once", nonce="job-1"))
    await channel.send("once", nonce="job-1")
    assert len(await page.messages()) == 1


@pytest.mark.parametrize(
    ("permission", "code"),
    [("SEND_MESSAGES", 50013), ("ATTACH_FILES", 50013), ("VIEW_CHANNEL", 50001)],
)
async def test_a_missing_permission_is_refused(
    channel: discord.TextChannel, page: PageClient, permission: str, code: int
) -> None:
    await page.post("/sandbox/permissions", {"channel": "general", "deny": [permission]})
    assert await refused(channel.send("x", file=picture())) == (403, code)
    await page.post("/sandbox/permissions", {"channel": "general", "allow": [permission]})
    await channel.send("x", file=picture())


async def test_the_bot_learns_of_changed_permissions(
    channel: discord.TextChannel, page: PageClient
) -> None:
    await page.post("/sandbox/permissions", {"channel": "general", "deny": ["EMBED_LINKS"]})
    await asyncio.sleep(0.05)
    assert not channel.permissions_for(channel.guild.me).embed_links
    assert channel.permissions_for(channel.guild.me).attach_files


async def test_a_file_above_the_limit_is_refused(
    channel: discord.TextChannel, page: PageClient
) -> None:
    fits = await channel.send(file=discord.File(io.BytesIO(b"x" * 50_000), "fits.bin"))
    assert fits.attachments[0].size == 50_000
    error = await refusal(
        channel.send(file=discord.File(io.BytesIO(b"x" * 50_001), "too_large.bin"))
    )
    assert (error.status, error.code) == (413, 40005)
    assert len(await page.messages()) == 1


async def test_an_edit_replaces_the_listed_attachments(
    channel: discord.TextChannel, page: PageClient
) -> None:
    message = await channel.send("x", files=[picture("teal"), picture("gold")])
    gone, kept = message.attachments
    edited = await message.edit(attachments=[kept, picture("tomato")])
    assert [a.filename for a in edited.attachments] == ["gold.png", "tomato.png"]
    assert (await page.download(kept.url))[0] == 200
    assert (await page.download(gone.url))[0] == 404


async def test_a_deleted_message_takes_its_files_along(
    channel: discord.TextChannel, page: PageClient
) -> None:
    message = await channel.send(file=picture())
    await message.delete()
    assert (await page.download(message.attachments[0].url))[0] == 404
    assert await refused(channel.fetch_message(message.id)) == (404, 10008)


async def test_an_embed_shows_its_attachment(channel: discord.TextChannel) -> None:
    embed = discord.Embed(title="t").set_image(url="attachment://teal.png")
    message = await channel.send(embed=embed, file=picture())
    assert message.attachments == []
    assert message.embeds[0].image.width == 96
    assert str(message.embeds[0].image.url).endswith("/teal.png")


async def test_unknown_channels_and_foreign_messages_are_refused(
    bot: SampleBot, channel: discord.TextChannel, page: PageClient
) -> None:
    assert await refused(bot.fetch_channel(1)) == (404, 10003)
    said = await page.say("mine")
    theirs = channel.get_partial_message(int(said["id"]))
    assert await refused(theirs.edit(content="yours")) == (403, 50005)
    await theirs.delete()
    assert await page.messages() == []


async def test_only_allowed_users_are_mentioned(
    channel: discord.TextChannel,
) -> None:
    owner = f"<@{channel.guild.owner_id}>"
    assert len((await channel.send(owner)).mentions) == 1
    quiet = await channel.send(owner, allowed_mentions=discord.AllowedMentions.none())
    assert quiet.mentions == []


async def test_a_direct_message_reaches_one_person(bot: SampleBot, page: PageClient) -> None:
    ben = next(u for u in (await page.get("/sandbox/state"))["users"] if u["username"] == "ben")
    user = discord.Object(int(ben["id"]))
    channel = await bot.create_dm(user)
    message = await channel.send("psst")
    assert [m["id"] for m in await page.messages(user="ben", channel="dm")] == [str(message.id)]
    assert await page.messages(user="ada", channel="dm") == []
    assert await refused(bot.create_dm(discord.Object(1))) == (400, 50033)


async def test_history_is_paged(channel: discord.TextChannel) -> None:
    sent = [await channel.send(str(number)) for number in range(5)]
    before = [m.content async for m in channel.history(before=sent[3], limit=2)]
    after = [m.content async for m in channel.history(after=sent[1], oldest_first=True)]
    around = [m.content async for m in channel.history(around=sent[2], limit=3)]
    assert (before, after) == (["2", "1"], ["2", "3", "4"])
    assert sorted(around) == ["1", "2", "3"]


async def test_typing_reading_and_replying_are_served(
    bot: SampleBot, channel: discord.TextChannel
) -> None:
    async with channel.typing():
        first = await channel.send("first")
    assert (await bot.fetch_channel(channel.id)).id == channel.id
    assert (await bot.fetch_guild(channel.guild.id)).name == "Studio"
    assert (await channel.fetch_message(first.id)).content == "first"
    reply = await first.reply("second")
    assert reply.reference is not None
    assert reply.reference.message_id == first.id
    await first.delete()
    error = await refusal(first.reply("third"))
    assert "Unknown message" in error.text


def test_a_channel_forgets_its_oldest_messages_and_their_files() -> None:
    world, snowflakes = World(), Snowflakes()
    files = FileStore("http://localhost", snowflakes)
    board = MessageBoard(Composer(world, files, snowflakes), files, max_per_channel=2)
    channel = world.channels[0]
    posted = [
        board.post(
            Message(id=snowflakes.next(), channel=channel, author=world.bot),
            Draft(body={}, uploads={0: Upload(filename="a.txt", data=b"abc")}),
        )
        for _ in range(3)
    ]
    assert [message.id for message in board.all_in(channel)] == [m.id for m in posted[1:]]
    assert [files.find(m.attachments[0].id) is not None for m in posted] == [False, True, True]
    with pytest.raises(DiscordError, match="Unknown Message"):
        board.get(channel, posted[0].id)


def test_the_oldest_files_make_room() -> None:
    world = World()
    files = FileStore("http://localhost", Snowflakes(), capacity_bytes=10)
    stored = [
        files.prepare(Upload(filename=f"{n}.txt", data=b"12345"), world.channels[0])
        for n in range(3)
    ]
    for file in stored:
        files.keep(file)
    assert [files.find(file.attachment.id) is not None for file in stored] == [False, True, True]


def test_ids_are_unique_rising_and_dated() -> None:
    snowflakes = Snowflakes()
    ids = [snowflakes.next() for _ in range(1000)]
    assert sorted(set(ids)) == ids
    age = discord.utils.utcnow() - discord.utils.snowflake_time(ids[0])
    assert age.total_seconds() < 1
