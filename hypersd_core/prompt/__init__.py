r"""The A1111 prompt language: text to the words of each step, to weighted spans, to token chunks.

::

    (x)        weight 1.1               (x:1.3)    weight 1.3
    [x]        weight 1 / 1.1           ((x))      nesting multiplies
    \( \) \[ \] \\                      the character itself
    BREAK      the rest starts a new chunk

    [a:b:0.5]  a in the first half of the steps, then b       [a:b:3]   b from step 4 on
    [b:0.5]    nothing, then b          [a::0.5]   a, then nothing
    [a|b|c]    a, b, c, a, ... in turn, one each step                    \: \|   no separators

    <lora:name:0.8>                     a LoRA and its weight; taken out of the text

Text only: what the weights do to embeddings is the engine's business; inline flags are
``hypersd_core.flags``. In this order: ``split_loras`` takes the tags out, ``texts_by_step`` decides
what each step reads, ``parse_attention`` weighs it, ``chunk_prompt`` lays its tokens out. Nothing
is ever cut: a prompt takes as many chunks as it needs.
"""

from hypersd_core.prompt.attention import (
    BREAK,
    Span,
    check_brackets,
    escape,
    parse_attention,
)
from hypersd_core.prompt.chunks import Chunk, chunk_prompt
from hypersd_core.prompt.editing import prompt_notes, texts_by_step
from hypersd_core.prompt.lora_tags import LoraTag, refuse_loras, split_loras

__all__ = [
    "BREAK",
    "Chunk",
    "LoraTag",
    "Span",
    "check_brackets",
    "chunk_prompt",
    "escape",
    "parse_attention",
    "prompt_notes",
    "refuse_loras",
    "split_loras",
    "texts_by_step",
]
