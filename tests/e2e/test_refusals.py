"""What keeps the bot from starting is named in one sentence, and the exit status is 2."""

import asyncio
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox import Sandbox
from tests.e2e.bot_process import ROOT, bot_environment
from tests.e2e.visitor import Visitor


def refusal(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the bot with settings that cannot work; it must end by itself."""
    return subprocess.run(
        [sys.executable, "bot.py", *arguments],
        cwd=ROOT,
        env=bot_environment(Path(settings.pop("HYPERSD_LOCAL_DIR"))) | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def assert_refused(run: subprocess.CompletedProcess[str], sentence: str) -> None:
    assert run.returncode == 2, run.stderr
    assert sentence in run.stderr
    assert "Traceback" not in run.stderr


def test_a_missing_token_is_named(tmp_path: Path) -> None:
    assert_refused(
        refusal("--discord", HYPERSD_LOCAL_DIR=str(tmp_path)), "DISCORD_TOKEN is not set"
    )


def test_a_busy_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        run = refusal(HYPERSD_LOCAL_DIR=str(tmp_path), HYPERSD_SANDBOX_PORT=port)
    assert_refused(run, f"cannot listen on port {port}")


def test_a_data_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "local"
    assert_refused(refusal(HYPERSD_LOCAL_DIR=str(folder)), f"data folder {folder}")


@pytest.mark.parametrize(
    ("damage", "sentence"), [("missing", "portrait-64"), ("truncated", "\nIn portrait-64/unet, ")]
)
def test_a_broken_model_is_named(tmp_path: Path, damage: str, sentence: str) -> None:
    models = tmp_path / "models"
    if damage == "truncated":
        shutil.copytree(ROOT / "data/models/portrait-64", models / "portrait-64")
        weights = models / "portrait-64/unet/diffusion_pytorch_model.safetensors"
        weights.write_bytes(weights.read_bytes()[:10_000])
    run = refusal(
        HYPERSD_LOCAL_DIR=str(tmp_path / "local"),
        HYPERSD_MODELS_DIR=str(models),
        HYPERSD_SANDBOX_PORT="0",
    )
    assert_refused(run, sentence)


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    run = refusal(HYPERSD_LOCAL_DIR=str(tmp_path), HYPERSD_SANDBOX_PORT="eighty")
    assert_refused(run, "HYPERSD_SANDBOX_PORT")


@pytest.mark.asyncio(loop_scope="module")
async def test_a_token_that_discord_refuses_is_named(
    sandbox: Sandbox, visitor: Visitor, tmp_path: Path
) -> None:
    await visitor.fault("GET /users/@me", status=401, code=0)
    run = await asyncio.to_thread(
        refusal, HYPERSD_LOCAL_DIR=str(tmp_path), HYPERSD_SANDBOX_URL=sandbox.url
    )
    assert_refused(run, "does not accept the token in DISCORD_TOKEN")
