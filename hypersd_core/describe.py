"""What a picture file tells of how it was made, for people to read and to type again."""

from dataclasses import dataclass

from hypersd_core.command_text import command_of
from hypersd_core.encode import infotext_of, parameters_of
from hypersd_core.redraw import options_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A picture in words.

    ``parameters`` are keys and values in A1111's words and their order. ``command`` is what to type
    as the prompt of ``/imagine``. ``notes`` are sentences on what that cannot say.
    """

    prompt: str
    negative: str
    parameters: tuple[tuple[str, str], ...]
    infotext: str
    command: str
    notes: tuple[str, ...]


def describe(data: bytes) -> Described:
    """What the parameters text inside of a PNG, WebP or JPEG file says.

    Raises InvalidPicture if there is none, InvalidRequest if it cannot be read.
    """
    info = infotext_of(data)
    redraw = options_of(info)
    command = command_of(redraw.prompt, redraw.options)
    return Described(
        prompt=info.prompt,
        negative=info.negative,
        parameters=tuple(info.parameters.items()),
        infotext=parameters_of(data) or "",
        command=command.text,
        notes=(*redraw.notes, *command.unsaid.values()),
    )
