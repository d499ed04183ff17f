"""Private cards about results: one picture of several, what more can be done, all parameters."""

import io
from collections.abc import Iterator, Sequence

import discord
from discord import ui

from cogs.cards import ACCENT, MUTED, Item, card, code, duration, plain, row, small, text
from cogs.job_cards import prompt_line
from hypersd_core.command_text import as_command
from hypersd_core.i18n import say
from hypersd_core.infotext import infotext
from hypersd_core.redrawing import one_picture as request_of
from hypersd_core.request import GenerationRequest, Job
from hypersd_core.sampling import SAMPLING_METHODS

_MAX_PROMPT_SHOWN = 500
_MAX_COMMAND_SHOWN = 1_000
_MAX_INFOTEXT_SHOWN = 1_000
_MAX_NOTES_SHOWN = 500


def gallery(files: Sequence[discord.File]) -> ui.MediaGallery[ui.LayoutView]:
    """``files`` shown; those that are spoilers stay covered."""
    shown: ui.MediaGallery[ui.LayoutView] = ui.MediaGallery()
    for file in files:
        shown.add_item(media=file, description=file.description, spoiler=file.spoiler)
    return shown


def one_picture(
    job: Job, index: int, files: Sequence[discord.File], buttons: Sequence[Sequence[Item]]
) -> ui.LayoutView:
    """Picture ``index`` of ``job`` with what can be done with it."""
    line = say(
        "Picture {number} of job {job_id} · seed {seed}",
        number=index + 1,
        job_id=job.id,
        seed=job.request.seeds[index],
    )
    head = text(prompt_line(job.request))
    return card(ACCENT, head, gallery(files), small(line), *_rows(buttons))


def more(job: Job, index: int | None, buttons: Sequence[Sequence[Item]]) -> ui.LayoutView:
    """The rarer buttons."""
    if index is None:
        title = say("**All pictures of job {job_id}**", job_id=job.id)
        return card(MUTED, text(title), *_rows(buttons))
    title = say("**Picture {number} of job {job_id}**", number=index + 1, job_id=job.id)
    look = small(say("Look further to one side, or from further away:"))
    return card(MUTED, text(title), look, *_rows(buttons))


def deleted(job: Job, user_id: int) -> ui.LayoutView:
    """What stands where the pictures were."""
    sentence = say("Deleted by {user}", user=f"<@{user_id}>")
    return card(MUTED, small(f"{sentence} · {say('job {job_id}', job_id=job.id)}"))


def details(
    job: Job, index: int | None, parent: Job | None, files: Sequence[discord.File] = ()
) -> tuple[ui.LayoutView, list[discord.File]]:
    """Everything about ``job``, or about one picture of it, and the files that go along.

    Its words are there to be read, and to be copied: as a command, and as A1111's parameters.
    ``files`` are pictures to be shown above.
    """
    request = job.request if index is None else request_of(job.request, index)
    texts = _infotexts(job, index)
    is_long = len(texts) > _MAX_INFOTEXT_SHOWN
    attached = [discord.File(io.BytesIO(texts.encode()), f"job-{job.id}.txt")] if is_long else []
    shown: list[Item] = [ui.File(file) for file in attached]
    if not is_long:
        shown = [text(f"{say('Parameters, for A1111 and others:')}\n{code(texts)}")]
    view = card(
        ACCENT,
        *([gallery(files)] if files else []),
        text(f"**{plain(request.prompt, _MAX_PROMPT_SHOWN)}**"),
        text("\n".join(_rows_of_text(request))),
        small("\n".join(_history(job, parent))),
        *_command(request),
        *shown,
    )
    return view, [*files, *attached]


def _rows(buttons: Sequence[Sequence[Item]]) -> Iterator[Item]:
    return (row(*items) for items in buttons if items)


def _infotexts(job: Job, index: int | None) -> str:
    """The parameters text of one picture or of all; of what was not drawn, that of its request."""
    chosen = job.pictures if index is None else job.pictures[index : index + 1]
    texts = [picture.infotext for picture in chosen] or [infotext(job.request, index or 0)]
    return "\n\n".join(texts)


def _rows_of_text(request: GenerationRequest) -> Iterator[str]:
    """The parameters with their names, one a line."""
    return (
        say("{title}: {value}", title=name, value=f"**{value}**")
        for name, value in _parameters(request)
    )


def _parameters(request: GenerationRequest) -> Iterator[tuple[str, str]]:
    if request.negative:
        yield say("Negative prompt"), plain(request.negative, _MAX_PROMPT_SHOWN)
    yield say("Model"), plain(request.model)
    if request.loras:
        loras = (f"{plain(lora.name)} {lora.weight:g}" for lora in request.loras)
        yield say("LoRAs"), ", ".join(loras)
    if request.vae:
        yield say("VAE"), plain(request.vae)
    yield say("Sampler"), SAMPLING_METHODS[request.sampler].full_label
    yield say("Steps"), str(request.steps)
    yield say("Guidance"), f"{request.guidance:g}"
    yield say("Size"), _size(request)
    seeds = ", ".join(map(str, request.seeds))
    yield (say("Seeds") if request.count > 1 else say("Seed")), seeds
    yield from _start(request)


def _start(request: GenerationRequest) -> Iterator[tuple[str, str]]:
    """What it was drawn from, if not from noise of one seed alone."""
    if request.variation is not None:
        values = {"seed": request.variation.seed, "share": request.variation.strength}
        yield say("Variation"), say("{share:.0%} towards seed {seed}", **values)
    source = request.source
    if source is None:
        return
    if source.mask:
        yield say("Starts from"), say("a picture, drawn anew where its mask is white")
    elif source.strength:
        yield say("Starts from"), say("a picture, {share:.0%} drawn anew", share=source.strength)
    else:
        yield say("Starts from"), say("a picture, only made larger")


def _size(request: GenerationRequest) -> str:
    size = f"{request.width}\N{MULTIPLICATION SIGN}{request.height}"
    width, height = request.final_size
    if request.hires is not None:
        size += f" \N{RIGHTWARDS ARROW} {width}\N{MULTIPLICATION SIGN}{height}"
    if request.enlarge > 1:
        shown = f"{width * request.enlarge}\N{MULTIPLICATION SIGN}{height * request.enlarge}"
        size = say("{size}, shown at {shown}", size=size, shown=shown)
    return size


def _history(job: Job, parent: Job | None) -> Iterator[str]:
    """Who drew it, when, from what, in what time."""
    when = discord.utils.format_dt(job.created_at, "f")
    yield say("Drawn for {user}, {when}", user=f"<@{job.origin.user_id}>", when=when)
    if job.preset:
        yield say("Preset {name}", name=plain(job.preset))
    if job.gpu_ms and job.started_at:
        waited = (job.started_at - job.created_at).total_seconds()
        times = {"drawn": _time(job.gpu_ms / 1000), "waited": _time(waited)}
        yield say("Drawn in {drawn}, after waiting for {waited}", **times)
    if parent is not None:
        link = message_link(parent)
        named = say("job {job_id}", job_id=parent.id)
        yield say("Made from {job}", job=f"[{named}]({link})" if link else named)
    yield say("job {job_id}", job_id=job.id)


def _time(seconds: float) -> str:
    """With a tenth, as jobs often take less than a second."""
    return say("{seconds:.1f} s", seconds=seconds) if seconds < 100 else duration(seconds)


def message_link(job: Job) -> str:
    """Where the pictures of ``job`` are shown; empty if that cannot be linked to."""
    if job.message is None or job.origin.private or job.is_deleted:
        return ""
    guild = job.origin.guild_id or "@me"
    channel_id, message_id = job.message
    return f"https://discord.com/channels/{guild}/{channel_id}/{message_id}"


def _command(request: GenerationRequest) -> Iterator[Item]:
    """What to type to draw it again, and what that cannot say."""
    command = as_command(request)
    if len(command.text) <= _MAX_COMMAND_SHOWN:
        yield text(f"{say('To be typed as the prompt of /imagine:')}\n{code(command.text)}")
    if command.unsaid:
        yield small(plain(" ".join(command.unsaid.values()), _MAX_NOTES_SHOWN))
