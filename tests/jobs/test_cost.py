import numpy as np
import pytest

from hypersd_core.jobs.cost import FORGETTING, CostEstimate
from hypersd_core.passes import total_model_calls
from hypersd_core.request import GenerationRequest, Hires, Source
from tests.jobs.sample_jobs import a_request


@pytest.fixture
def costs() -> CostEstimate:
    return CostEstimate(ms_per_unit=1000)


ONE_UNIT = a_request(steps=1, guidance=1, width=1000, height=1000)
VARIED = [
    a_request(steps=steps, count=count, height=height, guidance=guidance)
    for steps in (1, 2, 4, 8)
    for count in (1, 4)
    for height in (128, 512)
    for guidance in (1.0, 2.0)
]


def test_one_unguided_call_on_a_megapixel_is_one_unit(costs: CostEstimate) -> None:
    assert costs.units(ONE_UNIT) == 1
    assert costs.ms(ONE_UNIT) == 1000  # the guess


@pytest.mark.parametrize(
    ("changes", "factor"),
    [({"steps": 8}, 2), ({"count": 3}, 3), ({"guidance": 1.0}, 0.5), ({"width": 640}, 10)],
)
def test_units_grow_with_what_the_gpu_has_to_do(
    costs: CostEstimate, changes: dict[str, float], factor: float
) -> None:
    ratio = costs.units(a_request(**changes)) / costs.units(a_request())
    assert ratio == pytest.approx(factor)


def test_a_hires_pass_adds_its_calls_at_its_own_size(costs: CostEstimate) -> None:
    hires = Hires(scale=2, strength=0.5)
    ratio = costs.units(a_request(hires=hires)) / costs.units(a_request())
    assert ratio == pytest.approx(1 + 0.5 * 2 * 2)


def test_a_picture_that_is_only_resized_still_has_its_turn(costs: CostEstimate) -> None:
    request = a_request(source=Source(picture="p", strength=0))
    assert costs.units(request) > 0
    costs.learn(request, 8_000)
    assert costs.ms(ONE_UNIT) == 1000  # it tells nothing of how quick the model is


def test_the_first_run_replaces_the_guess_and_stands_for_pixels(costs: CostEstimate) -> None:
    costs.learn(ONE_UNIT, 50)
    assert costs.ms(ONE_UNIT) == pytest.approx(50)
    twice = a_request(steps=1, guidance=1, width=2000, height=1000)
    assert costs.ms(twice) == pytest.approx(100)


def test_what_a_job_a_call_and_a_pixel_cost_is_told_apart(costs: CostEstimate) -> None:
    def took(request: GenerationRequest) -> float:
        return 80 + 20 * total_model_calls(request) + 3_000 * costs.units(request)

    for _ in range(2):
        for request in VARIED:
            costs.learn(request, round(took(request)))
    for request in VARIED:
        assert costs.ms(request) == pytest.approx(took(request), rel=0.02)


def test_the_fit_is_that_of_weighted_least_squares(costs: CostEstimate) -> None:
    rng = np.random.default_rng(5)
    features, times = [], []
    for request in VARIED * 3:
        exact = 90 + 30 * total_model_calls(request) + 2_000 * costs.units(request)
        times.append(round(exact * rng.uniform(0.8, 1.25)))
        features.append([1.0, total_model_calls(request), costs.units(request)])
        costs.learn(request, times[-1])
    x, y = np.array(features), np.array(times, float)
    weights = np.sqrt(FORGETTING ** np.arange(len(y))[::-1]) / y
    expected, *_ = np.linalg.lstsq(x * weights[:, None], y * weights, rcond=None)
    for request, row in zip(VARIED, x, strict=False):
        assert costs.ms(request) == pytest.approx(row @ expected, rel=0.02)


def test_no_estimate_is_negative_whatever_was_measured(costs: CostEstimate) -> None:
    small, large = a_request(steps=1, height=64), a_request(steps=8, height=512)
    costs.learn(small, 10)
    costs.learn(large, 100_000)  # a line through both meets nothing far below zero
    assert costs.ms(a_request(steps=1, height=32)) >= 0
    assert costs.ms(large) > 0


def test_the_mean_follows_a_change_and_forgives_one_slow_run(costs: CostEstimate) -> None:
    for _ in range(20):
        costs.learn(ONE_UNIT, 50)
    costs.learn(ONE_UNIT, 500)
    assert costs.ms(ONE_UNIT) < 60
    for _ in range(100):
        costs.learn(ONE_UNIT, 100)
    assert costs.ms(ONE_UNIT) == pytest.approx(100, rel=0.01)


def test_each_model_has_a_speed_of_its_own_and_a_new_one_is_like_the_others(
    costs: CostEstimate,
) -> None:
    quick, slow, new = (a_request(model=name) for name in ("quick", "slow", "new"))
    for _ in range(5):
        costs.learn(quick, 100)
        costs.learn(slow, 900)
    assert costs.ms(quick) == pytest.approx(100)
    assert costs.ms(slow) == pytest.approx(900)
    assert 100 < costs.ms(new) < 900


def test_saving_is_the_mean_for_a_picture_and_nothing_before_it_was_measured(
    costs: CostEstimate,
) -> None:
    four = a_request(count=4)
    assert costs.saving_ms(four) == 0
    costs.learn_saving(four, 400)
    assert costs.saving_ms(a_request(count=2)) == pytest.approx(200)
    costs.learn_saving(a_request(), 300)
    assert costs.saving_ms(a_request()) == pytest.approx(200)
