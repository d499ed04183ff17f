"""Pictures from outside: what is taken, what it becomes, and what is refused."""

import io
import struct
import threading
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms, PngImagePlugin

from hypersd_core.errors import InvalidPicture, StoreError
from hypersd_core.input_pictures import FORMATS, MAX_INPUT_BYTES, InputPictures

every_format = pytest.mark.parametrize("pillow_format", FORMATS)


@pytest.fixture
def pictures(tmp_path: Path) -> InputPictures:
    return InputPictures(tmp_path / "inputs")


def file_of(picture: Image.Image, pillow_format: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, pillow_format, **options)
    return file.getvalue()


def quarters(width: int = 64, height: int = 48) -> Image.Image:
    """Red, green, blue and grey, so that turning it shows."""
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    across, down = width // 2, height // 2
    pixels[:down, :across] = 255, 0, 0
    pixels[:down, across:] = 0, 255, 0
    pixels[down:, :across] = 0, 0, 255
    pixels[down:, across:] = 128
    return Image.fromarray(pixels)


def corners(pixels: NDArray[np.uint8]) -> list[list[int]]:
    return [pixels[y, x].tolist() for y in (4, -5) for x in (4, -5)]


RED, GREEN, BLUE, GREY = [255, 0, 0], [0, 255, 0], [0, 0, 255], [128, 128, 128]


@every_format
def test_a_picture_of_every_format_is_kept(pictures: InputPictures, pillow_format: str) -> None:
    options = {"lossless": True} if pillow_format == "WEBP" else {}
    name = pictures.add(file_of(quarters(), pillow_format, **options))
    kept = pictures.load(name)
    assert kept.shape == (48, 64, 3)
    assert kept.dtype == np.uint8
    assert kept.flags.writeable
    difference = np.abs(kept.astype(int) - np.asarray(quarters())).mean()
    assert difference < 8 if pillow_format == "JPEG" else difference == 0


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("L", [76, 76, 76]),
        ("P", RED),
        ("1", [0, 0, 0]),
        ("LA", [76, 76, 76]),
        ("RGBA", RED),
    ],
)
def test_every_mode_becomes_rgb(pictures: InputPictures, mode: str, expected: list[int]) -> None:
    plain = Image.new("RGB", (32, 32), "red" if mode != "1" else "black").convert(mode)
    assert pictures.load(pictures.add(file_of(plain)))[5, 5].tolist() == expected


def test_cmyk_becomes_rgb(pictures: InputPictures) -> None:
    data = file_of(Image.new("CMYK", (32, 32), (0, 255, 255, 0)), "JPEG", quality=100)
    kept = pictures.load(pictures.add(data))
    assert np.abs(kept.astype(int) - RED).max() < 4


def test_16_bits_of_grey_are_scaled(pictures: InputPictures) -> None:
    picture = Image.fromarray(np.full((32, 32), 0x80FF, dtype=np.uint16))
    assert pictures.load(pictures.add(file_of(picture)))[5, 5].tolist() == GREY


def test_of_an_animation_the_first_frame_is_kept(pictures: InputPictures) -> None:
    second = Image.new("RGB", (64, 48), "white")
    for pillow_format in ("GIF", "PNG", "WEBP"):
        data = file_of(quarters(), pillow_format, save_all=True, append_images=[second])
        kept = pictures.load(pictures.add(data))
        assert np.abs(kept.astype(int) - np.asarray(quarters())).mean() < 8


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (1, [RED, GREEN, BLUE, GREY]),
        (2, [GREEN, RED, GREY, BLUE]),
        (3, [GREY, BLUE, GREEN, RED]),
        (4, [BLUE, GREY, RED, GREEN]),
        (5, [RED, BLUE, GREEN, GREY]),
        (6, [BLUE, RED, GREY, GREEN]),
        (7, [GREY, GREEN, BLUE, RED]),
        (8, [GREEN, GREY, RED, BLUE]),
        (9, [RED, GREEN, BLUE, GREY]),
    ],
)
def test_a_picture_stands_upright(
    pictures: InputPictures, orientation: int, expected: list[list[int]]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    kept = pictures.load(pictures.add(file_of(quarters(), exif=exif)))
    assert corners(kept) == expected
    assert kept.shape == ((64, 48, 3) if orientation in {5, 6, 7, 8} else (48, 64, 3))


def test_an_exif_that_cannot_be_read_does_no_harm(pictures: InputPictures) -> None:
    data = file_of(quarters(), "WEBP", lossless=True, exif=b"Exif\0\0" + b"nonsense")
    assert corners(pictures.load(pictures.add(data))) == [RED, GREEN, BLUE, GREY]


def test_what_is_transparent_becomes_white(pictures: InputPictures) -> None:
    pixels = np.zeros((32, 32, 4), dtype=np.uint8)
    pixels[:16, :, 3] = 255
    pixels[16:, :, 3] = 128
    pixels[:, :8, 3] = 0
    kept = pictures.load(pictures.add(file_of(Image.fromarray(pixels))))
    assert kept[5, 20].tolist() == [0, 0, 0]
    assert kept[20, 20].tolist() == [127, 127, 127]
    assert kept[5, 2].tolist() == [255, 255, 255]


def test_a_transparent_palette_colour_becomes_white(pictures: InputPictures) -> None:
    picture = quarters().quantize(8)
    transparent = picture.getpixel((0, 0))
    for pillow_format in ("GIF", "PNG"):
        data = file_of(picture, pillow_format, transparency=transparent)
        kept = pictures.load(pictures.add(data))
        assert corners(kept) == [[255, 255, 255], GREEN, BLUE, GREY]


def test_colours_are_converted_to_srgb(pictures: InputPictures) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    broken = b"nonsense" * 40
    for profile in (srgb.tobytes(), lab.tobytes(), broken):  # LAB does not fit pixels of RGB
        name = pictures.add(file_of(quarters(), icc_profile=profile))
        assert corners(pictures.load(name)) == [RED, GREEN, BLUE, GREY]


def test_a_wider_colour_space_is_converted(pictures: InputPictures) -> None:
    plain = Image.new("RGB", (32, 32), (200, 100, 50))
    kept = pictures.load(pictures.add(file_of(plain, icc_profile=swapped_primaries())))
    red, green, _ = kept[5, 5].tolist()
    assert green > red  # the file calls its first channel green


def swapped_primaries() -> bytes:
    """The sRGB profile with the colorants of red and green exchanged."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"????", 1).replace(b"gXYZ", b"rXYZ", 1).replace(
        b"????", b"gXYZ", 1
    )  # fmt: skip


def test_nothing_but_pixels_is_kept(pictures: InputPictures, tmp_path: Path) -> None:
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("parameters", "a secret")
    exif = Image.Exif()
    exif[0x010E] = "a secret"
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = file_of(quarters(), pnginfo=chunks, exif=exif, icc_profile=srgb, dpi=(300, 300))
    name = pictures.add(data)
    with Image.open(tmp_path / "inputs" / name) as kept:
        kept.load()
        assert kept.info == {}
    assert name == pictures.add(file_of(quarters()))


def test_a_large_picture_is_reduced(pictures: InputPictures) -> None:
    kept = pictures.load(pictures.add(file_of(quarters(5000, 2500))))
    assert kept.shape == (2048, 4096, 3)
    assert corners(kept) == [RED, GREEN, BLUE, GREY]


def test_a_picture_is_named_after_its_content(pictures: InputPictures, tmp_path: Path) -> None:
    name = pictures.add(file_of(quarters()))
    assert pictures.add(file_of(quarters(), "GIF")) == name
    assert pictures.add(file_of(quarters(48, 64))) != name
    assert len(list((tmp_path / "inputs").iterdir())) == 2


def header_only(width: int, height: int) -> bytes:
    """A PNG that promises many pixels and holds none."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "damaged or no picture"),
        (b"a text", "damaged or no picture"),
        (b"\0" * (MAX_INPUT_BYTES + 2**20), "has 21.0 MiB; at most 20 MiB"),
        (file_of(quarters())[:-40], "damaged or no picture"),
        (file_of(quarters(), "JPEG")[:-40], "damaged or no picture"),
        (file_of(quarters(), "WEBP")[:-40], "damaged or no picture"),
        (file_of(quarters(), "GIF")[:200], "damaged or no picture"),
        (file_of(quarters(), "BMP"), "send a PNG, JPEG, WebP or GIF"),
        (file_of(quarters(), "TIFF"), "send a PNG, JPEG, WebP or GIF"),
        (file_of(quarters(), "PDF"), "send a PNG, JPEG, WebP or GIF"),
        (header_only(8000, 6000), r"8000x6000 = 48,000,000 pixels; at most 40,000,000"),
        (header_only(10_000, 10_000), "at most 40,000,000"),  # Pillow warns
        (header_only(2**31 - 1, 2**31 - 1), "at most 40,000,000"),  # Pillow refuses
        (header_only(0, 0), "damaged or no picture"),
        (file_of(Image.new("RGB", (15, 400))), "15x400 pixels; at least 16"),
        (file_of(Image.new("RGB", (16, 8192))), "16x8192 pixels; at least 16"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_usable_picture_is_refused(
    pictures: InputPictures, tmp_path: Path, data: bytes, sentence: str
) -> None:
    with pytest.raises(InvalidPicture, match=sentence):
        pictures.add(data)
    with pytest.raises(InvalidPicture, match=sentence):
        pictures.add_mask(data, picture="")
    assert not (tmp_path / "inputs").exists()


def test_a_bomb_is_refused_before_it_is_decoded(pictures: InputPictures) -> None:
    header_alone = file_of(Image.new("1", (12_000, 12_000)))[:64]
    with pytest.raises(InvalidPicture, match="at most 40,000,000"):
        pictures.add(header_alone)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(FORMATS), st.data())
@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of damaged Exif
def test_any_damage_is_kept_or_refused(
    tmp_path: Path, pillow_format: str, data: st.DataObject
) -> None:
    pictures = InputPictures(tmp_path / "inputs")
    file = bytearray(file_of(quarters(), pillow_format))
    for _ in range(data.draw(st.integers(1, 4))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    try:
        name = pictures.add(bytes(file))
    except InvalidPicture:
        return
    assert pictures.load(name).shape[2] == 3


def test_a_mask_is_brightness(pictures: InputPictures) -> None:
    for picture in (quarters(), quarters().convert("L"), quarters().convert("RGBA")):
        data = file_of(picture)
        mask = pictures.load_mask(pictures.add_mask(data, picture=pictures.add(data)))
        assert mask.shape == (48, 64)
        assert (mask[4, 4], mask[4, -5], mask[-5, 4], mask[-5, -5]) == (76, 150, 29, 128)


def test_in_a_mask_what_is_transparent_is_kept(pictures: InputPictures) -> None:
    strokes = np.zeros((32, 32, 4), dtype=np.uint8)
    strokes[8:16] = 255
    data = file_of(Image.fromarray(strokes))
    mask = pictures.load_mask(pictures.add_mask(data, picture=pictures.add(data)))
    assert (mask[10, 10], mask[2, 2]) == (255, 0)


@pytest.mark.parametrize("size", [(100, 67), (1000, 667), (2000, 1334), (500, 333), (50, 34)])
def test_a_mask_may_have_another_size_of_the_same_proportions(
    pictures: InputPictures, size: tuple[int, int]
) -> None:
    picture = pictures.add(file_of(Image.new("RGB", (1000, 667))))
    mask = pictures.add_mask(file_of(Image.new("L", size, 255)), picture=picture)
    assert pictures.size(mask) == size


@pytest.mark.parametrize("size", [(667, 1000), (1000, 700), (500, 330), (100, 69), (667, 667)])
def test_a_mask_of_other_proportions_is_refused(
    pictures: InputPictures, size: tuple[int, int]
) -> None:
    picture = pictures.add(file_of(Image.new("RGB", (1000, 667))))
    with pytest.raises(InvalidPicture) as refused:
        pictures.add_mask(file_of(Image.new("L", size)), picture=picture)
    assert str(refused.value) == (
        f"The mask has {size[0]}x{size[1]} pixels, the picture 1000x667: "
        "they must have the same proportions."
    )


def test_our_own_pixels_are_kept_as_they_are(pictures: InputPictures) -> None:
    pixels = np.asarray(quarters())
    assert np.array_equal(pictures.load(pictures.keep(pixels)), pixels)
    assert np.array_equal(pictures.load_mask(pictures.keep(pixels[..., 0])), pixels[..., 0])


@pytest.mark.parametrize(
    "name",
    ["", "a.png", "../" + "a" * 64 + ".png", "A" * 64 + ".png", "a" * 64, "a" * 64 + ".png\n",
     "/etc/passwd", "a" * 64 + ".png/../../x"],
)  # fmt: skip
def test_no_name_leads_out_of_the_folder(pictures: InputPictures, name: str) -> None:
    for load in (pictures.load, pictures.load_mask):
        with pytest.raises(InvalidPicture, match="is not the name of an input picture"):
            load(name)


def test_a_picture_that_is_gone_is_told(pictures: InputPictures, tmp_path: Path) -> None:
    name = pictures.add(file_of(quarters()))
    (tmp_path / "inputs" / name).unlink()
    with pytest.raises(InvalidPicture, match="no longer here"):
        pictures.load(name)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "inputs").write_text("a file")
    with pytest.raises(StoreError, match=r"^The input picture cannot be kept in the bot's data"):
        InputPictures(tmp_path / "inputs").add(file_of(quarters()))


def test_many_threads_may_add_the_same_picture(pictures: InputPictures, tmp_path: Path) -> None:
    data = [file_of(quarters(64 + 8 * i, 48)) for i in range(4)]
    names: list[str] = []
    threads = [
        threading.Thread(target=lambda i=i: names.append(pictures.add(data[i % 4])))
        for i in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(set(names)) == sorted(path.name for path in (tmp_path / "inputs").iterdir())
    assert (len(names), len(set(names))) == (16, 4)


def test_what_is_old_and_unused_is_deleted(pictures: InputPictures, tmp_path: Path) -> None:
    used, unused = (pictures.add(file_of(quarters(64, side))) for side in (48, 56))
    (tmp_path / "inputs" / "left.part").write_bytes(b"half")
    assert pictures.delete_unused({used}, min_age_s=60) == 0
    assert pictures.delete_unused({used}, min_age_s=0) == 2
    assert pictures.load(used).shape == (48, 64, 3)
    with pytest.raises(InvalidPicture):
        pictures.load(unused)


def test_nothing_is_deleted_where_nothing_is(pictures: InputPictures) -> None:
    assert pictures.delete_unused((), min_age_s=0) == 0


def test_a_mask_that_is_black_everywhere_is_refused(pictures: InputPictures) -> None:
    name = pictures.add(file_of(Image.new("RGB", (64, 64))))
    with pytest.raises(InvalidPicture, match="black everywhere"):
        pictures.add_mask(file_of(Image.new("L", (64, 64))), picture=name)
