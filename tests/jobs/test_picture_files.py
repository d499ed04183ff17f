from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hypersd_core.jobs.picture_files import PictureFiles, Reviewed
from hypersd_core.request import EncodedPicture, GenerationRequest, Job, JobState
from tests.jobs.sample_jobs import a_request, an_origin, gradient

JOB = Job(
    id=42,
    request=a_request(count=2, seed=2**32 - 1),
    origin=an_origin(),
    state=JobState.RUNNING,
    attempt=1,
    created_at=datetime(2030, 1, 1, tzinfo=UTC),
)
SEEN = [Reviewed(), Reviewed(rating="explicit", spoiler=True)]
DRAWN = [gradient(JOB.request, seed) for seed in JOB.request.seeds]


def encode(pixels: NDArray[np.uint8], request: GenerationRequest, index: int) -> EncodedPicture:
    height, width, _ = pixels.shape
    infotext = f"{request.prompt}\nSeed: {request.seeds[index]}"
    return EncodedPicture(
        data=pixels.tobytes(), suffix="raw", width=width, height=height, infotext=infotext
    )


def test_pictures_are_written_whole_and_described(tmp_path: Path) -> None:
    pictures = PictureFiles(tmp_path, encode).write(JOB, DRAWN, SEEN)
    assert [p.path for p in pictures] == [Path("42/0.raw"), Path("42/1.raw")]
    assert [p.seed for p in pictures] == [2**32 - 1, 0]
    assert [(p.rating, p.spoiler) for p in pictures] == [("", False), ("explicit", True)]
    for picture, pixels in zip(pictures, DRAWN, strict=True):
        assert (tmp_path / picture.path).read_bytes() == pixels.tobytes()
        assert (picture.width, picture.height) == (64, 128)
        assert picture.bytes == pixels.nbytes
        assert picture.infotext == f"a fox\nSeed: {picture.seed}"
    assert len(list(tmp_path.rglob("*.*"))) == 2  # no .part is left


def test_half_a_file_never_has_the_final_name(tmp_path: Path) -> None:
    (tmp_path / "42" / "0.raw.part").mkdir(parents=True)  # opening it fails, as on a full disk
    with pytest.raises(OSError, match=r"0\.raw\.part"):
        PictureFiles(tmp_path, encode).write(JOB, DRAWN, SEEN)
    assert not (tmp_path / "42" / "0.raw").exists()


def test_writing_again_replaces_what_an_earlier_attempt_left(tmp_path: Path) -> None:
    files = PictureFiles(tmp_path, encode)
    files.write(JOB, [np.zeros_like(pixels) for pixels in DRAWN], SEEN)
    files.write(JOB, DRAWN, SEEN)
    assert (tmp_path / "42" / "1.raw").read_bytes() == DRAWN[1].tobytes()


def test_delete_leaves_the_pictures_of_other_jobs(tmp_path: Path) -> None:
    files = PictureFiles(tmp_path, encode)
    files.write(JOB, DRAWN, SEEN)
    (tmp_path / "4").mkdir()
    files.delete(42)
    files.delete(43)
    assert [p.name for p in tmp_path.iterdir()] == ["4"]
