"""Choices that autocomplete offers."""

from collections.abc import Iterable

from discord import app_commands

from hypersd_core.matching import rank

_MAX_CHOICE_CHARS = 100  # Discord's limit


def choices(names: Iterable[str], typed: str) -> list[app_commands.Choice[str]]:
    """The likeliest of ``names``, as many as Discord shows."""
    fitting = [name for name in names if len(name) <= _MAX_CHOICE_CHARS]
    return [app_commands.Choice(name=name, value=name) for name in rank(fitting, typed)]
