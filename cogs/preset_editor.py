"""Making and editing presets in forms: nothing that was typed is lost when it is refused."""

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import discord

from cogs import preset_cards
from cogs.answers import answer
from cogs.asking import guild_of
from cogs.cards import plain, refused
from cogs.preset_buttons import TryAgain, find, presets_guild, ref_of
from cogs.preset_modals import edit_form, field_name, new_form, texts_of
from hypersd_core.errors import HyperSDError, InvalidRequest, PresetChanged
from hypersd_core.i18n import say
from hypersd_core.preset_book import Entry, PresetBook
from hypersd_core.preset_texts import PresetTexts

_MAX_KEPT = 500

ShowEntry: TypeAlias = Callable[[discord.Interaction[Any], Entry, str], Awaitable[None]]
"""Answers with the card of a preset below a sentence."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Typed:
    """A refused form. ``ref`` is of the preset that it edits, empty for a new one."""

    user_id: int
    texts: PresetTexts
    ref: str


class PresetEditor:
    """Opens forms and takes them. Refused ones are kept in memory, the oldest go first."""

    def __init__(self, book: PresetBook, show: ShowEntry) -> None:
        self._book = book
        self._show = show
        self._kept: dict[int, _Typed] = {}

    async def open_new(
        self, interaction: discord.Interaction[Any], texts: PresetTexts | None = None
    ) -> None:
        """The form of a new preset, filled in with ``texts``."""
        await interaction.response.send_modal(new_form(texts or PresetTexts()))

    async def open(
        self,
        interaction: discord.Interaction[Any],
        entry: Entry,
        texts: PresetTexts | None = None,
    ) -> None:
        """The form of ``entry``, with what it says, or with ``texts``."""
        texts = texts or PresetTexts.of(entry.preset)
        form = edit_form(texts, ref=ref_of(entry), revision=entry.revision)
        await interaction.response.send_modal(form)

    async def add(self, interaction: discord.Interaction[Any]) -> None:
        """Make the preset of the form that was sent in."""
        texts = texts_of(interaction)
        try:
            entry = await self._book.create(
                presets_guild(interaction), texts.preset(), user_id=interaction.user.id
            )
        except HyperSDError as error:
            await self._refuse(interaction, texts, refused(str(error)))
        else:
            name = plain(entry.preset.name)
            await self._show(interaction, entry, say("Made **{name}**.", name=name))

    async def change(self, interaction: discord.Interaction[Any], ref: str, revision: int) -> None:
        """Make of a preset what stands in the form that was sent in."""
        texts = texts_of(interaction)
        guild_id = presets_guild(interaction)
        try:
            entry = find(await self._book.list(guild_id), ref)
            changed = await self._book.edit(
                guild_id,
                entry.preset.name,
                texts.preset(entry.preset),
                user_id=interaction.user.id,
                expected=revision,
            )
        except PresetChanged:
            await self._refuse(interaction, texts, await self._who(guild_id, entry), ref=ref)
        except HyperSDError as error:
            await self._refuse(interaction, texts, refused(str(error)), ref=ref)
        else:
            await self._show(interaction, changed, _changed(entry, changed))

    async def again(self, interaction: discord.Interaction[Any], number: int) -> None:
        """Open a refused form with what was typed, over the preset as it is now. Raises."""
        typed = self._kept.get(number)
        if typed is None or typed.user_id != interaction.user.id:
            raise InvalidRequest(
                say("This form is too old to be opened again: copy your texts from above.")
            )
        for entry in await self._book.list(guild_of(interaction)):
            if typed.ref and typed.ref in {ref_of(entry), entry.shipped}:
                await self.open(interaction, entry, typed.texts)
                return
        await self.open_new(interaction, typed.texts)  # it was deleted meanwhile, or is new

    async def _who(self, guild_id: int, entry: Entry) -> str:
        name = entry.preset.name
        changes = await self._book.history(guild_id, name)
        return preset_cards.changed_meanwhile(name, next(iter(changes), None))

    async def _refuse(
        self,
        interaction: discord.Interaction[Any],
        texts: PresetTexts,
        sentence: str,
        *,
        ref: str = "",
    ) -> None:
        number = TryAgain.new_number()
        while len(self._kept) >= _MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[number] = _Typed(user_id=interaction.user.id, texts=texts, ref=ref)
        view, files = preset_cards.refused(sentence, texts, TryAgain(number))
        await answer(interaction, view, files=files)


def _changed(before: Entry, after: Entry) -> str:
    """That it was changed, and which locks went with the values that they held."""
    name = plain(after.preset.name)
    sentence = say("Changed **{name}**.", name=name)
    lost = before.preset.locked - after.preset.locked
    if not lost:
        return sentence
    fields = ", ".join(sorted(map(field_name, lost)))
    return f"{sentence} " + say("No longer locked, as it has no value: {fields}.", fields=fields)
