"""Buttons and selects on cards of presets. All they need is in their custom ids.

A preset is referred to by its number, or by its key where it ships with the bot and has no number
yet: both mean something in the guild where they are used only. Ids of what admins see end with the
user whom Discord let use the command; the cards are private, so nobody else sees them.
"""

import enum
import re
import secrets
from collections.abc import Sequence
from typing import Any, Protocol, Self, cast

import discord
from discord import ui

from cogs.answers import refusing
from cogs.asking import guild_of
from hypersd_core.errors import NotAllowed, PresetNotFound
from hypersd_core.i18n import say, say_again
from hypersd_core.preset_book import Entry

PRESETS_COG, BROWSER_COG = "Presets", "PresetBrowser"
_REF = r"(?P<ref>[^\n]{1,40})"
_USER = r"(?P<user_id>[0-9]{1,20})"


class Verb(enum.StrEnum):
    """What a button does to its preset."""

    EDIT = "edit"
    LOCK = "lock"
    EXPORT = "export"
    HISTORY = "history"
    DELETE = "delete"
    ERASE = "erase"


_LABELS = {
    Verb.EDIT: say("Edit"),
    Verb.LOCK: say("Lock"),
    Verb.EXPORT: say("Export"),
    Verb.HISTORY: say("History"),
    Verb.DELETE: say("Delete…"),
    Verb.ERASE: say("Delete it"),
}
_STYLES = {
    Verb.EDIT: discord.ButtonStyle.primary,
    Verb.DELETE: discord.ButtonStyle.danger,
    Verb.ERASE: discord.ButtonStyle.danger,
}


class Deciding(Protocol):
    """What the admins' buttons ask for; ``cogs.presets`` answers."""

    async def press(
        self, interaction: discord.Interaction[Any], verb: Verb, ref: str, revision: int
    ) -> None:
        """Do ``verb`` to the preset."""

    async def end_default(
        self, interaction: discord.Interaction[Any], channel_id: int | None
    ) -> None:
        """Let no preset hold there any more."""

    async def try_again(self, interaction: discord.Interaction[Any], number: int) -> None:
        """Open a form again with what was typed into it."""


class Browsing(Protocol):
    """What everybody's buttons ask for; ``cogs.preset_browser`` answers."""

    async def turn(self, interaction: discord.Interaction[Any], page: int) -> None:
        """Show a page of the list."""

    async def look(self, interaction: discord.Interaction[Any], ref: str, page: int) -> None:
        """Show one preset of that page."""

    async def ask_for_words(self, interaction: discord.Interaction[Any], ref: str) -> None:
        """Ask what to draw with it."""


def ref_of(entry: Entry) -> str:
    """How custom ids name a preset, whatever it is called."""
    return str(entry.id) if entry.id is not None else str(entry.shipped)


def find(entries: Sequence[Entry], ref: str) -> Entry:
    """The preset that ``ref_of`` named, among those of one guild. Raises PresetNotFound."""
    for entry in entries:
        if ref in {ref_of(entry), entry.shipped}:
            return entry
    raise PresetNotFound(say("This preset is not here any more."))


def presets_guild(interaction: discord.Interaction[Any]) -> int:
    """The guild whose presets are meant. Raises NotAllowed where none has installed the bot."""
    guild_id = guild_of(interaction)
    if guild_id is None:
        raise NotAllowed(say("Presets are made in servers that have installed the bot."))
    return guild_id


class PresetButton(
    ui.DynamicItem[ui.Button[ui.LayoutView]],
    template=rf"preset:1:(?P<verb>{'|'.join(Verb)}):(?P<revision>[0-9]{{1,9}}):{_USER}:{_REF}",
):
    """One verb for one preset, for who opened its card."""

    def __init__(self, verb: Verb, ref: str, revision: int, user_id: int) -> None:
        super().__init__(
            ui.Button(
                label=say_again(_LABELS[verb]),
                style=_STYLES.get(verb, discord.ButtonStyle.secondary),
                custom_id=f"preset:1:{verb}:{revision}:{user_id}:{ref}",
            )
        )
        self._verb, self._ref, self._revision, self._user_id = verb, ref, revision, user_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """The button that has this id."""
        return cls(Verb(match["verb"]), match["ref"], int(match["revision"]), int(match["user_id"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Hand the press on."""
        async with refusing(interaction):
            _check_user(interaction, self._user_id)
            await _deciding(interaction).press(interaction, self._verb, self._ref, self._revision)


class EndDefault(
    ui.DynamicItem[ui.Select[ui.LayoutView]], template=rf"preset-default:1:end:{_USER}"
):
    """Takes one of the defaults away. Values are ids of channels, 0 is the whole guild."""

    def __init__(self, user_id: int, options: Sequence[discord.SelectOption] = ()) -> None:
        super().__init__(
            ui.Select(
                placeholder=say("End a default"),
                options=list(options) or [discord.SelectOption(label="-")],
                custom_id=f"preset-default:1:end:{user_id}",
            )
        )
        self._user_id = user_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """The select that has this id."""
        return cls(int(match["user_id"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Hand the choice on."""
        async with refusing(interaction):
            _check_user(interaction, self._user_id)
            channel_id = int(self.item.values[0]) or None
            await _deciding(interaction).end_default(interaction, channel_id)


class TryAgain(
    ui.DynamicItem[ui.Button[ui.LayoutView]],
    template=r"preset-again:1:(?P<number>[0-9]{1,18})",
):
    """Opens a form that was refused, with all that was typed."""

    def __init__(self, number: int) -> None:
        super().__init__(
            ui.Button(
                label=say("Try again"),
                style=discord.ButtonStyle.primary,
                custom_id=f"preset-again:1:{number}",
            )
        )
        self._number = number

    @staticmethod
    def new_number() -> int:
        """A number that no earlier button has, not even one from before a restart."""
        return secrets.randbelow(10**18)

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """The button that has this id."""
        return cls(int(match["number"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Hand the press on."""
        async with refusing(interaction):
            await _deciding(interaction).try_again(interaction, self._number)


class TurnPage(
    ui.DynamicItem[ui.Button[ui.LayoutView]], template=r"presets:1:page:(?P<page>[0-9]{1,3})"
):
    """Another page of the list."""

    def __init__(self, page: int, label: str = "") -> None:
        super().__init__(
            ui.Button(
                label=label,
                style=discord.ButtonStyle.secondary,
                custom_id=f"presets:1:page:{page}",
            )
        )
        self._page = page

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """The button that has this id."""
        return cls(int(match["page"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Hand the press on."""
        async with refusing(interaction):
            await _browsing(interaction).turn(interaction, self._page)


class PickPreset(
    ui.DynamicItem[ui.Select[ui.LayoutView]], template=r"presets:1:pick:(?P<page>[0-9]{1,3})"
):
    """Shows one preset of a page."""

    def __init__(self, page: int, options: Sequence[discord.SelectOption] = ()) -> None:
        super().__init__(
            ui.Select(
                placeholder=say("Look at a preset"),
                options=list(options) or [discord.SelectOption(label="-")],
                custom_id=f"presets:1:pick:{page}",
            )
        )
        self._page = page

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """The select that has this id."""
        return cls(int(match["page"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Hand the choice on."""
        async with refusing(interaction):
            await _browsing(interaction).look(interaction, self.item.values[0], self._page)


class DrawWith(ui.DynamicItem[ui.Button[ui.LayoutView]], template=rf"presets:1:draw:{_REF}"):
    """Asks for words and draws them with a preset."""

    def __init__(self, ref: str) -> None:
        super().__init__(
            ui.Button(
                label=say("Draw with this"),
                style=discord.ButtonStyle.primary,
                custom_id=f"presets:1:draw:{ref}",
            )
        )
        self._ref = ref

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """The button that has this id."""
        return cls(match["ref"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Hand the press on."""
        async with refusing(interaction):
            await _browsing(interaction).ask_for_words(interaction, self._ref)


ITEMS = (PresetButton, EndDefault, TryAgain, TurnPage, PickPreset, DrawWith)
"""What the bot rebuilds from custom ids."""


def _check_user(interaction: discord.Interaction[Any], user_id: int) -> None:
    if interaction.user.id != user_id:
        raise NotAllowed(say("This card is somebody else's: use /preset yourself."))


def _deciding(interaction: discord.Interaction[Any]) -> Deciding:
    """discord.py builds the buttons, so the cog is looked up by name."""
    return cast(Deciding, interaction.client.get_cog(PRESETS_COG))


def _browsing(interaction: discord.Interaction[Any]) -> Browsing:
    return cast(Browsing, interaction.client.get_cog(BROWSER_COG))
