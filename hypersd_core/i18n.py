"""Sentences in the language of the person who reads them.

The English text in the source is the key: ``say("There is no model {name!r}.", name=name)``. Its
translations are in ``data/locales/<tag>.po``, one file for each language; such a file is all that
a new language needs. Which language is spoken is a context variable: it holds in this task, in the
tasks that it starts, and in ``asyncio.to_thread``.

Not said, and so always English: logs, the command line's help and its own lines, what only the
operator sees before the bot runs, and everything that programs read again.
"""

import contextlib
import functools
import gettext
import io
import logging
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from babel.messages.catalog import Message

log = logging.getLogger(__name__)

FOLDER = Path(__file__).resolve().parents[1] / "data" / "locales"
ENGLISH = "en"
NAME_OF_LANGUAGE = ("language", "English")
"""The entry (context, text) under which a catalogue gives its language's own name."""

SHIPPED = "shipped"
"""The context of what ``say_shipped`` says."""

_spoken: ContextVar[str] = ContextVar("spoken", default=ENGLISH)


class Said(str):
    """A sentence in the language spoken, which knows itself in English for the log."""

    __slots__ = ("again", "english")
    english: str
    again: "Callable[[], Said]"

    def __new__(cls, text: str, english: str, again: "Callable[[], Said]") -> Self:
        """``text`` is what it reads as; ``again()`` is the same in the language spoken then."""
        said = super().__new__(cls, text)
        said.english = english
        said.again = again
        return said

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (str(self), self.english, self.again)  # for copies of what holds it


def say(template: str, /, **values: object) -> Said:
    """``template`` in the language spoken now, formatted as ``str.format`` does.

    ``template`` must be a literal, or the catalogue cannot know it. What has no translation is
    said in English. Sentences among ``values`` are said in the same language.
    """
    again = functools.partial(say, template, **values)
    english = template.format(**_in_english(values))
    translations = _translations(_spoken.get())
    if translations is None:
        return Said(english, english, again)
    return Said(translations.gettext(template).format(**_said_again(values)), english, again)


def say_many(one: str, many: str, n: int, /, **values: object) -> Said:
    """``one`` or ``many`` by the plural rule of the language; ``{n}`` is the number."""
    again = functools.partial(say_many, one, many, n, **values)
    english = (one if n == 1 else many).format(n=n, **_in_english(values))
    translations = _translations(_spoken.get())
    if translations is None:
        return Said(english, english, again)
    text = translations.ngettext(one, many, n).format(n=n, **_said_again(values))
    return Said(text, english, again)


def say_all(names: Sequence[str]) -> str:
    """``a and b and c``: an enumeration of at least one name."""
    return functools.reduce(
        lambda some, name: say("{some} and {name}", some=some, name=name), names
    )


def say_shipped(text: str) -> Said:
    """A sentence from a data file that ships, recipes and presets, which has no placeholders."""
    translations = _translations(_spoken.get())
    again = functools.partial(say_shipped, text)
    if translations is None:
        return Said(text, text, again)
    return Said(translations.pgettext(SHIPPED, text), text, again)


def say_again(text: str) -> str:
    """A sentence that was kept, in the language spoken now. Any other text is left as it is."""
    return text.again() if isinstance(text, Said) else text


@contextlib.contextmanager
def speaking(locale: str) -> Iterator[None]:
    """Speak the language that is closest to ``locale``, a tag such as ``zh-TW``."""
    token = _spoken.set(closest(locale))
    try:
        yield
    finally:
        _spoken.reset(token)


def language() -> str:
    """The tag of the language spoken now: a key of ``LANGUAGES``."""
    return _spoken.get()


@functools.cache
def closest(locale: str) -> str:
    """The tag of the language to use for ``locale``: itself, its language, a sister, English."""
    wanted = locale.lower()
    base = wanted.partition("-")[0]
    by_name = {tag.lower(): tag for tag in _tags()}
    sisters = [name for name in by_name if name.partition("-")[0] == base]
    return (
        by_name.get(wanted) or by_name.get(base) or by_name.get(min(sisters, default=""), ENGLISH)
    )


def translated(context: str, text: str, locale: str) -> str | None:
    """``text`` of the catalogue's ``context`` in the language closest to ``locale``.

    None where that is English, or says the same. For names of commands and the like, which Discord
    wants in every language at once.
    """
    translations = _translations(closest(locale))
    if translations is None:
        return None
    found = translations.pgettext(context, text)
    return None if found == text else found


class _Languages(Mapping[str, str]):
    """Tag to the language's own name; found from the files, when first asked."""

    def __getitem__(self, tag: str) -> str:
        if tag not in _tags():
            raise KeyError(tag)
        return translated(*NAME_OF_LANGUAGE, tag) or NAME_OF_LANGUAGE[1]

    def __iter__(self) -> Iterator[str]:
        return iter(_tags())

    def __len__(self) -> int:
        return len(_tags())


LANGUAGES: Mapping[str, str] = _Languages()


def fields(template: str) -> set[tuple[str, str, str]]:
    """The placeholders of ``template``: (name, conversion, format). Raises ValueError."""
    return {
        (name, conversion or "", spec or "")
        for _, name, spec, conversion in string.Formatter().parse(template)
        if name is not None
    }


def fits(translation: str, *templates: str) -> bool:
    """Whether ``translation`` can stand for ``templates``: the same placeholders, no others.

    ``{n}`` of a plural may be left out, as in "One picture".
    """
    try:
        ours = fields(translation)
    except ValueError:
        return False
    wanted = [fields(template) for template in templates]
    return set.intersection(*wanted) <= ours <= set.union(*wanted)


def _in_english(values: Mapping[str, object]) -> dict[str, object]:
    return {
        name: value.english if isinstance(value, Said) else value for name, value in values.items()
    }


def _said_again(values: Mapping[str, object]) -> dict[str, object]:
    return {
        name: say_again(value) if isinstance(value, Said) else value
        for name, value in values.items()
    }


@functools.cache
def _tags() -> tuple[str, ...]:
    return (ENGLISH, *sorted(file.stem for file in FOLDER.glob("*.po")))


@functools.cache
def _translations(tag: str) -> gettext.NullTranslations | None:
    """The catalogue of ``tag``, without what would not format. None for English."""
    if tag == ENGLISH:
        return None
    # Babel is imported here since a bot or a command line that speaks English needs none of it.
    from babel.messages.mofile import write_mo  # noqa: PLC0415
    from babel.messages.pofile import read_po  # noqa: PLC0415

    with (FOLDER / f"{tag}.po").open("rb") as file:
        catalog = read_po(file)
    for message in [entry for entry in catalog if entry.id and not _is_sound(entry)]:
        log.warning("%s: the translation of %r has other placeholders", tag, message.id)
        catalog.delete(message.id, message.context)
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def _is_sound(message: "Message") -> bool:
    """Whether the translation formats wherever the text does. What has a context never does."""
    if message.context is not None:
        return True
    templates = (message.id,) if isinstance(message.id, str) else message.id
    forms = (message.string,) if isinstance(message.string, str) else message.string or ()
    return all(fits(form, *templates) for form in forms if form)
