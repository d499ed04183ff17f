"""How a guild's policy is said: values in words, for cards and selects.

What is a constant was said when this was imported, and is said again in the language of the reader.
"""

from collections.abc import Iterable, Mapping, Sequence

from cogs.cards import plain
from hypersd_core.i18n import Said, say, say_again, say_many
from hypersd_core.moderation.policy import Action
from hypersd_core.policy import Allowance, GuildPolicy, Layout, PrivateMode

_MAX_LISTED = 10

PRIVATE: Mapping[str, Said] = {
    PrivateMode.ALLOWED: say("allowed"),
    PrivateMode.NEVER: say("never"),
    PrivateMode.ALWAYS: say("always"),
}
LAYOUTS: Mapping[str, Said] = {
    Layout.GALLERY: say("each picture by itself"),
    Layout.GRID: say("all pictures in one"),
    Layout.BOTH: say("all in one, and each by itself"),
}
ACTIONS: Mapping[str, Said] = {
    Action.ALLOW: say("shown"),
    Action.SPOILER: say("behind a spoiler"),
    Action.BLOCK: say("blocked, and not counted"),
}
FIELDS: Mapping[str, Said] = {
    "channels": say("Where"),
    "roles": say("Who"),
    "max_pixels": say("Largest picture"),
    "max_steps": say("Most steps"),
    "max_count": say("Most pictures of one job"),
    "max_permutations": say("Most jobs of one command"),
    "private": say("Private results"),
    "layout": say("Several pictures of one job"),
    "models": say("Allowed models"),
    "loras": say("Allowed LoRAs"),
    "max_waiting_per_user": say("Jobs waiting, each person"),
    "max_waiting_per_guild": say("Jobs waiting, all together"),
    "role_weights": say("Roles"),
    "user_quota": say("Quota of a day"),
    "role_quotas": say("Roles"),
    "guild_quota": say("Quota of a day"),
    "moderation": say("Moderation"),
    "report_channel_id": say("Reports go to"),
    "gallery_channel_id": say("Gallery channel"),
    "retention_days": say("Pictures are kept"),
}
"""What the log of changes calls them."""


def fields_shown(fields: Iterable[str]) -> str:
    """Names of fields that were changed, each once."""
    names = [say_again(FIELDS[field]) for field in fields if field in FIELDS]
    return ", ".join(dict.fromkeys(names))


def pixels_shown(pixels: int) -> str:
    """As the side of a square."""
    return say("{side}×{side}, or as many pixels", side=int(pixels**0.5))


def steps_shown(steps: int) -> str:
    """A number of steps."""
    return say_many("{n} step", "{n} steps", steps)


def pictures_shown(pictures: int) -> str:
    """A number of pictures."""
    return say_many("{n:,} picture", "{n:,} pictures", pictures)


def jobs_shown(jobs: int) -> str:
    """A number of jobs."""
    return say_many("{n:,} job", "{n:,} jobs", jobs)


def days_shown(days: int) -> str:
    """A number of days."""
    return say_many("{n:,} day", "{n:,} days", days)


def strikes_shown(strikes: int) -> str:
    """What is done to whoever asks for what is blocked."""
    if not strikes:
        return say("nothing happens")
    return say_many(
        "{n} in a day: no drawing for a day",
        "{n} in a day: no drawing for a day",
        strikes,
    )


def words_shown(policy: GuildPolicy) -> str:
    """How many word rules there are."""
    words = policy.moderation.words
    return say_many("{n} rule", "{n} rules", len(words)) if words else say("none")


def models_shown(policy: GuildPolicy) -> str:
    """The allow-lists."""
    models = _names(policy.models) or say("all models")
    loras = _names(policy.loras) or say("all LoRAs")
    return say("{models} · {loras} (/preset allow changes it)", models=models, loras=loras)


def quotas_shown(policy: GuildPolicy) -> str:
    """Quotas of everybody."""
    user, guild = policy.user_quota, policy.guild_quota
    if user == guild == Allowance():
        return say("no limit")
    return _both(_allowance_shown(user), _allowance_shown(guild))


def waiting_shown(policy: GuildPolicy) -> str:
    """How many jobs may wait."""
    user, guild = policy.max_waiting_per_user, policy.max_waiting_per_guild
    operators = say("as the bot's operator says")
    if user is None and guild is None:
        return operators
    return _both(*(operators if most is None else jobs_shown(most) for most in (user, guild)))


def _both(user: str, guild: str) -> str:
    return say("{user} for each person · {guild} for all together", user=user, guild=guild)


def roles_shown(policy: GuildPolicy) -> str:
    """A line for each role that gets more or less than others; empty if there is none."""
    lines = []
    for role_id in sorted({*policy.role_weights, *policy.role_quotas}):
        parts: list[str] = []
        if role_id in policy.role_weights:
            parts.append(say("share {share:g}", share=policy.role_weights[role_id]))
        if role_id in policy.role_quotas:
            parts.append(_role_quota_shown(policy.role_quotas[role_id]))
        lines.append(f"<@&{role_id}> {', '.join(parts)}")
    return "\n".join(lines)


def _role_quota_shown(quota: Allowance) -> str:
    if quota == Allowance():
        return say("no limit")
    said = Allowance(pictures=quota.pictures or None, gpu_s=quota.gpu_s or None)
    return say("at least {quota} a day", quota=_allowance_shown(said))


def _allowance_shown(quota: Allowance) -> str:
    parts: list[str] = []
    if quota.pictures is not None:
        parts.append(pictures_shown(quota.pictures))
    if quota.gpu_s is not None:
        parts.append(say_many("{n:,} GPU second", "{n:,} GPU seconds", quota.gpu_s))
    return " / ".join(parts) or say("no limit")


def _names(names: Sequence[str]) -> str:
    return ", ".join([plain(name, 60) for name in names[:_MAX_LISTED]] + _more(len(names)))


def mentions(mark: str, ids: Iterable[int]) -> str:
    """The first few of ``ids`` as Discord shows them; ``mark`` is # or @&."""
    every = sorted(ids)
    return " ".join([f"<{mark}{each}>" for each in every[:_MAX_LISTED]] + _more(len(every)))


def _more(count: int) -> list[str]:
    return ["…"] if count > _MAX_LISTED else []
