"""How the settings of a guild look: an overview, and pages with what changes them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import discord
from discord import ui

from cogs.cards import ACCENT, Item, card, row, rows, small, text
from cogs.settings_fields import (
    MAX_PICKED,
    ROLE,
    SETTINGS,
    Choice,
    Page,
    Picks,
    Setting,
    Told,
    Typed,
)
from cogs.settings_words import roles_shown
from hypersd_core.i18n import Said, say, say_again
from hypersd_core.policy import GuildPolicy

Bind: TypeAlias = Callable[[Item], Item]
"""Gives an item its behaviour; ``cogs.settings`` does."""

TITLES: Mapping[Page, Said] = {
    Page.OVERVIEW: say("Overview"),
    Page.PLACES: say("Places"),
    Page.LIMITS: say("Limits"),
    Page.QUOTAS: say("Quotas"),
    Page.MODERATION: say("Moderation"),
    Page.RESULTS: say("Results"),
}
_CHANNEL_TYPES = [
    discord.ChannelType.text,
    discord.ChannelType.news,
    discord.ChannelType.forum,
    discord.ChannelType.voice,
]
_MAX_ROLES_CHARS = 1_500


def settings_card(policy: GuildPolicy, page: Page, bind: Bind) -> ui.LayoutView:
    """One page of the settings that hold."""
    if page is Page.OVERVIEW:
        return _overview(policy, bind)
    items = [
        item
        for name, setting in SETTINGS[page].items()
        for item in _setting(policy, name, setting, bind)
    ]
    if page is Page.QUOTAS:
        items += _roles(policy, bind)
    heading = text(f"### {say_again(TITLES[page])}")
    return card(ACCENT, heading, *items, row(bind(_page_button(Page.OVERVIEW))))


def custom_id(kind: str, name: str) -> str:
    """The id of a part of the card: ``settings:1:choose:max_steps``."""
    return f"settings:1:{kind}:{name}"


def _overview(policy: GuildPolicy, bind: Bind) -> ui.LayoutView:
    parts = [text(f"### {say('Settings of this server')}")]
    for page, settings in SETTINGS.items():
        lines = [f"**{say_again(TITLES[page])}**"]
        lines += [_line(policy, setting) for setting in settings.values()]
        if page is Page.QUOTAS and (roles := roles_shown(policy)[:_MAX_ROLES_CHARS]):
            lines.append(roles)
        parts.append(text("\n".join(lines)))
    buttons = [bind(_page_button(page)) for page in SETTINGS]
    return card(ACCENT, *parts, *rows(buttons))


def _line(policy: GuildPolicy, setting: Setting) -> str:
    return say("{title}: {value}", title=setting.title, value=setting.shown(policy))


def _setting(policy: GuildPolicy, name: str, setting: Setting, bind: Bind) -> Iterator[Item]:
    """The name of a setting, and what changes it."""
    match setting:
        case Choice():
            yield text(f"**{say_again(setting.title)}**")
            yield row(bind(_choice_select(policy, name, setting)))
        case Picks():
            yield text(f"**{say_again(setting.title)}**")
            yield row(bind(_picks_select(policy, name, setting)))
        case Typed():
            yield ui.Section(
                f"**{say_again(setting.title)}**\n{setting.shown(policy)}",
                accessory=bind(ui.Button(label=say("Edit"), custom_id=custom_id("form", name))),
            )
        case Told():
            yield text(f"**{say_again(setting.title)}**\n{setting.shown(policy)}")


def _choice_select(policy: GuildPolicy, name: str, choice: Choice) -> ui.Select[Any]:
    chosen = choice.chosen(policy)
    return ui.Select(
        custom_id=custom_id("choose", name),
        options=[
            discord.SelectOption(label=label, value=value, default=value == chosen)
            for value, label in choice.options(policy).items()
        ],
    )


def _picks_select(
    policy: GuildPolicy, name: str, picks: Picks
) -> ui.RoleSelect[Any] | ui.ChannelSelect[Any]:
    chosen = [_default(each, of_roles=picks.of_roles) for each in picks.picked(policy)]
    if picks.of_roles:
        return ui.RoleSelect(
            custom_id=custom_id("choose", name),
            placeholder=say_again(picks.nobody),
            min_values=0,
            max_values=picks.most,
            default_values=chosen[:MAX_PICKED],
        )
    return ui.ChannelSelect(
        custom_id=custom_id("choose", name),
        placeholder=say_again(picks.nobody),
        channel_types=_CHANNEL_TYPES,
        min_values=0,
        max_values=picks.most,
        default_values=chosen[:MAX_PICKED],
    )


def _default(picked: int, *, of_roles: bool) -> discord.SelectDefaultValue:
    kind = discord.SelectDefaultValueType
    return discord.SelectDefaultValue(id=picked, type=kind.role if of_roles else kind.channel)


def _roles(policy: GuildPolicy, bind: Bind) -> Sequence[Item]:
    """What single roles get more, and a select that opens the form of one."""
    shown = roles_shown(policy)[:_MAX_ROLES_CHARS] or say("All roles get the same.")
    select: ui.RoleSelect[Any] = ui.RoleSelect(
        custom_id=custom_id("choose", ROLE), placeholder=say("Choose a role to change")
    )
    return (
        text(f"**{say('Roles')}**\n{shown}"),
        small(say("A share of 2 is drawn twice as often as others when there is a queue.")),
        row(bind(select)),
    )


def _page_button(page: Page) -> ui.Button[Any]:
    return ui.Button(label=say_again(TITLES[page]), custom_id=custom_id("page", page))
