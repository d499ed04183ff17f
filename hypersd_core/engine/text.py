"""Prompts to conditioning: A1111's weights and chunks on SDXL's two text encoders."""

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from hypersd_core.engine.loader import Model
from hypersd_core.prompt import Chunk, chunk_prompt, pad_chunks, parse_attention


@dataclasses.dataclass(frozen=True, slots=True)
class Conditioning:
    """``context``: (1, 77 * chunks, both widths); ``pooled``: (1, width of the second)."""

    context: Tensor
    pooled: Tensor


def encode_prompts(model: Model, prompt: str, negative: str) -> tuple[Conditioning, Conditioning]:
    """Conditioning of ``prompt`` and of ``negative``, equally long.

    An empty negative prompt is all zeros, as in SDXL's training and in A1111.
    """
    first = _chunks(model.tokenizer, prompt, negative)
    second = _chunks(model.tokenizer_2, prompt, negative)
    positive = _encode(model, first[0], second[0])
    if negative.strip():
        return positive, _encode(model, first[1], second[1])
    return positive, Conditioning(
        torch.zeros_like(positive.context), torch.zeros_like(positive.pooled)
    )


def _chunks(
    tokenizer: CLIPTokenizer, prompt: str, negative: str
) -> tuple[list[Chunk], list[Chunk]]:
    comma_ids = frozenset(tokenizer(",", add_special_tokens=False).input_ids)

    def chunks(text: str) -> list[Chunk]:
        return chunk_prompt(
            parse_attention(text),
            tokenize=lambda span: tokenizer(span, add_special_tokens=False).input_ids,
            bos=tokenizer.bos_token_id,
            eos=tokenizer.eos_token_id,
            pad=tokenizer.pad_token_id,
            comma_ids=comma_ids,
        )

    return pad_chunks(chunks(prompt), chunks(negative), empty=chunks("")[0])


def _encode(model: Model, first: Sequence[Chunk], second: Sequence[Chunk]) -> Conditioning:
    context, _ = _encode_chunks(model.text_encoder, first, model.device)
    context_2, pooled = _encode_chunks(model.text_encoder_2, second, model.device)
    return Conditioning(torch.cat([context, context_2], dim=-1), pooled)


def _encode_chunks(
    encoder: CLIPTextModel | CLIPTextModelWithProjection,
    chunks: Sequence[Chunk],
    device: torch.device,
) -> tuple[Tensor, Tensor]:
    """Weighted penultimate states, (1, 77 * chunks, width), and the first chunk's pooled vector.

    The pooled vector ignores weights (the text-model's own output, unprojected, for the first
    encoder: SDXL does not use it).
    """
    ids = torch.tensor([chunk.token_ids for chunk in chunks], device=device)
    weights = torch.tensor([chunk.weights for chunk in chunks], device=device)
    output = encoder(ids, output_hidden_states=True)
    states = _emphasise(output.hidden_states[-2], weights)
    return states.flatten(0, 1).unsqueeze(0), output[0][:1]


def _emphasise(states: Tensor, weights: Tensor) -> Tensor:
    """Scale each token's state, then restore each chunk's mean. A1111's emphasis "Original".

    ``states``: (chunks, 77, width); ``weights``: (chunks, 77).
    """
    states_32 = states.float()
    scaled = states_32 * weights[:, :, None]
    restore = states_32.mean(dim=(1, 2)) / scaled.mean(dim=(1, 2))
    is_plain = (weights == 1).all(dim=1)
    factor = torch.where(is_plain, torch.ones_like(restore), restore)
    return (scaled * factor[:, None, None]).to(states.dtype)
