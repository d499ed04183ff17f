"""Prompts to conditioning: against diffusers where it is plain, against A1111's rules where not."""

import dataclasses
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import diffusers
import pytest
import torch
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel

from hypersd_core.engine.model import Model
from hypersd_core.engine.text import Conditioning, PromptSchedule, encode_prompts
from hypersd_core.errors import InvalidRequest
from hypersd_core.models import Family
from hypersd_core.request import Emphasis

PROMPT = "portrait of a lady, freckles, big smile"
ROWS = 77
LAYERS = 5


def schedule(
    model: Model,
    prompt: str,
    negative: str = "",
    *,
    steps: int = 1,
    emphasis: Emphasis = Emphasis.ORIGINAL,
    clip_skip: int = 1,
) -> PromptSchedule:
    return encode_prompts(
        model, prompt, negative, steps=steps, emphasis=emphasis, clip_skip=clip_skip
    )


def encode(model: Model, prompt: str, **settings: Any) -> Conditioning:
    return schedule(model, prompt, **settings).at(0)[0]


def pooled(conditioning: Conditioning) -> Tensor:
    assert conditioning.pooled is not None
    return conditioning.pooled


def halves(model: Model, conditioning: Conditioning) -> tuple[Tensor, Tensor]:
    """What each of the two encoders gave."""
    width = model.text_encoder.config.hidden_size
    return conditioning.context[0, :, :width], conditioning.context[0, :, width:]


@pytest.fixture(scope="module")
def sd15(model: Model) -> Model:
    """The text side of SD1.5: one encoder, whose last layer is read."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = CLIPTextConfig(
            vocab_size=len(model.tokenizer),
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=LAYERS,
            num_attention_heads=2,
            bos_token_id=model.tokenizer.bos_token_id,
            eos_token_id=model.tokenizer.eos_token_id,
            initializer_factor=5.0,
        )
        encoder = CLIPTextModel(config).eval().requires_grad_(requires_grad=False)
        norm = encoder.final_layer_norm  # as it is initialised it could be forgotten unnoticed
        torch.nn.init.normal_(norm.weight, 1, 0.3)
        torch.nn.init.normal_(norm.bias, 0, 0.3)
    return dataclasses.replace(
        model, family=Family.SD15, text_encoder=encoder, tokenizer_2=None, text_encoder_2=None
    )


@pytest.fixture(scope="module")
def sd15_pipeline(sd15: Model) -> Any:
    # diffusers 0.42 looks the norm up where transformers kept it before 5.6
    vars(sd15.text_encoder)["text_model"] = sd15.text_encoder
    return diffusers.StableDiffusionPipeline(
        vae=sd15.vae,
        text_encoder=sd15.text_encoder,
        tokenizer=sd15.tokenizer,
        unet=sd15.unet,
        scheduler=diffusers.DDIMScheduler(steps_offset=1, clip_sample=False),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


@pytest.fixture
def ids(model: Model) -> Iterator[list[list[int]]]:
    """What the two encoders were given, in turn; one chunk each."""
    seen: list[list[int]] = []
    assert model.text_encoder_2 is not None
    encoders = (model.text_encoder, model.text_encoder_2)
    hooks = [
        encoder.register_forward_pre_hook(lambda _, args: seen.extend(args[0].tolist()))
        for encoder in encoders
    ]
    yield seen
    for hook in hooks:
        hook.remove()


@pytest.mark.parametrize("negative", ["sad man", "glasses, purple background, beard!"])
@pytest.mark.parametrize("prompt", [PROMPT, "a", "Ölbild, 8k!", "a lady", "art; 100% 狐"])
def test_plain_prompts_are_encoded_as_in_diffusers(
    model: Model, pipeline: Any, prompt: str, negative: str
) -> None:
    theirs = pipeline.encode_prompt(prompt, negative_prompt=negative)
    ours = schedule(model, prompt, negative).at(0)
    for mine, context, pooled in zip(ours, theirs[:2], theirs[2:], strict=True):
        torch.testing.assert_close(mine.context, context, atol=1e-5, rtol=0)
        torch.testing.assert_close(mine.pooled, pooled, atol=1e-5, rtol=0)


@pytest.mark.parametrize("empty", ["", "  ", "\n"])
def test_an_empty_negative_prompt_is_zeros_as_long_as_the_prompt(model: Model, empty: str) -> None:
    positive, negative = schedule(model, "a BREAK b", empty).at(0)
    assert torch.equal(negative.context, torch.zeros_like(positive.context))
    assert torch.equal(pooled(negative), torch.zeros_like(pooled(positive)))


def test_the_first_tokenizer_pads_with_the_end_and_the_second_with_id_0(
    model: Model, ids: list[list[int]]
) -> None:
    encode(model, "lady")
    first, second = ids
    end = model.tokenizer.eos_token_id
    assert len(first) == len(second) == ROWS
    words = first.index(end)
    assert first[:words] == second[:words]
    assert first[words:] == [end] * (ROWS - words)
    assert second[words:] == [end] + [0] * (ROWS - words - 1)


@pytest.mark.parametrize(
    ("text", "weight"), [("(freckles)", 1.1), ("[freckles]", 1 / 1.1), ("(freckles:1.5)", 1.5)]
)
def test_a_weight_scales_its_token_and_then_the_whole_chunk_to_its_old_mean(
    model: Model, text: str, weight: float
) -> None:
    plain, weighted = (encode(model, PROMPT.replace("freckles", t)) for t in ("freckles", text))
    tokens = model.tokenizer(PROMPT).input_ids
    [freckles] = model.tokenizer("freckles", add_special_tokens=False).input_ids
    factors = torch.ones(ROWS, 1)
    factors[tokens.index(freckles)] = weight
    for before, after in zip(halves(model, plain), halves(model, weighted), strict=True):
        expected = before * factors
        expected *= before.mean() / expected.mean()
        torch.testing.assert_close(after, expected, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(after.mean(), before.mean(), atol=1e-6, rtol=1e-4)
        assert not torch.allclose(after, before, atol=1e-3)


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.7, -1.0])
def test_without_norm_a_weight_scales_its_token_and_nothing_else(
    model: Model, weight: float
) -> None:
    text = PROMPT.replace("freckles", f"(freckles:{weight})")
    before = encode(model, PROMPT).context
    after = encode(model, text, emphasis=Emphasis.NO_NORM).context
    [freckles] = model.tokenizer("freckles", add_special_tokens=False).input_ids
    factors = torch.ones(ROWS, 1)
    factors[model.tokenizer(PROMPT).input_ids.index(freckles)] = weight
    torch.testing.assert_close(after[0], before[0] * factors, atol=1e-6, rtol=0)


def test_each_chunk_keeps_its_own_mean(model: Model) -> None:
    plain = encode(model, "lady, freckles BREAK man")
    weighted = encode(model, "lady, (freckles:2) BREAK man")
    assert torch.equal(plain.context[:, ROWS:], weighted.context[:, ROWS:])
    for before, after in zip(halves(model, plain), halves(model, weighted), strict=True):
        torch.testing.assert_close(after[:ROWS].mean(), before[:ROWS].mean(), atol=1e-6, rtol=1e-4)


def test_a_weight_of_one_changes_no_bit(model: Model) -> None:
    weighted = encode(model, PROMPT.replace("freckles", "(freckles:1.0)"))
    assert torch.equal(weighted.context, encode(model, PROMPT).context)


def test_the_pooled_vector_ignores_weights_and_later_chunks(model: Model) -> None:
    plain = encode(model, PROMPT)
    weighted = encode(model, PROMPT.replace("freckles", "(freckles:1.9)") + " BREAK man")
    torch.testing.assert_close(weighted.pooled, plain.pooled, atol=1e-5, rtol=0)
    assert not torch.allclose(pooled(plain), pooled(encode(model, "man")), atol=1e-3)


def test_more_than_75_tokens_go_on_in_a_second_chunk(model: Model) -> None:
    assert encode(model, "lady " * 75).context.shape[1] == ROWS
    long = encode(model, "lady " * 75 + "man man").context
    assert long.shape[1] == 2 * ROWS
    torch.testing.assert_close(
        long[:, :ROWS], encode(model, "lady " * 75).context, atol=1e-5, rtol=0
    )
    torch.testing.assert_close(long[:, ROWS:], encode(model, "man man").context, atol=1e-5, rtol=0)


def test_break_starts_a_chunk(model: Model) -> None:
    both = encode(model, "lady BREAK man").context
    parts = torch.cat([encode(model, part).context for part in ("lady", "man")], dim=1)
    torch.testing.assert_close(both, parts, atol=1e-5, rtol=0)


@pytest.mark.parametrize("shorter", ["prompt", "negative"])
def test_the_shorter_prompt_is_padded_with_the_empty_one(model: Model, shorter: str) -> None:
    long, short = "lady BREAK man BREAK lady", "sad man"
    if shorter == "negative":
        _, padded = schedule(model, long, short).at(0)
    else:
        padded, _ = schedule(model, short, long).at(0)
    empty = encode(model, "").context
    expected = torch.cat([encode(model, short).context, empty, empty], dim=1)
    torch.testing.assert_close(padded.context, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(padded.pooled, encode(model, short).pooled, atol=1e-5, rtol=0)


@pytest.mark.parametrize("words", [10, 400])
@pytest.mark.parametrize("commas", [False, True])
def test_every_token_of_a_long_prompt_arrives_at_both_encoders(
    model: Model, ids: list[list[int]], words: int, commas: bool
) -> None:
    vocabulary = re.findall(r"\w+", PROMPT)
    text = (", " if commas else " ").join(vocabulary[i % 7] for i in range(words))
    encode(model, text)
    tokens = model.tokenizer(text, add_special_tokens=False, truncation=False).input_ids
    end = model.tokenizer.eos_token_id
    arrived = [token for row in ids for token in row[1 : row.index(end)]]
    assert len(tokens) >= words
    assert arrived == tokens * 2
    assert all(len(row) == ROWS for row in ids)


@pytest.fixture
def calls(model: Model) -> Iterator[list[int]]:
    """Which of the two encoders was asked, in turn."""
    seen: list[int] = []
    assert model.text_encoder_2 is not None
    encoders = {1: model.text_encoder, 2: model.text_encoder_2}
    hooks = [
        encoder.register_forward_pre_hook(lambda *_, number=number: seen.append(number))
        for number, encoder in encoders.items()
    ]
    yield seen
    for hook in hooks:
        hook.remove()


def assert_same(ours: Conditioning, theirs: Conditioning) -> None:
    torch.testing.assert_close(ours.context, theirs.context, atol=1e-5, rtol=0)
    torch.testing.assert_close(ours.pooled, theirs.pooled, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("prompt", "texts"),
    [
        ("a [lady:man:0.5]", ["a lady", "a lady", "a man", "a man"]),
        ("a [lady:man:1]", ["a lady", "a man", "a man", "a man"]),
        ("a [lady:man:9]", ["a lady"] * 4),
        ("a [lady|man]", ["a lady", "a man", "a lady", "a man"]),
        ("a [lady:(man:1.3):0.5]", ["a lady", "a lady", "a (man:1.3)", "a (man:1.3)"]),
        ("lady[ BREAK man:2]", ["lady", "lady", "lady BREAK man", "lady BREAK man"]),
    ],
)
def test_each_step_reads_its_own_text_in_both_prompts(
    model: Model, prompt: str, texts: list[str]
) -> None:
    edited = schedule(model, prompt, prompt, steps=4)
    for step, text in enumerate(texts):
        for ours in edited.at(step):
            assert_same(ours, encode(model, text))


def test_steps_that_read_the_same_share_one_conditioning(model: Model) -> None:
    edited = schedule(model, "a [lady:man:0.5]", "sad", steps=4)
    pairs = [edited.at(step) for step in range(4)]
    assert [earlier is later for earlier, later in pairwise(pairs)] == [True, False, True]


def test_steps_after_the_last_are_like_it(model: Model) -> None:
    edited = schedule(model, "a [lady:man:0.5]", steps=4)
    assert edited.at(4) is edited.at(99) is edited.at(3)


@pytest.mark.parametrize(
    ("prompt", "negative", "distinct"),
    [
        ("lady", "", 1),
        ("lady", "man", 2),
        ("lady", "lady", 1),
        ("[lady|man]", "", 2),
        ("[lady|man]", "[man|lady]", 2),
        ("[lady:man:0.5]", "sad", 3),
        ("a BREAK [lady|man]", "sad", 4),  # and the empty prompt, once
    ],
)
def test_a_text_is_encoded_once_by_each_encoder(
    model: Model, calls: list[int], prompt: str, negative: str, distinct: int
) -> None:
    schedule(model, prompt, negative, steps=8)
    assert calls == [1, 2] * distinct


def test_prompt_and_negative_are_equally_long_in_each_step(model: Model) -> None:
    edited = schedule(
        model, "[lady:a BREAK b BREAK c:2]", "[sad:sad BREAK man:1] [a|b BREAK c]", steps=4
    )
    lengths = [[c.context.shape[1] // ROWS for c in edited.at(step)] for step in range(4)]
    assert lengths == [[1, 1], [3, 3], [3, 3], [3, 3]]


def test_sdxl_reads_zeros_in_the_steps_whose_negative_prompt_is_empty(model: Model) -> None:
    edited = schedule(model, "lady", "[:sad:0.5]", steps=2)
    assert not edited.at(0)[1].context.any()
    assert_same(edited.at(1)[1], encode(model, "sad"))


def test_clip_skip_changes_nothing_in_sdxl(model: Model) -> None:
    assert torch.equal(encode(model, PROMPT, clip_skip=2).context, encode(model, PROMPT).context)


@pytest.mark.parametrize("clip_skip", [1, 2, 3, 4])
@pytest.mark.parametrize("prompt", [PROMPT, "a", "Ölbild, 8k!"])
def test_sd15_prompts_are_encoded_as_in_diffusers(
    sd15: Model, sd15_pipeline: Any, prompt: str, clip_skip: int
) -> None:
    # diffusers counts the layers left out; without any it takes another way
    skipped = clip_skip - 1 or None
    theirs, _ = sd15_pipeline.encode_prompt(
        prompt, sd15.device, 1, do_classifier_free_guidance=False, clip_skip=skipped
    )
    ours = encode(sd15, prompt, clip_skip=clip_skip)
    assert ours.pooled is None
    torch.testing.assert_close(ours.context, theirs, atol=1e-5, rtol=0)


@pytest.mark.parametrize("negative", ["", "sad man"])
def test_sd15_encodes_a_negative_prompt_even_if_it_is_empty(
    sd15: Model, sd15_pipeline: Any, negative: str
) -> None:
    _, theirs = sd15_pipeline.encode_prompt(
        PROMPT, sd15.device, 1, do_classifier_free_guidance=True, negative_prompt=negative
    )
    ours = schedule(sd15, PROMPT, negative).at(0)[1]
    assert ours.pooled is None
    assert ours.context.any()
    torch.testing.assert_close(ours.context, theirs, atol=1e-5, rtol=0)


def test_the_layers_that_clip_skip_chooses_differ(sd15: Model) -> None:
    contexts = [encode(sd15, PROMPT, clip_skip=n).context for n in range(1, LAYERS + 1)]
    for i, context in enumerate(contexts):
        assert not any(torch.allclose(context, other, atol=1e-2) for other in contexts[:i])


@pytest.mark.parametrize("prompt", ["lady", "(lady:1.3)"])
def test_more_clip_skip_than_layers_is_refused_with_their_number(sd15: Model, prompt: str) -> None:
    with pytest.raises(InvalidRequest, match=r"from 1 to 5 for this model, got 6\.$"):
        encode(sd15, prompt, clip_skip=LAYERS + 1)


def test_sd15_has_chunks_weights_and_editing_too(sd15: Model) -> None:
    edited = schedule(sd15, "lady BREAK [(freckles:1.5)|man]", "", steps=2)
    no_norm = schedule(sd15, "(freckles:1.5)", "", emphasis=Emphasis.NO_NORM).at(0)[0]
    lady, man, empty = (encode(sd15, text).context for text in ("lady", "man", ""))
    plain = encode(sd15, "freckles").context
    scaled = no_norm.context * (plain.mean() / no_norm.context.mean())
    for step, second in enumerate((scaled, man)):
        positive, negative = edited.at(step)
        expected = torch.cat([lady, second], dim=1)
        torch.testing.assert_close(positive.context, expected, atol=1e-5, rtol=1e-5)
        expected = torch.cat([empty, empty], dim=1)
        torch.testing.assert_close(negative.context, expected, atol=1e-5, rtol=0)


def test_weights_are_applied_in_float32_and_the_encoders_dtype_comes_back(own_model: Model) -> None:
    text = "lady, (freckles:1.3) BREAK man"
    exact = encode(own_model, text)
    assert own_model.text_encoder_2 is not None
    own_model.text_encoder.to(torch.bfloat16)
    own_model.text_encoder_2.to(torch.bfloat16)
    rounded = encode(own_model, text)
    assert rounded.context.dtype == pooled(rounded).dtype == torch.bfloat16
    torch.testing.assert_close(rounded.context.float(), exact.context, atol=0.05, rtol=0.05)
