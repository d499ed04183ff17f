"""Training learns, goes on exactly where it stopped, and never leaves half a file."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import diffusers
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import CLIPTokenizer

from hypersd_core.engine.catalog import inspect
from hypersd_core.engine.loader import load_model
from hypersd_core.pretrain import autoencoder, diffusion, models, run
from hypersd_core.pretrain.diffusion import Denoiser, Examples
from hypersd_core.pretrain.drawings import Labels, draw
from hypersd_core.pretrain.export import export
from hypersd_core.samplers import NoiseSchedule
from tests.tiny_model import sample_labels

BATCH = 4


@pytest.fixture(scope="module")
def pixels() -> NDArray[np.uint8]:
    return np.stack([draw(seed, size_px=32)[0] for seed in range(8)])


class PowerCut(Sequence[Any]):
    """Data that stop the program at the given reading, as Ctrl-C would."""

    def __init__(self, data: Any, *, at_reading: int) -> None:
        self._data, self._left = data, at_reading - 1

    def __len__(self) -> int:
        return len(self._data)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Any: ...
    def __getitem__(self, index: Any) -> Any:
        if not self._left:
            raise KeyboardInterrupt
        self._left -= 1
        return self._data[index]


def assert_identical(one: torch.nn.Module, other: torch.nn.Module) -> None:
    ours, theirs = one.state_dict(), other.state_dict()
    assert ours.keys() == theirs.keys()
    assert [key for key in ours if not torch.equal(ours[key], theirs[key])] == []


def test_an_autoencoder_resumes_bit_for_bit(pixels: NDArray[np.uint8], tmp_path: Path) -> None:
    def train(data: Any, name: str) -> Any:
        return autoencoder.train_autoencoder(
            data, tmp_path / name, total=4, seed=0, batch_size=BATCH
        )

    straight = train(pixels, "straight.pt")
    with contextlib.suppress(KeyboardInterrupt):
        train(PowerCut(pixels, at_reading=3), "stopped.pt")
    assert saved_step(tmp_path / "stopped.pt") == 2
    assert_identical(train(pixels, "stopped.pt"), straight)


def test_sharpening_resumes_bit_for_bit_and_leaves_the_latents(
    pixels: NDArray[np.uint8], tmp_path: Path
) -> None:
    def sharpen(data: Any, name: str) -> Any:
        vae = autoencoder.train_autoencoder(
            pixels, tmp_path / "first.pt", total=1, seed=0, batch_size=BATCH
        )
        return vae, autoencoder.sharpen_decoder(
            vae, data, tmp_path / name, total=3, seed=0, batch_size=BATCH
        )

    vae, straight = sharpen(pixels, "straight.pt")
    with contextlib.suppress(KeyboardInterrupt):
        sharpen(PowerCut(pixels, at_reading=2), "stopped.pt")
    assert saved_step(tmp_path / "stopped.pt") == 1
    assert_identical(sharpen(pixels, "stopped.pt")[1], straight)
    start = torch.load(tmp_path / "first.pt", weights_only=True)["vae"]
    moved = {key for key, value in vae.state_dict().items() if not torch.equal(value, start[key])}
    assert moved
    assert all(key.startswith("decoder.") for key in moved)


LOOKS_AT_ALL = 8


def make_examples(labels: Sequence[Labels]) -> Examples:
    generator = torch.Generator().manual_seed(1)
    return Examples(torch.randn(len(labels), 4, 16, 16, generator=generator), labels)


def test_a_denoiser_resumes_bit_for_bit(tokenizer: CLIPTokenizer, tmp_path: Path) -> None:
    labels = sample_labels()[:8]

    def train(labels: Sequence[Labels], name: str) -> Denoiser:
        return diffusion.train_denoiser(
            make_examples(labels), tokenizer, tmp_path / name, total=3, seed=0, batch_size=2
        )

    straight = train(labels, "straight.pt")
    with contextlib.suppress(KeyboardInterrupt):
        # the readers look at every label first, then each step reads two
        train(PowerCut(labels, at_reading=LOOKS_AT_ALL + 4), "stopped.pt")
    assert saved_step(tmp_path / "stopped.pt") == 1
    assert_identical(train(labels, "stopped.pt"), straight)


def saved_step(checkpoint: Path) -> int:
    state = run.load_checkpoint(checkpoint)
    assert state is not None
    return int(state["step"])


def test_training_the_autoencoder_lowers_its_loss(
    pixels: NDArray[np.uint8], tmp_path: Path
) -> None:
    def loss(total: int) -> float:
        vae = autoencoder.train_autoencoder(
            pixels, tmp_path / f"{total}.pt", total=total, seed=0, batch_size=BATCH
        )
        target = autoencoder.to_model_range(pixels)
        return autoencoder._loss(vae, target, torch.Generator().manual_seed(0)).item()

    assert loss(16) < 0.8 * loss(0)


def test_training_the_denoiser_lowers_its_loss(tokenizer: CLIPTokenizer, tmp_path: Path) -> None:
    examples = make_examples(sample_labels()[:8])
    batch = diffusion._batch(examples, tokenizer, size=8, seed=99, step=0)
    alpha_bar = NoiseSchedule.scaled_linear().alpha_bar.float()

    def loss(total: int) -> float:
        model = diffusion.train_denoiser(
            examples, tokenizer, tmp_path / f"{total}.pt", total=total, seed=0, batch_size=BATCH
        )
        with torch.no_grad():
            text = model.encode(batch.ids, batch.ids_2)
            return diffusion._noise_loss(model, text, batch, alpha_bar).item()

    assert loss(8) < 0.97 * loss(0)


def test_a_share_of_captions_is_dropped_and_ids_are_padded_as_in_sdxl(
    tokenizer: CLIPTokenizer,
) -> None:
    examples = make_examples(sample_labels()[:8])
    batch = diffusion._batch(examples, tokenizer, size=512, seed=0, step=0)
    assert batch.keep.mean().item() == pytest.approx(1 - 0.12, abs=0.04)
    end = tokenizer.eos_token_id
    for first, second in zip(batch.ids.tolist(), batch.ids_2.tolist(), strict=True):
        words = first.index(end)
        assert first[words:] == [end] * (len(first) - words)
        assert second == [*first[: words + 1], *[0] * (len(first) - words - 1)]


def test_latents_of_all_pictures_are_those_of_each() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (66, 16, 16, 3), dtype=np.uint8)
    vae = models.autoencoder().eval()
    latents = autoencoder.encode_all(vae, pictures)
    assert latents.shape == (66, 4, 4, 4)
    for i in (0, 63, 64, 65):
        expected = vae.encode(autoencoder.to_model_range(pictures[i : i + 1])).latent_dist.mean
        torch.testing.assert_close(latents[i : i + 1], expected, atol=1e-5, rtol=1e-4)


class Unwritable:
    def __reduce__(self) -> str:
        raise OSError("no space left on device")


def test_a_checkpoint_that_fails_to_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "stage.pt"
    assert run.load_checkpoint(path) is None
    run.save_checkpoint(path, {"step": 1, "weights": torch.ones(1000)})
    before = path.read_bytes()
    with pytest.raises(OSError, match="no space left"):
        run.save_checkpoint(path, {"weights": torch.zeros(1000), "more": Unwritable()})
    assert path.read_bytes() == before
    run.save_checkpoint(path, {"step": 2})
    assert run.load_checkpoint(path) == {"step": 2}
    assert [file.name for file in path.parent.iterdir()] == ["stage.pt"]


def test_the_rate_warms_up_holds_and_falls() -> None:
    [optimizer] = [torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))])]

    def rate(step: int) -> float:
        run.set_learning_rate(optimizer, peak=1.0, step=step, total=1000)
        return float(optimizer.param_groups[0]["lr"])

    assert [rate(step) for step in (0, 49, 99, 599)] == pytest.approx([0.01, 0.5, 1.0, 1.0])
    assert rate(800) == pytest.approx(0.5, abs=1e-6)
    assert rate(999) == pytest.approx(0.02)


@pytest.fixture
def parts(tokenizer: CLIPTokenizer) -> Iterator[tuple[Denoiser, Any]]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield Denoiser(tokenizer), models.autoencoder()


def files_in(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_an_export_loads_in_the_engine_and_keeps_the_files_beside_the_weights(
    tokenizer: CLIPTokenizer, parts: tuple[Denoiser, Any], tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "recipe.toml").write_text("kept", "utf-8")
    (folder / "unet").mkdir()
    (folder / "unet" / "old.bin").write_bytes(b"old")
    denoiser, vae = parts
    weight: Tensor = denoiser.unet.conv_in.weight.detach().clone()
    export(folder, tokenizer, denoiser, vae, scaling_factor=0.25)
    model = load_model(inspect(folder), torch.device("cpu"))
    assert model.vae.config.scaling_factor == 0.25
    torch.testing.assert_close(model.unet.conv_in.weight, weight, atol=1e-3, rtol=0)
    assert (folder / "recipe.toml").read_text("utf-8") == "kept"
    assert not (folder / "unet" / "old.bin").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("failing", ["UNet2DConditionModel", "AutoencoderKL"])
@pytest.mark.parametrize("is_first", [True, False])
def test_an_export_that_fails_leaves_the_old_model_or_none(
    tokenizer: CLIPTokenizer,
    parts: tuple[Denoiser, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failing: str,
    is_first: bool,
) -> None:
    folder = tmp_path / "model"
    if not is_first:
        export(folder, tokenizer, *parts, scaling_factor=0.5)
    before = files_in(folder)

    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(getattr(diffusers, failing), "save_pretrained", fail)
        with pytest.raises(OSError, match="no space left"):
            export(folder, tokenizer, *parts, scaling_factor=0.9)
    assert files_in(folder) == before
    export(folder, tokenizer, *parts, scaling_factor=0.9)
    assert len(files_in(folder)) >= 14
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
