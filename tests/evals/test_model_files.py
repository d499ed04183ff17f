"""The program that times model folders and LoRA switching."""

import json
import sys
from pathlib import Path

import pytest

from hypersd_core.engine.catalog import inspect
from hypersd_core.evals import model_files
from hypersd_core.models import Family, Kind
from tests.tiny_model import NAME


def test_the_files_that_are_listed_are_taken_for_loras_of_sdxl(tmp_path: Path) -> None:
    model_files._write_header_only(tmp_path / "lora.safetensors")
    file = inspect(tmp_path / "lora.safetensors")
    assert (file.kind, file.family, file.lora_rank) == (Kind.LORA, Family.SDXL, 64)
    assert file.bytes > 500_000_000  # on paper


def test_the_program_prints_a_table_and_one_json_line(
    tiny_model_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("HYPERSD_MODELS_DIR", str(tiny_model_folder.parent))
    monkeypatch.setenv("HYPERSD_MODEL", NAME)
    monkeypatch.setenv("HYPERSD_LOCAL_DIR", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["model_files", "--files", "3", "--repeats", "1"])
    model_files.main()
    *table, last = capsys.readouterr().out.splitlines()
    measured = json.loads(last)["median_ms"]
    assert len(table) == len(measured) == 13
    assert measured["LoRA of rank 64: switch to another"] > 0
