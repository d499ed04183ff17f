import gc
import json
import os
import struct
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open

from hypersd_core.engine.detection.magic import size_text
from hypersd_core.engine.header import (
    MAX_HEADER_BYTES,
    Header,
    TensorInfo,
    printable,
    read_header,
)
from hypersd_core.errors import ModelError
from tests.engine.header_files import write_header_only, write_raw

SHIPPED = Path(__file__).parents[2] / "data" / "models" / "portrait-64"
ONE = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
POINTER = b"""version https://git-lfs.github.com/spec/v1
oid sha256:31e35c80fc4829d14f90153f4c74cd59c90b779f6afe05a74cd6120b893f7e5b
size 6938078334
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "dream.safetensors"


def refusal(path: Path) -> str:
    with pytest.raises(ModelError) as refused:
        read_header(path)
    return str(refused.value)


def refusal_of(path: Path, text: str, *, data_bytes: int = 8) -> str:
    return refusal(write_raw(path, text, data_bytes=data_bytes))


def with_entry(**changes: Any) -> str:
    return json.dumps({"weight": ONE | changes})


def fill(shapes: dict[str, list[int]]) -> dict[str, Any]:
    """A header in which tensors of four bytes a number follow each other."""
    entries, end = {}, 0
    for name, shape in shapes.items():
        size = 4
        for side in shape:
            size *= side
        entries[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    return entries


@pytest.mark.parametrize("file", sorted(SHIPPED.rglob("*.safetensors")), ids=str)
def test_a_header_says_what_the_safetensors_library_says(file: Path) -> None:
    header = read_header(file)
    with safe_open(file, framework="np") as opened:
        assert header.metadata == opened.metadata()
        assert dict(header.tensors) == {
            name: TensorInfo(
                dtype=opened.get_slice(name).get_dtype(),
                shape=tuple(opened.get_slice(name).get_shape()),
            )
            for name in opened.keys()  # noqa: SIM118 - it is no mapping
        }


@pytest.mark.parametrize(
    "dtype",
    [
        torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16,
        torch.uint32, torch.uint64, torch.float8_e4m3fn, torch.float8_e5m2, torch.float16,
        torch.bfloat16, torch.float32, torch.float64, torch.complex64,
    ],
)  # fmt: skip
def test_every_type_of_number_is_known(dtype: torch.dtype, path: Path) -> None:
    safetensors.torch.save_file({"a": torch.zeros(3, 5, dtype=dtype), "b": torch.zeros(0)}, path)
    tensors = read_header(path).tensors
    assert {name: info.shape for name, info in tensors.items()} == {"a": (3, 5), "b": (0,)}


def test_a_file_without_metadata_has_none(path: Path) -> None:
    assert read_header(write_raw(path, with_entry(), data_bytes=8)).metadata == {}


def test_a_header_of_gigabytes_of_tensors_is_read_at_once(path: Path) -> None:
    write_header_only(path, {"weight": (100_000, 100_000)})
    started = time.process_time()
    read_header(path)
    assert time.process_time() - started < 5  # 20 GB would take far longer


def test_reading_a_header_gives_the_garbage_collector_no_work(path: Path) -> None:
    write_header_only(path, {f"block_{i}.weight": (64, i % 10) for i in range(2_600)})
    read_header(path)
    before = gc.get_stats()[0]["collections"]
    read_header(path)
    assert gc.get_stats()[0]["collections"] <= before + 1


# what lies under the name of a model: its first bytes, and what is said of it
WRONG_FILES = {
    "nothing": (b"", "is empty: download it again."),
    "a short text": (b"Not Found", "is a text file, not a model: it begins with 'Not Found'."),
    "a text": (b"Access denied.\r\n" * 99, "is a text file, not a model: it begins with 'Access"),
    "a text with a brace": (b"answer: {}" * 9, "is a text file, not a model: it begins with 'ans"),
    "JSON": (b'{"error": "Unauthorized"}', "is a text file, not a model: it begins with"),
    "a cut text": ("é".encode() * 300, "is a text file, not a model: it begins with 'éé"),
    "a web page": (b"<!DOCTYPE html><html><body>Log in</body>", "is a web page that was saved in"),
    "a web page of old": (b"\xef\xbb\xbf\n <HTML><head>", "is a web page that was saved in place"),
    "a git-lfs pointer": (POINTER, "is a git-lfs pointer: the real file of 6.94 GB was not down"),
    "an odd pointer": (POINTER[:50], "is a git-lfs pointer: the real file was not downloaded"),
    "an old pickle": (b"\x80\x02}q\x00(X\x0a\x00\x00\x00", "is a pickle, which can run any code"),
    "a new pickle": (b"PK\x03\x04" + bytes(26) + b"archive/data.pkl", "is a pickle, which can run"),
    "GGUF": (b"GGUF\x03\x00\x00\x00" + bytes(64), "is a GGUF file: only safetensors files are"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(64), "is a picture, not a model."),
    "an archive": (b"7z\xbc\xaf\x27\x1c" + bytes(64), "is a packed archive: unpack it first."),
    "zeros": (bytes(4096), "begins with zeros alone: its download has not finished."),
    "noise": (bytes(range(255, 99, -1)), "is not a safetensors file."),
    "a few bytes": (b"\x10\x00\x00\x00", "is not a safetensors file."),
    "a header bomb": (struct.pack("<Q", 2**63) + b"{", "claims a header of 9.22e+09 GB; at most"),
    "a cut header": (struct.pack("<Q", 9_000) + b'{"weight":', "is cut off in its header, after"),
}


@pytest.mark.parametrize("name", WRONG_FILES)
def test_a_wrong_file_gets_a_sentence_of_its_own(name: str, path: Path) -> None:
    content, says = WRONG_FILES[name]
    path.write_bytes(content)
    message = refusal(path)
    assert message.startswith(f"dream.safetensors {says}")
    assert message.endswith(".")
    assert "\n" not in message


def test_a_real_pickle_is_known(path: Path) -> None:
    torch.save({"a": torch.ones(1)}, path)
    assert "is a pickle" in refusal(path)
    torch.save({"a": torch.ones(1)}, path, _use_new_zipfile_serialization=False)
    assert "is a pickle" in refusal(path)


# a header, and what is said of it
DAMAGED_HEADERS = {
    "not JSON": ('{"weight":', "it is not JSON"),
    "two values": ("{}{}", "it is not JSON"),
    "NaN": ('{"weight":NaN}', "it is not JSON"),
    "a huge number": (f'{{"weight":{"9" * 5000}}}', "it is not JSON"),
    "no tensor": ('{"weight":7}', "it must describe each tensor once"),
    "a list": ('{"weight":["F32",[2],[0,8]]}', "it must describe each tensor once"),
    "a tensor in a tensor": (f'{{"a":{with_entry()}}}', "it must describe each tensor once"),
    "a tensor alone": (json.dumps(ONE), "it is not an object of tensors"),
    "a name twice": (
        f'{{"a":{json.dumps(ONE)},"a":{json.dumps(ONE)}}}',
        "it must describe each tensor once",
    ),
    "metadata of numbers": ('{"__metadata__":{"a":1}}', "its metadata must be texts by name"),
    "metadata in a list": ('{"__metadata__":["a"]}', "its metadata must be texts by name"),
    "metadata that is a tensor": (
        json.dumps({"__metadata__": ONE}),
        "its metadata must be texts by name",
    ),
    "no shape": ('{"a":{"dtype":"F32","data_offsets":[0,8]}}', "it must describe each tensor"),
    "no offsets": ('{"a":{"dtype":"F32","shape":[2]}}', "it must describe each tensor once"),
    "three offsets": (with_entry(data_offsets=[0, 4, 8]), "it must describe each tensor once"),
    "a fraction": (with_entry(data_offsets=[0, 8.0]), "an offset is no whole number"),
    "offsets backwards": (with_entry(data_offsets=[8, 0]), "a tensor is not as large as"),
    "a wrong size": (with_entry(data_offsets=[0, 4]), "a tensor is not as large as its shape"),
    "a negative side": (with_entry(shape=[-2]), "a tensor has an impossible shape"),
    "two negative sides": (with_entry(shape=[-1, -2]), "a tensor has an impossible shape"),
    "a side of a half": (with_entry(shape=[0.5]), "a tensor has an impossible shape"),
    "a true side": (with_entry(shape=[2, True]), "a tensor has an impossible shape"),
    "a list of sides": (with_entry(shape=[[2]]), "a tensor has an impossible shape"),
    "a shape of text": (with_entry(shape="2"), "a tensor has an impossible shape"),
    "an object for a shape": (with_entry(shape={}), "a tensor has an impossible shape"),
    "a list for a type": (with_entry(dtype=["F32"]), "it describes a tensor wrongly"),
    "a text for an offset": (with_entry(data_offsets=["", 8]), "it describes a tensor wrongly"),
    "true for an offset": (
        with_entry(dtype="U8", shape=[1], data_offsets=[False, True]),
        "an offset is no whole number",
    ),
    "true for 1": (
        json.dumps(fill({"a": [1], "b": [1]})).replace("[1]", "[true]", 2).replace("true", "1", 1),
        "a tensor has an impossible shape",
    ),
    "half a byte": (with_entry(dtype="F4", shape=[1]), "a tensor ends within a byte"),
    "more than any file": (with_entry(shape=[2**40] * 9), "a tensor has an impossible shape"),
    "nothing of a lot": (with_entry(shape=[2**70, 0]), "a tensor has an impossible shape"),
    "a begin below zero": (with_entry(data_offsets=[-8, 0]), "its tensors overlap or leave gaps"),
    "a gap before": (with_entry(data_offsets=[8, 16]), "its tensors overlap or leave gaps"),
    "an overlap": (
        json.dumps({"a": ONE, "b": ONE}),
        "its tensors overlap or leave gaps",
    ),
    "a gap between": (
        json.dumps({"a": ONE, "b": ONE | {"data_offsets": [16, 24]}}),
        "its tensors overlap or leave gaps",
    ),
}


@pytest.mark.parametrize("name", DAMAGED_HEADERS)
def test_a_damaged_header_is_refused(name: str, path: Path) -> None:
    text, says = DAMAGED_HEADERS[name]
    message = refusal_of(path, text)
    assert message.startswith("dream.safetensors has a damaged header: ")
    assert says in message


def test_an_unknown_type_is_named(path: Path) -> None:
    message = refusal_of(path, with_entry(dtype="F12\n"))
    assert message == r"dream.safetensors has tensors of the unknown type 'F12\n'."
    assert "of the unknown type None" in refusal_of(path, with_entry(dtype=None))


def test_text_that_is_not_unicode_is_refused(path: Path) -> None:
    path.write_bytes(struct.pack("<Q", 7) + b'{"\xff\xfe":1')
    assert refusal(path) == "dream.safetensors has a damaged header: it is not UTF-8 text."


def test_a_file_that_is_cut_off_says_how_much_is_there(path: Path) -> None:
    write_header_only(path, {"weight": (1_000_000,)})
    os.truncate(path, path.stat().st_size - 1_500_000)
    assert refusal(path) == (
        "dream.safetensors is cut off: 500 kB of 2 MB are there, "
        "so its download has not finished or failed."
    )


def test_bytes_behind_the_last_tensor_are_refused(path: Path) -> None:
    message = refusal_of(path, with_entry(), data_bytes=20)
    assert message == "dream.safetensors has 12 bytes at its end that belong to no tensor."


@pytest.mark.parametrize("bracket", ["[", '{"a":'])
def test_nesting_is_refused_however_deep(bracket: str, path: Path) -> None:
    message = refusal_of(path, '{"weight":' + bracket * 200_000)
    assert message == "dream.safetensors has a header that nests too deeply for a model."


def test_a_bomb_of_small_values_is_refused_before_it_is_unpacked(path: Path) -> None:
    text = '{"a":[' + "[]," * 3_000_000 + "[]]}"
    write_raw(path, text, data_bytes=0)
    tracemalloc.start()
    try:
        message = refusal(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "has a header of more than 2,000,000 values" in message
    assert peak < 3 * len(text)  # unpacked it would be twenty times as large


def test_a_header_beyond_the_limit_is_not_read(path: Path) -> None:
    path.write_bytes(struct.pack("<Q", MAX_HEADER_BYTES + 1) + b"{")
    os.truncate(path, 2 * MAX_HEADER_BYTES)
    tracemalloc.start()
    try:
        message = refusal(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "claims a header of 100 MB; at most 100 MB are allowed" in message
    assert peak < 1_000_000


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"{tmp_path.name} is not a file."
    assert refusal(tmp_path / "gone.safetensors") == (
        "gone.safetensors cannot be read: No such file or directory."
    )


def test_a_pipe_is_not_waited_for(path: Path) -> None:
    os.mkfifo(path)
    assert refusal(path) == "dream.safetensors is not a file."


def test_names_of_files_are_shown_without_what_could_harm(tmp_path: Path) -> None:
    path = tmp_path / "a\nb\x1b[31m\udcff.safetensors"
    path.write_bytes(b"")
    assert refusal(path).startswith("a\ufffdb\ufffd[31m\ufffd.safetensors is empty")
    assert printable("日本語 (1)") == "日本語 (1)"


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (134, "134 bytes"),
        (2_500, "2.5 kB"),
        (787_359_648, "787 MB"),
        (6_938_078_334, "6.94 GB"),
    ],
)
def test_sizes_are_written_as_download_pages_do(size: int, text: str) -> None:
    assert size_text(size) == text


def library_reads(path: Path) -> bool:
    """The independent judge: the library that would load the tensors."""
    try:
        with safe_open(path, framework="np"):
            return True
    except SafetensorError:
        return False


def try_to_read(path: Path) -> Header | None:
    try:
        return read_header(path)
    except ModelError as error:
        message = str(error)
    assert message.startswith("fuzz.safetensors ")
    assert message.endswith(".")
    return None


@pytest.fixture(scope="module")
def fuzz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "fuzz.safetensors"


@settings(max_examples=100, deadline=1_000)
@given(content=st.binary(max_size=200))
@example(content=bytes(8))
def test_random_bytes_are_refused(fuzz: Path, content: bytes) -> None:
    fuzz.write_bytes(content)
    if try_to_read(fuzz) is not None:
        assert library_reads(fuzz)


SIDES = st.lists(st.integers(1, 5), max_size=3)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@settings(max_examples=100, deadline=1_000)
@given(
    shapes=st.dictionaries(st.text(st.characters(codec="utf-8")), SIDES, max_size=6),
    metadata=st.none() | st.dictionaries(st.text(max_size=5), st.text(max_size=5)),
)
def test_every_valid_header_is_read(
    fuzz: Path, shapes: dict[str, list[int]], metadata: dict[str, str] | None
) -> None:
    shapes.pop("__metadata__", None)
    entries = fill(shapes)
    end = max((entry["data_offsets"][1] for entry in entries.values()), default=0)
    if metadata is not None:
        entries["__metadata__"] = metadata
    header = read_header(write_raw(fuzz, json.dumps(entries), data_bytes=end))
    assert {name: list(info.shape) for name, info in header.tensors.items()} == shapes
    assert header.metadata == (metadata or {})
    assert library_reads(fuzz)


@settings(max_examples=200, deadline=1_000)
@given(
    shapes=st.dictionaries(st.text("ab", min_size=1), SIDES, min_size=1, max_size=3),
    value=VALUES,
    data=st.data(),
)
def test_a_header_with_one_wrong_value_is_judged_as_the_library_does(
    fuzz: Path, shapes: dict[str, list[int]], value: Any, data: st.DataObject
) -> None:
    entries = fill(shapes)
    end = max(entry["data_offsets"][1] for entry in entries.values())
    name = data.draw(st.sampled_from(sorted(entries)))
    field = data.draw(st.sampled_from(["", "dtype", "shape", "data_offsets"]))
    if field in {"shape", "data_offsets"} and entries[name][field]:
        entries[name][field][data.draw(st.integers(0, len(entries[name][field]) - 1))] = value
    elif field:
        entries[name][field] = value
    else:
        entries[name] = value
    if try_to_read(write_raw(fuzz, json.dumps(entries), data_bytes=end)) is not None:
        assert library_reads(fuzz)


@settings(max_examples=200, deadline=1_000)
@given(place=st.integers(0, 400), byte=st.integers(0, 255), cut=st.integers(0, 400))
def test_a_file_with_a_wrong_byte_is_read_or_refused(
    fuzz: Path, place: int, byte: int, cut: int
) -> None:
    write_header_only(fuzz, {"a": (2, 3), "b": (4,), "c": ()}, metadata={"format": "pt"})
    content = bytearray(fuzz.read_bytes())
    content[place % len(content)] = byte
    fuzz.write_bytes(content[: len(content) - max(0, cut - 300)])
    if try_to_read(fuzz) is not None:
        assert library_reads(fuzz)
