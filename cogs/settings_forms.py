"""What of a guild's policy is typed into forms: numbers and word rules.

A form's fields are made from the policy as it is; what was typed makes the policy anew. All
``write_*`` raise InvalidRequest for what cannot be.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from cogs.forms import Field, TextField, TickField
from hypersd_core.errors import InvalidRequest
from hypersd_core.i18n import Said, say
from hypersd_core.policy import Allowance, GuildPolicy

Values: TypeAlias = Mapping[str, str]
"""What was typed, by the keys of the fields."""

_MAX_NUMBER_CHARS = 12


def words_fields(policy: GuildPolicy) -> Sequence[Field]:
    """The word rules."""
    about = say("Whole words; gun* is also gunfight. Other spellings and look-alikes are found.")
    return (_lines_field("words", say("One rule a line"), about, policy.moderation.words),)


def write_words(policy: GuildPolicy, values: Values) -> GuildPolicy:
    """One rule a line."""
    words = _lines(values["words"])
    moderation = dataclasses.replace(policy.moderation, words=words)
    return dataclasses.replace(policy, moderation=moderation)


def quota_fields(policy: GuildPolicy) -> Sequence[Field]:
    """What everybody and all together may draw a day."""
    about = say("A whole number; empty is no limit, 0 is nothing.")
    user, guild = policy.user_quota, policy.guild_quota
    return (
        _number_field("user_pictures", say("Pictures a day, each person"), about, user.pictures),
        _number_field("user_gpu_s", say("GPU seconds a day, each person"), about, user.gpu_s),
        _number_field("guild_pictures", say("Pictures a day, all together"), about, guild.pictures),
        _number_field("guild_gpu_s", say("GPU seconds a day, all together"), about, guild.gpu_s),
    )


def write_quotas(policy: GuildPolicy, values: Values) -> GuildPolicy:
    """Empty is without limit."""
    return dataclasses.replace(
        policy,
        user_quota=_allowance(values["user_pictures"], values["user_gpu_s"]),
        guild_quota=_allowance(values["guild_pictures"], values["guild_gpu_s"]),
    )


def waiting_fields(policy: GuildPolicy) -> Sequence[Field]:
    """How many jobs may wait."""
    about = say("Empty is as many as the bot's operator allows.")
    return (
        _number_field("user", say("Jobs waiting, each person"), about, policy.max_waiting_per_user),
        _number_field(
            "guild", say("Jobs waiting, all together"), about, policy.max_waiting_per_guild
        ),
    )


def write_waiting(policy: GuildPolicy, values: Values) -> GuildPolicy:
    """Empty is the operator's."""
    return dataclasses.replace(
        policy,
        max_waiting_per_user=_whole(say("jobs waiting of one person"), values["user"]),
        max_waiting_per_guild=_whole(say("jobs waiting of the server"), values["guild"]),
    )


def role_fields(policy: GuildPolicy, role_id: int) -> Sequence[Field]:
    """What holders of one role get more than others."""
    quota = policy.role_quotas.get(role_id)
    about = say("At least so many, a whole number; empty is as everybody.")
    return (
        _number_field(
            "weight",
            say("Share of the queue"),
            say("From 0.1 to 10; with 2 twice as much as others. Empty is 1."),
            policy.role_weights.get(role_id),
        ),
        _number_field("pictures", say("Pictures a day"), about, (quota and quota.pictures) or None),
        _number_field("gpu_s", say("GPU seconds a day"), about, (quota and quota.gpu_s) or None),
        TickField(
            key="unlimited",
            label=say("No limit a day"),
            about=say("Whatever stands above."),
            is_ticked=quota == Allowance(),
        ),
    )


def write_role(policy: GuildPolicy, role_id: int, values: Values) -> GuildPolicy:
    """A role of which nothing is said is one as all others."""
    weights = {each: share for each, share in policy.role_weights.items() if each != role_id}
    quotas = {each: quota for each, quota in policy.role_quotas.items() if each != role_id}
    share = _decimal(say("the weight of a role"), values["weight"])
    if share is not None:
        weights[role_id] = share
    quota = _allowance(values["pictures"], values["gpu_s"])
    if values["unlimited"]:
        quotas[role_id] = Allowance()
    elif quota != Allowance():
        # what is not said adds nothing: None would be no limit
        quotas[role_id] = Allowance(pictures=quota.pictures or 0, gpu_s=quota.gpu_s or 0)
    return dataclasses.replace(policy, role_weights=weights, role_quotas=quotas)


def _lines_field(key: str, label: str, about: str, lines: Sequence[str]) -> TextField:
    return TextField(key=key, label=label, about=about, value="\n".join(lines), is_long=True)


def _number_field(key: str, label: str, about: str, value: float | None) -> TextField:
    shown = "" if value is None else f"{value:.10g}"
    return TextField(key=key, label=label, about=about, value=shown, most_chars=_MAX_NUMBER_CHARS)


def _lines(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))


def _allowance(pictures: str, gpu_s: str) -> Allowance:
    return Allowance(
        pictures=_whole(say("pictures a day"), pictures),
        gpu_s=_whole(say("GPU seconds a day"), gpu_s),
    )


def _whole(name: Said, text: str) -> int | None:
    if not text.strip():
        return None
    try:
        return int(text)
    except ValueError as error:
        raise InvalidRequest(
            say("{name} must be a whole number or nothing, got {text!r}.", name=name, text=text)
        ) from error


def _decimal(name: Said, text: str) -> float | None:
    if not text.strip():
        return None
    try:
        return float(text.replace(",", "."))
    except ValueError as error:
        raise InvalidRequest(
            say("{name} must be a number or nothing, got {text!r}.", name=name, text=text)
        ) from error
