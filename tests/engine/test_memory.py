"""What is kept where, for the models and the cards that people have; the numbers it rests on."""

import psutil  # type: ignore[import-untyped]  # ships no types
import pytest
import torch

from hypersd_core.engine.memory.model_bytes import ModelBytes
from hypersd_core.engine.memory.policy import (
    DECODE_NUMBERS_PER_PX,
    WORKING_BYTES,
    MemoryMode,
    choose_mode,
    decode_bytes,
    decode_in_tiles,
    free_memory_bytes,
    resident_bytes,
)
from tests.engine.live_bytes import full_size, numbers, peak_bytes

GPU, CPU = torch.device("cuda"), torch.device("cpu")
GIB = 1024**3
SDXL = ModelBytes(text_encoders=1_635_000_000, unet=5_135_000_000, vae=167_000_000)
SD15 = ModelBytes(text_encoders=246_000_000, unet=1_719_000_000, vae=167_000_000)


@pytest.mark.parametrize(
    ("model", "card_gib", "mode"),
    [
        (SDXL, 24, MemoryMode.RESIDENT),
        (SDXL, 12, MemoryMode.RESIDENT),
        (SDXL, 10, MemoryMode.RESIDENT),
        (SDXL, 8, MemoryMode.OFFLOAD),
        (SDXL, 6, MemoryMode.OFFLOAD),
        (SD15, 8, MemoryMode.RESIDENT),
        (SD15, 6, MemoryMode.RESIDENT),
        (SD15, 4, MemoryMode.OFFLOAD),
    ],
)
def test_a_model_stays_on_the_card_where_it_can_work_there(
    model: ModelBytes, card_gib: int, mode: MemoryMode
) -> None:
    free_bytes = int(card_gib * GIB) - 600_000_000  # what the driver and a desktop take
    assert choose_mode(model, device=GPU, free_bytes=free_bytes) is mode
    assert (resident_bytes(model) <= free_bytes) == (mode is MemoryMode.RESIDENT)


def test_on_a_processor_there_is_nowhere_else_to_go() -> None:
    assert choose_mode(SDXL, device=CPU, free_bytes=0) is MemoryMode.RESIDENT


@pytest.mark.parametrize(("width", "height"), [(1024, 1024), (512, 768)])
def test_decoding_takes_the_numbers_for_each_pixel_that_it_says(width: int, height: int) -> None:
    vae = full_size("vae")
    peak = peak_bytes(lambda: vae.decode(numbers(1, 4, height // 8, width // 8)))
    assert peak == pytest.approx(DECODE_NUMBERS_PER_PX * width * height * 2, rel=1e-3)
    encoding = peak_bytes(lambda: vae.encode(numbers(1, 3, height, width)))
    assert 643 * width * height * 2 <= encoding < peak


def test_four_guided_pictures_of_sdxl_fit_what_is_kept_free() -> None:
    unet = full_size("unet")
    added = {"text_embeds": numbers(8, 1280), "time_ids": numbers(8, 6)}
    peak = peak_bytes(
        lambda: unet(
            numbers(8, 4, 128, 128),
            numbers(8),
            encoder_hidden_states=numbers(8, 77, 2048),
            added_cond_kwargs=added,
        )
    )
    assert peak == pytest.approx(5_054 * 128 * 128 * 8 * 2, rel=1e-3)
    assert peak < WORKING_BYTES * 0.75


def test_decoding_a_picture_of_sdxl_fits_what_is_kept_free() -> None:
    assert decode_bytes(1024, 1024, dtype=torch.bfloat16) < WORKING_BYTES


@pytest.mark.parametrize(
    ("side", "dtype", "free_gib", "is_tiled"),
    [
        (1024, torch.bfloat16, 2, False),
        (1024, torch.float32, 2, True),
        (1024, torch.float32, 4, False),
        (2048, torch.bfloat16, 7, True),
        (2048, torch.bfloat16, 8, False),
        (512, torch.bfloat16, 0.4, True),
    ],
)
def test_large_pictures_on_small_cards_are_decoded_in_tiles(
    side: int, dtype: torch.dtype, free_gib: float, is_tiled: bool
) -> None:
    free_bytes = int(free_gib * GIB)
    assert decode_in_tiles(side, side, free_bytes=free_bytes, dtype=dtype) is is_tiled


def test_a_processors_free_memory_is_part_of_what_the_machine_has() -> None:
    assert 0 < free_memory_bytes(CPU) < psutil.virtual_memory().total


@pytest.mark.gpu
def test_what_torch_keeps_for_itself_counts_as_free() -> None:
    before = free_memory_bytes(GPU)
    block = torch.empty(1 * GIB, dtype=torch.uint8, device=GPU)
    assert before - free_memory_bytes(GPU) >= 0.9 * GIB
    del block
    assert before - free_memory_bytes(GPU) < 0.1 * GIB
