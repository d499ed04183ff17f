"""An earlier picture's parameters text in place of a prompt: pasted by a person, or from a file."""

import dataclasses
import re

from hypersd_core.errors import InvalidRequest, ModelNotFound
from hypersd_core.flags import PromptFlags
from hypersd_core.i18n import say
from hypersd_core.infotext import read_infotext
from hypersd_core.library import Library
from hypersd_core.redraw import Redraw, options_of
from hypersd_core.wishes import Start, Wish, over

_LOOKS_PASTED = re.compile(r"\bSteps: \d+, ?\w[\w ]*: ")


def pasted(text: str, *, with_picture: bool) -> Redraw | None:
    """What ``text`` asks for if it is a parameters text, as A1111 and this bot write them."""
    if not _LOOKS_PASTED.search(text):
        return None
    try:
        return options_of(read_infotext(text), with_picture=with_picture)
    except InvalidRequest:  # a prompt that only looks like one
        return None


def wish_again(
    earlier: Redraw, said: PromptFlags, library: Library, *, start: Start
) -> tuple[Wish, tuple[str, ...]]:
    """``earlier`` as a wish, with what was ``said`` besides it, and notes on what was not found.

    A model that is not here is replaced by the default one. A canvas to start from has a size of
    its own.
    """
    options, notes = earlier.options, list(earlier.notes)
    if start.is_canvas:
        options = dataclasses.replace(options, size=None)
    if options.model is not None and said.model is None:
        try:
            library.model(options.model)
        except ModelNotFound:
            instead = library.model().file.name
            note = say(
                "The model {model} is not here: drawn with {instead} instead.",
                model=options.model,
                instead=instead,
            )
            notes.append(note)
            options = dataclasses.replace(options, model=None)
    return Wish(prompt=earlier.prompt, flags=over(said, options)), tuple(notes)
