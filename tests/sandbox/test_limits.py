"""The size of files: told with every interaction, enforced on every route."""

import io

import discord
import pytest

from tests.sandbox.page_client import PageClient, PageRefusal
from tests.sandbox.probes import refused, register
from tests.sandbox.sample_bot import SampleBot

MIB = 1024 * 1024


def file(size_bytes: int) -> discord.File:
    return discord.File(io.BytesIO(b"x" * size_bytes), "file.bin")


async def test_the_limit_is_told_and_enforced_on_every_route(
    bot: SampleBot, page: PageClient
) -> None:
    codes: list[tuple[int, int]] = []
    limits: list[int] = []

    async def try_all(interaction: discord.Interaction) -> None:
        limits.append(interaction.filesize_limit)
        assert isinstance(interaction.channel, discord.TextChannel)
        codes.append(await refused(interaction.response.send_message(file=file(1_001))))
        await interaction.response.send_message("ok", file=file(1_000))
        codes.append(await refused(interaction.followup.send(file=file(1_001))))
        edit = interaction.edit_original_response(attachments=[file(1_001)])
        codes.append(await refused(edit))
        codes.append(await refused(interaction.channel.send(file=file(1_001))))
        sent = await interaction.channel.send("over", files=[file(1_000), file(1_000)])
        codes.append(await refused(sent.edit(attachments=[file(1_001)])))

    await page.limit_files(1_000)
    await register(bot, try_all)
    await page.command("probe")
    while len(codes) < 5:
        await page.messages()
    assert limits == [1_000]
    assert codes == [(413, 40005)] * 5


async def test_a_boosted_guild_takes_larger_files(bot: SampleBot, page: PageClient) -> None:
    limits: list[int] = []

    async def look(interaction: discord.Interaction) -> None:
        limits.append(interaction.filesize_limit)
        await interaction.response.send_message("ok", file=file(60_000))

    await register(bot, look)
    await page.boost("Studio", 2)
    assert (await page.command("probe"))["outcome"] == "message"
    assert limits == [50 * MIB]
    assert bot.guilds[0].filesize_limit == 50 * MIB
    assert (await page.at(channel="drawings").command("probe"))["outcome"] == "failed"
    with pytest.raises(PageRefusal, match=r"premium_tier must be in 0\.\.3, got 4"):
        await page.boost("Studio", 4)
