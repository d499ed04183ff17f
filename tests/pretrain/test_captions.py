"""Captions say what is in the picture, and the tokenizer can read all of it."""

import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import CLIPTokenizer

from hypersd_core.pretrain import drawings, models
from hypersd_core.pretrain.captions import FILLERS, NOUNS, caption, full_caption
from hypersd_core.pretrain.drawings import Labels
from tests.tiny_model import sample_labels

OPTIONAL = ("eyes", "details", "glasses", "beard", "clothes")
LABELS = st.builds(
    Labels,
    style=st.sampled_from(["comic", "cartoon"]),
    noun=st.sampled_from(sorted(NOUNS)),
    hair_colour=st.sampled_from(sorted(drawings.HAIR_COLOURS)),
    hair_cut=st.sampled_from(sorted({*drawings._ADVENTURER_HAIR, *drawings._TOON_HAIR})),
    skin=st.sampled_from(sorted(drawings.SKINS)),
    expression=st.sampled_from(sorted(drawings._ADVENTURER_MOUTH)),
    background=st.sampled_from(sorted(drawings.BACKGROUNDS)),
    eyes=st.sampled_from(sorted(drawings._ADVENTURER_EYES)),
    details=st.sampled_from(["", "freckles", "blush"]),
    glasses=st.sampled_from(["", *drawings._ADVENTURER_GLASSES]),
    beard=st.sampled_from(["", *drawings._TOON_BEARDS.values()]),
    shirt_colour=st.sampled_from(sorted(drawings.SHIRTS)),
    clothes=st.sampled_from(["", *drawings._TOON_CLOTHES.values()]),
)


class KeepsEveryTag(random.Random):
    """Below the share of each tag, above that of each filler and bracket."""

    def random(self) -> float:
        return 0.5


@given(LABELS)
def test_a_caption_that_keeps_every_tag_names_every_label(labels: Labels) -> None:
    tags = caption(labels, KeepsEveryTag(0)).split(", ")
    assert tags[0].split()[-1] in NOUNS[labels.noun]
    for tag in (f"{labels.skin} skin", f"{labels.background} background", labels.expression):
        assert tag in tags
    assert f"{labels.style} style" in tags
    text = ", ".join(tags)
    assert re.search(rf"\b{labels.hair_colour}\b.*\bhair\b", text)
    for word in re.findall(r"\w+", labels.hair_cut):
        assert word in text
    for name in OPTIONAL:
        assert getattr(labels, name) in text
    assert (f"{labels.shirt_colour} {labels.clothes}" in tags) == bool(labels.clothes)


@given(LABELS)
def test_the_plain_caption_names_hair_skin_expression_background_and_style(labels: Labels) -> None:
    text = full_caption(labels)
    for word in (
        labels.noun,
        labels.hair_colour,
        *labels.hair_cut.split(),
        f"{labels.skin} skin",
        labels.expression,
        f"{labels.background} background",
        f"{labels.style} style",
    ):
        assert word in text


@given(LABELS, st.integers())
def test_a_caption_says_nothing_that_the_labels_do_not(labels: Labels, seed: int) -> None:
    text = caption(labels, random.Random(seed)).lower()
    said = {tag.strip("()") for tag in text.split(", ")[1:]}
    true = set(full_caption(labels).split(", ")) | set(FILLERS)
    true |= {getattr(labels, name) for name in OPTIONAL}
    true |= {f"{labels.hair_colour} hair", labels.hair_cut}
    true |= {f"{labels.shirt_colour} {labels.clothes}"}
    assert said <= true


def test_captions_of_one_picture_are_worded_anew() -> None:
    [labels, *_] = sample_labels()
    rng = random.Random(0)
    assert len({caption(labels, rng) for _ in range(50)}) > 40


def tokens(tokenizer: CLIPTokenizer, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False).input_ids)


@given(LABELS, st.integers())
def test_every_caption_is_read_without_an_unknown_token(
    tokenizer: CLIPTokenizer, labels: Labels, seed: int
) -> None:
    text = caption(labels, random.Random(seed))
    ids = tokens(tokenizer, text)
    assert tokenizer.unk_token_id not in ids
    assert len(ids) <= models.MAX_TOKENS - 2
    assert "".join(tokenizer.decode(ids).split()) == "".join(text.lower().split())


def test_common_words_are_one_token(tokenizer: CLIPTokenizer) -> None:
    for word in ("hair", "background", "freckles", ","):
        assert len(tokens(tokenizer, word)) == 1, word


@given(st.text(st.characters(codec="utf-8")).filter(lambda text: "<|" not in text))
def test_any_text_is_read_without_an_unknown_token(tokenizer: CLIPTokenizer, text: str) -> None:
    ids = tokens(tokenizer, text)
    assert tokenizer.unk_token_id not in ids
    assert all(0 <= i < len(tokenizer) for i in ids)
    assert bool(ids) or not text.strip()


@pytest.mark.parametrize("text", ["一位女士", "🦊 fox", "naïve café", "!!!", "a\nb"])
def test_foreign_text_comes_back_from_its_tokens(tokenizer: CLIPTokenizer, text: str) -> None:
    assert tokenizer.decode(tokens(tokenizer, text)).split() == text.split()


def test_the_first_id_is_an_exclamation_mark_and_the_last_are_start_and_end(
    tokenizer: CLIPTokenizer,
) -> None:
    assert tokenizer.convert_ids_to_tokens(0) == "!"
    assert tokenizer.bos_token_id == len(tokenizer) - 2
    assert tokenizer.eos_token_id == tokenizer.pad_token_id == len(tokenizer) - 1
    ids = tokenizer("hair", padding="max_length", max_length=models.MAX_TOKENS).input_ids
    assert len(ids) == models.MAX_TOKENS
    assert (ids[0], ids[2:]) == (tokenizer.bos_token_id, [tokenizer.eos_token_id] * 75)


def test_training_the_tokenizer_twice_gives_the_same(tokenizer: CLIPTokenizer) -> None:
    again = models.train_tokenizer(sample_labels(), seed=0)
    assert again.get_vocab() == tokenizer.get_vocab()


def test_both_tokenizers_survive_their_files(tokenizer: CLIPTokenizer, tmp_path: Path) -> None:
    vocabulary = tokenizer.get_vocab()
    models.save_tokenizers(tokenizer, tmp_path)
    first, second = (
        CLIPTokenizer.from_pretrained(tmp_path / name, local_files_only=True)
        for name in ("tokenizer", "tokenizer_2")
    )
    text = "portrait of a Lady, (freckles), 狐 8k"
    assert first.get_vocab() == second.get_vocab() == vocabulary
    assert tokens(first, text) == tokens(second, text) == tokens(tokenizer, text)
    assert (first.pad_token_id, second.pad_token_id) == (first.eos_token_id, 0)
    assert tokenizer.pad_token_id == tokenizer.eos_token_id
