"""How presets look: the list, one preset and who decides what, its history, files, refusals."""

import dataclasses
import io
from collections.abc import Iterable, Mapping, Sequence

import discord
from discord import ui

from cogs.cards import ACCENT, RED, Item, card, code, plain, row, small, text
from cogs.preset_modals import Kind, field_name, labelled
from hypersd_core.command_text import flags_of
from hypersd_core.flags import PromptFlags
from hypersd_core.i18n import say, say_many, say_shipped
from hypersd_core.preset_book import Entry, Imported, PresetChange
from hypersd_core.preset_texts import PresetTexts
from hypersd_core.presets import NEGATIVE, PROMPT, Layer, Merged, Preset

PAGE_ENTRIES = 12
"""How many presets a page shows: a message holds 4,000 characters."""
_MAX_STYLE_SHOWN, _MAX_NEGATIVE_SHOWN, _MAX_SETTINGS_SHOWN = 1_000, 500, 400
_MAX_LAYER_SHOWN = 250
_MAX_TYPED_SHOWN = 2_800
_MAX_CHANGES_SHOWN, _MAX_CHANGE_SHOWN = 10, 300
_MAX_NAMES_SHOWN = 15
_LOCK = "\N{LOCK}"


def browser(
    entries: Sequence[Entry],
    page: int,
    where: Mapping[int | None, Preset],
    items: Sequence[Item],
) -> ui.LayoutView:
    """A page of all ``entries``; ``where`` is what each default is."""
    shown = entries[page * PAGE_ENTRIES : (page + 1) * PAGE_ENTRIES]
    pages = -(-len(entries) // PAGE_ENTRIES)
    lines = [_line(entry, where) for entry in shown]
    count = say_many("{n} preset", "{n} presets", len(entries))
    foot = [count]
    if pages > 1:
        foot.append(say("page {page} of {pages}", page=page + 1, pages=pages))
    return card(
        ACCENT,
        text(say("### Presets")),
        text("\n".join(lines) or say("There are none here.")),
        small(" · ".join(foot)),
        *items,
    )


def preset(
    entry: Entry,
    layers: Sequence[Layer],
    merged: Merged,
    where: Mapping[int | None, Preset],
    items: Sequence[Item],
    *,
    heading: str = "",
) -> ui.LayoutView:
    """One preset, and who decides what in this channel; ``merged`` is what ``layers`` come to."""
    shown = entry.preset
    about = [about_of(entry)] if shown.about else []
    return card(
        ACCENT,
        *([text(heading)] if heading else []),
        text("\n".join([f"### {plain(shown.name)}", *map(plain, about)])),
        *_texts(shown),
        small(" · ".join(_facts(entry, where))),
        ui.Separator(),
        text(_deciding(layers, merged)),
        *items,
    )


def about_of(entry: Entry) -> str:
    """What the preset says about itself; what ships is in everybody's language."""
    about = entry.preset.about
    return say_shipped(about) if entry.shipped and about else about


def refused(
    sentence: str, texts: PresetTexts, again: Item
) -> tuple[ui.LayoutView, list[discord.File]]:
    """A no that gives back all that was typed, as a file where a card is too small for it."""
    typed = labelled(texts)
    items: list[Item] = [text(sentence)]
    files: list[discord.File] = []
    if sum(len(label) + len(value) + 20 for label, value in typed) <= _MAX_TYPED_SHOWN:
        items += [text(f"**{label}**\n{code(value)}") for label, value in typed]
    else:
        whole = "\n\n".join(f"{label}:\n{value}" for label, value in typed)
        files.append(discord.File(io.BytesIO(whole.encode()), "preset.txt"))
        items.append(ui.File(files[0]))
    return card(RED, *items, row(again)), files


def changed_meanwhile(name: str, change: PresetChange | None) -> str:
    """Who was faster, and what they did."""
    if change is None:
        return say("Somebody else changed **{name}** meanwhile.", name=plain(name))
    return say(
        "Somebody was faster:\n{change}\n**Try again** opens your texts once more; to send them "
        "overwrites what is new.",
        change=_change(change),
    )


def question(entry: Entry, where: Mapping[int | None, Preset], button: Item) -> ui.LayoutView:
    """Whether to delete it."""
    lines = [say("**Delete {name}?**", name=plain(entry.preset.name))]
    if entry.shipped:
        lines.append(say("It ships with the bot: it is hidden in this server alone."))
    if places := places_of(entry, where):
        lines.append(say("It is the default of {places}.", places=places))
    return card(
        RED,
        text("\n".join(lines)),
        small(say("/preset undo brings it back, with its defaults.")),
        row(button),
    )


def history(changes: Sequence[PresetChange], name: str | None) -> ui.LayoutView:
    """The newest of ``changes``."""
    title = (
        say("### History of presets")
        if name is None
        else say("### History of {name}", name=plain(name))
    )
    lines = [_change(change) for change in changes[:_MAX_CHANGES_SHOWN]]
    if len(changes) > _MAX_CHANGES_SHOWN:
        lines.append(say_many("… and {n} older", "… and {n} older", len(changes) - len(lines)))
    return card(
        ACCENT,
        text(title),
        text("\n".join(lines) or say("Nothing was changed yet.")),
        small(say("/preset undo takes the newest change back.")),
    )


def undone(changes: Sequence[PresetChange]) -> ui.LayoutView:
    """What was taken back."""
    lines = [_change(change) for change in changes[:_MAX_CHANGES_SHOWN]]
    if len(changes) > len(lines):
        more = len(changes) - len(lines)
        lines.append(say_many("… and {n} more", "… and {n} more", more))
    return card(ACCENT, text(say("**Taken back:**")), text("\n".join(lines)))


def imported(done: Imported) -> ui.LayoutView:
    """What became of the presets of a file."""
    parts = [
        (say("Added"), done.added),
        (say("Replaced"), done.replaced),
        (say("As they were"), done.unchanged),
        (say("Left alone, as they are here with other values"), done.skipped),
    ]
    lines = [f"**{title} ({len(names)}):** {_names(names)}" for title, names in parts if names]
    lines += [f"{plain(name, 32)}: {plain(why, 150)}" for name, why in done.left_out[:5]]
    if done.left_out:
        lines.append(
            say_many("{n} style was left out.", "{n} styles were left out.", len(done.left_out))
        )
    hints = [say("To replace those, import with replace.")] if done.skipped else []
    return card(
        ACCENT,
        text("\n".join(lines) or say("The file holds no presets.")),
        *map(small, hints),
    )


def exported(file: discord.File, lost: Sequence[str]) -> ui.LayoutView:
    """The file, and what is not in it."""
    attached: ui.File[ui.LayoutView] = ui.File(file)
    lines = [plain(sentence, 150) for sentence in lost[:_MAX_NAMES_SHOWN]]
    if len(lost) > len(lines):
        lines.append(say_many("… and {n} more", "… and {n} more", len(lost) - len(lines)))
    return card(ACCENT, attached, *([small("\n".join(lines))] if lines else []))


def defaults(where: Mapping[int | None, Preset], items: Sequence[Item]) -> ui.LayoutView:
    """Which preset holds where without being named."""
    everywhere = say("The whole server")
    lines = [
        say(
            "{title}: {value}",
            title=everywhere if at is None else place(at),
            value=f"**{plain(preset.name)}**",
        )
        for at, preset in where.items()
    ]
    return card(
        ACCENT,
        text(say("### Defaults")),
        text("\n".join(lines)[:3_500] or say("No preset is a default here.")),
        small(say("/preset default with a name sets one, for a channel or the whole server.")),
        *items,
    )


def allowed(kind: Kind, names: Sequence[str]) -> ui.LayoutView:
    """What may be drawn with from now on."""
    if kind is Kind.MODELS:
        rule = (
            say("**Only these models may be drawn with here:**")
            if names
            else say("All models may be drawn with here.")
        )
    else:
        rule = (
            say("**Only these LoRAs may be drawn with here:**")
            if names
            else say("All LoRAs may be drawn with here.")
        )
    return card(ACCENT, text(f"{rule} {_names(names)}".strip()))


def places_of(entry: Entry, where: Mapping[int | None, Preset]) -> str:
    """Where it holds without being named; empty if nowhere."""
    keys = [at for at, preset in where.items() if preset.key == entry.preset.key]
    shown = [place(at) for at in keys[:_MAX_NAMES_SHOWN]]
    return ", ".join([*shown, "…"] if len(keys) > len(shown) else shown)


def place(channel_id: int | None) -> str:
    """A channel, or the whole server."""
    return say("this server") if channel_id is None else f"<#{channel_id}>"


def _line(entry: Entry, where: Mapping[int | None, Preset]) -> str:
    marks = [_LOCK] if entry.preset.locked else []
    if places := places_of(entry, where):
        marks.append(say("default of {places}", places=places))
    first = " · ".join([f"**{plain(entry.preset.name)}**", *marks])
    about = about_of(entry)
    return f"{first}\n-# {plain(about)}" if about else first


def _texts(preset: Preset) -> list[Item]:
    """Its style, negative prompt and settings, to be copied."""
    said = preset.said
    settings = flags_of(dataclasses.replace(preset.options, negative=None)).text
    parts = (
        (say("Style"), said.get(PROMPT, ""), _MAX_STYLE_SHOWN),
        (say("Negative prompt"), said.get(NEGATIVE, ""), _MAX_NEGATIVE_SHOWN),
        (say("Settings"), settings, _MAX_SETTINGS_SHOWN),
    )
    return [
        text(f"**{label}**\n{code(_short(value, most))}") for label, value, most in parts if value
    ]


def _facts(entry: Entry, where: Mapping[int | None, Preset]) -> list[str]:
    facts = [_origin(entry)]
    if entry.preset.locked:
        locked = ", ".join(
            f"`{field_name(f)}`" for f in entry.preset.said if f in entry.preset.locked
        )
        facts.append(say("{lock} locked: {fields}", lock=_LOCK, fields=locked))
    if places := places_of(entry, where):
        facts.append(say("default of {places}", places=places))
    return facts


def _origin(entry: Entry) -> str:
    if not entry.shipped:
        return say("made in this server")
    return say("ships with the bot") if entry.id is None else say("ships with the bot, kept here")


def _deciding(layers: Sequence[Layer], merged: Merged) -> str:
    """All who decide, from the strongest, with what each of them decides here."""
    lines: list[str] = [say("what you type, except what is locked {lock}", lock=_LOCK)]
    for layer in layers:
        fields = [field for field, title in merged.came_from.items() if title == layer.title]
        if layer.said:
            decided = ", ".join(_decided(field, merged) for field in fields)
            value = _short(decided, _MAX_LAYER_SHOWN) or "—"
            lines.append(say("{title}: {value}", title=f"**{plain(layer.title)}**", value=value))
    lines.append(say("the recipe of the model: all the rest"))
    numbered = "\n".join(f"{number}. {line}" for number, line in enumerate(lines, 1))
    title = say("**Who decides in this channel, the strongest first**")
    return f"{title}\n{numbered}"


def _decided(field: str, merged: Merged) -> str:
    lock = f" {_LOCK}" if field in merged.locked else ""
    if field in {PROMPT, NEGATIVE}:
        return f"{field_name(field)}{lock}"
    flag = flags_of(PromptFlags(**{field: getattr(merged.wish.flags, field)})).text
    return f"{_inline(flag or field_name(field))}{lock}"


def _change(change: PresetChange) -> str:
    """When, who and what, in one line."""
    who = f"<@{change.user_id}>" if change.user_id else say("somebody")
    when = f"<t:{change.at.timestamp():.0f}:R>"
    return say("{title}: {value}", title=f"{when} {who}", value=_done(change))


def _done(change: PresetChange) -> str:
    before, after = change.before, change.after
    if change.undoes is not None:
        named = after or before
        assert named is not None, "something comes or goes"
        return say("took a change of **{name}** back", name=plain(named.name))
    if before is None:
        assert after is not None, "something comes or goes"
        return say("made **{name}**", name=plain(after.name))
    if after is None:
        return say("deleted **{name}**", name=plain(before.name))
    return say(
        "changed **{name}**: {what}",
        name=plain(before.name),
        what=_short(", ".join(_differences(before, after)), _MAX_CHANGE_SHOWN),
    )


def _differences(before: Preset, after: Preset) -> Iterable[str]:
    old, new = before.to_json(), after.to_json()
    for field in dict.fromkeys([*old, *new]):
        if old.get(field) != new.get(field):
            yield f"{field_name(field)} {_value(old.get(field))} → {_value(new.get(field))}"


def _value(value: object) -> str:
    if value is None:
        return "—"
    shown = ", ".join(map(field_name, value)) if isinstance(value, list) else str(value)
    return _inline(_short(shown, 60))


def _inline(words: str) -> str:
    """``words`` as code within a line."""
    return f"`{words.replace('`', chr(0x2CB))}`"


def _names(names: Sequence[str]) -> str:
    shown = [plain(name, 60) for name in names[:_MAX_NAMES_SHOWN]]
    return ", ".join([*shown, "…"] if len(names) > len(shown) else shown)


def _short(words: str, most: int) -> str:
    return words if len(words) <= most else words[: most - 1] + "…"
