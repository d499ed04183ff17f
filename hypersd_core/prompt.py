r"""The A1111 prompt language: text to weighted spans, spans to chunks of 77 token ids.

::

    (x)        weight 1.1               (x:1.3)    weight 1.3
    [x]        weight 1 / 1.1           ((x))      nesting multiplies
    \( \) \[ \] \\  the character itself
    BREAK      the rest starts a new chunk

Text only: what the weights do to embeddings is the engine's business. Prompt editing ([a:b:0.5])
and alternation ([a|b]) are not part of it; inline flags are ``hypersd_core.flags``.
"""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from hypersd_core.errors import InvalidRequest

Span = tuple[str, float]
"""Text and the factor on the embedding of each of its tokens."""

BREAK: Span = ("BREAK", -1.0)
"""Stands in a list of spans where a new chunk starts. It is not text."""

BRACKET_WEIGHT = 1.1
COMMA_BACKTRACK = 20
"""A full chunk gives up at most this many tokens, so that the next one starts behind a comma."""

_TOKEN = re.compile(
    r"""
      \\ (?P<escaped> [()\[\]\\]? )
    | : \s* (?P<weight> [+-]? (?: \d+ \.? \d* | \.\d+ ) ) \s* \)
    | (?P<bracket> [()\[\]] )
    | (?P<text> [^()\[\]\\:]+ | : )
    """,
    re.VERBOSE,
)
# With its spaces; these only from where they begin, or a long run of them takes quadratic time.
_BREAK_WORD = re.compile(r"(?:(?<!\s)\s+)?\bBREAK\b\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraTag:
    """``<lora:name:weight:text_weight>``: which LoRA, and how strongly on UNet and text encoders.

    ``weight`` is that of the UNet.
    """

    name: str
    weight: float = 1.0
    text_weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Chunk:
    """One input of a text encoder: BOS, up to 75 tokens, EOS, padding.

    ``token_ids`` and ``weights`` have the same length, 77; the weight of all that is not text is 1.
    """

    token_ids: tuple[int, ...]
    weights: tuple[float, ...]


def parse_attention(text: str) -> list[Span]:
    r"""Split ``text`` into spans of equal weight, at least one, in order.

    An unclosed bracket holds to the end; a closer without opener is text. Round and square brackets
    pair independently of each other. ``(x:)`` and ``(x:1.2.3)``, on which A1111 fails, are text in
    brackets and no weights. A backslash before any other character vanishes. BREAK is a boundary
    inside brackets too, where A1111 loses it and encodes the word.
    """
    parser = _Parser()
    for token in _TOKEN.finditer(text):
        parser.take(token)
    return parser.finish()


def escape(text: str) -> str:
    """Return ``text`` so that ``parse_attention`` reads it as it stands; BREAK keeps its power."""
    return re.sub(r"[()\[\]\\]", r"\\\g<0>", text)


class _Parser:
    """Spans so far, and where in them each bracket that is still open began."""

    def __init__(self) -> None:
        self._spans: list[Span] = []
        self._open: dict[str, list[int]] = {"(": [], "[": []}

    def take(self, token: re.Match[str]) -> None:
        kind, whole = token.lastgroup, token.group()
        if kind == "escaped":
            self._spans.append((token["escaped"], 1.0))
        elif kind == "weight" and self._open["("]:
            self._close("(", float(token["weight"]))
        elif whole in self._open:
            self._open[whole].append(len(self._spans))
        elif whole == ")" and self._open["("]:
            self._close("(", BRACKET_WEIGHT)
        elif whole == "]" and self._open["["]:
            self._close("[", 1 / BRACKET_WEIGHT)
        else:
            self._add_text(whole)

    def finish(self) -> list[Span]:
        while self._open["("]:
            self._close("(", BRACKET_WEIGHT)
        while self._open["["]:
            self._close("[", 1 / BRACKET_WEIGHT)
        return _merge_equal_weights(self._spans) or [("", 1.0)]

    def _add_text(self, text: str) -> None:
        first, *others = _BREAK_WORD.split(text)
        self._spans.append((first, 1.0))
        for part in others:
            self._spans += [BREAK, (part, 1.0)]

    def _close(self, bracket: str, factor: float) -> None:
        start = self._open[bracket].pop()
        self._spans[start:] = [
            span if span is BREAK else (span[0], span[1] * factor) for span in self._spans[start:]
        ]


def _merge_equal_weights(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for (weight, is_break), group in groupby(spans, key=lambda span: (span[1], span is BREAK)):
        if is_break:
            merged += group
        else:
            merged.append(("".join(text for text, _ in group), weight))
    return merged


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


def pad_chunks(
    prompt: Sequence[Chunk], negative: Sequence[Chunk], *, empty: Chunk
) -> tuple[list[Chunk], list[Chunk]]:
    """Bring both to the same count with ``empty``, the chunk of the empty prompt."""
    count = max(len(prompt), len(negative))
    longer_prompt = [*prompt, *[empty] * (count - len(prompt))]
    longer_negative = [*negative, *[empty] * (count - len(negative))]
    return longer_prompt, longer_negative


def check_brackets(text: str, *, name: str) -> None:
    r"""Raise InvalidRequest if a bracket in ``text`` has no partner; ``\(`` is none.

    A1111 guesses what was meant; a person in a chat is better served by the place of the mistake.
    """
    opened: dict[str, list[int]] = {"(": [], "[": []}
    for token in _TOKEN.finditer(text):
        bracket, position = token.group()[-1], token.end() - 1
        if token["bracket"] in opened:
            opened[bracket].append(position)
        elif token["bracket"] or token["weight"]:
            opener = "(" if bracket == ")" else "["
            if not opened[opener]:
                raise _unbalanced(text, position, name, "closes nothing")
            opened[opener].pop()
    for position in (*opened["("], *opened["["]):
        raise _unbalanced(text, position, name, "is never closed")


def _unbalanced(text: str, position: int, name: str, problem: str) -> InvalidRequest:
    bracket = text[position]
    return InvalidRequest(
        f"The {bracket} at character {position + 1} of the {name} {problem}: "
        f"write \\{bracket} for the bracket itself."
    )
