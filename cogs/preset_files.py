"""Presets to files that people get, and back from files that they send."""

import io
from typing import Any

import discord
from discord import app_commands

from cogs import preset_cards
from cogs.answers import answer
from cogs.asking import guild_of
from cogs.preset_buttons import presets_guild
from hypersd_core.errors import InvalidRequest
from hypersd_core.i18n import say
from hypersd_core.preset_book import PresetBook
from hypersd_core.preset_files import MAX_FILE_BYTES

TOML, CSV = "toml", "csv"
FORMAT_CHOICES = [
    app_commands.Choice(name="TOML: everything", value=TOML),
    app_commands.Choice(name="styles.csv: texts, for A1111", value=CSV),
]


class PresetFiles:
    """Sends and takes files, all in private."""

    def __init__(self, book: PresetBook) -> None:
        self._book = book

    async def send(
        self, interaction: discord.Interaction[Any], name: str | None, kind: str = TOML
    ) -> None:
        """Answer with a file of one preset, or of all. Raises PresetNotFound."""
        guild_id = guild_of(interaction)
        lost: tuple[str, ...] = ()
        if kind == CSV:
            styles = await self._book.export_styles_csv(guild_id, name)
            file = discord.File(io.BytesIO(styles.data), "styles.csv")
            lost = styles.lost
        else:
            data = await self._book.export_toml(guild_id, name)
            file = discord.File(io.BytesIO(data), "presets.toml")
        await answer(interaction, preset_cards.exported(file, lost), files=[file])

    async def take(
        self, interaction: discord.Interaction[Any], file: discord.Attachment, *, replace: bool
    ) -> None:
        """Take in all that ``file`` holds, or nothing. Raises InvalidRequest."""
        guild_id, kind = presets_guild(interaction), _checked_kind(file)
        await interaction.response.defer(ephemeral=True, thinking=True)
        read = self._book.import_toml if kind == TOML else self._book.import_styles_csv
        done = await read(guild_id, await _data(file), user_id=interaction.user.id, replace=replace)
        await answer(interaction, preset_cards.imported(done))


def _checked_kind(file: discord.Attachment) -> str:
    """What kind of file it is, before a byte is read. Raises InvalidRequest."""
    kind = file.filename.rpartition(".")[2].lower()
    if kind not in {TOML, CSV}:
        raise InvalidRequest(
            say("{name} is neither a .toml nor a .csv file.", name=file.filename[:80])
        )
    if file.size > MAX_FILE_BYTES:
        raise InvalidRequest(
            say(
                "The file has {kib:,} KiB; at most {most:,} KiB are allowed.",
                kib=-(-file.size // 1024),
                most=MAX_FILE_BYTES // 1024,
            )
        )
    return kind


async def _data(file: discord.Attachment) -> bytes:
    try:
        return await file.read()
    except discord.HTTPException as error:
        raise InvalidRequest(
            say("{name} could not be read from Discord: send it again.", name=file.filename)
        ) from error
