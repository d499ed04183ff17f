"""Captions of every subject say what is there and nothing else; the tokenizer reads them."""

import random
import re
from pathlib import Path

import pytest
from transformers import CLIPTokenizer

from hypersd_core.pretrain import chinese, models, wording
from hypersd_core.pretrain.subjects import MIXES, Attributes, plan

SAMPLE = [plan(seed).attributes for seed in range(1_200)]
CJK = re.compile(r"[\u4e00-\u9fff]")


class KeepsEveryTag(random.Random):
    """Above the shares of fillers, brackets and Chinese, below those of all tags."""

    def random(self) -> float:
        return 0.5


def captions(seed: int = 0) -> list[tuple[str, Attributes, Attributes]]:
    rng = random.Random(seed)
    return [(*wording.captioned(attributes, rng), attributes) for attributes in SAMPLE]


def is_chinese(text: str) -> bool:
    return bool(CJK.search(text))


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> CLIPTokenizer:
    folder: Path = tmp_path_factory.mktemp("tokenizer")
    trained = models.train_caption_tokenizer([c[0] for c in captions()], vocabulary=1_400)
    trained.save_pretrained(folder)
    return CLIPTokenizer.from_pretrained(folder, local_files_only=True)


def test_a_caption_that_keeps_every_tag_names_every_attribute() -> None:
    for attributes in SAMPLE[:300]:
        text, said = wording.captioned(attributes, KeepsEveryTag(0))
        assert said == attributes
        for name, word in attributes.words.items():
            if name not in {"subject", "noun"}:
                assert all(part in text for part in word.split()), (word, text)


def test_the_full_caption_names_every_attribute() -> None:
    for attributes in SAMPLE[:300]:
        text = wording.full_caption(attributes)
        for name, word in attributes.words.items():
            if name != "subject":
                assert all(part in text for part in word.split()), (word, text)


def test_what_a_caption_leaves_out_is_left_out_of_what_it_says() -> None:
    words = {word for attributes in SAMPLE for word in attributes.words.values()}
    for text, said, attributes in captions():
        assert set(said.words) <= set(attributes.words)
        if is_chinese(text):
            continue
        for name in ("expression", "glasses", "cheeks", "eyes", "ring", "top", "plant"):
            others = words - set(said.words.values())
            if attributes[name] in others and attributes[name]:
                assert attributes[name] not in re.split(r", |\(|\)", text.lower())


def test_one_caption_in_eight_is_chinese_and_all_of_it_is() -> None:
    written = [text for text, _, _ in captions() if is_chinese(text)]
    assert 0.08 < len(written) / len(SAMPLE) < 0.17
    assert all(not re.search(r"[a-z]", text) for text in written)


def test_every_word_has_a_chinese_one() -> None:
    words = {
        word
        for attributes in SAMPLE
        for name, word in attributes.words.items()
        if name not in {"subject", "noun"}
    }
    assert words <= set(chinese.WORDS)


@pytest.mark.parametrize("subject", MIXES)
def test_captions_of_a_subject_differ_each_time(subject: str) -> None:
    attributes = next(a for a in SAMPLE if a["subject"] == subject)
    rng = random.Random(1)
    assert len({wording.captioned(attributes, rng)[0] for _ in range(20)}) > 10


def test_hair_colour_goes_with_its_cut() -> None:
    for _, said, _ in captions():
        if said["hair_cut"] and said["hair_cut"] != "bald":
            assert said["hair_colour"]


def test_a_chinese_character_is_one_token_wherever_it_stands(tokenizer: CLIPTokenizer) -> None:
    ids = tokenizer("\u96c0\u6591\u5927\u7b11", add_special_tokens=False).input_ids
    assert len(ids) == 4
    assert tokenizer("\u5927\u96c0\u6591\u7b11", add_special_tokens=False).input_ids != ids


def test_every_caption_fits_and_reads_back(tokenizer: CLIPTokenizer) -> None:
    for text, _, _ in captions()[:300]:
        ids = tokenizer(text).input_ids
        assert len(ids) <= models.MAX_TOKENS
        read = tokenizer.decode(ids, skip_special_tokens=True)
        assert re.sub(r"\s", "", read) == re.sub(r"\s", "", text.lower())


def test_a_character_that_no_caption_has_falls_into_bytes(tokenizer: CLIPTokenizer) -> None:
    ids = tokenizer("\u9f98", add_special_tokens=False).input_ids
    assert 1 < len(ids) <= 3
    assert tokenizer.unk_token_id not in ids or tokenizer.unk_token_id == tokenizer.eos_token_id
