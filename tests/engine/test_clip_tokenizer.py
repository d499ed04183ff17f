"""The tokenizer that ships is OpenAI's; its ids are those that CLIP was trained with."""

import json
from pathlib import Path

import pytest
from transformers import CLIPTokenizer

from hypersd_core.engine.loading.clip_tokenizer import END, START, read_tokenizer
from hypersd_core.engine.loading.single_file import shipped_tokenizers
from hypersd_core.models import Family


@pytest.fixture(scope="module")
def tokenizers() -> dict[str, CLIPTokenizer]:
    return shipped_tokenizers(Family.SDXL)


# Ids from OpenAI's own code. In transformers' tokenizer of SDXL's second encoder "!" is 0.
@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("a photo of a cat", [320, 1125, 539, 320, 2368]),
        ("A  PHOTO\nof a Cat", [320, 1125, 539, 320, 2368]),
        ("smile!", [3490, 256]),
        (",", [267]),
        ("Ünïcödé", [6522, 77, 35689, 66, 7255, 67, 4166]),
        ("美", [163, 122, 492]),
    ],
)
def test_texts_get_the_ids_of_clip(
    tokenizers: dict[str, CLIPTokenizer], text: str, ids: list[int]
) -> None:
    for tokenizer in tokenizers.values():
        assert tokenizer(text).input_ids == [49406, *ids, 49407]


def test_it_knows_as_many_tokens_as_clip(tokenizers: dict[str, CLIPTokenizer]) -> None:
    assert [len(tokenizer) for tokenizer in tokenizers.values()] == [49408, 49408]


def test_prompts_are_77_tokens_long(tokenizers: dict[str, CLIPTokenizer]) -> None:
    assert [tokenizer.model_max_length for tokenizer in tokenizers.values()] == [77, 77]


def test_only_the_second_of_sdxl_pads_with_zero(tokenizers: dict[str, CLIPTokenizer]) -> None:
    last = {
        name: tokenizer("cat", padding="max_length").input_ids[-1]
        for name, tokenizer in tokenizers.items()
    }
    assert last == {"tokenizer": 49407, "tokenizer_2": 0}


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("pad", ["!", "<|endoftext|>"])
def test_folders_of_any_age_are_read(pad: str, tmp_path: Path) -> None:
    tokenizer = shipped_tokenizers(Family.SDXL)["tokenizer"]
    merges = Path(__file__).parents[2] / "data" / "configs" / "clip" / "merges.txt"
    (tmp_path / "merges.txt").write_bytes(merges.read_bytes())
    (tmp_path / "vocab.json").write_text(json.dumps(tokenizer.get_vocab()), "utf-8")
    special = {"bos_token": START, "eos_token": END, "pad_token": pad, "unk_token": END}
    (tmp_path / "special_tokens_map.json").write_text(json.dumps(special), "utf-8")
    config = special | {"model_max_length": 77, "do_lower_case": True, "errors": "replace"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")
    old = read_tokenizer(tmp_path, size=49408)
    assert old("a photo of a cat").input_ids == tokenizer("a photo of a cat").input_ids
    assert (old.model_max_length, old.pad_token) == (77, pad)


def test_sd15_has_the_first_alone() -> None:
    assert list(shipped_tokenizers(Family.SD15)) == ["tokenizer"]
