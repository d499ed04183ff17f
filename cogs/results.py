"""The buttons on cards. All their state is in the database, so they outlive every restart.

Custom ids read ``verb:version:job_id`` for all pictures of a job, ``verb:version:job_id:index`` for
one of them; who may press is decided from the stored job.
"""

import enum
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol, Self, cast

import discord
from discord import ui

from cogs.batch_buttons import CancelBatch
from cogs.cards import Item
from hypersd_core.i18n import say, say_again
from hypersd_core.request import Job, JobState

RESULTS_COG = "Results"


class Verb(enum.StrEnum):
    """What a button does to its job, or to one picture of it."""

    CANCEL = "cancel"
    REROLL = "reroll"
    REMIX = "remix"
    DETAILS = "details"
    DELETE = "delete"
    PICK = "pick"
    MORE = "more"
    VARY_SUBTLE = "vary-subtle"
    VARY_STRONG = "vary-strong"
    UPSCALE = "upscale"
    ZOOM_OUT = "zoom-out"
    ZOOM_OUT_FAR = "zoom-out-far"
    PAN_LEFT = "pan-left"
    PAN_RIGHT = "pan-right"
    PAN_UP = "pan-up"
    PAN_DOWN = "pan-down"
    SQUARE = "square"
    SEND = "send"
    SPOILER = "spoiler"
    FAVOURITE = "favourite"
    PRESET = "preset"
    REPORT = "report"


class _Look(NamedTuple):
    label: str
    emoji: str | None = None


_LOOKS: Mapping[Verb, _Look] = {
    Verb.CANCEL: _Look(say("Cancel")),
    Verb.REROLL: _Look(say("Reroll"), "\N{CLOCKWISE RIGHTWARDS AND LEFTWARDS OPEN CIRCLE ARROWS}"),
    Verb.REMIX: _Look(say("Remix"), "\N{PENCIL}\N{VARIATION SELECTOR-16}"),
    Verb.DETAILS: _Look(say("Details"), "\N{INFORMATION SOURCE}\N{VARIATION SELECTOR-16}"),
    Verb.DELETE: _Look(say("Delete"), "\N{WASTEBASKET}\N{VARIATION SELECTOR-16}"),
    Verb.MORE: _Look(say("More…")),
    Verb.VARY_SUBTLE: _Look(say("Vary subtle"), "\N{SEEDLING}"),
    Verb.VARY_STRONG: _Look(say("Vary strong"), "\N{DECIDUOUS TREE}"),
    Verb.UPSCALE: _Look(say("Upscale"), "\N{RIGHT-POINTING MAGNIFYING GLASS}"),
    Verb.ZOOM_OUT: _Look(say("Zoom out"), "\N{TELESCOPE}"),
    Verb.ZOOM_OUT_FAR: _Look(say("Zoom out 2×"), "\N{TELESCOPE}"),
    Verb.PAN_LEFT: _Look(say("Left"), "\N{LEFTWARDS BLACK ARROW}\N{VARIATION SELECTOR-16}"),
    Verb.PAN_RIGHT: _Look(say("Right"), "\N{BLACK RIGHTWARDS ARROW}\N{VARIATION SELECTOR-16}"),
    Verb.PAN_UP: _Look(say("Up"), "\N{UPWARDS BLACK ARROW}\N{VARIATION SELECTOR-16}"),
    Verb.PAN_DOWN: _Look(say("Down"), "\N{DOWNWARDS BLACK ARROW}\N{VARIATION SELECTOR-16}"),
    Verb.SQUARE: _Look(say("Make square"), "\N{WHITE LARGE SQUARE}"),
    Verb.SEND: _Look(say("Send to my DMs"), "\N{INCOMING ENVELOPE}"),
    Verb.SPOILER: _Look(say("Cover or uncover"), "\N{SEE-NO-EVIL MONKEY}"),
    Verb.FAVOURITE: _Look(say("Favourite"), "\N{WHITE MEDIUM STAR}"),
    Verb.PRESET: _Look(say("Save as preset"), "\N{FLOPPY DISK}"),
    Verb.REPORT: _Look(say("Report"), "\N{TRIANGULAR FLAG ON POST}"),
}
_TRY_AGAIN = say("Try again")
_GENERAL = (Verb.REROLL, Verb.REMIX, Verb.DETAILS, Verb.MORE)
_OF_ONE = (Verb.VARY_SUBTLE, Verb.VARY_STRONG, Verb.UPSCALE, Verb.ZOOM_OUT)
_PANS = (Verb.PAN_LEFT, Verb.PAN_RIGHT, Verb.PAN_UP, Verb.PAN_DOWN)


class Results(Protocol):
    """What the buttons ask for; ``cogs.result_actions`` answers."""

    async def press(
        self, interaction: discord.Interaction[Any], verb: Verb, job_id: int, index: int | None
    ) -> None:
        """Do ``verb`` to the job or to one picture of it, or say why not."""


class JobButton(
    ui.DynamicItem[ui.Button[ui.LayoutView]],
    template=rf"(?P<verb>{'|'.join(Verb)}):1:(?P<job_id>[0-9]{{1,18}})(:(?P<index>[0-9]))?",
):
    """One verb for one job; rebuilt from its custom id whenever somebody presses it.

    ``label`` takes the place of the verb's own, which ``PICK`` does not have.
    """

    def __init__(
        self, verb: Verb, job_id: int, index: int | None = None, *, label: str = ""
    ) -> None:
        look = _LOOKS.get(verb, _Look(say("Picture")))
        super().__init__(
            ui.Button(
                label=label or say_again(look.label),
                emoji=look.emoji,
                style=discord.ButtonStyle.secondary,
                custom_id=f"{verb}:1:{job_id}" + ("" if index is None else f":{index}"),
            )
        )
        self.verb = verb
        self.job_id = job_id
        self.index = index

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """The button that has this id."""
        index = match["index"]
        return cls(Verb(match["verb"]), int(match["job_id"]), None if index is None else int(index))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Hand the press on: discord.py builds the buttons, so the cog is looked up by name."""
        results = cast(Results, interaction.client.get_cog(RESULTS_COG))
        await results.press(interaction, self.verb, self.job_id, self.index)


def result_buttons(job: Job) -> list[list[Item]]:
    """The rows of buttons on the card of ``job`` that everybody sees."""
    if job.state is JobState.FAILED:
        again = JobButton(Verb.REROLL, job.id, label=say_again(_TRY_AGAIN))
        return [[again, JobButton(Verb.REMIX, job.id)]]
    if not job.pictures:
        return []
    delete = JobButton(Verb.DELETE, job.id)
    if len(job.pictures) == 1:
        index = job.pictures[0].index  # of several, when only one of them is shown
        return [[*_buttons(_GENERAL, job.id, index), delete], _buttons(_OF_ONE, job.id, index)]
    numbers: list[Item] = [
        JobButton(Verb.PICK, job.id, picture.index, label=str(picture.index + 1))
        for picture in job.pictures
    ]
    return [[*_buttons(_GENERAL, job.id), delete], numbers]


def picture_buttons(job: Job, index: int) -> list[list[Item]]:
    """The rows on the private card of one picture."""
    return [_buttons(_OF_ONE, job.id, index), _buttons(_GENERAL, job.id, index)]


def more_buttons(
    job: Job, index: int | None, *, may_favour: bool, may_save: bool, may_cover: bool
) -> list[list[Item]]:
    """The rows behind ``More…``, for who looks: what they may do at all."""
    width, height = job.request.final_size
    around = [Verb.ZOOM_OUT_FAR, *([Verb.SQUARE] if width != height else [])]
    rest = [
        Verb.SEND,
        *([Verb.FAVOURITE] if may_favour and index is not None else []),
        *([Verb.PRESET] if may_save else []),
        *([Verb.SPOILER] if may_cover else []),
        Verb.REPORT,
    ]
    rows = [rest] if index is None else [list(_PANS), around, rest]
    return [_buttons(row, job.id, index) for row in rows]


def jobs_on(message: discord.Message) -> list[int]:
    """The jobs that the buttons on one of the bot's own messages are about."""
    found: dict[int, None] = {}
    for item in ui.LayoutView.from_message(message).walk_children():
        custom_id = item.custom_id or "" if isinstance(item, ui.Button) else ""
        if one := JobButton.__discord_ui_compiled_template__.fullmatch(custom_id):
            found[int(one["job_id"])] = None
        elif batch := CancelBatch.__discord_ui_compiled_template__.fullmatch(custom_id):
            found |= dict.fromkeys(range(int(batch["first"]), int(batch["last"]) + 1))
    return list(found)


def _buttons(verbs: Iterable[Verb], job_id: int, index: int | None = None) -> list[Item]:
    return [JobButton(verb, job_id, index) for verb in verbs]
