"""Weighted spans to chunks of 77 token ids. However long the text is, every token arrives."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from hypersd_core.prompt.attention import BREAK, Span

COMMA_BACKTRACK = 20
"""A full chunk gives up at most this many tokens, so that the next one starts behind a comma."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One input of a text encoder: BOS, up to 75 tokens, EOS, padding.

    ``token_ids`` and ``weights`` have the same length, 77; the weight of all that is not text is 1.
    """

    token_ids: tuple[int, ...]
    weights: tuple[float, ...]


def chunk_prompt(
    spans: Iterable[Span],
    *,
    tokenize: Callable[[str], list[int]],
    bos: int,
    eos: int,
    pad: int,
    comma_ids: Collection[int],
    max_chunk: int = 75,
) -> list[Chunk]:
    """Lay the tokens of ``spans`` out in chunks of ``max_chunk`` + 2, at least one.

    ``tokenize`` adds no special tokens. ``pad`` is what CLIP's tokenizer pads with: EOS itself in
    SD1.5 and SDXL's first encoder, 0 in SDXL's second. ``comma_ids`` are the tokens behind which a
    chunk is cut when it would overflow, if one is among its last 20.
    """
    chunks: list[list[tuple[int, float]]] = [[]]
    for span in spans:
        text, weight = span
        if span == BREAK:
            chunks.append([])
            continue
        for token in tokenize(text):
            if len(chunks[-1]) == max_chunk:
                kept = max_chunk if token in comma_ids else _cut(chunks[-1], comma_ids)
                chunks.append(chunks[-1][kept:])
                del chunks[-2][kept:]
            chunks[-1].append((token, weight))
    if len(chunks) > 1 and not chunks[-1]:
        chunks.pop()  # a BREAK at the very end starts nothing
    return [_lay_out(tokens, bos=bos, eos=eos, pad=pad, size=max_chunk + 2) for tokens in chunks]


def _cut(tokens: Sequence[tuple[int, float]], comma_ids: Collection[int]) -> int:
    """How many tokens of a full chunk stay: up to its last comma, if that is near enough."""
    for length in range(len(tokens), max(len(tokens) - COMMA_BACKTRACK, 0), -1):
        if tokens[length - 1][0] in comma_ids:
            return length
    return len(tokens)


def _lay_out(
    tokens: Sequence[tuple[int, float]], *, bos: int, eos: int, pad: int, size: int
) -> Chunk:
    padding = size - 2 - len(tokens)
    return Chunk(
        token_ids=(bos, *(token for token, _ in tokens), eos, *[pad] * padding),
        weights=(1.0, *(weight for _, weight in tokens), *[1.0] * (padding + 1)),
    )
