"""Remix: the words and settings of a result in a form, to be changed and drawn.

A form has room for five things. What would change nothing is left out, and where there is room
then, a picture to start from may be sent along.
The form outlives restarts. What it starts from is found again by its custom id: a job, or a draft
where a picture of elsewhere is remixed or drawn from.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

import discord
from discord import ui
from discord.ext import commands

from cogs import result_access
from cogs.answers import refusing
from cogs.forms import MAX_TEXT_CHARS, TextField, form, sent_form
from cogs.pictures import Brought
from cogs.requests import Requests
from hypersd_core.compose import DEFAULT_STRENGTH
from hypersd_core.errors import InvalidRequest
from hypersd_core.flags import PromptFlags
from hypersd_core.front_desk import Ask, FrontDesk
from hypersd_core.i18n import say, say_many
from hypersd_core.library import Library
from hypersd_core.recipes import Recipe, Speed
from hypersd_core.remixing import Changes, ask_again, remixed
from hypersd_core.request import MAX_PROMPT_CHARS, Job
from hypersd_core.service import Service

PROMPT, NEGATIVE, PRESET, SIZE, SPEED, STRENGTH, PICTURE = (
    "prompt",
    "negative",
    "preset",
    "size",
    "speed",
    "strength",
    "picture",
)
_OF_JOB = r"remix-form:1:(?P<job_id>[0-9]{1,18})(:(?P<index>[0-9]))?"
_OF_DRAFT = r"remix-draft:1:(?P<draft_id>[0-9]{1,18})"
_FROM_PICTURE = r"draw-from:1:(?P<draft_id>[0-9]{1,18})"
_AS_BEFORE = "as-before"
_MAX_FIELDS = 5  # Discord's limits
_MAX_OPTIONS = 25
_MAX_LABEL = 100


def remix_form(job: Job, index: int | None, library: Library, presets: Sequence[str]) -> ui.Modal:
    """For ``job``, or for one picture of it. Raises what says that its model is gone."""
    custom_id = f"remix-form:1:{job.id}" + ("" if index is None else f":{index}")
    return _remix_form(custom_id, ask_again(job, index), library, presets)


def draft_form(draft_id: int, ask: Ask, library: Library, presets: Sequence[str]) -> ui.Modal:
    """For a picture that is no result of ours."""
    return _remix_form(f"remix-draft:1:{draft_id}", ask, library, presets)


def picture_form(draft_id: int, presets: Sequence[str]) -> ui.Modal:
    """What to draw from a picture that is kept in a draft."""
    prompt = _words(PROMPT, say("What to draw"), "", is_required=True)
    strength = TextField(
        key=STRENGTH,
        label=say("How much is drawn anew"),
        about=say("From 0, nothing, to 1, everything."),
        value=f"{DEFAULT_STRENGTH:g}",
        most_chars=10,
    )
    modal = form(say("Draw from this picture"), f"draw-from:1:{draft_id}", [prompt, strength])
    if presets:
        modal.add_item(_preset_select(presets, say("None")))
    return modal


class Remix(commands.Cog):
    """Takes the forms that were sent in."""

    def __init__(self, requests: Requests, desk: FrontDesk, service: Service) -> None:
        self._requests = requests
        self._desk = desk
        self._service = service

    @commands.Cog.listener()
    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """Draw what a form asks for, or say why not and give back what was typed."""
        if sent := sent_form(interaction, _OF_JOB):
            take = self._of_job
        elif sent := sent_form(interaction, _OF_DRAFT):
            take = self._of_draft
        elif sent := sent_form(interaction, _FROM_PICTURE):
            take = self._from_picture
        else:
            return
        values = _sent(interaction)
        async with refusing(interaction, typed=values[PROMPT]):
            ask = await take(interaction, sent, values)
            await self._requests.ask(interaction, ask, _brought(interaction, values))

    async def _of_job(
        self,
        interaction: discord.Interaction[Any],
        sent: re.Match[str],
        values: Mapping[str, str],
    ) -> Ask:
        job = await self._service.job(int(sent["job_id"]))
        result_access.check_may_see(interaction, job)
        result_access.check_is_kept(job)
        index = None if sent["index"] is None else int(sent["index"])
        return remixed(ask_again(job, index), _changes(values))

    async def _of_draft(
        self,
        interaction: discord.Interaction[Any],
        sent: re.Match[str],
        values: Mapping[str, str],
    ) -> Ask:
        draft = await self._desk.take_draft(int(sent["draft_id"]), interaction.user.id)
        return remixed(draft, _changes(values))

    async def _from_picture(
        self,
        interaction: discord.Interaction[Any],
        sent: re.Match[str],
        values: Mapping[str, str],
    ) -> Ask:
        strength = _strength(values[STRENGTH])  # before the draft is taken, which is only once
        draft = await self._desk.take_draft(int(sent["draft_id"]), interaction.user.id)
        options = PromptFlags(strength=strength, preset=_chosen(values, PRESET))
        return Ask(text=values[PROMPT], options=options, start=draft.start)


def _remix_form(custom_id: str, ask: Ask, library: Library, presets: Sequence[str]) -> ui.Modal:
    recipe = library.model(ask.options.model).recipe
    words = [_words(PROMPT, say("Prompt"), ask.text, is_required=True)]
    if _heeds_negative(ask.options, recipe):
        words.append(_words(NEGATIVE, say("What to keep out"), ask.options.negative or ""))
    modal = form(say("Remix"), custom_id, words)
    if presets:
        modal.add_item(_preset_select(presets, say("As before")))
    if recipe is not None:
        modal.add_item(_select(SIZE, say("Size"), _sizes(recipe, ask.options.size)))
        if any(recipe.steps_at(speed) != ask.options.steps for speed in Speed):
            modal.add_item(_select(SPEED, say("Speed"), _speeds(recipe, ask.options.steps)))
    if len(modal.children) < _MAX_FIELDS:
        modal.add_item(_upload())
    return modal


def _heeds_negative(options: PromptFlags, recipe: Recipe | None) -> bool:
    """Whether a negative prompt does anything, or is there already."""
    guidance = options.guidance
    if guidance is None:
        guidance = recipe.guidance if recipe else 0.0
    return guidance > 1 or bool(options.negative)


def _upload() -> ui.Label[ui.Modal]:
    return ui.Label(
        text=say("Picture to start from"),
        description=say("In place of what it was drawn from."),
        component=ui.FileUpload(custom_id=PICTURE, required=False, max_values=1),
    )


def _words(key: str, label: str, value: str, *, is_required: bool = False) -> TextField:
    return TextField(
        key=key,
        label=label,
        value=value[:MAX_TEXT_CHARS],
        is_long=True,
        is_required=is_required,
        most_chars=min(max(MAX_PROMPT_CHARS, len(value)), MAX_TEXT_CHARS),
    )


def _preset_select(presets: Sequence[str], otherwise: str) -> ui.Label[ui.Modal]:
    """As many as Discord shows; ``/imagine`` knows the others."""
    offered = [name for name in presets if len(name) <= _MAX_LABEL][: _MAX_OPTIONS - 1]
    options = [(otherwise, _AS_BEFORE), *((name, name) for name in offered)]
    about = say("A preset brings its own settings.")
    return _select(PRESET, say("Preset"), options, about)


def _select(
    key: str, label: str, options: Iterable[tuple[str, str]], about: str = ""
) -> ui.Label[ui.Modal]:
    """Labels and values; the first one is chosen."""
    select: ui.Select[Any] = ui.Select(
        custom_id=key,
        min_values=0,
        required=False,  # none is as before
        options=[
            discord.SelectOption(label=shown[:_MAX_LABEL], value=value, default=number == 0)
            for number, (shown, value) in enumerate(options)
        ],
    )
    return ui.Label(text=label, description=about or None, component=select)


def _sizes(recipe: Recipe, size: str | None) -> Iterator[tuple[str, str]]:
    yield (say("As before: {value}", value=size) if size else say("As before")), _AS_BEFORE
    yield from recipe.size_choices()


def _speeds(recipe: Recipe, steps: int | None) -> Iterator[tuple[str, str]]:
    """Speeds that come to different numbers of steps."""
    as_before = say("As before: {value}", value=_steps(steps)) if steps else say("As before")
    yield as_before, _AS_BEFORE
    names = {Speed.DRAFT: say("Draft"), Speed.FAST: say("Fast"), Speed.QUALITY: say("Quality")}
    seen: set[int] = set()
    for speed in (Speed.FAST, Speed.DRAFT, Speed.QUALITY):
        number = recipe.steps_at(speed)
        if number not in seen:
            shown = say("{title}: {value}", title=names[speed], value=_steps(number))
            yield shown, str(speed)
        seen.add(number)


def _steps(number: int) -> str:
    return say_many("{n} step", "{n} steps", number)


def _changes(values: Mapping[str, str]) -> Changes:
    return Changes(
        text=values[PROMPT],
        negative=values.get(NEGATIVE, ""),
        preset=_chosen(values, PRESET),
        size=_chosen(values, SIZE),
        speed=_chosen(values, SPEED),
    )


def _chosen(values: Mapping[str, str], key: str) -> str | None:
    value = values.get(key)
    return None if value in {None, _AS_BEFORE} else value


def _strength(text: str) -> float | None:
    """Empty is the usual one. Raises InvalidRequest."""
    try:
        return float(text.strip().replace(",", ".")) if text.strip() else None
    except ValueError as error:
        raise InvalidRequest(
            say("How much is drawn anew must be a number from 0 to 1, got {text!r}.", text=text)
        ) from error


def _brought(interaction: discord.Interaction[Any], values: Mapping[str, str]) -> Brought | None:
    """The picture that was sent along."""
    if PICTURE not in values:
        return None
    data = cast(Mapping[str, Any], interaction.data)
    return Brought(
        picture=discord.Attachment(
            data=data["resolved"]["attachments"][values[PICTURE]],
            state=interaction.client._connection,  # noqa: SLF001 - as discord.py makes them
        )
    )


def _sent(interaction: discord.Interaction[Any]) -> Mapping[str, str]:
    """What was typed and chosen, by the keys of the fields."""
    data = cast(Mapping[str, Any], interaction.data)
    parts = [label["component"] for label in data["components"]]
    return {
        part["custom_id"]: part["values"][0] if "values" in part else part["value"] or ""
        for part in parts
        if part.get("values") or "value" in part
    }
