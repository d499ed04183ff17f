"""An earlier request with other words or settings, as a person changes it in a form."""

import dataclasses

from hypersd_core.command_text import options_of
from hypersd_core.flags import PromptFlags, split_flags
from hypersd_core.front_desk import Ask
from hypersd_core.infotext import lora_tag
from hypersd_core.redrawing import STRONG, is_resampled, one_picture
from hypersd_core.request import GenerationRequest, Job
from hypersd_core.wishes import Start, over


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
