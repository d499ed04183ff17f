"""The shapes of the small model: every class is the one of the real SDXL, only narrower."""

import dataclasses
import json
import random
from collections.abc import Iterable, Iterator, Sequence
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
_PRINTABLE = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Sizes of one model: pictures in pixels, channels from the finest level to the coarsest."""

    size_px: int
    latent_channels: int
    autoencoder: tuple[int, ...]
    unet: tuple[int, int, int]
    text: tuple[int, int] = (_WIDTH_1, _WIDTH_2)
    vocabulary: int = _VOCABULARY

    @property
    def latent_px(self) -> int:
        """Side of the latents: each level but the first halves it."""
        return int(self.size_px // 2 ** (len(self.autoencoder) - 1))

    @property
    def context_width(self) -> int:
        """What cross-attention reads: both text encoders beside each other."""
        return sum(self.text)

    @property
    def pooled_width(self) -> int:
        """The second text encoder's pooled vector."""
        return self.text[1]


PORTRAIT_64 = Shape(
    size_px=SIZE_PX, latent_channels=4, autoencoder=(16, 32, 64), unet=(96, 128, 192)
)
PICTURES_128 = Shape(
    size_px=128,
    latent_channels=4,
    autoencoder=(16, 32, 64, 128),
    unet=(96, 128, 160),
    vocabulary=2_400,
)


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
    return _as_clip(_train_merges(_corpus(labels, seed=seed), vocabulary=_VOCABULARY))


def train_caption_tokenizer(captions: Sequence[str], *, vocabulary: int) -> CLIPTokenizer:
    """As ``train_tokenizer``; each Chinese character of ``captions`` is a token of its own.

    Left to itself BPE would glue whole Chinese phrases, which have no spaces, into one token.
    """
    wide = sorted({character for text in captions for character in text if ord(character) > 127})
    merges = _train_merges((text for text in captions if text.isascii()), vocabulary=vocabulary)
    return _as_clip([*merges, *_character_merges(wide)])


def _train_merges(captions: Iterable[str], *, vocabulary: int) -> list[tuple[str, str]]:
    backend: Tokenizer = CLIPTokenizer(vocab=_byte_vocabulary(), merges=[]).backend_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        initial_alphabet=list(_byte_symbols()),
        end_of_word_suffix="</w>",
        special_tokens=[_START, _END],
        show_progress=False,
    )
    backend.train_from_iterator(captions, trainer)
    return [(left, right) for left, right in json.loads(backend.to_str())["model"]["merges"]]


def _character_merges(characters: Iterable[str]) -> list[tuple[str, str]]:
    """Merges that join the bytes of one character, within a word and at its end."""
    stand_ins = dict(zip(_bytes_in_order(), _byte_symbols(), strict=True))
    merges: dict[tuple[str, str], None] = {}
    for character in characters:
        *first, last = (stand_ins[byte] for byte in character.encode())
        head = first[0]
        for symbol in first[1:]:
            merges[head, symbol] = None
            head += symbol
        merges[head, last] = merges[head, f"{last}</w>"] = None
    return list(merges)


def _as_clip(merges: Sequence[tuple[str, str]]) -> CLIPTokenizer:
    """Rebuild with CLIP's order of ids: bytes, bytes at a word's end, merges, start, end."""
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
    yield from map(chr, _PRINTABLE)
    yield from (chr(0x100 + i) for i in range(256 - len(_PRINTABLE)))


def _bytes_in_order() -> Iterator[int]:
    """The bytes that ``_byte_symbols`` stand for."""
    yield from _PRINTABLE
    yield from (byte for byte in range(256) if byte not in _PRINTABLE)


def text_encoder_1(tokenizer: CLIPTokenizer, shape: Shape = PORTRAIT_64) -> CLIPTextModel:
    """CLIP-L's place: 128 wide, 3 layers, of which SDXL reads the second."""
    return CLIPTextModel(_text_config(tokenizer, width=shape.text[0], layers=3))


def text_encoder_2(
    tokenizer: CLIPTokenizer, shape: Shape = PORTRAIT_64
) -> CLIPTextModelWithProjection:
    """OpenCLIP bigG's place: 192 wide; gives the pooled vector too."""
    return CLIPTextModelWithProjection(_text_config(tokenizer, width=shape.text[1], layers=3))


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


def unet(shape: Shape = PORTRAIT_64) -> UNet2DConditionModel:
    """The noise predictor: 3 levels, cross-attention on the lower two, text_time conditioning."""
    return UNet2DConditionModel(
        sample_size=shape.latent_px,
        in_channels=shape.latent_channels,
        out_channels=shape.latent_channels,
        block_out_channels=shape.unet,
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=1,
        attention_head_dim=tuple(width // 32 for width in shape.unet),
        cross_attention_dim=shape.context_width,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=_TIME_IDS_WIDTH,
        projection_class_embeddings_input_dim=6 * _TIME_IDS_WIDTH + shape.pooled_width,
    )


def autoencoder(shape: Shape = PORTRAIT_64) -> AutoencoderKL:
    """Pixels (3, size, size) <-> latents (channels, latent size, latent size)."""
    levels = len(shape.autoencoder)
    return AutoencoderKL(
        block_out_channels=shape.autoencoder,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        layers_per_block=1,
        latent_channels=shape.latent_channels,
        norm_num_groups=8,
        mid_block_add_attention=False,
        sample_size=shape.size_px,
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
