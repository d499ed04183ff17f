"""The operator's settings: environment, then ``.env``; typed, read once, passed down."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from hypersd_core.errors import SettingsError

_ROOT = Path(__file__).resolve().parents[1]
ENV_FILES = (_ROOT / ".env", Path(".env"))
_PerDay = Annotated[int | None, Field(ge=0, le=1_000_000)]


class Settings(BaseSettings):
    """Each is read from ``HYPERSD_<NAME>``, the token from ``DISCORD_TOKEN`` as everywhere."""

    model_config = SettingsConfigDict(
        env_prefix="HYPERSD_",
        env_file=ENV_FILES,
        env_file_encoding="utf-8-sig",  # Windows' editors begin files with a mark
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    discord_token: SecretStr | None = Field(default=None, validation_alias="DISCORD_TOKEN")
    local_dir: Path = Field(_ROOT / "data" / "local", description="database and pictures")
    models_dir: Path = Field(_ROOT / "data" / "models", description="model files and folders")
    model: str = Field("portrait-64", description="the model to draw with when nobody names one")
    sandbox_port: int = Field(8765, ge=0, le=65535, description="where the sandbox page listens")
    sandbox_url: str | None = Field(None, description="a sandbox that runs already, to be used")
    max_waiting_per_user: int = Field(10, ge=1)
    max_waiting_per_guild: int = Field(50, ge=1)
    quota_pictures_per_user: _PerDay = Field(None, description="in direct messages")
    quota_gpu_s_per_user: _PerDay = Field(None, description="in direct messages")
    quota_pictures_per_guild: _PerDay = Field(None, description="the most for any server")
    quota_gpu_s_per_guild: _PerDay = Field(None, description="the most for any server")
    image_classifier: bool = Field(True, description="off: no picture is rated or blocked")
    retention_days: int = Field(
        0, ge=0, le=36_500, description="how long to keep pictures; 0 is for ever"
    )
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    log_format: str = Field("text", pattern="^(text|json)$", description="json for machines")
    metrics_port: int | None = Field(None, ge=0, le=65535, description="unset: no metrics")
    metrics_host: str = Field("127.0.0.1", description="nothing there asks for a password")
    start_paused: bool = Field(False, description="accept jobs, but draw none before /admin resume")
    drain_s: float = Field(20, ge=0, description="how long the job in hand may take to stop")

    @classmethod
    def read(cls) -> Self:
        """Read them all; a wrong one raises SettingsError that names it."""
        try:
            return cls()
        except UnicodeDecodeError as error:
            raise SettingsError("The file .env is not UTF-8 text.") from error
        except ValidationError as error:
            first = error.errors()[0]
            name = "_".join(str(part) for part in first["loc"]).upper()
            name = name if name == "DISCORD_TOKEN" else f"HYPERSD_{name}"
            raise SettingsError(f"The setting {name} is wrong: {first['msg']}.") from None

    @property
    def recipes_file(self) -> Path:
        """The recipes of model families, which ship with the code."""
        return _ROOT / "data" / "recipes.toml"

    @property
    def presets_file(self) -> Path:
        """The presets that every server has, which ship with the code."""
        return _ROOT / "data" / "presets.toml"
