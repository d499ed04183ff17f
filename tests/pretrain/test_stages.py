"""The stages of the 128 px model, at a tiny size: each finds what the one before it left."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from hypersd_core.engine.catalog import inspect
from hypersd_core.engine.loader import load_model
from hypersd_core.pretrain import autoencoder, models, pictures, stages
from hypersd_core.pretrain.stages import Plan
from hypersd_core.pretrain.subjects import draw, is_held_out

SHAPE = models.Shape(
    size_px=32,
    latent_channels=4,
    autoencoder=(8, 8, 8, 8),
    unet=(32, 32, 64),
    text=(32, 64),
    vocabulary=700,
)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    work: Path = tmp_path_factory.mktemp("pretrain")
    plan = Plan(
        work=work,
        out=work / "model",
        shape=SHAPE,
        pictures=12,
        autoencoder_steps=2,
        decoder_steps=1,
        denoiser_steps=2,
        autoencoder_batch=4,
        denoiser_batch=4,
    )
    pictures.load_or_draw(work, count=12, size_px=32, workers=1)
    stages.train_autoencoder(plan)
    return plan


def test_pictures_are_those_of_the_first_seeds_that_are_not_held_out(plan: Plan) -> None:
    drawn = stages.load_pictures(plan)
    for i, seed in enumerate(pictures.training_seeds(12)):
        pixels, attributes = draw(seed, size_px=32)
        assert np.array_equal(drawn.pixels[i], pixels)
        assert drawn.attributes[i] == attributes
        assert not is_held_out(attributes)


def test_drawing_goes_on_where_it_stopped(plan: Plan, tmp_path: Path) -> None:
    half = np.array(stages.load_pictures(plan).pixels)
    half[0] = 7  # a mark that only pictures drawn before the stop can have
    np.save(tmp_path / "pixels.partial.npy", half)
    (tmp_path / "drawn.json").write_text(json.dumps([0]))
    again = pictures.load_or_draw(tmp_path, count=12, size_px=32, workers=1)
    assert (again.pixels[0] == 7).all()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["attributes.json", "pixels.npy"]


@pytest.mark.parametrize("held_out", [True, False])
def test_pictures_for_measuring_are_no_training_pictures(held_out: bool) -> None:
    unseen = pictures.unseen(count=3, size_px=16, held_out=held_out)
    assert [is_held_out(attributes) for attributes in unseen.attributes] == [held_out] * 3
    assert max(pictures.training_seeds(1_000)) < pictures.FIRST_UNSEEN


def test_latents_are_read_back_as_they_were_written(plan: Plan) -> None:
    first, scaling = stages.encode_latents(plan)
    second, same = stages.encode_latents(plan)
    assert first.shape == (12, 4, 4, 4)
    assert first.std().item() == pytest.approx(1, abs=1e-3)
    assert torch.equal(first, second)
    assert scaling == same


def test_standardised_latents_give_the_same_pictures(plan: Plan) -> None:
    pixels = stages.load_pictures(plan).pixels
    plain, frozen = stages.trained_autoencoder(plan), stages.frozen_autoencoder(plan)
    latents = autoencoder.encode_all(frozen, pixels)
    assert latents.mean(dim=(0, 2, 3)).abs().max() < 1e-4
    assert (latents.std(dim=(0, 2, 3)) - 1).abs().max() < 1e-4
    before, after = (autoencoder.reconstruct(vae, pixels) for vae in (plain, frozen))
    assert np.abs(before.astype(int) - after).max() <= 1
    spread, same = (
        vae.encode(autoencoder.to_model_range(pixels)).latent_dist.std
        / means.std(dim=(0, 2, 3), keepdim=True)
        for vae, means in ((plain, autoencoder.encode_all(plain, pixels)), (frozen, latents))
    )
    assert torch.allclose(spread, same, rtol=1e-3)


def test_the_stages_end_in_a_model_that_the_engine_draws_with(plan: Plan) -> None:
    stages.train_denoiser(plan)
    stages.train_decoder(plan)
    stages.export_model(plan)
    model = load_model(inspect(plan.out), torch.device("cpu"))
    assert model.unet.config["in_channels"] == model.vae.config["latent_channels"] == 4
    assert model.unet.config["sample_size"] == SHAPE.latent_px == 4
    _, scaling = stages.encode_latents(plan)
    assert model.vae.config["scaling_factor"] == pytest.approx(scaling)


def test_later_stages_wait_for_a_finished_autoencoder(plan: Plan, tmp_path: Path) -> None:
    longer = dataclasses.replace(plan, autoencoder_steps=5)
    with pytest.raises(SystemExit, match="step 2 of 5"):
        stages.trained_autoencoder(longer)
    with pytest.raises(SystemExit, match="is not there yet"):
        stages.export_model(dataclasses.replace(plan, work=tmp_path / "none"))


def test_measuring_saves_a_sheet_and_says_the_score(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(stages, "_MEASURED", 24)
    with caplog.at_level("INFO"), torch.inference_mode():
        stages.measure_autoencoder(plan)
    assert "24 held-out pictures" in caplog.text
    assert (plan.work / "autoencoder.png").exists()


def test_psnr_is_that_of_the_definition() -> None:
    black = np.zeros((1, 4, 4, 3), np.uint8)
    assert autoencoder.psnr_db(black, black + 255) == pytest.approx(0)
    assert autoencoder.psnr_db(black, black + 51) == pytest.approx(13.979, abs=1e-3)  # 20 log10 5
    assert autoencoder.psnr_db(black, black) == float("inf")


def test_a_preview_draws_each_held_out_caption_once(
    plan: Plan, caplog: pytest.LogCaptureFixture
) -> None:
    stages.train_denoiser(plan)
    with caplog.at_level("INFO"):
        stages.preview(plan)
    with Image.open(plan.work / "denoiser.png") as sheet:
        assert sheet.size == (8 * 32, 6 * 32)
    assert caplog.messages[-1].count("\n") == 24
