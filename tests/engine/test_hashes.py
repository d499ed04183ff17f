import hashlib
import json
import os
from pathlib import Path

import pytest

from hypersd_core.engine.hashes import FileHashes
from hypersd_core.errors import ModelError

CONTENT = bytes(range(256)) * 40_000  # more than two blocks
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "local" / "hashes.json"


def refuse_to_open(*_: object) -> None:
    pytest.fail("a file was opened")


def test_a_hash_is_the_files_sha256(path: Path, cache: Path) -> None:
    assert FileHashes(cache).sha256(path) == DIGEST


def test_the_hash_of_an_empty_file_is_known(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    assert FileHashes(cache).sha256(tmp_path / "empty") == hashlib.sha256().hexdigest()


def test_progress_is_told_after_each_block_and_ends_at_one(path: Path, cache: Path) -> None:
    shares: list[float] = []
    FileHashes(cache).sha256(path, on_progress=shares.append)
    assert len(shares) == 3
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_progress_can_end_the_work(path: Path, cache: Path) -> None:
    hashes = FileHashes(cache)

    def stop(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hashes.sha256(path, on_progress=stop)
    assert hashes.known(path) is None


def test_a_hash_is_known_once_it_is_computed(
    path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes = FileHashes(cache)
    assert hashes.known(path) is None
    hashes.sha256(path)
    monkeypatch.setattr(Path, "open", refuse_to_open)
    assert hashes.known(path) == DIGEST
    assert hashes.sha256(path) == DIGEST


def test_a_hash_is_known_after_a_restart(path: Path, cache: Path) -> None:
    FileHashes(cache).sha256(path)
    assert FileHashes(cache).known(path) == DIGEST
    assert [file.name for file in cache.parent.iterdir()] == [cache.name]


def test_a_file_is_known_by_any_way_to_it(
    path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FileHashes(cache).sha256(path)
    monkeypatch.chdir(path.parent)
    assert FileHashes(cache).known(Path(path.name)) == DIGEST


def test_a_changed_file_is_hashed_again(path: Path, cache: Path) -> None:
    hashes = FileHashes(cache)
    hashes.sha256(path)
    path.write_bytes(CONTENT[:-1])
    assert hashes.known(path) is None
    path.write_bytes(CONTENT)
    os.utime(path, ns=(0, 0))
    assert hashes.known(path) is None
    assert hashes.sha256(path) == DIGEST


def test_a_deleted_file_is_not_known(path: Path, cache: Path) -> None:
    hashes = FileHashes(cache)
    hashes.sha256(path)
    path.unlink()
    assert hashes.known(path) is None


def test_a_file_that_changes_meanwhile_is_refused_and_not_remembered(
    path: Path, cache: Path
) -> None:
    hashes = FileHashes(cache)

    def change(_: float) -> None:
        with path.open("ab") as file:
            file.write(b"more")

    with pytest.raises(ModelError, match=r"^model\.safetensors was changed while it was read"):
        hashes.sha256(path, on_progress=lambda share: change(share) if share < 0.5 else None)
    assert hashes.known(path) is None


def test_what_is_no_file_is_refused(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(ModelError, match=r"^gone cannot be hashed: No such file or directory\.$"):
        FileHashes(cache).sha256(tmp_path / "gone")
    with pytest.raises(ModelError, match=r"cannot be hashed: Is a directory\.$"):
        FileHashes(cache).sha256(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        "", "{", "[]", "null", "\x00", "[" * 100_000, '{"PATH": 7}', '{"PATH": {}}',
        '{"PATH": {"size": SIZE, "mtime_ns": TIME, "sha256": 7}}',
        '{"PATH": {"size": SIZE, "mtime_ns": TIME, "sha256": "abc"}}',
        '{"PATH": {"size": SIZE, "mtime_ns": TIME, "sha256": "' + "x" * 64 + '"}}',
    ],
)  # fmt: skip
def test_a_damaged_cache_is_ignored_and_replaced(damage: str, path: Path, cache: Path) -> None:
    text = damage.replace("PATH", str(path)).replace("SIZE", str(len(CONTENT)))
    cache.parent.mkdir()
    cache.write_text(text.replace("TIME", str(path.stat().st_mtime_ns)))
    hashes = FileHashes(cache)
    assert hashes.known(path) is None
    assert hashes.sha256(path) == DIGEST
    assert FileHashes(cache).known(path) == DIGEST


def test_two_caches_in_one_file_keep_each_others_hashes(path: Path, cache: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"other")
    first, second = FileHashes(cache), FileHashes(cache)
    first.sha256(path)
    second.sha256(other)
    assert set(json.loads(cache.read_text())) == {str(path), str(other)}


def test_a_cache_that_cannot_be_written_costs_no_hash(
    path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_bytes(b"")
    hashes = FileHashes(tmp_path / "file" / "hashes.json")
    assert hashes.sha256(path) == DIGEST
    assert hashes.known(path) == DIGEST
    assert "hashes cannot be kept" in caplog.text
