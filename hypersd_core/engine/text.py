"""Prompts to conditioning: A1111's weights and chunks on the text encoders of SDXL and SD1.5."""

import dataclasses
import functools
from collections.abc import Callable

import torch
from torch import Tensor
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer
from transformers.modeling_outputs import ModelOutput

from hypersd_core.engine.model import Model
from hypersd_core.errors import InvalidRequest
from hypersd_core.i18n import say
from hypersd_core.prompt import Chunk, chunk_prompt, parse_attention, texts_by_step
from hypersd_core.request import Emphasis

_PENULTIMATE = -2


@dataclasses.dataclass(frozen=True, slots=True)
class Conditioning:
    """What the UNet is told of one text.

    ``context``: (1, 77 * chunks, width), of SDXL the widths of both encoders side by side.
    ``pooled``: (1, width of SDXL's second encoder), of the first chunk alone; None in SD1.5.
    """

    context: Tensor
    pooled: Tensor | None


Pair = tuple[Conditioning, Conditioning]
"""Of the prompt and of the negative prompt, equally long."""


@dataclasses.dataclass(frozen=True, slots=True)
class PromptSchedule:
    """The conditioning of each step. Steps that read the same text share the same objects."""

    pairs: tuple[Pair, ...]

    def at(self, step: int) -> Pair:
        """Return that of the prompt and of the negative one; ``step`` is from 0.

        Steps after the last one are like it.
        """
        return self.pairs[min(step, len(self.pairs) - 1)]


def encode_prompts(
    model: Model,
    prompt: str,
    negative: str,
    *,
    steps: int,
    emphasis: Emphasis,
    clip_skip: int,
) -> PromptSchedule:
    """Conditioning of both prompts in each of ``steps`` steps; a text is encoded once.

    Whichever is shorter in a step is filled up with chunks of the empty prompt. SDXL reads zeros
    where the negative prompt is empty, as in its training and in A1111, SD1.5 the empty prompt.
    ``clip_skip`` counts layers of SD1.5's encoder from the last one, 1; SDXL's is always 2.

    Raises InvalidRequest if the encoder has fewer layers than that.
    """
    encode = functools.cache(
        functools.partial(_encode, model, emphasis=emphasis, clip_skip=clip_skip)
    )
    texts = list(zip(texts_by_step(prompt, steps), texts_by_step(negative, steps), strict=True))
    pairs = {step: _pair(encode, *step) for step in dict.fromkeys(texts)}
    return PromptSchedule(tuple(pairs[step] for step in texts))


def _pair(encode: Callable[[str], Conditioning], prompt: str, negative: str) -> Pair:
    positive = encode(prompt)
    if positive.pooled is not None and not negative.strip():
        zeros = (torch.zeros_like(tensor) for tensor in (positive.context, positive.pooled))
        return positive, Conditioning(*zeros)
    both = (positive, encode(negative))
    length = max(conditioning.context.shape[1] for conditioning in both)
    return _fill_up(both[0], length, encode), _fill_up(both[1], length, encode)


def _fill_up(
    conditioning: Conditioning, length: int, encode: Callable[[str], Conditioning]
) -> Conditioning:
    missing = length - conditioning.context.shape[1]
    if not missing:
        return conditioning
    chunk = encode("").context
    filling = chunk.repeat(1, missing // chunk.shape[1], 1)
    context = torch.cat([conditioning.context, filling], dim=1)
    return dataclasses.replace(conditioning, context=context)


def _encode(model: Model, text: str, *, emphasis: Emphasis, clip_skip: int) -> Conditioning:
    output, weights = _run(model.text_encoder, model.tokenizer, text, model.device)
    if model.text_encoder_2 is None:
        states = _skip_layers(model.text_encoder, output.hidden_states, clip_skip)
        return Conditioning(_emphasise(states, weights, emphasis), None)
    output_2, weights_2 = _run(model.text_encoder_2, model.tokenizer_2, text, model.device)
    states, states_2 = (both.hidden_states[_PENULTIMATE] for both in (output, output_2))
    context = (_emphasise(states, weights, emphasis), _emphasise(states_2, weights_2, emphasis))
    return Conditioning(torch.cat(context, dim=-1), output_2.text_embeds[:1])


def _run(
    encoder: CLIPTextModel | CLIPTextModelWithProjection,
    tokenizer: CLIPTokenizer,
    text: str,
    device: torch.device,
) -> tuple[ModelOutput, Tensor]:
    """What ``encoder`` gives for the chunks of ``text``, and the weights: (chunks, 77)."""
    chunks = _chunks(tokenizer, text)
    ids = torch.tensor([chunk.token_ids for chunk in chunks], device=device)
    weights = torch.tensor([chunk.weights for chunk in chunks], device=device)
    return encoder(ids, output_hidden_states=True), weights


def _chunks(tokenizer: CLIPTokenizer, text: str) -> list[Chunk]:
    return chunk_prompt(
        parse_attention(text),
        tokenize=lambda span: tokenizer(span, add_special_tokens=False).input_ids,
        bos=tokenizer.bos_token_id,
        eos=tokenizer.eos_token_id,
        pad=tokenizer.pad_token_id,
        comma_ids=frozenset(tokenizer(",", add_special_tokens=False).input_ids),
    )


def _skip_layers(
    encoder: CLIPTextModel, hidden_states: tuple[Tensor, ...], clip_skip: int
) -> Tensor:
    """The states ``clip_skip - 1`` layers before the last one, normalised as the last one is."""
    layers = len(hidden_states) - 1  # the first entry is the embeddings
    if clip_skip > layers:
        raise InvalidRequest(
            say(
                "clip skip must be from 1 to {most} for this model, got {value}.",
                most=layers,
                value=clip_skip,
            )
        )
    return encoder.final_layer_norm(hidden_states[-clip_skip])


def _emphasise(states: Tensor, weights: Tensor, emphasis: Emphasis) -> Tensor:
    """Scale each token's state, then perhaps restore each chunk's mean; one row of all chunks.

    ``states``: (chunks, 77, width); ``weights``: (chunks, 77). Returns (1, chunks * 77, width).
    """
    states_32 = states.float()
    scaled = states_32 * weights[:, :, None]
    if emphasis is Emphasis.ORIGINAL:
        restore = states_32.mean(dim=(1, 2)) / scaled.mean(dim=(1, 2))
        is_plain = (weights == 1).all(dim=1)
        factor = torch.where(is_plain, torch.ones_like(restore), restore)
        scaled *= factor[:, None, None]
    return scaled.to(states.dtype).flatten(0, 1).unsqueeze(0)
