"""Languages at Discord's side: what commands are called, and which language an interaction speaks.

Texts of commands are sent once, in all languages; the catalogue keeps them in contexts of their
own, as a name such as ``queue`` is no sentence.
"""

from collections.abc import Callable
from typing import Any

import discord
from discord import app_commands
from discord.app_commands import TranslationContextLocation as Location

from hypersd_core.i18n import speaking, translated

CONTEXTS = {
    Location.command_name: "command",
    Location.group_name: "command",
    Location.parameter_name: "option",
    Location.choice_name: "choice",
    Location.command_description: "description",
    Location.group_description: "description",
    Location.parameter_description: "description",
}
"""The catalogue's ``msgctxt`` for each kind of text."""

_INTERACTION = "INTERACTION_CREATE"


class CatalogueTranslator(app_commands.Translator):
    """Names and descriptions of commands from ``data/locales``."""

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        """The text in ``locale``, None where the English one does."""
        kind = CONTEXTS.get(context.location)
        return translated(kind, string.message, locale.value) if kind else None


def speak_with_users(client: discord.Client) -> None:
    """Let all that ``client`` does for an interaction be said in its user's language.

    Discord.py starts one task for a command, an autocompletion, a component or a modal, all within
    the parser of the event; tasks inherit the language that is spoken where they are started. So
    this holds for every handler there is, and none can forget it.
    """
    parsers: dict[str, Callable[[Any], None]] = client._connection.parsers  # noqa: SLF001 - no public hook is so early
    parse = parsers[_INTERACTION]

    def parse_in_language(event: Any) -> None:  # noqa: ANN401 - JSON
        with speaking(event.get("locale", "")):
            parse(event)

    parsers[_INTERACTION] = parse_in_language
