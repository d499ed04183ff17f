"""A preset as the five texts of a form: what people type to make one, and what they get to edit.

Settings are inline flags. A few values cannot be typed as such, a file name with all kinds of
quotes or ``private = false``: an edit keeps them.
"""

import dataclasses
from collections.abc import Iterator
from typing import Self

from hypersd_core.command_text import flags_of, options_of
from hypersd_core.compose import OWN_VAE
from hypersd_core.errors import InvalidRequest
from hypersd_core.flags import PromptFlags, split_flags
from hypersd_core.i18n import say
from hypersd_core.infotext import lora_tag
from hypersd_core.picks import escape_wildcards
from hypersd_core.presets import PLACEHOLDER, Preset
from hypersd_core.request import Emphasis, GenerationRequest
from hypersd_core.wishes import typed_wish

_OF_ONE_PICTURE = ("seed", "count", "strength", "variation_seed", "variation_strength")
"""What makes one picture, and no style."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PresetTexts:
    """What stands in the fields of a form; nothing is checked before ``preset``."""

    name: str = ""
    prompt: str = ""
    settings: str = ""
    negative: str = ""
    about: str = ""

    @classmethod
    def of(cls, preset: Preset) -> Self:
        """``preset``, to be edited."""
        return cls(
            name=preset.name,
            prompt="" if preset.prompt.strip() == PLACEHOLDER else preset.prompt,
            settings=flags_of(dataclasses.replace(preset.options, negative=None)).text,
            negative=preset.options.negative or "",
            about=preset.about,
        )

    @classmethod
    def of_request(cls, request: GenerationRequest) -> Self:
        """How ``request`` was drawn, to be made a preset: all but what is of its picture alone."""
        options = options_of(request)
        dropped = dict.fromkeys(("negative", *_OF_ONE_PICTURE, *_ordinary(options)))
        return cls(
            prompt=escape_wildcards(" ".join([request.prompt, *map(lora_tag, request.loras)])),
            settings=flags_of(dataclasses.replace(options, **dropped)).text,
            negative=request.negative,
        )

    def preset(self, before: Preset | None = None) -> Preset:
        """The preset that the texts describe. Raises InvalidRequest.

        Of ``before``, which is edited, stays what cannot be typed, and the locks of what has a
        value still.
        """
        typed = typed_wish(self.settings, PromptFlags(negative=self.negative.strip() or None))
        if typed.prompt:
            raise InvalidRequest(
                say(
                    "Settings are flags such as --steps 4 --ar 3:2, and {rest!r} is none.",
                    rest=typed.prompt[:80],
                )
            )
        kept = {} if before is None else _unsayable(before.options)
        said = dataclasses.asdict(typed.flags).items()
        options = {field: value for field, value in said if value is not None}
        preset = Preset(
            name=self.name.strip(),
            prompt=self.prompt.strip() or PLACEHOLDER,
            options=PromptFlags(**{**kept, **options}),
            about=self.about.strip(),
        )
        locked = frozenset() if before is None else before.locked
        return dataclasses.replace(preset, locked=locked & preset.said.keys())


def _unsayable(options: PromptFlags) -> dict[str, object]:
    """What ``options`` say and their flags do not."""
    bare = dataclasses.replace(options, negative=None)
    spoken = split_flags(flags_of(bare).text)[1]
    return {
        field: value
        for field, value in dataclasses.asdict(bare).items()
        if value is not None and getattr(spoken, field) is None
    }


def _ordinary(options: PromptFlags) -> Iterator[str]:
    """Fields that a request always says, and that hardly any preset needs to."""
    if options.vae == OWN_VAE:
        yield "vae"
    if options.clip_skip == 1:
        yield "clip_skip"
    if options.emphasis == Emphasis.ORIGINAL:
        yield "emphasis"
