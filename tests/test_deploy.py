"""The systemd unit and the container files agree with the checkout and with the program."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # it has no annotations

import bot
from hypersd_core.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "data" / "deploy"
UNIT = DEPLOY / "hypersd-bot.service"


def instructions() -> list[tuple[str, str]]:
    """(word, rest) of each instruction of the Dockerfile, with its continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", (DEPLOY / "Dockerfile").read_text("utf-8"), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    words = (line.partition(" ") for line in lines if line.strip())
    return [(word, rest.strip()) for word, _, rest in words]


def of(instruction: str) -> list[str]:
    return [rest for word, rest in instructions() if word == instruction]


def unit_lines() -> Iterator[tuple[str, str]]:
    for line in UNIT.read_text("utf-8").splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            yield key, value


def given_settings(text: str) -> set[str]:
    return {name.lower() for name in re.findall(r"\bHYPERSD_([A-Z_]+)", text)}


def test_every_file_that_the_image_copies_exists_and_is_not_ignored() -> None:
    kept = {
        line[1:]
        for line in (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    }
    sources = {source for rest in of("COPY") for source in rest.split()[:-1]}
    assert sources <= kept
    assert all((ROOT / name).exists() for name in kept)


def test_everything_that_the_program_imports_is_copied() -> None:
    copied = {source for rest in of("COPY") for source in rest.split()[:-1]}
    assert {"bot.py", "cogs", "hypersd_core", "sandbox", "data"} <= copied


def test_the_image_runs_the_program_without_being_root() -> None:
    words = [word for word, _ in instructions()]
    assert of("USER") == ["bot"]
    assert words.index("USER") < words.index("ENTRYPOINT")
    command = json.loads(of("ENTRYPOINT")[0]) + json.loads(of("CMD")[0])
    assert (ROOT / command[1]).is_file()
    assert bot.parse(command[2:]).discord


def test_the_health_check_is_a_program_that_compiles() -> None:
    command = json.loads(of("HEALTHCHECK")[0].partition("CMD")[2])
    compile(command[2], "HEALTHCHECK", "exec")
    assert "HYPERSD_METRICS_PORT" in of("ENV")[0]


def test_the_image_keeps_state_and_models_in_volumes_below_the_checkout() -> None:
    folders = [Path(folder) for folder in json.loads(of("VOLUME")[0])]
    assert of("WORKDIR") == ["/bot"]
    defaults = Settings.model_fields
    local, models = (
        defaults[name].default.relative_to(ROOT) for name in ("local_dir", "models_dir")
    )
    assert folders == [Path("/bot") / local, Path("/bot") / models / "mine"]


@pytest.mark.parametrize("file", sorted(DEPLOY.iterdir()), ids=lambda file: file.name)
def test_only_settings_that_exist_are_named(file: Path) -> None:
    assert given_settings(file.read_text("utf-8")) <= Settings.model_fields.keys()


@pytest.mark.parametrize("file", sorted(DEPLOY.iterdir()), ids=lambda file: file.name)
def test_packages_come_from_public_places_alone(file: Path) -> None:
    hosts = set(re.findall(r"https?://([^/:\s\"']+)", file.read_text("utf-8")))
    assert hosts <= {"pypi.org", "download.pytorch.org", "127.0.0.1"}


def test_the_compose_files_fit_the_image() -> None:
    compose = read_yaml("compose.yaml")["services"]["bot"]
    assert (ROOT / compose["build"]["dockerfile"]).is_file()
    targets = [
        mount.split(":")[-2 if mount.endswith(":ro") else -1] for mount in compose["volumes"]
    ]
    assert targets == json.loads(of("VOLUME")[0])
    assert {"TORCH_INDEX"} == {rest.partition("=")[0] for rest in of("ARG")}
    for name in ("compose.yaml", "compose.gpu.yaml"):
        assert read_yaml(name)["services"]["bot"]["build"]["args"].keys() == {"TORCH_INDEX"}


def read_yaml(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text("utf-8"))


def test_there_is_time_to_drain_before_the_kill() -> None:
    drain_s = Settings.model_fields["drain_s"].default
    compose = read_yaml("compose.yaml")["services"]["bot"]
    assert int(compose["stop_grace_period"].removesuffix("s")) > drain_s + 10
    assert int(dict(unit_lines())["TimeoutStopSec"].removesuffix("s")) > drain_s + 10


def test_the_unit_does_not_start_again_what_cannot_work() -> None:
    unit = dict(unit_lines())
    assert unit["Restart"] == "on-failure"
    assert unit["RestartPreventExitStatus"] == str(bot.EXIT_SETTINGS)
    program, script, *arguments = unit["ExecStart"].split()
    assert Path(program).parts[:4] == ("/", "opt", "hypersd-bot", ".venv")
    assert (ROOT / script).is_file()
    assert bot.parse(arguments).discord


if shutil.which("systemd-analyze"):  # elsewhere nobody can tell, and the unit is of no use

    @pytest.mark.parametrize("command", ["verify", "security --offline=true --threshold=25"])
    def test_systemd_understands_the_unit_and_finds_little_exposed(
        tmp_path: Path, command: str
    ) -> None:
        unit = tmp_path / UNIT.name
        text = UNIT.read_text("utf-8")
        unit.write_text(text.replace("/opt/hypersd-bot/.venv/bin/python", sys.executable), "utf-8")
        run = subprocess.run(
            ["systemd-analyze", "--no-pager", *command.split(), str(unit)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stdout[-500:] + run.stderr
