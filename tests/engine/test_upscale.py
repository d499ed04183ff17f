"""Upscalers load from every naming, draw the same in tiles, and sizes come out exact."""

import dataclasses
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image, ImageOps

from hypersd_core.engine.loading.weights import Weights
from hypersd_core.engine.pixels.overlapping_tiles import Tiles
from hypersd_core.engine.pixels.upscale import Pixels, Upscaler, fit, fit_mask, load_upscaler
from hypersd_core.errors import Cancelled, GenerationFailed, ModelError
from hypersd_core.models import Kind
from tests.engine.upscaler_files import (
    numbered_weights,
    real_esrgan_names,
    revised_names,
    upscaler_file,
)

CPU = torch.device("cpu")


@pytest.fixture
def twice(tmp_path: Path) -> Upscaler:
    weights = numbered_weights(doublings=1, blocks=1)
    return load_upscaler(upscaler_file(tmp_path / "twice.safetensors", weights), CPU)


def picture(height: int, width: int) -> Pixels:
    """Smooth colours with a sharp diagonal."""
    y, x = np.mgrid[:height, :width]
    waves = [128 + 100 * np.sin(x / 9 + y / 14 + phase) for phase in (0, 2, 4)]
    pixels = np.stack(waves, axis=-1)
    pixels[x > y] *= 0.5
    return pixels.astype(np.uint8)


def largest_difference(a: Pixels, b: Pixels) -> int:
    return int(np.abs(a.astype(int) - b.astype(int)).max())


@pytest.mark.parametrize("name", [dict, real_esrgan_names, revised_names])
def test_one_network_under_any_name_enlarges_the_same(
    twice: Upscaler, name: Callable[..., dict[str, torch.Tensor]], tmp_path: Path
) -> None:
    weights = numbered_weights(doublings=1, blocks=1)
    file = upscaler_file(tmp_path / "other.safetensors", name(weights))
    enlarged = load_upscaler(file, CPU).upscale(picture(20, 30))
    assert enlarged.shape == (40, 60, 3)
    assert enlarged.dtype == np.uint8
    assert np.array_equal(enlarged, twice.upscale(picture(20, 30)))


def test_pixels_are_the_network_of_pixels_from_0_to_1(twice: Upscaler) -> None:
    pixels = picture(20, 30)
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    expected = (twice.network(x)[0].permute(1, 2, 0) * 255).clamp(0, 255).round()
    assert np.array_equal(twice.upscale(pixels), expected.to(torch.uint8).numpy())


@pytest.mark.parametrize("inputs", [3, 12])
def test_tiles_draw_what_the_whole_picture_would_show(inputs: int, tmp_path: Path) -> None:
    """Where a network looks 19 squares far, and tiles leave out a quarter of the overlap."""
    weights = numbered_weights(blocks=1, inputs=inputs)
    upscaler = load_upscaler(upscaler_file(tmp_path / "u.safetensors", weights), CPU)
    pixels = picture(120, 190)
    far = 4 * 19 * upscaler.network.unshuffle
    whole = upscaler.upscale(pixels, tiles=Tiles(side=400, overlap=far))
    tiled = upscaler.upscale(pixels, tiles=Tiles(side=far + 20, overlap=far))
    assert whole.std() > 10
    assert largest_difference(whole, tiled) <= 1


def test_memory_is_that_of_one_tile(twice: Upscaler) -> None:
    sizes: list[torch.Size] = []
    twice.network.register_forward_pre_hook(lambda _, args: sizes.append(args[0].shape))
    twice.upscale(picture(300, 500))
    assert set(sizes) == {torch.Size((1, 3, 192, 192))}


@pytest.mark.parametrize("size", [(1, 1), (3, 7), (9, 64)])
def test_sizes_that_squares_do_not_divide_come_out_whole(
    size: tuple[int, int], tmp_path: Path
) -> None:
    file = upscaler_file(tmp_path / "u.safetensors", numbered_weights(inputs=48))
    upscaler = load_upscaler(file, CPU)
    assert upscaler.scale == 1
    assert upscaler.upscale(picture(*size)).shape == (*size, 3)


def test_pictures_that_may_not_be_written_to_are_enlarged_too(twice: Upscaler) -> None:
    """As pillow gives them."""
    pixels = picture(10, 12)
    pixels.flags.writeable = False
    assert fit(pixels, 24, 20, twice).shape == (20, 24, 3)


def test_upscaling_can_be_cancelled_between_tiles(twice: Upscaler) -> None:
    def stop(done: int, total: int) -> None:
        assert (done, total) == (1, 4)
        raise Cancelled("The job was cancelled.")

    with pytest.raises(Cancelled):
        twice.upscale(picture(200, 200), on_tile=stop)


def test_numbers_that_are_not_finite_are_an_error(twice: Upscaler) -> None:
    twice.network.conv_last.weight.fill_(torch.nan)
    with pytest.raises(
        GenerationFailed, match=r"^The upscaler twice drew numbers that are not finite\.$"
    ):
        twice.upscale(picture(8, 8))


def test_float16_files_are_computed_in_float32_on_a_processor(
    twice: Upscaler, tmp_path: Path
) -> None:
    halves = {name: t.half() for name, t in numbered_weights(doublings=1, blocks=1).items()}
    upscaler = load_upscaler(upscaler_file(tmp_path / "half.safetensors", halves), CPU)
    assert {p.dtype for p in upscaler.network.parameters()} == {torch.float32}
    assert largest_difference(upscaler.upscale(picture(9, 9)), twice.upscale(picture(9, 9))) <= 1


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def other_network(path: Path) -> None:
    safetensors.torch.save_file({"body.0.weight": torch.zeros(3)}, path)


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (Path.unlink, "u.safetensors cannot be read: No such file or directory."),
    "cut off": (cut_off, "u.safetensors is cut off: .*"),
    "a pickle": (lambda path: path.write_bytes(b"PK\x03\x04" * 200), "u.safetensors is a pickle.*"),
    "text": (lambda path: path.write_text("hello" * 50), "u.safetensors is a text file.*"),
    "another network": (
        other_network,
        "u is no upscaler that can be used: the first convolutions of an RRDBNet are missing.",
    ),
}


@pytest.mark.parametrize(("damage", "sentence"), BROKEN.values(), ids=BROKEN)
def test_a_wrong_file_is_refused_with_one_sentence(
    damage: Callable[[Path], object], sentence: str, tmp_path: Path
) -> None:
    file = upscaler_file(tmp_path / "u.safetensors", numbered_weights())
    damage(file.path)
    with pytest.raises(ModelError, match=f"^{sentence}$"):
        load_upscaler(file, CPU)


def test_a_file_that_changes_while_it_is_read_is_refused_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class CutOffOnceOpen(Weights):
        def __init__(self, files: Iterable[Path]) -> None:
            files = list(files)
            super().__init__(files)
            for path in files:
                os.truncate(path, 100)

    monkeypatch.setattr("hypersd_core.engine.pixels.upscale.Weights", CutOffOnceOpen)
    file = upscaler_file(tmp_path / "u.safetensors", numbered_weights())
    with pytest.raises(ModelError, match=r"^The upscaler u was changed while it was loaded\.$"):
        load_upscaler(file, CPU)


def test_a_network_in_memory_does_not_hold_on_to_its_file(tmp_path: Path) -> None:
    """Who writes over a mapped file changes the network; who cuts it off ends the process."""
    file = upscaler_file(tmp_path / "u.safetensors", numbered_weights())
    upscaler = load_upscaler(file, CPU)
    before = upscaler.upscale(picture(20, 30))
    with file.path.open("r+b") as opened:
        opened.write(bytes(file.path.stat().st_size))
    assert np.array_equal(upscaler.upscale(picture(20, 30)), before)


def test_a_file_of_another_kind_is_not_opened(tmp_path: Path) -> None:
    file = upscaler_file(tmp_path / "u.safetensors", numbered_weights())
    with pytest.raises(ModelError, match=r"^u is a lora, not an upscaler\.$"):
        load_upscaler(dataclasses.replace(file, kind=Kind.LORA), CPU)


@pytest.mark.parametrize("size", [(64, 48), (37, 111), (200, 150), (640, 480)])
def test_without_a_network_fit_is_pillows_crop_and_lanczos(size: tuple[int, int]) -> None:
    pixels = picture(300, 400)
    ours = fit(pixels, *size)
    theirs = ImageOps.fit(Image.fromarray(pixels), size, Image.Resampling.LANCZOS)
    assert ours.shape == (size[1], size[0], 3)
    inside = (slice(4, -4), slice(4, -4))  # theirs cuts between pixels, ours at whole ones
    assert np.abs(ours.astype(int) - np.asarray(theirs))[inside].mean() < 4


def test_a_picture_of_the_right_size_stays_as_it_is() -> None:
    pixels = picture(24, 32)
    assert np.array_equal(fit(pixels, 32, 24), pixels)


@pytest.mark.parametrize(
    ("width", "height", "runs"),
    [(60, 40, 1), (45, 30, 1), (61, 40, 2), (120, 80, 2), (30, 20, 0), (15, 10, 0), (240, 160, 3)],
)
def test_the_network_runs_as_often_as_the_size_asks(
    twice: Upscaler, width: int, height: int, runs: int
) -> None:
    calls: list[object] = []
    twice.network.register_forward_pre_hook(lambda *args: calls.append(args))
    assert fit(picture(20, 30), width, height, twice).shape == (height, width, 3)
    assert len(calls) == runs


def test_a_network_that_only_cleans_up_runs_once(tmp_path: Path) -> None:
    file = upscaler_file(tmp_path / "u.safetensors", numbered_weights(doublings=0))
    upscaler = load_upscaler(file, CPU)
    cleaned = upscaler.upscale(picture(20, 30))
    assert np.array_equal(fit(picture(20, 30), 30, 20, upscaler), cleaned)


def test_exactly_the_factor_is_the_network_alone(twice: Upscaler) -> None:
    assert np.array_equal(fit(picture(20, 30), 60, 40, twice), twice.upscale(picture(20, 30)))


def test_a_mask_is_cut_as_its_picture_is() -> None:
    pixels = np.zeros((300, 400, 3), np.uint8)
    pixels[100:200, 150:250] = 255
    fitted = fit(pixels, 64, 64)[..., 0]
    mask = fit_mask(pixels[..., 0], 64, 64)
    assert mask.shape == (64, 64)
    assert np.array_equal(mask > 127, fitted > 127)
    assert set(np.unique(mask)) >= {0, 255}
