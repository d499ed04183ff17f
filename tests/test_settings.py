"""Settings are read from the environment and ``.env``; what is wrong is named."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from hypersd_core.errors import SettingsError
from hypersd_core.settings import Settings

TOKEN = "MTIz.secret.token"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting is set, and no ``.env`` lies in the current folder."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"HYPERSD_{name.upper()}", raising=False)
    monkeypatch.delenv("DISCORD_TOKEN", raising=False)
    monkeypatch.chdir(tmp_path)


def test_everything_has_a_default_in_the_checkout() -> None:
    settings = Settings.read()
    root = Path(__file__).resolve().parents[1]
    assert settings.discord_token is None
    assert (settings.models_dir, settings.model) == (root / "data" / "models", "portrait-64")
    assert settings.local_dir == root / "data" / "local"
    assert settings.recipes_file.is_file()


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("HYPERSD_MODELS_DIR", "/models", "models_dir", Path("/models")),
        ("HYPERSD_MODEL", "other", "model", "other"),
        ("HYPERSD_LOCAL_DIR", "/state", "local_dir", Path("/state")),
        ("HYPERSD_SANDBOX_PORT", "0", "sandbox_port", 0),
        ("HYPERSD_SANDBOX_URL", "http://[::1]:1", "sandbox_url", "http://[::1]:1"),
        ("HYPERSD_MAX_WAITING_PER_USER", "2", "max_waiting_per_user", 2),
        ("HYPERSD_MAX_WAITING_PER_GUILD", "3", "max_waiting_per_guild", 3),
        ("HYPERSD_QUOTA_PICTURES_PER_USER", "20", "quota_pictures_per_user", 20),
        ("HYPERSD_QUOTA_GPU_S_PER_USER", "0", "quota_gpu_s_per_user", 0),
        ("HYPERSD_QUOTA_PICTURES_PER_GUILD", "500", "quota_pictures_per_guild", 500),
        ("HYPERSD_QUOTA_GPU_S_PER_GUILD", "3600", "quota_gpu_s_per_guild", 3_600),
        ("HYPERSD_LOG_LEVEL", "DEBUG", "log_level", "DEBUG"),
        ("HYPERSD_LOG_FORMAT", "json", "log_format", "json"),
        ("HYPERSD_METRICS_PORT", "9464", "metrics_port", 9464),
        ("HYPERSD_METRICS_HOST", "::", "metrics_host", "::"),
        ("HYPERSD_DRAIN_S", "0.5", "drain_s", 0.5),
        ("DISCORD_TOKEN", TOKEN, "discord_token", SecretStr(TOKEN)),
    ],
)
def test_each_setting_is_read_from_the_environment_and_from_the_file(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, field: str, value: object
) -> None:
    Path(".env").write_text(f"{name}={text}\n", "utf-8")
    assert getattr(Settings.read(), field) == value
    Path(".env").unlink()
    monkeypatch.setenv(name, text)
    assert getattr(Settings.read(), field) == value


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("HYPERSD_MODEL=file\nHYPERSD_SANDBOX_PORT=1\n", "utf-8")
    monkeypatch.setenv("HYPERSD_MODEL", "environment")
    settings = Settings.read()
    assert (settings.model, settings.sandbox_port) == ("environment", 1)


def test_the_mark_that_windows_editors_write_hides_no_setting() -> None:
    Path(".env").write_text(f"DISCORD_TOKEN={TOKEN}\n", "utf-8-sig")
    assert Settings.read().discord_token == SecretStr(TOKEN)


def test_a_file_that_is_not_text_is_refused() -> None:
    Path(".env").write_text("HYPERSD_MODEL=é\n", "latin-1")
    with pytest.raises(SettingsError, match=r"^The file \.env is not UTF-8 text\.$"):
        Settings.read()


@pytest.mark.parametrize("name", ["DISCORD_TOKEN", "HYPERSD_SANDBOX_PORT", "HYPERSD_MODEL"])
def test_an_empty_setting_is_none(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    default = Settings.read()
    monkeypatch.setenv(name, "")
    assert Settings.read() == default


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("HYPERSD_SANDBOX_PORT", "many", "valid integer"),
        ("HYPERSD_SANDBOX_PORT", "65536", "less than or equal to 65535"),
        ("HYPERSD_SANDBOX_PORT", "-1", "greater than or equal to 0"),
        ("HYPERSD_MAX_WAITING_PER_USER", "0", "greater than or equal to 1"),
        ("HYPERSD_MAX_WAITING_PER_GUILD", "1.5", "valid integer"),
        ("HYPERSD_QUOTA_PICTURES_PER_USER", "-1", "greater than or equal to 0"),
        ("HYPERSD_QUOTA_GPU_S_PER_GUILD", "all", "valid integer"),
        ("HYPERSD_LOG_LEVEL", "LOUD", "DEBUG|INFO|WARNING|ERROR"),
        ("HYPERSD_LOG_FORMAT", "xml", "text|json"),
        ("HYPERSD_METRICS_PORT", "65536", "less than or equal to 65535"),
        ("HYPERSD_DRAIN_S", "-1", "greater than or equal to 0"),
    ],
)
def test_a_wrong_value_is_refused_by_name_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, reason: str
) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(SettingsError) as refused:
        Settings.read()
    message = str(refused.value)
    assert message.startswith(f"The setting {name} is wrong: ")
    assert reason in message
    assert message.endswith(".")
    assert "\n" not in message


def test_the_token_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", TOKEN)
    settings = Settings.read()
    for text in (repr(settings), str(settings), f"{settings.discord_token}", str(vars(settings))):
        assert TOKEN not in text


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(Settings.read(), "model", "other")  # noqa: B010 - the type checker refuses it, too
