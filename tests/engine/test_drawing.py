"""What is drawn besides pictures of words: from pictures, in parts, twice, seamless, on SD1.5."""

from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch

from hypersd_core.engine.engine import Engine
from hypersd_core.engine.loader import load_model
from hypersd_core.engine.memory.policy import MemoryMode
from hypersd_core.engine.model import Model
from hypersd_core.request import Hires, Source, Variation
from hypersd_core.sampling import SAMPLING_METHODS
from tests.engine.drawing import Pixels, draw, largest_difference, make_request
from tests.engine.model_files import folder_file
from tests.engine.one_model import OneModel
from tests.tiny_model import SIZE_PX
from tests.tiny_sd15 import SIZE_PX as SD15_SIZE_PX
from tests.tiny_sd15 import build_tiny_sd15

PHOTO = np.random.default_rng(0).integers(0, 256, (SIZE_PX, SIZE_PX, 3), dtype=np.uint8)
RIGHT_HALF = np.repeat([[0] * (SIZE_PX // 2) + [255] * (SIZE_PX // 2)], SIZE_PX, axis=0).astype(
    np.uint8
)
BLUE = "portrait of a woman, short black hair, pale skin, blue background"
YELLOW = "portrait of a man, red hair, mohawk, dark skin, yellow background"
PICTURES = {"photo": PHOTO, "right half": RIGHT_HALF}


@pytest.fixture(scope="module")
def trained() -> Engine:
    """The model that ships."""
    file = folder_file(Path(__file__).parents[2] / "data" / "models" / "portrait-64")
    return Engine(OneModel(load_model(file, torch.device("cpu"))))


def from_photo(engine: Engine, *, strength: float, mask: str = "", **changes: Any) -> list[Pixels]:
    source = Source(picture="photo", strength=strength, mask=mask)
    return draw(engine, pictures=PICTURES, source=source, **changes)


# --- from a picture -------------------------------------------------------------------------------


def test_strength_zero_gives_the_picture_back_to_the_pixel(engine: Engine) -> None:
    for picture in from_photo(engine, strength=0, count=2):
        np.testing.assert_array_equal(picture, PHOTO)


def test_strength_one_draws_what_words_alone_draw(engine: Engine) -> None:
    np.testing.assert_array_equal(from_photo(engine, strength=1), draw(engine))


def test_the_picture_shows_the_more_the_less_the_strength(trained: Engine) -> None:
    [photo] = draw(trained, prompt=BLUE, seed=3)

    def distance(strength: float) -> float:
        source = Source(picture="photo", strength=strength)
        changes: dict[str, Any] = {"prompt": YELLOW, "sampler": "ddim", "steps": 8, "eta": 0}
        [picture] = draw(trained, pictures={"photo": photo}, source=source, **changes)
        return float(np.abs(picture.astype(float) - photo).mean())

    assert 10 * distance(0.1) < 3 * distance(0.5) < 3 * distance(1)


@pytest.mark.parametrize("strength", [0.25, 0.5, 0.75])
def test_a_picture_redrawn_with_ddim_matches_diffusers(
    engine: Engine, model: Model, pipeline: Any, strength: float
) -> None:
    request = make_request(sampler="ddim", steps=4, eta=0, guidance=1.0)
    scheduler = diffusers.DDIMScheduler.from_config(
        pipeline.scheduler.config,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=False,
    )
    image_to_image = diffusers.StableDiffusionXLImg2ImgPipeline(
        **{**pipeline.components, "scheduler": scheduler}, add_watermarker=False
    )
    image_to_image.set_progress_bar_config(disable=True)
    pixels = torch.from_numpy(PHOTO).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.inference_mode():  # given latents, diffusers draws no noise for the VAE
        latents = model.vae.encode(pixels).latent_dist.mode() * model.vae.config.scaling_factor
    theirs = image_to_image(
        request.prompt,
        image=latents,
        strength=strength,
        num_inference_steps=4,
        guidance_scale=1.0,
        generator=torch.Generator("cpu").manual_seed(request.seed),
        output_type="np",
    ).images
    [ours] = from_photo(engine, strength=strength, sampler="ddim", steps=4, eta=0, guidance=1.0)
    assert largest_difference(ours, (theirs[0] * 255).round().astype(np.uint8)) <= 1


@pytest.mark.parametrize("sampler", SAMPLING_METHODS)
def test_every_sampler_redraws_a_picture_in_one_step(engine: Engine, sampler: str) -> None:
    [picture] = from_photo(engine, strength=0.3, sampler=sampler, steps=1)
    assert picture.shape == (SIZE_PX, SIZE_PX, 3)
    assert picture.std() > 0


def test_a_picture_of_another_shape_is_cut_to_the_size_asked_for(engine: Engine) -> None:
    wide = np.concatenate([PHOTO, PHOTO], axis=1)
    [picture] = draw(engine, pictures={"p": wide}, source=Source(picture="p", strength=0))
    np.testing.assert_array_equal(picture, wide[:, SIZE_PX // 2 : -(SIZE_PX // 2)])


# --- a part of it ---------------------------------------------------------------------------------


@pytest.mark.parametrize("strength", [0.5, 1.0])
@pytest.mark.parametrize("sampler", SAMPLING_METHODS)
def test_what_the_mask_leaves_out_is_kept_to_the_pixel(
    engine: Engine, sampler: str, strength: float
) -> None:
    [picture] = from_photo(engine, strength=strength, mask="right half", sampler=sampler)
    np.testing.assert_array_equal(picture[:, : SIZE_PX // 2], PHOTO[:, : SIZE_PX // 2])
    assert largest_difference(picture[:, SIZE_PX // 2 :], PHOTO[:, SIZE_PX // 2 :]) > 20


def test_a_mask_all_white_draws_the_whole_picture(engine: Engine) -> None:
    white = np.full_like(RIGHT_HALF, 255)
    source = Source(picture="photo", strength=0.5, mask="white")
    [masked] = draw(engine, pictures={"photo": PHOTO, "white": white}, source=source)
    [whole] = from_photo(engine, strength=0.5)
    np.testing.assert_array_equal(masked, whole)


def test_the_drawn_part_goes_on_with_what_is_kept(trained: Engine) -> None:
    """The model is told nothing of a background, and finds the one that is there."""
    [photo] = draw(trained, prompt=BLUE, seed=3)
    source = Source(picture="photo", strength=1, mask="right half")
    pictures = {"photo": photo, "right half": RIGHT_HALF}
    [redrawn] = draw(trained, prompt="portrait of a woman", pictures=pictures, source=source)
    corner = redrawn[:6, -6:].reshape(-1, 3).mean(axis=0)
    assert corner.argmax() == 2, f"blue, as on the left; got {corner}"


# --- twice ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("upscaler", ["latent", "lanczos"])
def test_a_hires_pass_draws_at_its_own_size(engine: Engine, upscaler: str) -> None:
    told: list[tuple[int, int]] = []
    hires = Hires(scale=1.5, strength=0.5, upscaler=upscaler)
    [picture] = draw(
        engine, hires=hires, steps=2, sampler="ddim", on_step=lambda *step: told.append(step)
    )
    assert picture.shape == (SIZE_PX * 3 // 2, SIZE_PX * 3 // 2, 3)
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("upscaler", ["latent", "lanczos"])
def test_a_hires_pass_of_little_strength_keeps_the_first_picture(
    trained: Engine, upscaler: str
) -> None:
    [small] = draw(trained, prompt=BLUE)
    hires = Hires(scale=2, strength=0.1, upscaler=upscaler)
    [large] = draw(trained, prompt=BLUE, hires=hires)
    shrunk = large.reshape(SIZE_PX, 2, SIZE_PX, 2, 3).mean(axis=(1, 3))
    assert np.corrcoef(shrunk.ravel(), small.ravel())[0, 1] > 0.9


def test_prompt_editing_does_not_start_again_in_the_second_pass(own_model: Model) -> None:
    read: list[torch.Tensor] = []
    own_model.unet.register_forward_pre_hook(
        lambda _, __, given: read.append(given["encoder_hidden_states"][0]), with_kwargs=True
    )
    hires = Hires(scale=1.5, strength=0.5)
    draw(Engine(OneModel(own_model)), prompt="[a man:a lady:1]", guidance=1, hires=hires)
    first, second, of_second_pass = read
    assert not torch.equal(first, second)
    assert torch.equal(second, of_second_pass)


# --- variations -----------------------------------------------------------------------------------


def test_a_variation_of_strength_zero_changes_nothing(engine: Engine) -> None:
    [plain] = draw(engine)
    [same] = draw(engine, variation=Variation(seed=99, strength=0))
    assert largest_difference(plain, same) <= 1


def test_a_variation_of_strength_one_is_the_other_seed(engine: Engine) -> None:
    changes: dict[str, Any] = {"sampler": "ddim", "eta": 0}  # no noise but the first
    [other] = draw(engine, seed=99, **changes)
    [varied] = draw(engine, variation=Variation(seed=99, strength=1), **changes)
    assert largest_difference(other, varied) <= 1


def test_a_subtle_variation_stays_nearer_than_another_seed(engine: Engine) -> None:
    changes: dict[str, Any] = {"sampler": "ddim", "eta": 0}
    [plain] = draw(engine, **changes)
    [subtle] = draw(engine, variation=Variation(seed=99, strength=0.1), **changes)
    [other] = draw(engine, seed=99, **changes)
    assert (
        0 < np.abs(subtle - plain.astype(float)).mean() < np.abs(other - plain.astype(float)).mean()
    )


def test_each_picture_of_a_varied_batch_is_the_one_of_its_seeds(engine: Engine) -> None:
    batch = draw(engine, count=2, variation=Variation(seed=99, strength=0.3))
    [second] = draw(engine, seed=8, variation=Variation(seed=100, strength=0.3))
    assert largest_difference(batch[1], second) <= 1


# --- prompts, borders, places ---------------------------------------------------------------------


def test_without_guidance_the_negative_prompt_changes_nothing(engine: Engine) -> None:
    long_one = "glasses, " * 40  # more chunks than the prompt has
    np.testing.assert_array_equal(
        draw(engine, guidance=1.0), draw(engine, guidance=1.0, negative=long_one)
    )


@pytest.mark.parametrize("sampler", ["tcd", "dpmpp_sde"])
def test_each_step_reads_its_own_text(engine: Engine, sampler: str) -> None:
    def drawn(prompt: str) -> Pixels:
        return draw(engine, prompt=prompt, sampler=sampler, steps=4)[0]

    np.testing.assert_array_equal(drawn("[a man:a lady:4]"), drawn("a man"))
    np.testing.assert_array_equal(drawn("[a man:a lady:0]"), drawn("a lady"))
    assert largest_difference(drawn("[a man:a lady:2]"), drawn("a man")) > 0
    assert largest_difference(drawn("[a man:a lady:2]"), drawn("a lady")) > 0


def test_a_seamless_picture_goes_on_at_the_other_border(trained: Engine) -> None:
    def jump(picture: Pixels) -> float:
        columns = picture.astype(float)
        return float(np.abs(columns[:, 0] - columns[:, -1]).mean())

    changes: dict[str, Any] = {"prompt": "long black hair, big smile", "guidance": 1.0, "seed": 5}
    [open_], [closed] = draw(trained, **changes), draw(trained, tiling=True, **changes)
    assert jump(closed) < jump(open_)
    np.testing.assert_array_equal(draw(trained, **changes)[0], open_)  # the model is as before


def test_a_model_whose_parts_take_turns_draws_the_same_picture(
    engine: Engine, model: Model
) -> None:
    in_turns = Engine(OneModel(model, mode=MemoryMode.OFFLOAD))
    changes: dict[str, Any] = {"hires": Hires(scale=1.5, strength=0.5, upscaler="lanczos")}
    np.testing.assert_array_equal(draw(in_turns, **changes), draw(engine, **changes))


# --- SD1.5 ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sd15_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny-sd15"
    build_tiny_sd15(folder)
    return folder


@pytest.mark.parametrize("negative", ["", "sad man"])
@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_sd15_draws_what_diffusers_draws(sd15_folder: Path, guidance: float, negative: str) -> None:
    request = make_request(
        sampler="ddim", steps=4, eta=0, guidance=guidance, negative=negative,
        width=SD15_SIZE_PX, height=SD15_SIZE_PX,
    )  # fmt: skip
    pipeline: Any = diffusers.StableDiffusionPipeline.from_pretrained(
        sd15_folder, dtype=torch.float32, local_files_only=True, safety_checker=None,
        feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipeline.scheduler = diffusers.DDIMScheduler.from_config(
        pipeline.scheduler.config, timestep_spacing="trailing", clip_sample=False,
        set_alpha_to_one=False, steps_offset=0,
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        request.prompt,
        negative_prompt=request.negative,
        num_inference_steps=request.steps,
        guidance_scale=request.guidance,
        width=request.width,
        height=request.height,
        generator=torch.Generator("cpu").manual_seed(request.seed),
        output_type="np",
    ).images
    engine = Engine(OneModel(load_model(folder_file(sd15_folder), torch.device("cpu"))))
    [ours] = engine.generate(request, {}, on_step=lambda *_: None, should_stop=lambda: False)
    assert largest_difference(ours, (theirs[0] * 255).round().astype(np.uint8)) <= 1
