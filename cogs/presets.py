"""/preset: what admins do with the presets of their server, by Discord's command permissions.

Who may is decided by Discord when a command is used; its cards are private, and their buttons work
for that person alone. Everybody looks and draws with /presets (``cogs.preset_browser``).
"""

import dataclasses
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from cogs import preset_cards
from cogs.answers import answer, refusing, say_privately
from cogs.asking import asker_of, guild_of
from cogs.cards import Item, note, plain
from cogs.choices import choices
from cogs.forms import sent_form
from cogs.preset_allow import AllowLists
from cogs.preset_browser import PresetBrowser
from cogs.preset_buttons import PRESETS_COG, PresetButton, Verb, find, presets_guild, ref_of
from cogs.preset_defaults import Channel, DefaultPlace, Defaults
from cogs.preset_editor import PresetEditor
from cogs.preset_files import FORMAT_CHOICES, TOML, PresetFiles
from cogs.preset_modals import (
    ALLOW_FORM,
    EDIT_FORM,
    LOCK_FORM,
    NEW_FORM,
    Kind,
    chosen_in,
    lock_form,
)
from hypersd_core.errors import InvalidRequest, NotAllowed
from hypersd_core.front_desk import Rules
from hypersd_core.i18n import say
from hypersd_core.library import Library
from hypersd_core.preset_book import Entry
from hypersd_core.preset_texts import PresetTexts
from hypersd_core.request import Job

_CARD_VERBS = (Verb.EDIT, Verb.LOCK, Verb.EXPORT, Verb.HISTORY, Verb.DELETE)


class Presets(commands.Cog, name=PRESETS_COG):
    """Commands, their cards' buttons, and their forms. All answers are private."""

    preset = app_commands.Group(
        name="preset",
        description="Make and manage the presets of this server.",
        default_permissions=discord.Permissions(manage_guild=True),
        allowed_contexts=app_commands.AppCommandContext(
            guild=True, dm_channel=False, private_channel=False
        ),
        allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
    )

    allow = app_commands.Group(
        name="allow", description="Which models and LoRAs may be drawn with here.", parent=preset
    )

    def __init__(self, rules: Rules, library: Library, browser: PresetBrowser) -> None:
        self._book = rules.presets
        self._defaults = Defaults(rules.presets, rules.moderation)
        self._files = PresetFiles(rules.presets)
        self._browser = browser
        self._editor = PresetEditor(rules.presets, self._show)
        self._allow_lists = AllowLists(rules.settings, library)

    @preset.command(description="Make a preset: a style, settings, or both.")
    async def create(self, interaction: discord.Interaction[Any]) -> None:
        """Open an empty form."""
        await self._editor.open_new(interaction)

    @preset.command(description="Change a preset.")
    @app_commands.describe(name="Which preset.")
    async def edit(self, interaction: discord.Interaction[Any], name: str) -> None:
        """Open the form with what the preset says."""
        async with refusing(interaction):
            await self._editor.open(interaction, await self._entry(interaction, name))

    @preset.command(description="See all of a preset, and who decides what in this channel.")
    @app_commands.describe(name="Which preset.")
    async def show(self, interaction: discord.Interaction[Any], name: str) -> None:
        """Its card."""
        async with refusing(interaction):
            await self._show(interaction, await self._entry(interaction, name), "")

    @preset.command(name="list", description="See all presets of this server.")
    async def list_all(self, interaction: discord.Interaction[Any]) -> None:
        """The list that everybody has."""
        async with refusing(interaction):
            await answer(interaction, await self._browser.page(interaction, 0))

    @preset.command(description="Let a preset hold in a channel or the server without being named.")
    @app_commands.describe(
        name="Which preset; without one you see what is set, and can end it.",
        channel="Where it holds, in its threads too; without one, in the whole server.",
    )
    async def default(
        self,
        interaction: discord.Interaction[Any],
        name: str | None = None,
        channel: app_commands.Transform[Channel, DefaultPlace] | None = None,
    ) -> None:
        """Set a default, or show all of them."""
        async with refusing(interaction):
            if name is None:
                await self._defaults.show(interaction)
            else:
                entry = await self._entry(interaction, name)
                at = channel.id if channel else None
                await self._defaults.set(interaction, entry.preset.name, at)

    @preset.command(description="Choose what of a preset nobody may say otherwise.")
    @app_commands.describe(name="Which preset.")
    async def lock(self, interaction: discord.Interaction[Any], name: str) -> None:
        """Open a form with all that the preset says."""
        async with refusing(interaction):
            await _open_locks(interaction, await self._entry(interaction, name))

    @preset.command(description="Give a preset another name; where it is a default it stays so.")
    @app_commands.describe(name="Which preset.", new_name="Its new name.")
    async def rename(self, interaction: discord.Interaction[Any], name: str, new_name: str) -> None:
        """Only the name."""
        async with refusing(interaction):
            old = await self._entry(interaction, name)
            new = await self._book.rename(
                presets_guild(interaction), name, new_name, user_id=interaction.user.id
            )
            sentence = say(
                "**{old}** is called **{new}** now.",
                old=plain(old.preset.name),
                new=plain(new.preset.name),
            )
            await say_privately(interaction, sentence)

    @preset.command(description="Delete a preset.")
    @app_commands.describe(name="Which preset.")
    async def delete(self, interaction: discord.Interaction[Any], name: str) -> None:
        """Ask first."""
        async with refusing(interaction):
            await self._ask_to_delete(interaction, await self._entry(interaction, name))

    @preset.command(description="See who changed what, the newest first.")
    @app_commands.describe(name="Only this preset, which may be deleted.")
    async def history(self, interaction: discord.Interaction[Any], name: str | None = None) -> None:
        """Of one preset, or of all."""
        async with refusing(interaction):
            changes = await self._book.history(presets_guild(interaction), name)
            await answer(interaction, preset_cards.history(changes, name))

    @preset.command(description="Take the newest change back; twice takes two back.")
    @app_commands.describe(name="Only of this preset, which may be deleted.")
    async def undo(self, interaction: discord.Interaction[Any], name: str | None = None) -> None:
        """With all that was changed together with it."""
        async with refusing(interaction):
            taken_back = await self._book.undo(
                presets_guild(interaction), user_id=interaction.user.id, name=name
            )
            await answer(interaction, preset_cards.undone(taken_back))

    @preset.command(name="import", description="Take presets in from a TOML file or a styles.csv.")
    @app_commands.describe(
        file="A file that /preset export made, or A1111's styles.csv.",
        replace="Also overwrite presets that are here already.",
    )
    async def import_file(
        self,
        interaction: discord.Interaction[Any],
        file: discord.Attachment,
        replace: bool = False,
    ) -> None:
        """All that the file holds, or nothing."""
        async with refusing(interaction):
            await self._files.take(interaction, file, replace=replace)

    @preset.command(description="Get a preset, or all of them, as a file.")
    @app_commands.describe(name="Which preset; without one, all.", kind="What kind of file.")
    @app_commands.rename(kind="format")
    @app_commands.choices(kind=FORMAT_CHOICES)
    async def export(
        self, interaction: discord.Interaction[Any], name: str | None = None, kind: str = TOML
    ) -> None:
        """A file that /preset import reads."""
        async with refusing(interaction):
            await self._files.send(interaction, name, kind)

    @allow.command(description="Which models may be drawn with here; none chosen is all.")
    @app_commands.describe(name="One model to put on the list, or to take off it.")
    async def models(self, interaction: discord.Interaction[Any], name: str | None = None) -> None:
        """All of them in a form, or one."""
        async with refusing(interaction):
            await self._allow_lists.open(interaction, Kind.MODELS, name)

    @allow.command(description="Which LoRAs may be drawn with here; none chosen is all.")
    @app_commands.describe(name="One LoRA to put on the list, or to take off it.")
    async def loras(self, interaction: discord.Interaction[Any], name: str | None = None) -> None:
        """All of them in a form, or one."""
        async with refusing(interaction):
            await self._allow_lists.open(interaction, Kind.LORAS, name)

    @models.autocomplete("name")
    async def _complete_model(
        self, interaction: discord.Interaction[Any], typed: str
    ) -> list[app_commands.Choice[str]]:
        return choices(await self._allow_lists.names(interaction, Kind.MODELS), typed)

    @loras.autocomplete("name")
    async def _complete_lora(
        self, interaction: discord.Interaction[Any], typed: str
    ) -> list[app_commands.Choice[str]]:
        return choices(await self._allow_lists.names(interaction, Kind.LORAS), typed)

    @edit.autocomplete("name")
    @show.autocomplete("name")
    @default.autocomplete("name")
    @lock.autocomplete("name")
    @rename.autocomplete("name")
    @delete.autocomplete("name")
    @history.autocomplete("name")
    @undo.autocomplete("name")
    @export.autocomplete("name")
    async def _complete_name(
        self, interaction: discord.Interaction[Any], typed: str
    ) -> list[app_commands.Choice[str]]:
        entries = await self._book.list(guild_of(interaction))
        return choices((entry.preset.name for entry in entries), typed)

    async def save_from(self, interaction: discord.Interaction[Any], job: Job) -> None:
        """Open the form of a new preset, filled in with how ``job`` was drawn."""
        async with refusing(interaction):
            if not asker_of(interaction).may_manage:
                raise NotAllowed(say("Presets are made by who manages this server."))
            await self._editor.open_new(interaction, PresetTexts.of_request(job.request))

    async def press(
        self, interaction: discord.Interaction[Any], verb: Verb, ref: str, revision: int
    ) -> None:
        """Do ``verb`` to the preset of this guild. Raises what refuses it."""
        entry = find(await self._book.list(presets_guild(interaction)), ref)
        match verb:
            case Verb.EDIT:
                await self._editor.open(interaction, entry)
            case Verb.LOCK:
                await _open_locks(interaction, entry)
            case Verb.EXPORT:
                await self._files.send(interaction, entry.preset.name)
            case Verb.HISTORY:
                changes = await self._book.history(presets_guild(interaction), entry.preset.name)
                await answer(interaction, preset_cards.history(changes, entry.preset.name))
            case Verb.DELETE:
                await self._ask_to_delete(interaction, entry)
            case Verb.ERASE:
                await self._erase(interaction, entry, revision)

    async def end_default(
        self, interaction: discord.Interaction[Any], channel_id: int | None
    ) -> None:
        """Let no preset hold there, and show what is left."""
        await self._defaults.end(interaction, channel_id)

    async def try_again(self, interaction: discord.Interaction[Any], number: int) -> None:
        """Open a refused form again. Raises InvalidRequest if it is forgotten."""
        await self._editor.again(interaction, number)

    @commands.Cog.listener()
    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """Take the forms that were sent in."""
        async with refusing(interaction):
            if sent_form(interaction, NEW_FORM):
                await self._editor.add(interaction)
            elif sent := sent_form(interaction, EDIT_FORM):
                await self._editor.change(interaction, sent["ref"], int(sent["revision"]))
            elif sent := sent_form(interaction, LOCK_FORM):
                await self._lock(interaction, sent["ref"], int(sent["revision"]))
            elif sent := sent_form(interaction, ALLOW_FORM):
                await self._allow_lists.set(interaction, Kind(sent["kind"]))

    async def _entry(self, interaction: discord.Interaction[Any], name: str) -> Entry:
        return await self._book.get(presets_guild(interaction), name)

    async def _show(
        self, interaction: discord.Interaction[Any], entry: Entry, heading: str
    ) -> None:
        """Answer with the card of a preset."""
        user_id, ref = interaction.user.id, ref_of(entry)
        buttons: list[Item] = [
            PresetButton(verb, ref, entry.revision, user_id) for verb in _CARD_VERBS
        ]
        view = await self._browser.card(interaction, entry, buttons, heading=heading)
        await answer(interaction, view)

    async def _lock(self, interaction: discord.Interaction[Any], ref: str, revision: int) -> None:
        """Lock what was chosen, and nothing else."""
        guild_id = presets_guild(interaction)
        entry = find(await self._book.list(guild_id), ref)
        changed = await self._book.edit(
            guild_id,
            entry.preset.name,
            dataclasses.replace(entry.preset, locked=frozenset(chosen_in(interaction))),
            user_id=interaction.user.id,
            expected=revision,
        )
        name = plain(changed.preset.name)
        await self._show(interaction, changed, say("Changed **{name}**.", name=name))

    async def _ask_to_delete(self, interaction: discord.Interaction[Any], entry: Entry) -> None:
        where = await self._book.defaults(presets_guild(interaction))
        button = PresetButton(Verb.ERASE, ref_of(entry), entry.revision, interaction.user.id)
        await answer(interaction, preset_cards.question(entry, where, button))

    async def _erase(
        self, interaction: discord.Interaction[Any], entry: Entry, revision: int
    ) -> None:
        await self._book.delete(
            presets_guild(interaction),
            entry.preset.name,
            user_id=interaction.user.id,
            expected=revision,
        )
        sentence = say("Deleted **{name}**.", name=plain(entry.preset.name))
        await interaction.response.edit_message(view=note(sentence))


async def _open_locks(interaction: discord.Interaction[Any], entry: Entry) -> None:
    if not entry.preset.said:
        raise InvalidRequest(
            say("{name} says nothing that could be locked.", name=entry.preset.name)
        )
    form = lock_form(entry.preset, ref=ref_of(entry), revision=entry.revision)
    await interaction.response.send_modal(form)
