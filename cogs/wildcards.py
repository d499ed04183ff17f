"""/wildcard and /wildcards: the lists of words that ``__name__`` in a prompt picks from."""

import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from cogs import wildcard_cards
from cogs.answers import answer, refusing
from cogs.asking import guild_of
from cogs.choices import choices
from cogs.forms import MAX_TEXT_CHARS, MAX_TITLE_CHARS, TextField, form, sent_form, values_of
from hypersd_core.errors import InvalidRequest, NotAllowed
from hypersd_core.i18n import say
from hypersd_core.picks import MAX_NAME_CHARS
from hypersd_core.wildcards import (
    MAX_GUILD_CHARS,
    WildcardBook,
    WildcardList,
    read_file,
)

_NEW, _WHOLE, _PART = "new", "whole", "part"
_FORM = rf"wildcard:1:(?P<kind>{_NEW}|{_WHOLE}|{_PART}):(?P<check>[0-9a-f]*):(?P<name>.+)"

_GUILDS_ONLY = app_commands.AppCommandContext(guild=True, dm_channel=False, private_channel=False)
_GUILD_INSTALL = app_commands.AppInstallationType(guild=True, user=False)


class Wildcards(commands.Cog):
    """Commands, and the form in which lists are written. Nothing is kept while it is open."""

    wildcard = app_commands.Group(
        name="wildcard",
        description="Lists of words to pick from by chance.",
        default_permissions=discord.Permissions(manage_guild=True),
        allowed_contexts=_GUILDS_ONLY,
        allowed_installs=_GUILD_INSTALL,
    )

    def __init__(self, book: WildcardBook) -> None:
        self._book = book

    @app_commands.command(description="The word lists of this server, for __name__ in a prompt.")
    @app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
    @app_commands.allowed_installs(guilds=True, users=False)
    async def wildcards(self, interaction: discord.Interaction[Any]) -> None:
        """What everybody may use."""
        await self._list(interaction)

    @wildcard.command(name="list", description="All lists of this server.")
    async def list_all(self, interaction: discord.Interaction[Any]) -> None:
        """The same for who changes them."""
        await self._list(interaction)

    @wildcard.command(description="Make a list.")
    @app_commands.describe(name="What to write between two underscores on each side: __hair__.")
    async def create(
        self,
        interaction: discord.Interaction[Any],
        name: app_commands.Range[str, 1, MAX_NAME_CHARS],
    ) -> None:
        """Open the form of a new list; whether it may be called so is said when it is sent."""
        await interaction.response.send_modal(_form(_NEW, name, _entries_fields("")))

    @wildcard.command(description="Change the entries of a list.")
    @app_commands.describe(name="Which list.")
    async def edit(self, interaction: discord.Interaction[Any], name: str) -> None:
        """Open a form with all entries, or, where they are too many, for some of them."""
        async with refusing(interaction):
            found = await self._book.get(_guild(interaction), name)
            if len(found.text) <= MAX_TEXT_CHARS:
                fields, kind = _entries_fields(found.text), _WHOLE
            else:
                fields, kind = _change_fields(), _PART
            modal = _form(kind, found.name, fields, check=_checksum(found))
            await interaction.response.send_modal(modal)

    @wildcard.command(description="Show the entries of a list.")
    @app_commands.describe(name="Which list.")
    async def show(self, interaction: discord.Interaction[Any], name: str) -> None:
        """The first of its entries."""
        async with refusing(interaction):
            found = await self._book.get(_guild(interaction), name)
            await answer(interaction, wildcard_cards.one(found))

    @wildcard.command(description="Call a list by another name; lists that pick from it know.")
    @app_commands.describe(name="Which list.", new_name="Its new name.")
    async def rename(self, interaction: discord.Interaction[Any], name: str, new_name: str) -> None:
        """Rename it everywhere."""
        async with refusing(interaction):
            guild_id = _guild(interaction)
            await self._book.rename(guild_id, name, new_name, user_id=interaction.user.id)
            renamed = await self._book.get(guild_id, new_name)
            await answer(interaction, wildcard_cards.one(renamed, say("Renamed.")))

    @wildcard.command(description="Delete a list; you get its entries as a file.")
    @app_commands.describe(name="Which list.")
    async def delete(self, interaction: discord.Interaction[Any], name: str) -> None:
        """What is gone is given back as a file, from which it can be imported again."""
        async with refusing(interaction):
            guild_id = _guild(interaction)
            found = await self._book.get(guild_id, name)
            await self._book.delete(guild_id, name, user_id=interaction.user.id)
            view, file = wildcard_cards.as_file(found, say("Deleted. This is what it held."))
            await answer(interaction, view, files=[file])

    @wildcard.command(name="import", description="Make a list of a .txt file, one entry a line.")
    @app_commands.describe(
        file="A text file in UTF-8; lines that begin with # are left out.",
        name="The list's name; the file's, if nothing else is said.",
        replace="Whether it takes the place of the list that has this name.",
    )
    async def import_file(
        self,
        interaction: discord.Interaction[Any],
        file: discord.Attachment,
        name: str | None = None,
        replace: bool = False,
    ) -> None:
        """Read the file, which may take a while."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        async with refusing(interaction):
            made = await self._book.create(
                _guild(interaction),
                name or file.filename.removesuffix(".txt"),
                await _text_of(file),
                user_id=interaction.user.id,
                replace=replace,
            )
            await answer(interaction, wildcard_cards.one(made, say("Imported.")))

    @wildcard.command(name="export", description="Get a list as a .txt file.")
    @app_commands.describe(name="Which list.")
    async def export_file(self, interaction: discord.Interaction[Any], name: str) -> None:
        """All of its entries."""
        async with refusing(interaction):
            found = await self._book.get(_guild(interaction), name)
            view, file = wildcard_cards.as_file(found)
            await answer(interaction, view, files=[file])

    @edit.autocomplete("name")
    @show.autocomplete("name")
    @rename.autocomplete("name")
    @delete.autocomplete("name")
    @import_file.autocomplete("name")
    @export_file.autocomplete("name")
    async def _complete_name(
        self, interaction: discord.Interaction[Any], typed: str
    ) -> list[app_commands.Choice[str]]:
        lists = await self._book.lists(guild_of(interaction))
        return choices(sorted(lists), typed)

    @commands.Cog.listener("on_interaction")
    async def take_form(self, interaction: discord.Interaction[Any]) -> None:
        """Write the list that was typed into the form."""
        sent = sent_form(interaction, _FORM)
        if sent is None:
            return
        values = values_of(interaction)
        async with refusing(interaction, typed="\n".join(filter(None, values.values()))):
            await self._check_unchanged(interaction, sent)
            written = await self._write(interaction, sent["kind"], sent["name"], values)
            await answer(interaction, wildcard_cards.one(written, say("Saved.")))

    async def _list(self, interaction: discord.Interaction[Any]) -> None:
        async with refusing(interaction):
            lists = await self._book.all(_guild(interaction))
            await answer(interaction, wildcard_cards.several(lists))

    async def _check_unchanged(
        self, interaction: discord.Interaction[Any], sent: re.Match[str]
    ) -> None:
        """A form that shows all entries must not undo what somebody else wrote meanwhile."""
        if sent["kind"] != _WHOLE:
            return
        found = await self._book.get(_guild(interaction), sent["name"])
        if _checksum(found) != sent["check"]:
            raise InvalidRequest(
                say(
                    "Somebody else changed the list {name} meanwhile: edit it again.",
                    name=found.name,
                )
            )

    async def _write(
        self,
        interaction: discord.Interaction[Any],
        kind: str,
        name: str,
        values: Mapping[str, str],
    ) -> WildcardList:
        guild_id, user_id = _guild(interaction), interaction.user.id
        if kind == _PART:
            return await self._book.edit(
                guild_id, name, user_id=user_id, add=values["add"], remove=values["remove"]
            )
        return await self._book.create(
            guild_id, name, values["entries"], user_id=user_id, replace=kind == _WHOLE
        )


def _guild(interaction: discord.Interaction[Any]) -> int:
    guild_id = guild_of(interaction)
    if guild_id is None:
        raise NotAllowed(say("Wildcard lists belong to servers that have the bot."))
    return guild_id


def _form(kind: str, name: str, fields: Sequence[TextField], check: str = "") -> discord.ui.Modal:
    title = say("Wildcard list {name}", name=name)[:MAX_TITLE_CHARS]
    return form(title, f"wildcard:1:{kind}:{check}:{name}", fields)


def _entries_fields(text: str) -> Sequence[TextField]:
    return (
        TextField(
            key="entries",
            label=say("Entries, one a line"),
            about=say("Twice is picked twice as often; # begins a comment; __other__ is a list."),
            value=text,
            is_long=True,
            is_required=True,
        ),
    )


def _change_fields() -> Sequence[TextField]:
    """For a list that is too long for a form."""
    about = say("The list is too long to show here: /wildcard export has all of it.")
    return (
        TextField(key="add", label=say("Add, one a line"), about=about, is_long=True),
        TextField(key="remove", label=say("Take out, one a line"), is_long=True),
    )


def _checksum(found: WildcardList) -> str:
    return f"{zlib.crc32(found.text.encode()):08x}"


async def _text_of(file: discord.Attachment) -> str:
    most = 4 * MAX_GUILD_CHARS // 2**20
    if file.size > most * 2**20:
        raise InvalidRequest(
            say(
                "{name} has {size:.1f} MiB; at most {most} MiB are allowed.",
                name=file.filename,
                size=file.size / 2**20,
                most=most,
            )
        )
    try:
        return read_file(await file.read())
    except discord.HTTPException as error:
        raise InvalidRequest(
            say("{name} could not be read from Discord: send it again.", name=file.filename)
        ) from error
