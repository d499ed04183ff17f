"""An earlier request with other words or settings, as a person changes it in a form."""

import dataclasses

from hypersd_core.command_text import options_of
from hypersd_core.encode import infotext_of
from hypersd_core.flags import PromptFlags, split_flags
from hypersd_core.front_desk import Ask
from hypersd_core.infotext import Infotext, lora_tag, read_infotext
from hypersd_core.library import Library
from hypersd_core.pasted import wish_again
from hypersd_core.redraw import options_of as redraw_of
from hypersd_core.redrawing import STRONG, is_resampled, one_picture
from hypersd_core.request import GenerationRequest, Job
from hypersd_core.wishes import NOISE, Start, over


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What somebody sent in. ``size``, ``speed`` and ``preset`` are None where left as they were.

    ``text`` is the prompt with its LoRA tags; flags may stand in it, and win over all else.
    """

    text: str
    negative: str = ""
    preset: str | None = None
    size: str | None = None
    speed: str | None = None


def ask_again(job: Job, index: int | None) -> Ask:
    """What asks for ``job``, or for one of its pictures, as it was: words, settings, seed.

    A picture that was only made larger draws nothing; asked for again, it is drawn from.
    """
    request = job.request if index is None else one_picture(job.request, index)
    options = dataclasses.replace(
        options_of(request),
        private=job.origin.private or None,
        spoiler=job.origin.spoiler or None,
    )
    if is_resampled(request):
        options = dataclasses.replace(options, strength=STRONG, size=None)
    return Ask(
        text=" ".join([request.prompt, *map(lora_tag, request.loras)]),
        options=options,
        start=_start(request),
        parent_id=job.id,
        is_again=True,
    )


def ask_of_picture(data: bytes, library: Library) -> Ask:
    """What asks for the picture in a file by what its parameters text says.

    Raises as ``infotext_of`` does.
    """
    return _ask_of(infotext_of(data), library)


def ask_of_text(text: str, library: Library) -> Ask:
    """The same of the parameters text alone. Raises InvalidRequest."""
    return _ask_of(read_infotext(text), library)


def _ask_of(info: Infotext, library: Library) -> Ask:
    """What is not here, its model perhaps, is left to the defaults."""
    wish, _ = wish_again(redraw_of(info), PromptFlags(), library, start=NOISE)
    return Ask(text=wish.prompt, options=wish.flags, is_again=True)


def remixed(earlier: Ask, changes: Changes) -> Ask:
    """``earlier`` with ``changes``; the seed stays, so that only what was changed changes.

    A preset brings its own settings, so those of ``earlier`` give way to it. Raises InvalidFlag.
    """
    text, typed = split_flags(changes.text)
    kept = earlier.options
    negative = changes.negative.strip() or None
    if changes.preset is not None:
        own_negative = negative if negative != kept.negative else None
        kept = PromptFlags(
            seed=kept.seed,
            count=kept.count,
            strength=kept.strength,
            private=kept.private,
            spoiler=kept.spoiler,
            negative=own_negative,
            preset=changes.preset,
        )
    else:
        kept = dataclasses.replace(kept, negative=negative)
    chosen = over(PromptFlags(size=changes.size, speed=changes.speed), kept)
    return dataclasses.replace(earlier, text=text, options=over(typed, chosen))


def _start(request: GenerationRequest) -> Start:
    source = request.source
    if source is None:
        return Start()
    size = (request.width, request.height)
    return Start(picture=source.picture, mask=source.mask, size=size)
