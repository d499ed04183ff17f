"""Our denoising loop: against diffusers' pipeline, and what it promises to those who call it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from hypersd_core.engine.engine import Engine
from hypersd_core.engine.loader import Model
from hypersd_core.errors import Cancelled, GenerationFailed, OutOfMemory
from hypersd_core.sampling import SAMPLING_METHODS
from tests.engine.diffusers_reference import draw_with_diffusers
from tests.engine.drawing import Pixels, draw, largest_difference, make_request
from tests.engine.one_model import OneModel


@pytest.fixture
def calls(model: Model) -> Iterator[list[int]]:
    """The batch size of every call of the UNet during the test."""
    sizes: list[int] = []
    hook = model.unet.register_forward_pre_hook(lambda _, args: sizes.append(len(args[0])))
    yield sizes
    hook.remove()


def assert_same_picture(ours: Pixels, theirs: Pixels) -> None:
    """Floats sum in another order there, which tips a rounding here and there: 1/255, no more."""
    assert ours.shape == theirs.shape
    assert largest_difference(ours, theirs) <= 1
    assert np.mean(ours != theirs) < 0.01


@pytest.mark.parametrize("negative", ["", "sad man, glasses"])
@pytest.mark.parametrize("eta", [0.0, 0.3])
@pytest.mark.parametrize("guidance", [1.0, 2.0])
@pytest.mark.parametrize("steps", [1, 2, 4, 8])
def test_tcd_draws_what_diffusers_draws_within_one_255th(
    engine: Engine, pipeline: Any, steps: int, guidance: float, eta: float, negative: str
) -> None:
    request = make_request(steps=steps, guidance=guidance, eta=eta, negative=negative)
    [ours] = engine.generate(request, {}, on_step=lambda *_: None, should_stop=lambda: False)
    [theirs] = draw_with_diffusers(pipeline, request)
    assert_same_picture(ours, theirs)


@pytest.mark.parametrize(("width", "height"), [(72, 56), (64, 128), (104, 64)])
def test_oblong_pictures_match_diffusers_within_one_255th(
    engine: Engine, pipeline: Any, width: int, height: int
) -> None:
    request = make_request(width=width, height=height, negative="sad man")
    [ours] = engine.generate(request, {}, on_step=lambda *_: None, should_stop=lambda: False)
    [theirs] = draw_with_diffusers(pipeline, request)
    assert ours.shape == (height, width, 3)
    assert_same_picture(ours, theirs)


def test_a_batch_matches_diffusers_within_one_255th(engine: Engine, pipeline: Any) -> None:
    request = make_request(count=3, negative="sad man")
    ours = engine.generate(request, {}, on_step=lambda *_: None, should_stop=lambda: False)
    theirs = draw_with_diffusers(pipeline, request)
    for mine, other in zip(ours, theirs, strict=True):
        assert_same_picture(mine, other)


def test_the_model_is_no_trivial_one(engine: Engine) -> None:
    """Or the comparisons above would hold for wrong seeds, prompts and guidance too."""
    [picture] = draw(engine)
    assert picture.std() > 20
    for change in (
        {"seed": 8},
        {"prompt": "man"},
        {"negative": "man"},
        {"guidance": 1.0},
        {"eta": 0.0},
        {"steps": 4},
        {"sampler": "dpmpp_sde"},
    ):
        [changed] = draw(engine, **change)
        assert largest_difference(picture, changed) > 8, change


@pytest.mark.parametrize("sampler", SAMPLING_METHODS)
def test_the_same_request_draws_the_same_bytes(engine: Engine, sampler: str) -> None:
    first = draw(engine, sampler=sampler, count=2)
    second = draw(engine, sampler=sampler, count=2)
    assert [a.tobytes() for a in first] == [a.tobytes() for a in second]


@pytest.mark.parametrize("sampler", SAMPLING_METHODS)
def test_a_seed_draws_the_same_picture_alone_and_in_a_batch_within_two_255ths(
    engine: Engine, sampler: str
) -> None:
    batch = draw(engine, sampler=sampler, count=4, seed=30)
    for i, picture in enumerate(batch):
        [alone] = draw(engine, sampler=sampler, seed=30 + i)
        assert largest_difference(picture, alone) <= 2


@pytest.mark.parametrize(("guidance", "branches"), [(0.0, 1), (1.0, 1), (1.01, 2), (2.0, 2)])
def test_guidance_of_one_or_less_skips_the_second_branch(
    engine: Engine, calls: list[int], guidance: float, branches: int
) -> None:
    draw(engine, guidance=guidance, count=3, steps=2)
    assert calls == [3 * branches] * 2


def test_without_guidance_the_negative_prompt_has_no_effect(engine: Engine) -> None:
    [plain] = draw(engine, guidance=1.0)
    [negative] = draw(engine, guidance=1.0, negative="man")
    assert np.array_equal(plain, negative)


@pytest.mark.parametrize("steps", [1, 2, 4])
@pytest.mark.parametrize(("sampler", "per_step"), [("tcd", (1, 0)), ("dpmpp_sde", (2, -1))])
def test_tcd_asks_the_unet_n_times_and_dpmpp_sde_2n_minus_1(
    engine: Engine, calls: list[int], steps: int, sampler: str, per_step: tuple[int, int]
) -> None:
    told: list[tuple[int, int]] = []
    expected = per_step[0] * steps + per_step[1]
    draw(engine, sampler=sampler, steps=steps, on_step=lambda *step: told.append(step))
    assert len(calls) == expected
    assert told == [(done, expected) for done in range(1, expected + 1)]


@pytest.mark.parametrize("sampler", SAMPLING_METHODS)
@pytest.mark.parametrize("after", [0, 1, 3])
def test_cancelling_stops_before_the_next_call_of_the_unet(
    engine: Engine, calls: list[int], sampler: str, after: int
) -> None:
    with pytest.raises(Cancelled):
        draw(engine, sampler=sampler, steps=8, should_stop=lambda: len(calls) == after)
    assert len(calls) == after


def refuse_batches_above(model: Model, most: int, error: BaseException) -> None:
    def refuse(_: object, args: tuple[torch.Tensor, ...]) -> None:
        if len(args[0]) > most:
            raise error

    model.unet.register_forward_pre_hook(refuse)


def allocation_failure() -> RuntimeError:
    """What the processor's allocator raises: no class of its own, a RuntimeError."""
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60)
    return caught.value


OUT_OF_MEMORY = [torch.OutOfMemoryError("CUDA out of memory."), MemoryError(), allocation_failure()]


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=["gpu", "python", "cpu"])
@pytest.mark.parametrize(("guidance", "most"), [(1.0, 1), (2.0, 2)])
def test_pictures_that_do_not_fit_together_are_drawn_one_by_one(
    engine: Engine, own_model: Model, error: BaseException, guidance: float, most: int
) -> None:
    refuse_batches_above(own_model, most, error)
    told: list[tuple[int, int]] = []
    pictures = draw(
        Engine(OneModel(own_model)),
        guidance=guidance,
        count=3,
        on_step=lambda *step: told.append(step),
    )
    expected = draw(engine, guidance=guidance, count=3)
    assert len(pictures) == 3
    assert max(map(largest_difference, pictures, expected)) <= 2
    assert told[-1] == (6, 6)  # each of three pictures has two model calls of its own


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=["gpu", "python", "cpu"])
def test_a_picture_that_does_not_fit_alone_is_refused_with_its_size(
    own_model: Model, error: BaseException
) -> None:
    refuse_batches_above(own_model, 0, error)
    with pytest.raises(OutOfMemory, match=r"^72x56 needs more memory than this device has\.$"):
        draw(Engine(OneModel(own_model)), width=72, height=56, count=2)


def test_other_faults_of_the_device_are_not_taken_for_too_little_memory(own_model: Model) -> None:
    refuse_batches_above(own_model, 0, RuntimeError("CUDA error: an illegal memory access"))
    with pytest.raises(RuntimeError, match="illegal memory access"):
        draw(Engine(OneModel(own_model)))


def test_cancelling_works_after_memory_ran_out(own_model: Model) -> None:
    refuse_batches_above(own_model, 2, torch.OutOfMemoryError())
    told: list[int] = []
    with pytest.raises(Cancelled):
        draw(
            Engine(OneModel(own_model)),
            count=2,
            on_step=lambda done, _: told.append(done),
            should_stop=lambda: len(told) == 1,
        )
    assert told == [1]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_picture_of_numbers_that_are_not_finite_is_an_error(
    own_model: Model, value: float
) -> None:
    with torch.no_grad():
        own_model.vae.decoder.conv_out.bias.fill_(value)
    with pytest.raises(GenerationFailed, match="not finite"):
        draw(Engine(OneModel(own_model)))
