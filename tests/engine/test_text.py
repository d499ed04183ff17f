"""Prompts to conditioning: against diffusers where it is plain, against A1111's rules where not."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from hypersd_core.engine.loader import Model
from hypersd_core.engine.text import Conditioning, encode_prompts

PROMPT = "portrait of a lady, freckles, big smile"
ROWS = 77


def encode(model: Model, prompt: str) -> Conditioning:
    return encode_prompts(model, prompt, "")[0]


def halves(model: Model, conditioning: Conditioning) -> tuple[Tensor, Tensor]:
    """What each of the two encoders gave."""
    width = model.text_encoder.config.hidden_size
    return conditioning.context[0, :, :width], conditioning.context[0, :, width:]


@pytest.fixture
def ids(model: Model) -> Iterator[list[list[int]]]:
    """What the two encoders were given, in turn; one chunk each."""
    seen: list[list[int]] = []
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
    ours = encode_prompts(model, prompt, negative)
    for mine, context, pooled in zip(ours, theirs[:2], theirs[2:], strict=True):
        torch.testing.assert_close(mine.context, context, atol=1e-5, rtol=0)
        torch.testing.assert_close(mine.pooled, pooled, atol=1e-5, rtol=0)


@pytest.mark.parametrize("empty", ["", "  ", "\n"])
def test_an_empty_negative_prompt_is_zeros_as_long_as_the_prompt(model: Model, empty: str) -> None:
    positive, negative = encode_prompts(model, "a BREAK b", empty)
    assert torch.equal(negative.context, torch.zeros_like(positive.context))
    assert torch.equal(negative.pooled, torch.zeros_like(positive.pooled))


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
    assert not torch.allclose(plain.pooled, encode(model, "man").pooled, atol=1e-3)


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
        _, padded = encode_prompts(model, long, short)
    else:
        padded, _ = encode_prompts(model, short, long)
    empty = encode(model, "").context
    expected = torch.cat([encode(model, short).context, empty, empty], dim=1)
    torch.testing.assert_close(padded.context, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(padded.pooled, encode(model, short).pooled, atol=1e-5, rtol=0)
