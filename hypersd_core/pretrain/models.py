"""The shapes of the small model: every class is the one of the real SDXL, only narrower."""

import json
import random
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from tokenizers import Tokenizer, trainers
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
)

from hypersd_core.pretrain.captions import caption
from hypersd_core.pretrain.drawings import Labels

SIZE_PX = 64
LATENT_PX = 16
MAX_TOKENS = 77
_VOCABULARY = 1_600
_START, _END = "<|startoftext|>", "<|endoftext|>"
_WIDTH_1, _WIDTH_2 = 128, 192
CONTEXT_WIDTH, POOLED_WIDTH = _WIDTH_1 + _WIDTH_2, _WIDTH_2
_TIME_IDS_WIDTH = 32


def load_or_train_tokenizer(folder: Path, labels: Iterable[Labels], *, seed: int) -> CLIPTokenizer:
    """The tokenizer in ``folder``, trained and saved there first: its ids must never change."""
    if not folder.exists():
        partial = folder.with_name(f"{folder.name}.partial")
        train_tokenizer(labels, seed=seed).save_pretrained(partial)
        partial.rename(folder)
    return CLIPTokenizer.from_pretrained(folder, local_files_only=True)


def train_tokenizer(labels: Iterable[Labels], *, seed: int) -> CLIPTokenizer:
    """A byte-level BPE tokenizer of CLIP's own class, trained on captions.

    Unknown words fall into smaller pieces, down to bytes: any prompt can be written.
    """
    tokenizer = CLIPTokenizer(vocab=_byte_vocabulary(), merges=[])
    backend: Tokenizer = tokenizer.backend_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=_VOCABULARY,
        initial_alphabet=list(_byte_symbols()),
        end_of_word_suffix="</w>",
        special_tokens=[_START, _END],
        show_progress=False,
    )
    backend.train_from_iterator(_corpus(labels, seed=seed), trainer)
    return _as_clip(backend)


def _as_clip(backend: Tokenizer) -> CLIPTokenizer:
    """Rebuild with CLIP's order of ids: bytes, bytes at a word's end, merges, start, end."""
    merges = [tuple(pair) for pair in json.loads(backend.to_str())["model"]["merges"]]
    vocabulary = _byte_vocabulary()
    for left, right in merges:
        vocabulary.setdefault(left + right, len(vocabulary))
    for special in (_START, _END):
        vocabulary[special] = len(vocabulary)
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=MAX_TOKENS)


def _corpus(labels: Iterable[Labels], *, seed: int) -> Iterator[str]:
    rng = random.Random(seed)  # noqa: S311 - wording, not cryptography
    return (caption(entry, rng) for entry in labels)


def _byte_vocabulary() -> dict[str, int]:
    symbols = list(_byte_symbols())
    return {s: i for i, s in enumerate(symbols + [f"{s}</w>" for s in symbols])}


def _byte_symbols() -> Iterator[str]:
    """GPT-2's printable stand-ins for the 256 bytes, printable ones first, so that id 0 is "!"."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    yield from map(chr, printable)
    yield from (chr(0x100 + i) for i in range(256 - len(printable)))


def text_encoder_1(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """CLIP-L's place: 128 wide, 3 layers, of which SDXL reads the second."""
    return CLIPTextModel(_text_config(tokenizer, width=_WIDTH_1, layers=3))


def text_encoder_2(tokenizer: CLIPTokenizer) -> CLIPTextModelWithProjection:
    """OpenCLIP bigG's place: 192 wide; gives the pooled vector too."""
    return CLIPTextModelWithProjection(_text_config(tokenizer, width=_WIDTH_2, layers=3))


def _text_config(tokenizer: CLIPTokenizer, *, width: int, layers: int) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=4 * width,
        projection_dim=width,
        num_hidden_layers=layers,
        num_attention_heads=width // 32,
        max_position_embeddings=MAX_TOKENS,
        # Without these the pooled vector would be read at the first token of every prompt.
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def unet() -> UNet2DConditionModel:
    """The noise predictor: 3 levels, cross-attention on the lower two, text_time conditioning."""
    return UNet2DConditionModel(
        sample_size=LATENT_PX,
        block_out_channels=(96, 128, 192),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=1,
        attention_head_dim=(3, 4, 6),
        cross_attention_dim=CONTEXT_WIDTH,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=_TIME_IDS_WIDTH,
        projection_class_embeddings_input_dim=6 * _TIME_IDS_WIDTH + _WIDTH_2,
    )


def autoencoder() -> AutoencoderKL:
    """Pixels (3, 64, 64) <-> latents (4, 16, 16)."""
    return AutoencoderKL(
        block_out_channels=(16, 32, 64),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        mid_block_add_attention=False,
        sample_size=SIZE_PX,
        force_upcast=False,
    )


def parameters(*modules: torch.nn.Module) -> list[torch.nn.Parameter]:
    """All parameters of all ``modules``."""
    return [p for module in modules for p in module.parameters()]


def save_tokenizers(tokenizer: CLIPTokenizer, model_folder: Path) -> None:
    """Write both tokenizers; the second pads with "!" (id 0), as SDXL's does."""
    tokenizer.save_pretrained(model_folder / "tokenizer")
    tokenizer.pad_token = "!"  # noqa: S105 - a token of text, not a secret
    tokenizer.save_pretrained(model_folder / "tokenizer_2")
    tokenizer.pad_token = _END
