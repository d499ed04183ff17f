"""What a guild does about words and pictures: values, and the questions asked of them."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Self

from hypersd_core.asker import Asker
from hypersd_core.errors import InvalidRequest
from hypersd_core.i18n import say
from hypersd_core.moderation.words import check_rule

MAX_WORDS = 500
MAX_STRIKES = 100


class Rating(enum.StrEnum):
    """What a picture shows, the worst last."""

    SAFE = "safe"
    SUGGESTIVE = "suggestive"
    EXPLICIT = "explicit"


class Place(enum.StrEnum):
    """The kinds of channels that Discord's own rules tell apart."""

    GENERAL = "general"
    AGE_RESTRICTED = "age_restricted"
    DIRECT = "direct"
    """Direct messages, and wherever an app works that its user brought along."""

    @classmethod
    def of(cls, asker: Asker) -> Self:
        """The kind of the channel that ``asker`` is in."""
        if asker.is_direct or asker.guild_id is None:
            return cls(Place.DIRECT)
        return cls(Place.AGE_RESTRICTED if asker.is_age_restricted else Place.GENERAL)


class Action(enum.StrEnum):
    """What is done with a picture, the mildest first."""

    ALLOW = "allow"
    SPOILER = "spoiler"
    BLOCK = "block"


Actions = Mapping[tuple[Place, Rating], Action]

# Discord wants explicit pictures in age-restricted channels alone, and how old somebody is in a
# direct message nobody knows. Behind Discord's age gate nothing needs to be blocked; a spoiler is
# one click, and spares whoever asked for a portrait and is surprised by what was drawn.
STRICT: Actions = MappingProxyType(
    {
        (Place.GENERAL, Rating.SUGGESTIVE): Action.SPOILER,
        (Place.GENERAL, Rating.EXPLICIT): Action.BLOCK,
        (Place.DIRECT, Rating.SUGGESTIVE): Action.SPOILER,
        (Place.DIRECT, Rating.EXPLICIT): Action.BLOCK,
        (Place.AGE_RESTRICTED, Rating.SUGGESTIVE): Action.ALLOW,
        (Place.AGE_RESTRICTED, Rating.EXPLICIT): Action.SPOILER,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceRow:
    """One row of a settings card: what is done in ``place``."""

    place: Place
    suggestive: Action
    explicit: Action


@dataclass(frozen=True, slots=True, kw_only=True)
class ModerationPolicy:
    """A guild's word rules and what it does with pictures; checked once, here.

    ``words`` are rules as ``words.check_words`` reads them, each once. What ``actions`` leaves out
    is as in ``STRICT``; safe pictures are always shown. ``strikes``: how many blocked prompts and
    pictures within 24 hours block their user for 24 hours; 0 is never.
    """

    words: tuple[str, ...] = ()
    actions: Actions = field(default_factory=dict)
    strikes: int = 0

    def __post_init__(self) -> None:
        words = tuple(dict.fromkeys(word.strip() for word in self.words))
        object.__setattr__(self, "words", words)
        object.__setattr__(self, "actions", {**STRICT, **self.actions})
        if len(self.words) > MAX_WORDS:
            raise InvalidRequest(
                say(
                    "There are {n:,} word rules; at most {most:,} are allowed.",
                    n=len(self.words),
                    most=MAX_WORDS,
                )
            )
        for word in self.words:
            check_rule(word)
        if any(rating is Rating.SAFE for _, rating in self.actions):
            raise InvalidRequest(say("Safe pictures are always shown."))
        if not 0 <= self.strikes <= MAX_STRIKES:
            raise InvalidRequest(
                say(
                    "The number of strikes must be 0 (none) to {most}, got {n}.",
                    most=MAX_STRIKES,
                    n=self.strikes,
                )
            )

    def action(self, place: Place, rating: Rating) -> Action:
        """What is done with a picture of this rating."""
        return self.actions.get((place, rating), Action.ALLOW)

    def rows(self) -> tuple[PlaceRow, ...]:
        """The actions as the rows of a table, one for each place."""
        return tuple(
            PlaceRow(
                place=place,
                suggestive=self.action(place, Rating.SUGGESTIVE),
                explicit=self.action(place, Rating.EXPLICIT),
            )
            for place in Place
        )

    def to_json(self) -> dict[str, Any]:
        """A dict of plain values, for ``from_json``."""
        actions: dict[str, dict[str, str]] = {}
        for (place, rating), action in self.actions.items():
            actions.setdefault(str(place), {})[str(rating)] = str(action)
        return {"words": list(self.words), "actions": actions, "strikes": self.strikes}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The policy that ``to_json`` described; what is missing is as by default."""
        return cls(
            words=tuple(values.get("words", ())),
            actions={
                (Place(place), Rating(rating)): Action(action)
                for place, row in values.get("actions", {}).items()
                for rating, action in row.items()
            },
            strikes=values.get("strikes", 0),
        )
