"""What ``/settings`` can change: every field of a guild's policy, by page, and how it is said.

Titles are said when this is imported, and again in the language of who reads them.
"""

import dataclasses
import enum
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias

from cogs import forms, settings_forms
from cogs.settings_forms import Values
from cogs.settings_words import (
    ACTIONS,
    LAYOUTS,
    PRIVATE,
    days_shown,
    jobs_shown,
    mentions,
    models_shown,
    pictures_shown,
    pixels_shown,
    quotas_shown,
    steps_shown,
    strikes_shown,
    waiting_shown,
    words_shown,
)
from hypersd_core.i18n import Said, say, say_again
from hypersd_core.moderation.policy import Action, Place, Rating
from hypersd_core.policy import GuildPolicy, Layout, PrivateMode

Shown: TypeAlias = Callable[[GuildPolicy], str]

NOTHING = "none"
"""The value of an option that means None."""
ROLE = "role"
"""The select that opens the form of a role."""
MAX_PICKED = 25  # Discord's limit of a select


class Page(enum.StrEnum):
    """The parts of the card."""

    OVERVIEW = "overview"
    PLACES = "places"
    LIMITS = "limits"
    QUOTAS = "quotas"
    MODERATION = "moderation"
    RESULTS = "results"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of a few values. ``options``: what is shown for each, by its text in a select."""

    title: Said
    shown: Shown
    chosen: Callable[[GuildPolicy], str]
    options: Callable[[GuildPolicy], Mapping[str, str]]
    write: Callable[[GuildPolicy, str], GuildPolicy]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Picks:
    """Channels or roles, by their ids. ``nobody`` is what holds where none is picked."""

    title: Said
    shown: Shown
    nobody: Said
    of_roles: bool = False
    most: int = 1
    picked: Callable[[GuildPolicy], Sequence[int]]
    write: Callable[[GuildPolicy, Sequence[int]], GuildPolicy]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What is typed into a form. ``write`` raises InvalidRequest for what cannot be."""

    title: Said
    shown: Shown
    fields: Callable[[GuildPolicy], Sequence[forms.Field]]
    write: Callable[[GuildPolicy, Values], GuildPolicy]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is shown here and changed elsewhere."""

    title: Said
    shown: Shown


Setting: TypeAlias = Choice | Picks | Typed | Told


def _numbered(
    field: str, title: Said, numbers: Sequence[int | None], said: Callable[[int], str]
) -> Choice:
    """A number of the policy from a list; what it is now is offered, too. None is ``NOTHING``."""

    def now(policy: GuildPolicy) -> int | None:
        value: int | None = getattr(policy, field)
        return value

    def shown(value: int | None) -> str:
        return say("as the bot's operator says") if value is None else said(value)

    def options(policy: GuildPolicy) -> Mapping[str, str]:
        known = sorted({*numbers, now(policy)}, key=lambda n: -1 if n is None else n)
        return {_value(n): shown(n) for n in known}

    return Choice(
        title=title,
        shown=lambda policy: shown(now(policy)),
        chosen=lambda policy: _value(now(policy)),
        options=options,
        write=lambda policy, value: _with(
            policy, {field: None if value == NOTHING else int(value)}
        ),
    )


def _with(policy: GuildPolicy, changes: Mapping[str, Any]) -> GuildPolicy:
    return dataclasses.replace(policy, **changes)


def _value(number: int | None) -> str:
    return NOTHING if number is None else str(number)


def _one_of(
    title: Said,
    labels: Mapping[str, Said],
    read: Callable[[GuildPolicy], str],
    write: Callable[[GuildPolicy, str], GuildPolicy],
) -> Choice:
    """One value of an enumeration; ``labels`` by its values."""
    return Choice(
        title=title,
        shown=lambda policy: say_again(labels[read(policy)]),
        chosen=read,
        options=lambda _: {value: say_again(label) for value, label in labels.items()},
        write=write,
    )


def _action(title: Said, place: Place, rating: Rating) -> Choice:
    """What is done with pictures of a rating in a kind of channel."""
    key = (place, rating)

    def write(policy: GuildPolicy, value: str) -> GuildPolicy:
        actions = {**policy.moderation.actions, key: Action(value)}
        moderation = dataclasses.replace(policy.moderation, actions=actions)
        return dataclasses.replace(policy, moderation=moderation)

    return _one_of(title, ACTIONS, lambda policy: str(policy.moderation.action(*key)), write)


def _strikes(title: Said, numbers: Sequence[int]) -> Choice:
    def options(policy: GuildPolicy) -> Mapping[str, str]:
        known = sorted({*numbers, policy.moderation.strikes})
        return {str(n): strikes_shown(n) for n in known}

    def write(policy: GuildPolicy, value: str) -> GuildPolicy:
        moderation = dataclasses.replace(policy.moderation, strikes=int(value))
        return dataclasses.replace(policy, moderation=moderation)

    return Choice(
        title=title,
        shown=lambda policy: strikes_shown(policy.moderation.strikes),
        chosen=lambda policy: str(policy.moderation.strikes),
        options=options,
        write=write,
    )


def _one_channel(field: str, title: Said, nobody: Said) -> Picks:
    def picked(policy: GuildPolicy) -> tuple[int, ...]:
        channel_id = getattr(policy, field)
        return () if channel_id is None else (channel_id,)

    return Picks(
        title=title,
        shown=lambda policy: mentions("#", picked(policy)) or say_again(nobody),
        nobody=nobody,
        picked=picked,
        write=lambda policy, ids: _with(policy, {field: next(iter(ids), None)}),
    )


def _several(field: str, title: Said, nobody: Said, *, of_roles: bool) -> Picks:
    mark = "@&" if of_roles else "#"
    return Picks(
        title=title,
        shown=lambda policy: mentions(mark, getattr(policy, field)) or say_again(nobody),
        nobody=nobody,
        of_roles=of_roles,
        most=MAX_PICKED,
        picked=lambda policy: sorted(getattr(policy, field)),
        write=lambda policy, ids: _with(policy, {field: frozenset(ids)}),
    )


# The pages --------------------------------------------------------------------------------------

_SIDES_PX = (256, 512, 768, 1_024, 1_280, 1_536, 2_048)

SETTINGS: Mapping[Page, Mapping[str, Setting]] = MappingProxyType(
    {
        Page.PLACES: {
            "channels": _several("channels", say("Where"), say("every channel"), of_roles=False),
            "roles": _several("roles", say("Who"), say("everybody"), of_roles=True),
        },
        Page.LIMITS: {
            "max_pixels": _numbered(
                "max_pixels", say("Largest picture"), [n * n for n in _SIDES_PX], pixels_shown
            ),
            "max_steps": _numbered(
                "max_steps", say("Most steps"), (1, 2, 4, 6, 8, 12, 16, 20, 30, 50), steps_shown
            ),
            "max_count": _numbered(
                "max_count", say("Most pictures of one job"), (1, 2, 3, 4), pictures_shown
            ),
            "max_permutations": _numbered(
                "max_permutations",
                say("Most jobs of one command"),
                (1, 2, 4, 6, 8, 10, 15, 20, 30, 40),
                jobs_shown,
            ),
            "models": Told(title=say("Models and LoRAs"), shown=models_shown),
        },
        Page.QUOTAS: {
            "quotas": Typed(
                title=say("Quota of a day"),
                shown=quotas_shown,
                fields=settings_forms.quota_fields,
                write=settings_forms.write_quotas,
            ),
            "waiting": Typed(
                title=say("Jobs waiting at once"),
                shown=waiting_shown,
                fields=settings_forms.waiting_fields,
                write=settings_forms.write_waiting,
            ),
        },
        Page.MODERATION: {
            # No guild decides of direct messages.
            "general-suggestive": _action(
                say("Suggestive pictures in ordinary channels"), Place.GENERAL, Rating.SUGGESTIVE
            ),
            "general-explicit": _action(
                say("Explicit pictures in ordinary channels"), Place.GENERAL, Rating.EXPLICIT
            ),
            "restricted-suggestive": _action(
                say("Suggestive pictures in age-restricted channels"),
                Place.AGE_RESTRICTED,
                Rating.SUGGESTIVE,
            ),
            "restricted-explicit": _action(
                say("Explicit pictures in age-restricted channels"),
                Place.AGE_RESTRICTED,
                Rating.EXPLICIT,
            ),
            "strikes": _strikes(
                say("Prompts or pictures blocked again and again"), (0, 1, 2, 3, 5, 10, 20, 50)
            ),
            "report_channel_id": _one_channel(
                "report_channel_id", say("Reports go to"), say("no channel")
            ),
            "words": Typed(
                title=say("Forbidden words"),
                shown=words_shown,
                fields=settings_forms.words_fields,
                write=settings_forms.write_words,
            ),
        },
        Page.RESULTS: {
            "private": _one_of(
                say("Private results"),
                PRIVATE,
                lambda policy: str(policy.private),
                lambda policy, value: dataclasses.replace(policy, private=PrivateMode(value)),
            ),
            "layout": _one_of(
                say("Several pictures of one job"),
                LAYOUTS,
                lambda policy: str(policy.layout),
                lambda policy, value: dataclasses.replace(policy, layout=Layout(value)),
            ),
            "gallery_channel_id": _one_channel(
                "gallery_channel_id", say("Gallery channel"), say("no channel")
            ),
            "retention_days": _numbered(
                "retention_days",
                say("Pictures are kept"),
                (None, 1, 7, 14, 30, 60, 90, 180, 365, 730, 3_650),
                days_shown,
            ),
        },
    }
)
