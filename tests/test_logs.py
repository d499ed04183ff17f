"""The log hides tokens, whoever logs them, and knows which job a message is about."""

import json
import logging
import sys
from collections.abc import Iterator

import pytest

from hypersd_core import logs
from hypersd_core.logs import HIDDEN, JsonFormatter, LoadingLog, TextFormatter, job_of

BOT_TOKEN = "MTIz.abc-DEF.ghi_jkl"
TOKEN = "aW50ZXJhY3Rpb246MTI"


def record(message: str, *values: object, error: BaseException | None = None) -> logging.LogRecord:
    info = (type(error), error, None) if error else None
    return logging.LogRecord("bot", logging.INFO, "bot.py", 1, message, values, info)


@pytest.fixture
def own_root() -> Iterator[None]:
    """What a test sets up is gone afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


# what discord.py 2.7.1 logs at DEBUG
@pytest.mark.parametrize(
    "text",
    [
        f"PATCH https://discord.com/api/v10/webhooks/123/{TOKEN}/messages/@original: 200",
        f"POST https://discord.com/api/v10/interactions/123/{TOKEN}/callback?with_response=1",
        f"WebSocket Event: {{'t': 'INTERACTION_CREATE', 'd': {{'token': '{TOKEN}'}}}}",
        f'{{"token": "{TOKEN}", "type": 2}}',
        f"Authorization: Bot MTIzNDU2.{TOKEN}",
        f"the setting is {BOT_TOKEN}",
    ],
)
@pytest.mark.parametrize("formatter", [TextFormatter([BOT_TOKEN]), JsonFormatter([BOT_TOKEN])])
def test_no_token_is_written(formatter: logging.Formatter, text: str) -> None:
    written = formatter.format(record("%s", text, error=ValueError(text)))
    assert TOKEN not in written
    assert BOT_TOKEN not in written
    assert written.count(HIDDEN) == 2


def test_what_is_no_token_stays() -> None:
    text = "GET /channels/123/messages, Bot ready, /webhooks/ and tokens: 77 in 3 chunks"
    assert text in TextFormatter([""]).format(record(text))


def test_a_message_about_a_job_has_its_number_as_a_field() -> None:
    line = JsonFormatter().format(record("job %d <- %.2f s gpu", 42, 0.31))
    assert json.loads(line)["job"] == 42
    assert json.loads(line)["message"] == "job 42 <- 0.31 s gpu"


@pytest.mark.parametrize("message", [record("recovered: %d queued", 3), record("job seekers")])
def test_other_messages_have_none(message: logging.LogRecord) -> None:
    assert job_of(message) is None


def test_json_is_one_line_for_each_message_with_its_error() -> None:
    try:
        raise ValueError("line one\nline two")
    except ValueError:
        entry = record("two\nlines")
        entry.exc_info = sys.exc_info()
    (line,) = JsonFormatter().format(entry).splitlines()
    fields = json.loads(line)
    assert (fields["level"], fields["logger"], fields["message"]) == ("INFO", "bot", "two\nlines")
    assert fields["error"].endswith("ValueError: line one\nline two")
    assert fields["time"].endswith("+00:00")


@pytest.mark.usefixtures("own_root")
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_libraries_write_through_the_same_filter(
    capsys: pytest.CaptureFixture[str], log_format: str
) -> None:
    logs.set_up("DEBUG", log_format)
    logging.getLogger("discord.http").debug("PATCH /webhooks/1/%s", TOKEN)
    written = capsys.readouterr().err
    assert TOKEN not in written
    assert "/webhooks/1/[hidden]" in written
    assert written.startswith("{") == (log_format == "json")


def test_a_load_is_told_of_once_when_all_of_it_is_there() -> None:
    loaded: list[str] = []
    loading = LoadingLog(loaded.append)
    for share in (0.0, 0.5, 1.0):
        loading.tell("portrait-64", "unet", share)
    assert loaded == ["portrait-64"]
