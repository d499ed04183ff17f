"""How wildcard lists look: all of a server, one with its entries, one as a file."""

import io
from collections.abc import Sequence

import discord
from discord import ui

from cogs.cards import ACCENT, MUTED, card, code, plain, small, text
from hypersd_core.i18n import say, say_many
from hypersd_core.wildcards import WildcardList

_MAX_LISTED_CHARS = 3_000
_MAX_ENTRIES_CHARS = 2_500


def several(lists: Sequence[WildcardList]) -> ui.LayoutView:
    """Names and sizes, as many as fit."""
    if not lists:
        return card(
            MUTED,
            text(
                say(
                    "This server has no wildcard lists yet; "
                    "its admins make them with /wildcard create."
                )
            ),
        )
    lines = [
        f"`__{each.name}__` {say_many('{n:,} entry', '{n:,} entries', len(each.entries))}"
        for each in lists
    ]
    shown = _as_fit(lines, _MAX_LISTED_CHARS)
    return card(
        ACCENT,
        text(f"### {say('Wildcard lists')}"),
        text("\n".join([*shown, *_more(len(lines) - len(shown))])),
        small(say("Write a name so in a prompt; an entry is picked by the seed.")),
    )


def one(found: WildcardList, done: str = "") -> ui.LayoutView:
    """A list with its first entries; ``done`` is what was just done to it."""
    shown = _as_fit(found.entries, _MAX_ENTRIES_CHARS)
    return card(
        ACCENT,
        text(" ".join(filter(None, (done, _title(found))))),
        text(code("\n".join(shown))),
        *(small(line) for line in _more(len(found.entries) - len(shown))),
    )


def as_file(found: WildcardList, done: str = "") -> tuple[ui.LayoutView, discord.File]:
    """A list as a .txt file."""
    name = f"{found.name.replace('/', '-')}.txt"
    file = discord.File(io.BytesIO(found.text.encode()), name)
    attached: ui.File[ui.LayoutView] = ui.File(file)
    return card(ACCENT, text(" ".join(filter(None, (done, _title(found))))), attached), file


def _title(found: WildcardList) -> str:
    entries = say_many("{n:,} entry", "{n:,} entries", len(found.entries))
    return f"**{plain(f'__{found.name}__')}** · {entries}"


def _as_fit(lines: Sequence[str], most_chars: int) -> list[str]:
    shown: list[str] = []
    left = most_chars
    for line in lines:
        left -= len(line) + 1
        if left < 0:
            break
        shown.append(line)
    return shown


def _more(count: int) -> list[str]:
    return [say_many("… and {n} more", "… and {n} more", count)] if count > 0 else []
