"""What a person asks for, before it is a request: words, options, a picture to start from."""

import dataclasses
from typing import Any

from hypersd_core.errors import InvalidRequest
from hypersd_core.flags import PromptFlags, split_flags
from hypersd_core.i18n import say
from hypersd_core.library import Choice
from hypersd_core.prompt import check_brackets
from hypersd_core.recipes import Recipe


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A prompt without inline flags, and all that was said besides it.

    The prompt still holds its LoRA tags. It may come from an earlier picture: its brackets are not
    checked then, as others draw any.
    """

    prompt: str
    flags: PromptFlags


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Names of input pictures to start from, and the width and height of ``picture`` in pixels.

    A request has the proportions of the picture unless somebody says a size. A canvas, which is a
    picture that was grown, is drawn at just its size where the model can: only then what is kept of
    it stays as it is.
    """

    picture: str = ""
    mask: str = ""
    size: tuple[int, int] | None = None
    is_canvas: bool = False


NOISE = Start()
"""No picture to start from."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a person said, the files that it named, and the recipe that it is drawn by."""

    flags: PromptFlags
    model: Choice
    loras: tuple[Choice, ...]
    recipe: Recipe
    start: Start


def typed_wish(text: str, options: PromptFlags) -> Wish:
    """What a person typed: inline flags stand in ``text``, ``options`` are those of a command.

    Raises InvalidRequest for a bracket without partner, a wrong flag, and one thing said in both
    places.
    """
    check_brackets(
        text, name=say("prompt")
    )  # as typed, so that places in it are those that people see
    check_brackets(options.negative or "", name=say("negative prompt"))
    prompt, flags = split_flags(text)
    said: dict[str, Any] = {}
    for field in dataclasses.fields(PromptFlags):
        inline, option = getattr(flags, field.name), getattr(options, field.name)
        if inline is not None and option is not None:
            raise InvalidRequest(
                say(
                    "{name} is given twice: {option} as an option and {inline} in the prompt.",
                    name=field.name.replace("_", " "),
                    option=option,
                    inline=inline,
                )
            )
        said[field.name] = option if inline is None else inline
    return Wish(prompt=prompt, flags=PromptFlags(**said))


def over(said: PromptFlags, otherwise: PromptFlags) -> PromptFlags:
    """``said``, and ``otherwise`` for what was not said.

    Steps and speed say the same thing in two ways, so who says one does not take over the other.
    """
    values: dict[str, Any] = {
        field.name: getattr(said, field.name)
        for field in dataclasses.fields(PromptFlags)
        if getattr(said, field.name) is not None
    }
    if said.steps is not None or said.speed is not None:
        values |= {"steps": said.steps, "speed": said.speed}
    return dataclasses.replace(otherwise, **values)
