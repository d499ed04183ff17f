"""/defaults: what somebody always wants, wherever they draw. Cards are private.

Custom ids read ``defaults:version:kind:name`` and mean whoever uses them.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import discord
from discord import app_commands, ui
from discord.ext import commands

from cogs.answers import answer, refusing
from cogs.asking import guild_of
from cogs.card_items import CardItem
from cogs.choices import choices
from cogs.defaults_cards import (
    MACROS,
    SUFFIX,
    TYPED,
    custom_id,
    defaults_card,
    value_of,
    words_fields,
)
from cogs.forms import as_typed, form, sent_form, values_of
from cogs.imagine import SAMPLER_CHOICES, SPEED_CHOICES
from hypersd_core.errors import InvalidRequest
from hypersd_core.flags import PromptFlags, field_name
from hypersd_core.front_desk import FrontDesk
from hypersd_core.i18n import say
from hypersd_core.library import Library
from hypersd_core.preset_book import PresetBook
from hypersd_core.request import MAX_COUNT, MAX_GUIDANCE, MAX_STEPS
from hypersd_core.user_defaults import (
    FIELDS,
    MAX_MACRO_CHARS,
    MAX_MACRO_NAME_CHARS,
    MAX_SUFFIX_CHARS,
    People,
    UserDefaults,
)

DEFAULTS_COG = "Defaults"
_FORM = r"defaults:1:form:words"
_CLEARABLE = [app_commands.Choice(name=name, value=name) for name in (*FIELDS, SUFFIX, MACROS)]


class DefaultsItem(CardItem, template=r"defaults:1:(?P<kind>choose|form|clear):(?P<name>[a-z]+)"):
    """Any button or select of the card."""

    cog_name = DEFAULTS_COG


class DefaultsCommands(commands.Cog, name=DEFAULTS_COG):
    """Everybody's own settings."""

    defaults = app_commands.Group(
        name="defaults",
        description="What you always want: options, words, macros.",
        allowed_contexts=app_commands.AppCommandContext(
            guild=True, dm_channel=True, private_channel=True
        ),
        allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
    )

    def __init__(
        self, people: People, desk: FrontDesk, presets: PresetBook, library: Library
    ) -> None:
        self._people = people
        self._desk = desk
        self._presets = presets
        self._library = library

    @defaults.command(description="Show what you have set, and change it.")
    async def show(self, interaction: discord.Interaction[Any]) -> None:
        """The card."""
        async with refusing(interaction):
            await answer(interaction, await self._card(interaction))

    @defaults.command(name="set", description="Set options that hold whenever you say no others.")
    @app_commands.describe(
        preset="A style with settings, made by this server's admins.",
        size="Width x height in pixels, or a ratio such as 3:2.",
        count="How many pictures.",
        speed="How many steps: the fewest, the model's own, or the most it was made for.",
        negative="What to keep out of the picture; needs a guidance above 1.",
        model="Which model draws.",
        steps="More steps take longer and show more detail.",
        guidance="How strictly to follow the prompt; 1 or less is fastest.",
        sampler="The sampling method.",
        private="Show the result to you alone.",
        spoiler="Cover the pictures until somebody looks.",
    )
    @app_commands.choices(sampler=SAMPLER_CHOICES, speed=SPEED_CHOICES)
    async def set_options(  # noqa: PLR0913, PLR0917 - one parameter for each option of the command
        self,
        interaction: discord.Interaction[Any],
        preset: str | None = None,
        size: str | None = None,
        count: app_commands.Range[int, 1, MAX_COUNT] | None = None,
        speed: str | None = None,
        negative: str | None = None,
        model: str | None = None,
        steps: app_commands.Range[int, 1, MAX_STEPS] | None = None,
        guidance: app_commands.Range[float, 0.0, MAX_GUIDANCE] | None = None,
        sampler: str | None = None,
        private: bool | None = None,
        spoiler: bool | None = None,
    ) -> None:
        """Put what is said over what was set."""
        said = PromptFlags(
            preset=preset,
            size=size,
            count=count,
            speed=speed,
            negative=negative,
            model=model,
            steps=steps,
            guidance=guidance,
            sampler=sampler,
            private=private,
            spoiler=spoiler,
        )
        given = {f: v for f in FIELDS if (v := getattr(said, f)) is not None}
        async with refusing(interaction, typed=negative or ""):
            await self._check_names(interaction, given)
            await self._change(interaction, lambda before: _with_options(before, given))

    @defaults.command(description="Words after every prompt of yours; without any they go.")
    @app_commands.describe(text="Words alone, without flags.")
    async def suffix(
        self,
        interaction: discord.Interaction[Any],
        text: app_commands.Range[str, 1, MAX_SUFFIX_CHARS] | None = None,
    ) -> None:
        """Put them in the place of those before."""
        async with refusing(interaction, typed=text or ""):
            words = (text or "").strip()
            await self._change(
                interaction, lambda before: dataclasses.replace(before, suffix=words)
            )

    @defaults.command(description="Make --name stand for a text of yours; without one it goes.")
    @app_commands.describe(
        name="What to write after two dashes.", text="Words, flags, groups in braces, wildcards."
    )
    async def macro(
        self,
        interaction: discord.Interaction[Any],
        name: app_commands.Range[str, 1, MAX_MACRO_NAME_CHARS + 2],
        text: app_commands.Range[str, 1, MAX_MACRO_CHARS] | None = None,
    ) -> None:
        """Make, change or delete one."""
        async with refusing(interaction, typed=text or ""):
            await self._change(interaction, lambda before: before.with_macro(name, text or ""))

    @macro.autocomplete("name")
    async def _complete_macro(
        self, interaction: discord.Interaction[Any], typed: str
    ) -> list[app_commands.Choice[str]]:
        defaults = await self._people.defaults(interaction.user.id)
        return choices(defaults.macros, typed)

    @set_options.autocomplete("preset")
    async def _complete_preset(
        self, interaction: discord.Interaction[Any], typed: str
    ) -> list[app_commands.Choice[str]]:
        return choices(await self._desk.preset_names(guild_of(interaction)), typed)

    @set_options.autocomplete("model")
    async def _complete_model(
        self, interaction: discord.Interaction[Any], typed: str
    ) -> list[app_commands.Choice[str]]:
        return choices(await self._desk.model_names(guild_of(interaction)), typed)

    @defaults.command(description="Forget one of your defaults, or all.")
    @app_commands.describe(what="Which; all of them, if nothing is said.")
    @app_commands.choices(what=_CLEARABLE)
    async def clear(self, interaction: discord.Interaction[Any], what: str | None = None) -> None:
        """What is cleared is as if it had never been set."""
        async with refusing(interaction):
            await self._change(interaction, lambda before: _without(before, what))

    async def press(
        self, interaction: discord.Interaction[Any], kind: str, name: str, values: Sequence[str]
    ) -> None:
        """Write what was chosen, open the form, or clear all."""
        if kind == "form":
            defaults = await self._people.defaults(interaction.user.id)
            modal = form(say("Your defaults"), custom_id("form", name), words_fields(defaults))
            await interaction.response.send_modal(modal)
        elif kind == "clear":
            await self._change(interaction, lambda before: _without(before, None))
        else:
            given = {name: value_of(name, values[0])}
            await self._change(interaction, lambda before: _with_options(before, given))

    @commands.Cog.listener("on_interaction")
    async def take_form(self, interaction: discord.Interaction[Any]) -> None:
        """Write what was typed into the form."""
        if sent_form(interaction, _FORM) is None:
            return
        values = values_of(interaction)
        async with refusing(interaction, typed=as_typed(words_fields(UserDefaults()), values)):
            given = _typed_options(values)
            suffix = values[SUFFIX].strip()
            await self._change(
                interaction,
                lambda before: dataclasses.replace(_with_options(before, given), suffix=suffix),
            )

    async def _change(
        self,
        interaction: discord.Interaction[Any],
        change: Callable[[UserDefaults], UserDefaults],
    ) -> None:
        """Write a change and show what holds now: in the same card, if it came from one."""
        await self._people.edit_defaults(interaction.user.id, change)
        view = await self._card(interaction)
        if interaction.message is None:
            await answer(interaction, view)
        else:
            await interaction.response.edit_message(view=view)

    async def _card(self, interaction: discord.Interaction[Any]) -> ui.LayoutView:
        guild_id = guild_of(interaction)
        return defaults_card(
            await self._people.defaults(interaction.user.id),
            await self._desk.preset_names(guild_id),
            await self._desk.model_names(guild_id),
            DefaultsItem,
        )

    async def _check_names(
        self, interaction: discord.Interaction[Any], given: Mapping[str, Any]
    ) -> None:
        """Defaults take any name, since files and presets come and go; a slip is said at once."""
        if "model" in given:
            self._library.model(given["model"])
        if "preset" in given:
            await self._presets.get(guild_of(interaction), given["preset"])


def _with_options(before: UserDefaults, given: Mapping[str, Any]) -> UserDefaults:
    """``given`` over what was set. Steps and speed say the same, so the newer one stays alone."""
    said = dict(given)
    if said.get("steps") is not None:
        said.setdefault("speed", None)
    if said.get("speed") is not None:
        said.setdefault("steps", None)
    return dataclasses.replace(before, options=dataclasses.replace(before.options, **said))


def _without(before: UserDefaults, what: str | None) -> UserDefaults:
    if what is None:
        return UserDefaults()
    if what == SUFFIX:
        return dataclasses.replace(before, suffix="")
    if what == MACROS:
        return dataclasses.replace(before, macros={})
    return _with_options(before, {what: None})


def _typed_options(values: Mapping[str, str]) -> Mapping[str, Any]:
    """What the form says: an empty field is no default."""
    typed: dict[str, Any] = {field: values[field].strip() or None for field in TYPED}
    for field, kind, allowed in (
        ("steps", int, say("a whole number")),
        ("guidance", float, say("a number")),
    ):
        if typed[field] is None:
            continue
        try:
            typed[field] = kind(typed[field].replace(",", "."))
        except ValueError as error:
            raise InvalidRequest(
                say(
                    "{field} must be {allowed}, got {text!r}.",
                    field=field_name(field),
                    allowed=allowed,
                    text=typed[field],
                )
            ) from error
    return typed
