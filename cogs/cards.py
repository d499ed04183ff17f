"""What all answers are built of: components V2 cards in a few colours.

Texts come in translated; names and prompts of people come in escaped by ``plain``.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeAlias

import discord
from discord import ui

from hypersd_core.i18n import say

Item: TypeAlias = ui.Item[Any]

ACCENT = discord.Colour(0x7C5CFC)
MUTED = discord.Colour(0x6B7280)
RED = discord.Colour(0xD9534F)
_MAX_TYPED_SHOWN = 3_000
# What begins something in Discord's markdown, and what makes a link of an address. A backslash
# before any of them leaves the sign alone.
_SYNTAX = re.compile(r"[\\`*_~|<\[@]|:(?=//)|^[>#+-]|(?:(?<=^\d)|(?<=^\d\d))\.", re.MULTILINE)
# What sentences of the core name: channels, roles and times.
_NAMED = re.compile(r"(<(?:#\d+|@&\d+|t:\d+:\w)>)")
# Embeddings, overrides and isolates turn the rest of a line around (UAX #9); words in Arabic or
# Hebrew need none of them.
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")


def card(colour: discord.Colour, *items: Item) -> ui.LayoutView:
    """A message of one container; ``items`` from top to bottom."""
    view = ui.LayoutView(timeout=None)
    view.add_item(ui.Container(*items, accent_colour=colour))
    return view


def row(*items: Item) -> ui.ActionRow[Any]:
    """Up to five buttons, or one select."""
    return ui.ActionRow(*items)


def rows(buttons: Sequence[Item]) -> list[ui.ActionRow[Any]]:
    """As many rows as ``buttons`` need."""
    return [row(*buttons[i : i + 5]) for i in range(0, len(buttons), 5)]


def text(markdown: str) -> ui.TextDisplay[ui.LayoutView]:
    """A paragraph."""
    return ui.TextDisplay(markdown)


def small(markdown: str) -> ui.TextDisplay[ui.LayoutView]:
    """A paragraph in small print, every line of it."""
    return ui.TextDisplay("\n".join(f"-# {line}" for line in markdown.split("\n")))


def plain(words: str, most: int = 300) -> str:
    """``words`` of a person in one line: nothing but words happens; an ellipsis ends long ones.

    No markdown, no link, nobody's coloured name, and no writing direction for what comes after.
    """
    line = " ".join(_straight(words).split())
    shown = line if len(line) <= most else line[: most - 1] + "…"
    return _escaped(shown)


def code(words: str, most: int = _MAX_TYPED_SHOWN) -> str:
    """``words`` as a block to be copied from."""
    return f"```\n{_straight(words)[:most].replace('```', chr(0x2CB) * 3)}\n```"


def note(sentence: str) -> ui.LayoutView:
    """A short private answer."""
    return card(MUTED, text(sentence))


def refusal(sentence: str, typed: str = "", resets_at: datetime | None = None) -> ui.LayoutView:
    """A private no. What was typed is given back, so that nothing has to be typed again.

    ``resets_at`` is when it would be a yes.
    """
    items: list[Item] = [text(refused(sentence))]
    if resets_at is not None:
        items.append(small(reset_line(resets_at)))
    if typed:
        items.append(text(code(typed)))
    return card(RED, *items)


def refused(sentence: str) -> str:
    """The sentence of an error, in which words of people stay words as in ``plain``."""
    parts = _NAMED.split(_straight(sentence))
    return "".join(part if _NAMED.fullmatch(part) else _escaped(part) for part in parts)


def reset_line(resets_at: datetime) -> str:
    """When quotas begin anew; Discord shows it in the reader's own time."""
    return say("A new day begins {when}.", when=discord.utils.format_dt(resets_at, "R"))


def duration(seconds: float) -> str:
    """``seconds`` as people say it."""
    if seconds < 100:
        return say("{seconds} s", seconds=max(1, round(seconds)))
    return say("{minutes} min", minutes=round(seconds / 60))


def _escaped(words: str) -> str:
    return _SYNTAX.sub(r"\\\g<0>", words)


def _straight(words: str) -> str:
    return _TURNING.sub("", words)
