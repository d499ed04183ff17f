import pytest

from hypersd_core.jobs.cost import CostEstimate
from hypersd_core.request import Hires, Source
from tests.jobs.sample_jobs import a_request


@pytest.fixture
def costs() -> CostEstimate:
    return CostEstimate(ms_per_unit=1000)


def test_one_unguided_call_on_a_megapixel_is_one_unit(costs: CostEstimate) -> None:
    assert costs.units(a_request(steps=1, guidance=1, width=1000, height=1000)) == 1


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
    assert costs.ms_per_unit == 1000  # it tells nothing of how quick the model is


def test_the_first_run_replaces_the_guess(costs: CostEstimate) -> None:
    request = a_request(steps=1, guidance=1, width=1000, height=1000)
    costs.learn(request, 50)
    assert costs.ms_per_unit == 50


def test_the_mean_follows_a_change_and_forgives_one_slow_run(costs: CostEstimate) -> None:
    request = a_request(steps=1, guidance=1, width=1000, height=1000)
    for _ in range(20):
        costs.learn(request, 50)
    costs.learn(request, 100)
    assert costs.ms_per_unit == pytest.approx(60)
    for _ in range(40):
        costs.learn(request, 100)
    assert costs.ms_per_unit == pytest.approx(100, rel=0.01)
