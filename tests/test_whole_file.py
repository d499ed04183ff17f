"""A file is written whole, or what was there before stays."""

import threading
from pathlib import Path

import pytest

from hypersd_core.whole_file import write_whole


@pytest.mark.parametrize("part", [None, "a.part"])
def test_a_file_is_replaced_and_no_part_is_left(tmp_path: Path, part: str | None) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    write_whole(path, b"new", part=tmp_path / part if part else None)
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_given_its_name_leaves_no_part(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.mkdir()
    with pytest.raises(OSError, match="a"):
        write_whole(path, b"new")
    assert list(tmp_path.iterdir()) == [path]


def test_threads_that_write_one_file_at_once_leave_one_of_theirs(tmp_path: Path) -> None:
    written = [bytes([n]) * 100_000 for n in range(8)]
    threads = [
        threading.Thread(target=write_whole, args=(tmp_path / "a", data)) for data in written
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "a").read_bytes() in written
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]
