"""What is said, in which language, and that no translation can break it."""

import asyncio
import copy
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hypersd_core import i18n
from hypersd_core.errors import GenerationFailed, InvalidRequest
from hypersd_core.i18n import (
    LANGUAGES,
    Said,
    closest,
    fits,
    language,
    say,
    say_again,
    say_all,
    say_many,
    say_shipped,
    speaking,
    translated,
)

POLISH = r"""
msgid ""
msgstr ""
"Language: pl\n"
"Content-Type: text/plain; charset=utf-8\n"
"Plural-Forms: nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 ? 1 : 2);\n"

msgctxt "language"
msgid "English"
msgstr "polski"

msgid "There is no model {name!r}."
msgstr "Nie ma modelu {name!r}."

msgid "{count:,} pixels"
msgstr "pikseli: {count:,}"

msgid "{bad} is bad"
msgstr "{worse} jest zły"

msgid "{torn} is torn"
msgstr "{torn jest podarty"

msgid "one job"
msgid_plural "{n} jobs"
msgstr[0] "jedno zadanie"
msgstr[1] "{n} zadania"
msgstr[2] "{n} zadań"

msgid "{some} and {name}"
msgstr "{some} i {name}"

msgid "strength"
msgstr "siła"

msgid "{name} needs {needs}."
msgstr "{name} wymaga: {needs}."

msgid "Not {yet} translated."
msgstr ""

msgctxt "command"
msgid "queue"
msgstr "kolejka"

msgctxt "shipped"
msgid "Ships with {braces}."
msgstr "W zestawie: {braces}."
"""


@pytest.fixture
def polish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder with Polish alone, which has three forms of number."""
    (tmp_path / "pl.po").write_text(POLISH, "utf-8")
    monkeypatch.setattr(i18n, "FOLDER", tmp_path)
    _forget()
    yield
    monkeypatch.undo()
    _forget()


def _forget() -> None:
    for remembered in (i18n.closest, i18n._tags, i18n._translations):
        remembered.cache_clear()


def test_english_is_the_template_itself() -> None:
    sentence = say("{count:,} of {name!r}", count=1234, name="fox")
    assert sentence == "1,234 of 'fox'"
    assert sentence.english == sentence


@pytest.mark.usefixtures("polish")
def test_a_translation_is_formatted_as_the_template_is() -> None:
    with speaking("pl"):
        assert say("There is no model {name!r}.", name="fox") == "Nie ma modelu 'fox'."
        assert say("{count:,} pixels", count=1234) == "pikseli: 1,234"
    assert say("There is no model {name!r}.", name="fox") == "There is no model 'fox'."


@pytest.mark.usefixtures("polish")
def test_what_has_no_translation_is_english(caplog: pytest.LogCaptureFixture) -> None:
    with speaking("pl"):
        assert say("Never {heard}.", heard="of") == "Never of."
        assert say("Not {yet} translated.", yet="all") == "Not all translated."
    assert "Not" not in caplog.text


@pytest.mark.usefixtures("polish")
@pytest.mark.parametrize(
    ("template", "name"), [("{bad} is bad", "bad"), ("{torn} is torn", "torn")]
)
def test_a_translation_with_wrong_placeholders_is_not_used(
    template: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with speaking("pl"):
        assert say(template, **{name: 1}) == template.format(**{name: 1})
    assert "other placeholders" in caplog.text


@pytest.mark.usefixtures("polish")
@pytest.mark.parametrize(
    ("n", "text"), [(1, "jedno zadanie"), (2, "2 zadania"), (5, "5 zadań"), (22, "22 zadania")]
)
def test_a_number_has_as_many_forms_as_the_language(n: int, text: str) -> None:
    with speaking("pl"):
        assert say_many("one job", "{n} jobs", n) == text
    assert say_many("one job", "{n} jobs", n) == ("one job" if n == 1 else f"{n} jobs")


@pytest.mark.usefixtures("polish")
def test_a_sentence_within_another_is_said_in_its_language() -> None:
    kept = say("strength")
    with speaking("pl"):
        sentence = say("{name} needs {needs}.", name=kept, needs=say_all(["a", "b", "c"]))
    assert sentence == "siła wymaga: a i b i c."
    assert sentence.english == "strength needs a and b and c."


@pytest.mark.usefixtures("polish")
def test_a_kept_sentence_can_be_said_again_in_another_language() -> None:
    sentences = [say("strength"), say_many("one job", "{n} jobs", 2)]
    sentences.append(say_shipped("Ships with {braces}."))
    with speaking("pl"):
        assert [say_again(s) for s in sentences] == ["siła", "2 zadania", "W zestawie: {braces}."]
        assert say_again("plain") == "plain"


@pytest.mark.usefixtures("polish")
def test_names_of_commands_have_a_context_of_their_own() -> None:
    assert translated("command", "queue", "pl") == "kolejka"
    assert translated("option", "queue", "pl") is None
    assert translated("command", "queue", "en-GB") is None
    with speaking("pl"):
        assert say("queue") == "queue"


@pytest.mark.usefixtures("polish")
def test_a_file_is_all_that_a_language_needs() -> None:
    assert dict(LANGUAGES) == {"en": "English", "pl": "polski"}


def test_simplified_chinese_ships() -> None:
    assert dict(LANGUAGES)["zh-CN"] == "简体中文"


@pytest.mark.parametrize(
    ("locale", "tag"),
    [
        ("zh-CN", "zh-CN"),
        ("zh-TW", "zh-CN"),
        ("zh-HK", "zh-CN"),
        ("zh", "zh-CN"),
        ("ZH-cn", "zh-CN"),
        ("en-US", "en"),
        ("en-GB", "en"),
        ("xx", "en"),
        ("", "en"),
    ],
)
def test_the_closest_language_is_spoken(locale: str, tag: str) -> None:
    assert closest(locale) == tag


async def test_the_language_holds_in_this_task_and_in_what_it_starts() -> None:
    async def heard() -> str:
        await asyncio.sleep(0)
        return language()

    with speaking("zh-TW"):
        inner = asyncio.create_task(heard())
        assert await asyncio.to_thread(language) == "zh-CN"
    assert language() == "en"
    assert await inner == "zh-CN"


def test_sentences_survive_copies() -> None:
    with speaking("zh-CN"):
        sentence = say("The job was cancelled.")
    for copied in (copy.deepcopy(sentence), pickle.loads(pickle.dumps(sentence))):
        assert isinstance(copied, Said)
        assert copied == sentence
        assert say_again(copied) == "The job was cancelled."


def test_an_error_knows_its_sentence_in_english() -> None:
    with speaking("zh-CN"):
        error = GenerationFailed(say("The job was cancelled."))
    assert str(error) != error.english == "The job was cancelled."
    assert InvalidRequest("plain").english == "plain"
    assert InvalidRequest("plain").sentence == "plain"
    assert InvalidRequest().english == ""


@pytest.mark.parametrize(
    ("translation", "templates", "is_fit"),
    [
        ("{b} {a}", ("{a} {b}",), True),
        ("{a}", ("{a} {b}",), False),
        ("{a} {b}", ("{a}",), False),
        ("{a:,}", ("{a}",), False),
        ("{a!r}", ("{a!r}",), True),
        ("{}", ("{a}",), False),
        ("{a", ("{a}",), False),
        ("eins", ("one", "{n} of them"), True),
        ("{n} Stück", ("one", "{n} of them"), True),
        ("{m} Stück", ("one", "{n} of them"), False),
    ],
)
def test_a_translation_fits_with_the_same_placeholders(
    translation: str, templates: tuple[str, ...], is_fit: bool
) -> None:
    assert fits(translation, *templates) is is_fit


def test_english_needs_no_babel() -> None:
    program = "import sys; from hypersd_core.i18n import say; say('{a}', a=1); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert b"babel" not in done.stdout
