"""Each check alone: what is well, what is wrong, and what it says to do."""

import os
import shutil
import socket
import sqlite3
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from cogs.doctor import compare_clocks
from cogs.install_link import NEEDED, guild_link, lacking, user_link
from hypersd_core.doctor.check import Check, Verdict, problem, warning
from hypersd_core.doctor.data import (
    check_classifier,
    check_database,
    check_folder,
    check_languages,
    check_library,
    check_room,
)
from hypersd_core.doctor.machine import (
    check_device,
    check_packages,
    check_port,
    check_python,
    check_settings,
    requirements,
)
from hypersd_core.engine.device_report import DeviceReport, has_kernels, report_device
from hypersd_core.settings import Settings
from hypersd_core.store import FILE_NAME, Store
from hypersd_core.store.migrations import MIGRATIONS

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ROOT / "data" / "models" / "portrait-64"
GB = 10**9


def settings(**fields: Any) -> Settings:
    return Settings(_env_file=None, **fields)


def test_a_line_has_verdict_name_and_sentence_and_the_advice_below() -> None:
    check = warning("disk", "1.0 GB are free.", "Make room.")
    assert check.line(is_coloured=False).splitlines() == [
        "warning  disk          1.0 GB are free.",
        " " * 23 + "-> Make room.",
    ]


def test_colour_is_for_terminals() -> None:
    assert "\x1b[31mproblem\x1b[0m" in problem("disk", "Full.", "Make room.").line(is_coloured=True)
    assert "\x1b" not in problem("disk", "Full.", "Make room.").line(is_coloured=False)


def test_a_link_in_advice_is_never_broken() -> None:
    link = guild_link(1191168914227200003)
    assert link in warning("x", "y.", f"{'word ' * 15}{link}").line(is_coloured=False)


def test_who_complains_gives_advice() -> None:
    with pytest.raises(AssertionError):
        Check(name="disk", verdict=Verdict.WARNING, sentence="Full.")


@pytest.mark.parametrize(
    ("version", "verdict"), [((3, 10, 9), Verdict.PROBLEM), ((3, 11, 0), Verdict.OK)]
)
def test_python_is_new_enough(version: tuple[int, int, int], verdict: Verdict) -> None:
    assert check_python(version).verdict is verdict


def test_what_is_installed_here_is_what_the_project_asks_for() -> None:
    check = check_packages(requirements(ROOT / "pyproject.toml"))
    assert check.verdict is Verdict.OK
    assert "torch" in check.sentence
    assert "discord.py" in check.sentence


def test_packages_that_lack_or_differ_are_named() -> None:
    def version_of(name: str) -> str:
        if name == "torch":
            raise PackageNotFoundError
        return "1.0"

    lacks = check_packages(["torch>=2.8", "numpy>=2"], version_of)
    assert (lacks.verdict, "torch" in lacks.sentence) == (Verdict.PROBLEM, True)
    differs = check_packages(["numpy>=2"], version_of)
    assert (differs.verdict, "numpy 1.0 (not >=2)" in differs.sentence) == (Verdict.WARNING, True)


def test_a_misspelt_setting_is_found_in_the_environment_and_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("\ufeffHYPERSD_MODLE=x\n# HYPERSD_OLD=1\nDISCORD_TOKEN=y\n", "utf-8")
    file.chmod(0o600)
    found = list(check_settings({"HYPERSD_LOG_LEVLE": "INFO", "HYPERSD_MODEL": "x"}, [file]))
    assert [check.sentence for check in found] == [
        "HYPERSD_LOG_LEVLE is no setting.",
        "HYPERSD_MODLE is no setting.",
    ]
    assert [check.advice for check in found] == [
        "Is HYPERSD_LOG_LEVEL meant?",
        "Is HYPERSD_MODEL meant?",
    ]


@pytest.mark.skipif(os.name != "posix", reason="other systems keep rights elsewhere")
def test_a_token_that_others_can_read_is_found(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.touch(mode=0o644)
    file.chmod(0o644)
    found = list(check_settings({}, [file, tmp_path / "missing"]))
    assert [check.verdict for check in found] == [Verdict.WARNING, Verdict.OK]
    assert f"chmod 600 {file}" in found[0].advice


def device(gpu: str = "", gb: int = 16, **fields: Any) -> DeviceReport:
    return DeviceReport(torch="2.13.0", gpu=gpu, memory_bytes=gb * GB, **fields)


CUDA: dict[str, Any] = {"built_for": "12.8"}
NONE: dict[str, Any] = {"built_for": ""}
DEVICES = [
    (device("RTX 4090", 24, **CUDA), Verdict.OK, "24 GB"),
    (device("GTX 1650", 4, **CUDA), Verdict.WARNING, "4 GB"),
    (device("RTX 5090", 32, has_kernels=False, **CUDA), Verdict.PROBLEM, "no code for it"),
    (device(cores=8, **NONE), Verdict.OK, "8 processor cores"),
    (device(driver="RTX 4090, 580.1", **NONE), Verdict.PROBLEM, "RTX 4090, but torch"),
    (device(driver="RTX 4090, 390.1", **CUDA), Verdict.PROBLEM, "390.1"),
]


@pytest.mark.parametrize(("report", "verdict", "words"), DEVICES)
def test_the_device_is_judged_with_the_torch_that_is_there(
    report: DeviceReport, verdict: Verdict, words: str
) -> None:
    check = check_device(report)
    assert (check.verdict, words in check.sentence) == (verdict, True)


def test_this_machine_can_be_reported() -> None:
    report = report_device()
    assert report.torch
    assert report.memory_bytes > 10**8


@pytest.mark.parametrize(
    ("architectures", "capability", "runs"),
    [
        (["sm_80", "sm_90"], (8, 9), True),  # a later minor of the same major
        (["sm_80", "sm_90"], (12, 0), False),
        (["sm_80", "compute_90"], (12, 0), True),  # the driver compiles it
        (["sm_90a"], (9, 0), True),
        (["sm_75"], (7, 0), False),
    ],
)
def test_kernels_run_on_the_same_generation(
    architectures: list[str], capability: tuple[int, int], runs: bool
) -> None:
    assert has_kernels(architectures, *capability) is runs


def test_a_port_is_free_or_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        check = check_port("metrics", "127.0.0.1", port, setting="HYPERSD_METRICS_PORT")
        assert check.verdict is Verdict.WARNING
        assert "HYPERSD_METRICS_PORT" in check.advice
    assert check_port("metrics", "127.0.0.1", port, setting="X").verdict is Verdict.OK


def test_an_address_of_another_machine_is_a_problem() -> None:
    check = check_port("metrics", "192.0.2.1", 1, setting="HYPERSD_METRICS_HOST")
    assert check.verdict is Verdict.PROBLEM


def test_the_checkout_can_draw(tmp_path: Path) -> None:
    found = list(check_library(settings(local_dir=tmp_path)))
    assert {check.verdict for check in found} == {Verdict.OK}
    assert any("portrait-64" in check.sentence for check in found)


def test_a_missing_default_model_is_a_problem(tmp_path: Path) -> None:
    found = list(check_library(settings(local_dir=tmp_path, models_dir=tmp_path)))
    (wrong,) = [check for check in found if check.verdict is Verdict.PROBLEM]
    assert "portrait-64" in wrong.sentence
    assert str(tmp_path) in wrong.advice


def test_damaged_files_are_named_a_few_at_a_time(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED, tmp_path / "models" / "portrait-64")
    for i in range(7):
        (tmp_path / "models" / f"broken{i}.safetensors").write_bytes(b"nothing")
    found = list(check_library(settings(local_dir=tmp_path, models_dir=tmp_path / "models")))
    wrong = [check.sentence for check in found if check.verdict is Verdict.WARNING]
    assert len(wrong) == 6
    assert "broken0" in wrong[0]
    assert wrong[-1] == "2 more like these."


def test_the_data_folder_may_be_there_or_not_yet(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    check, room = check_folder(folder)
    assert (check.verdict, check.sentence) == (Verdict.OK, f"{folder} will be made")
    assert "GB are free" in room.sentence
    assert not folder.parent.exists()


def test_a_data_folder_that_cannot_be_one_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (check,) = check_folder(tmp_path / "file" / "local")
    assert check.verdict is Verdict.PROBLEM
    assert "HYPERSD_LOCAL_DIR" in check.advice


@pytest.mark.parametrize(
    ("free_bytes", "verdict"),
    [(10**8, Verdict.PROBLEM), (2 * GB, Verdict.WARNING), (50 * GB, Verdict.OK)],
)
def test_little_room_is_told_in_time(free_bytes: int, verdict: Verdict) -> None:
    assert check_room(free_bytes).verdict is verdict


async def test_a_database_is_whole_or_not_there(tmp_path: Path) -> None:
    assert "first start makes it" in check_database(tmp_path).sentence
    async with Store.open(tmp_path):
        pass
    check = check_database(tmp_path)
    assert (check.verdict, "0 jobs" in check.sentence) == (Verdict.OK, True)


async def test_a_database_in_use_can_be_looked_at(tmp_path: Path) -> None:
    async with Store.open(tmp_path):
        assert check_database(tmp_path).verdict is Verdict.OK


@pytest.mark.parametrize("damage", ["text", "cut"])
async def test_a_damaged_database_is_a_problem(tmp_path: Path, damage: str) -> None:
    path = tmp_path / FILE_NAME
    async with Store.open(tmp_path):
        pass
    path.write_bytes(b"x" * 8192 if damage == "text" else path.read_bytes()[:-4096])
    check = check_database(tmp_path)
    assert check.verdict is Verdict.PROBLEM
    assert str(path) in check.sentence


def test_a_database_of_another_version_is_told_from_damage(tmp_path: Path) -> None:
    def written_by(version: int) -> Check:
        connection = sqlite3.connect(tmp_path / FILE_NAME)
        connection.execute("CREATE TABLE IF NOT EXISTS jobs (id)")
        connection.execute(f"PRAGMA user_version = {version}")
        connection.close()
        return check_database(tmp_path)

    newest = len(MIGRATIONS)
    assert written_by(newest + 1).verdict is Verdict.PROBLEM
    assert "Update the bot" in written_by(newest + 1).advice
    assert f"moves it to {newest}" in written_by(newest - 1).sentence


def test_the_classifier_works_or_is_off() -> None:
    assert check_classifier(True).verdict is Verdict.OK
    assert check_classifier(False).verdict is Verdict.WARNING


def test_languages_are_named_in_their_own_words() -> None:
    assert "English" in check_languages().sentence


@pytest.mark.parametrize(
    ("off_s", "verdict", "words"),
    [
        (1, Verdict.OK, ""),
        (-20, Verdict.WARNING, "20 s behind"),
        (20, Verdict.WARNING, "20 s ahead"),
        (-3600, Verdict.PROBLEM, "3600 s behind"),
    ],
)
def test_a_clock_may_be_off_by_a_little(off_s: int, verdict: Verdict, words: str) -> None:
    check = compare_clocks(1_000_000 + off_s, 1_000_000)
    assert (check.verdict, words in check.sentence) == (verdict, True)


def test_the_link_for_servers_asks_for_exactly_what_is_needed() -> None:
    bits = sum(1 << bit for bit in (10, 11, 14, 15, 16, 38))  # by Discord's documentation
    assert guild_link(42) == (
        "https://discord.com/oauth2/authorize?client_id=42&scope=bot+applications.commands"
        f"&permissions={bits}"
    )


def test_the_link_for_accounts_asks_for_no_permission() -> None:
    assert user_link(42) == (
        "https://discord.com/oauth2/authorize?client_id=42&scope=applications.commands"
        "&integration_type=1"
    )


def test_nothing_is_lacking_where_all_is_granted() -> None:
    assert lacking(NEEDED) == ()
