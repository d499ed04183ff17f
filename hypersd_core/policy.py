"""What a guild allows, and what it gives to whom: values, and the questions asked of them.

Nothing here looks anything up; ``guild_settings`` keeps policies, ``quotas`` counts by them.
"""

import dataclasses
import enum
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Self

from hypersd_core.asker import Asker
from hypersd_core.errors import InvalidRequest, NotAllowed
from hypersd_core.i18n import Said, say
from hypersd_core.moderation.policy import ModerationPolicy
from hypersd_core.request import (
    MAX_COUNT,
    MAX_SIDE_PX,
    MAX_STEPS,
    MIN_SIDE_PX,
    GenerationRequest,
)

MIN_PIXELS, MAX_PIXELS = MIN_SIDE_PX**2, MAX_SIDE_PX**2
MAX_PERMUTATIONS = 40
MAX_WAITING = 1_000
MIN_WEIGHT, MAX_WEIGHT = 0.1, 10.0
MAX_PICTURES_A_DAY = 1_000_000
MAX_GPU_S_A_DAY = 1_000_000
MAX_RETENTION_DAYS = 3_650
_MAX_LISTED = 10


class PrivateMode(enum.StrEnum):
    """Whether results may, must or must not be shown to their asker alone."""

    ALLOWED = "allowed"
    NEVER = "never"
    ALWAYS = "always"


class Layout(enum.StrEnum):
    """How several pictures of one job are posted."""

    GALLERY = "gallery"
    """Each as a picture of its own."""
    GRID = "grid"
    """All in one picture."""
    BOTH = "both"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """How many jobs may wait at once."""

    per_user: int = 10
    per_guild: int = 50


def _check_range(name: Said, value: float | None, least: float, most: float) -> None:
    if value is not None and not least <= value <= most:  # also refuses NaN
        raise InvalidRequest(
            say(
                "{name} must be from {least:,g} to {most:,.10g}, got {value}.",
                name=name,
                least=least,
                most=most,
                value=value,
            )
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What may be drawn in one day (UTC). None is without limit, 0 is nothing."""

    pictures: int | None = None
    gpu_s: int | None = None

    def __post_init__(self) -> None:
        _check_range(say("pictures a day"), self.pictures, 0, MAX_PICTURES_A_DAY)
        _check_range(say("GPU seconds a day"), self.gpu_s, 0, MAX_GPU_S_A_DAY)

    def to_json(self) -> dict[str, Any]:
        """A dict of plain values, for ``from_json``."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The allowance that ``to_json`` described."""
        return cls(pictures=values.get("pictures"), gpu_s=values.get("gpu_s"))

    def or_more(self, other: Self) -> Self:
        """The larger of each."""
        return self._each(other, lambda a, b: None if a is None or b is None else max(a, b))

    def at_most(self, other: Self) -> Self:
        """The smaller of each."""
        return self._each(
            other, lambda a, b: min((n for n in (a, b) if n is not None), default=None)
        )

    def _each(self, other: Self, choose: Callable[[int | None, int | None], int | None]) -> Self:
        return dataclasses.replace(
            self,
            pictures=choose(self.pictures, other.pictures),
            gpu_s=choose(self.gpu_s, other.gpu_s),
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GuildPolicy:
    """What one guild allows; checked once, here. The defaults allow everything.

    ``channels`` and ``roles`` are Discord's ids, ``models`` and ``loras`` names: empty is all of
    them. ``max_pixels`` is the area after a hires pass. ``max_waiting_*`` and ``retention_days`` of
    None leave it to the operator. ``role_weights`` are shares of the queue. Of ``user_quota``
    everybody has one, and ``role_quotas`` only add to it; ``guild_quota`` is for all together.
    """

    channels: frozenset[int] = frozenset()
    roles: frozenset[int] = frozenset()
    max_pixels: int = MAX_PIXELS
    max_steps: int = MAX_STEPS
    max_count: int = MAX_COUNT
    max_permutations: int = 10
    private: PrivateMode = PrivateMode.ALLOWED
    layout: Layout = Layout.GALLERY
    models: tuple[str, ...] = ()
    loras: tuple[str, ...] = ()
    max_waiting_per_user: int | None = None
    max_waiting_per_guild: int | None = None
    role_weights: Mapping[int, float] = dataclasses.field(default_factory=dict)
    user_quota: Allowance = Allowance()
    role_quotas: Mapping[int, Allowance] = dataclasses.field(default_factory=dict)
    guild_quota: Allowance = Allowance()
    moderation: ModerationPolicy = dataclasses.field(default_factory=ModerationPolicy)
    report_channel_id: int | None = None
    gallery_channel_id: int | None = None
    retention_days: int | None = None

    def __post_init__(self) -> None:
        _check_range(say("the largest area in pixels"), self.max_pixels, MIN_PIXELS, MAX_PIXELS)
        _check_range(say("the most steps"), self.max_steps, 1, MAX_STEPS)
        _check_range(say("the most pictures of one request"), self.max_count, 1, MAX_COUNT)
        _check_range(say("the most permutations"), self.max_permutations, 1, MAX_PERMUTATIONS)
        for name, waiting in (
            (say("jobs waiting of one person"), self.max_waiting_per_user),
            (say("jobs waiting of the server"), self.max_waiting_per_guild),
        ):
            _check_range(name, waiting, 1, MAX_WAITING)
        for share in self.role_weights.values():
            _check_range(say("the weight of a role"), share, MIN_WEIGHT, MAX_WEIGHT)
        _check_range(say("days to keep pictures"), self.retention_days, 1, MAX_RETENTION_DAYS)
        if not all(name.strip() for name in (*self.models, *self.loras)):
            raise InvalidRequest(say("The name of a model or LoRA is empty."))

    def to_json(self) -> dict[str, Any]:
        """A dict of plain values, for ``from_json``: what differs from the defaults."""
        return {
            name: _plain(self, name)
            for name in _FIELDS
            if getattr(self, name) != getattr(DEFAULT, name)
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The policy that ``to_json`` described; what this version does not know is left out."""
        known = {name: value for name, value in values.items() if name in _FIELDS}
        return cls(**{n: _CODECS[n].read(v) if n in _CODECS else v for n, v in known.items()})


class _Codec(NamedTuple):
    """From a field's value to JSON's values and back."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


_IDS = _Codec(sorted, frozenset)
_NAMES = _Codec(list, tuple)
_ALLOWANCE = _Codec(Allowance.to_json, Allowance.from_json)
_CODECS = {
    "channels": _IDS,
    "roles": _IDS,
    "private": _Codec(str, PrivateMode),
    "layout": _Codec(str, Layout),
    "models": _NAMES,
    "loras": _NAMES,
    "role_weights": _Codec(
        lambda weights: {str(role_id): share for role_id, share in weights.items()},
        lambda weights: {int(role_id): share for role_id, share in weights.items()},
    ),
    "user_quota": _ALLOWANCE,
    "role_quotas": _Codec(
        lambda quotas: {str(role_id): quota.to_json() for role_id, quota in quotas.items()},
        lambda quotas: {int(role_id): Allowance.from_json(q) for role_id, q in quotas.items()},
    ),
    "guild_quota": _ALLOWANCE,
    "moderation": _Codec(ModerationPolicy.to_json, ModerationPolicy.from_json),
}
_FIELDS = tuple(field.name for field in dataclasses.fields(GuildPolicy))

DEFAULT = GuildPolicy()
"""The policy of a guild that has set nothing."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field of a policy before and after, both as JSON's values."""

    field: str
    before: Any
    after: Any


def changes(before: GuildPolicy, after: GuildPolicy) -> tuple[Change, ...]:
    """What differs, in the order of the fields."""
    return tuple(
        Change(field=name, before=_plain(before, name), after=_plain(after, name))
        for name in _FIELDS
        if getattr(before, name) != getattr(after, name)
    )


def check_place(policy: GuildPolicy, asker: Asker) -> None:
    """Raise NotAllowed unless ``asker`` may draw in this channel. Who manages the guild may."""
    if asker.may_manage:
        return  # or one wrong setting could shut out those who have to mend it
    if policy.channels.isdisjoint((asker.channel_id, asker.parent_channel_id)) and policy.channels:
        channels = _listed(f"<#{channel_id}>" for channel_id in sorted(policy.channels))
        raise NotAllowed(
            say(
                "Nothing is drawn in this channel; pictures are welcome in {channels}.",
                channels=channels,
            )
        )
    if policy.roles.isdisjoint(asker.role_ids) and policy.roles:
        roles = _listed(f"<@&{role_id}>" for role_id in sorted(policy.roles))
        raise NotAllowed(say("To draw here you need one of these roles: {roles}.", roles=roles))


def check_request(policy: GuildPolicy, request: GenerationRequest) -> None:
    """Raise InvalidRequest if ``request`` asks for more than is allowed, or for another model."""
    steps = max(request.steps, request.hires.steps if request.hires else 0)
    if steps > policy.max_steps:
        raise InvalidRequest(
            say("At most {most} steps are allowed here, got {n}.", most=policy.max_steps, n=steps)
        )
    if request.count > policy.max_count:
        raise InvalidRequest(
            say(
                "At most {most} pictures at a time are allowed here, got {n}.",
                most=policy.max_count,
                n=request.count,
            )
        )
    _check_pixels(policy, request)
    _check_names(policy, request)


def may_use_model(policy: GuildPolicy, name: str) -> bool:
    """Whether a model of this name may be drawn with."""
    return _is_among(name, policy.models)


def may_use_lora(policy: GuildPolicy, name: str) -> bool:
    """Whether a LoRA of this name may be drawn with."""
    return _is_among(name, policy.loras)


def private_result(policy: GuildPolicy, asked: bool | None) -> bool:
    """Whether the result is shown to its asker alone. ``asked`` is None if nobody said so.

    Raises NotAllowed if the guild wants it otherwise than it was asked for.
    """
    if policy.private is PrivateMode.NEVER and asked:
        raise NotAllowed(say("Private results are not allowed here: ask without private."))
    if policy.private is PrivateMode.ALWAYS and asked is False:
        raise NotAllowed(say("Results are always private here: ask without private."))
    return policy.private is PrivateMode.ALWAYS or bool(asked)


def weight(policy: GuildPolicy, asker: Asker) -> float:
    """The asker's share in the queue, from 0.1 to 10: that of the best of their roles, or 1."""
    shares = [policy.role_weights[r] for r in asker.role_ids if r in policy.role_weights]
    return max(shares, default=1.0)


def waiting_caps(policy: GuildPolicy, operator: Caps) -> Caps:
    """How many jobs may wait: what the guild says, but never more than the operator allows."""
    per_user, per_guild = policy.max_waiting_per_user, policy.max_waiting_per_guild
    return Caps(
        per_user=min(per_user or operator.per_user, operator.per_user),
        per_guild=min(per_guild or operator.per_guild, operator.per_guild),
    )


def user_allowance(policy: GuildPolicy, asker: Asker) -> Allowance:
    """What the asker may draw a day: the default, or what the best of their roles adds to it."""
    allowance = policy.user_quota
    for role_id in asker.role_ids & policy.role_quotas.keys():
        allowance = allowance.or_more(policy.role_quotas[role_id])
    return allowance


def _check_pixels(policy: GuildPolicy, request: GenerationRequest) -> None:
    width, height = request.final_size
    if width * height > policy.max_pixels:
        raise InvalidRequest(
            say(
                "At most {most:,} pixels are allowed here, such as {side}×{side}; "
                "{width}×{height} has {pixels:,}.",
                most=policy.max_pixels,
                side=int(policy.max_pixels**0.5),
                width=width,
                height=height,
                pixels=width * height,
            )
        )


def _check_names(policy: GuildPolicy, request: GenerationRequest) -> None:
    if not may_use_model(policy, request.model):
        raise InvalidRequest(
            say(
                "The model {name} is not allowed here; allowed: {names}.",
                name=request.model,
                names=_listed(policy.models),
            )
        )
    for lora in request.loras:
        if not may_use_lora(policy, lora.name):
            raise InvalidRequest(
                say(
                    "The LoRA {name} is not allowed here; allowed: {names}.",
                    name=lora.name,
                    names=_listed(policy.loras),
                )
            )


def _is_among(name: str, allowed: tuple[str, ...]) -> bool:
    return not allowed or name.casefold() in {other.casefold() for other in allowed}


def _listed(names: Iterable[str]) -> str:
    """The first few of ``names``, so that a sentence stays one."""
    every = list(names)
    more = [] if len(every) <= _MAX_LISTED else ["…"]
    return ", ".join(every[:_MAX_LISTED] + more)


def _plain(policy: GuildPolicy, name: str) -> Any:  # noqa: ANN401 - JSON
    value = getattr(policy, name)
    return _CODECS[name].write(value) if name in _CODECS else value
