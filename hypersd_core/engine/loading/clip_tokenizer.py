"""CLIP's tokenizers: from a model folder, or OpenAI's own, which ships in ``data/configs``."""

from pathlib import Path

from transformers import CLIPTokenizer

from hypersd_core.engine.detection.folder_layout import read_json, shown
from hypersd_core.errors import ModelError
from hypersd_core.i18n import say

MAX_TOKENS = 77
START, END = "<|startoftext|>", "<|endoftext|>"


def read_tokenizer(folder: Path, *, size: int) -> CLIPTokenizer:
    """The tokenizer in ``folder``, which must know the ``size`` tokens of its text encoder."""
    read_json(folder / "tokenizer_config.json")
    try:
        tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # on a broken file two libraries raise what they like
        raise ModelError(
            say("The model is damaged: {file} holds no tokenizer of CLIP.", file=shown(folder))
        ) from error
    # Without its vocabulary file the class makes a tokenizer that knows nothing, and says nothing.
    if len(tokenizer) != size:
        raise ModelError(
            say(
                "The model is damaged: {file} knows {tokens} tokens, its text encoder {size}.",
                file=shown(folder),
                tokens=len(tokenizer),
                size=size,
            )
        )
    return tokenizer


def clip_tokenizer(merges_file: Path, *, pad: str = END) -> CLIPTokenizer:
    """OpenAI's tokenizer from its list of merges, which is all that it learnt.

    49,408 tokens: 256 bytes, the same at a word's end, one for each merge, start and end.
    """
    lines = merges_file.read_text("utf-8").splitlines()[1:]  # the first is a version
    merges = [(left, right) for left, _, right in (line.partition(" ") for line in lines)]
    symbols = _byte_symbols()
    tokens = [*symbols, *(f"{symbol}</w>" for symbol in symbols), *map("".join, merges), START, END]
    tokenizer = CLIPTokenizer(
        vocab={token: i for i, token in enumerate(tokens)},
        merges=merges,
        model_max_length=MAX_TOKENS,
    )
    # Named to the constructor, a "!" would be padding in the middle of a prompt, too.
    tokenizer.pad_token = pad
    return tokenizer


def _byte_symbols() -> list[str]:
    """GPT-2's printable stand-ins for the 256 bytes, the printable bytes first: "!" is 0."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return [chr(n) for n in (*printable, *range(0x100, 0x100 + 256 - len(printable)))]
