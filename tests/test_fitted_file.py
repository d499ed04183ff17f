"""Pictures that are too large to be posted become smaller files, as little worse as possible."""

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from hypersd_core.encode import PictureFormat, encode_picture, parameters_of
from hypersd_core.fitted_file import MIN_SIDE_PX, FittedFile, fitted_file, grid_file
from hypersd_core.request import Picture
from tests.any_request import make_request

SIDE_PX = 256


def noisy(side_px: int = SIDE_PX, *, amount: int = 8) -> NDArray[np.uint8]:
    """A ramp with grain: compressible, but not to nothing."""
    rng = np.random.default_rng(3)
    ramp = np.linspace(40, 200, side_px)[None, :, None]
    grain = rng.normal(0, amount, (side_px, side_px, 3))
    return (ramp + grain).clip(0, 255).astype(np.uint8)


def stored(folder: Path, pixels: NDArray[np.uint8], index: int = 0) -> Picture:
    request = make_request(prompt="a fox, «grainy» 狐", count=4)
    encoded = encode_picture(pixels, request, index)
    path = folder / f"{index}.png"
    path.write_bytes(encoded.data)
    return Picture(
        index=index,
        seed=request.seeds[index],
        path=path,
        width=encoded.width,
        height=encoded.height,
        bytes=len(encoded.data),
        infotext=encoded.infotext,
    )


def opened(file: FittedFile) -> Image.Image:
    image = Image.open(io.BytesIO(file.data))
    image.load()
    return image


def test_a_file_that_fits_is_posted_as_it_is(tmp_path: Path) -> None:
    picture = stored(tmp_path, noisy())
    file = fitted_file(picture, picture.bytes)
    assert file.data == picture.path.read_bytes()
    assert (file.format, file.original_bytes, file.is_reduced) == (PictureFormat.PNG, 0, False)


def test_a_little_too_large_loses_no_pixel(tmp_path: Path) -> None:
    picture = stored(tmp_path, noisy(amount=2))
    file = fitted_file(picture, picture.bytes - 1)
    assert file.format is PictureFormat.WEBP_LOSSLESS
    assert file.original_bytes == picture.bytes
    assert np.array_equal(np.asarray(opened(file)), noisy(amount=2))


@pytest.mark.parametrize("share", [0.55, 0.3, 0.1, 0.03, 0.01])
def test_whatever_is_allowed_is_kept_to_and_the_parameters_stay(
    tmp_path: Path, share: float
) -> None:
    picture = stored(tmp_path, noisy(1024))
    most = int(picture.bytes * share)
    file = fitted_file(picture, most)
    assert len(file.data) <= most
    assert parameters_of(file.data) == picture.infotext
    assert opened(file).size == (file.width, file.height)


def test_quality_goes_before_size(tmp_path: Path) -> None:
    picture = stored(tmp_path, noisy(1024))
    forms = [fitted_file(picture, int(picture.bytes * share)) for share in (0.5, 0.2, 0.05, 0.01)]
    assert [file.is_reduced for file in forms] == sorted(file.is_reduced for file in forms)
    assert not forms[0].is_reduced
    assert forms[-1].is_reduced


def test_what_fits_in_no_form_is_as_small_as_it_gets(tmp_path: Path) -> None:
    file = fitted_file(stored(tmp_path, noisy()), 10)
    assert min(file.width, file.height) == MIN_SIDE_PX


def test_four_pictures_are_two_by_two_in_their_order(tmp_path: Path) -> None:
    pictures = [
        stored(tmp_path, np.full((32, 48, 3), 60 * index, np.uint8), index) for index in range(4)
    ]
    file = grid_file(pictures, 10**6)
    grid = np.asarray(opened(file))
    assert grid.shape == (64, 96, 3)
    assert [grid[y, x, 0] for y in (0, 63) for x in (0, 95)] == [0, 60, 120, 180]
    assert parameters_of(file.data) == pictures[0].infotext


@pytest.mark.parametrize(("count", "size"), [(2, (96, 32)), (3, (96, 64))])
def test_fewer_pictures_leave_no_column_empty(
    tmp_path: Path, count: int, size: tuple[int, int]
) -> None:
    pictures = [stored(tmp_path, np.zeros((32, 48, 3), np.uint8), i) for i in range(count)]
    assert opened(grid_file(pictures, 10**6)).size == size


def test_a_grid_is_kept_to_the_limit_as_well(tmp_path: Path) -> None:
    pictures = [stored(tmp_path, noisy(), index) for index in range(4)]
    file = grid_file(pictures, 100_000)
    assert len(file.data) <= 100_000
    assert file.original_bytes > 100_000
