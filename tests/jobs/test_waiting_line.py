"""Where jobs are and how long they still take, without a clock that matters."""

from datetime import UTC, datetime

import pytest

from hypersd_core.jobs.waiting_line import InHand, WaitingLine
from hypersd_core.request import Job, JobState
from hypersd_core.stages import Drawing, Loading, Waiting
from tests.jobs.sample_jobs import a_request, an_origin

UNGUIDED_CALL_S = 512 * 512 / 1e6  # at 1000 ms for a unit


def a_job(job_id: int, **changes: object) -> Job:
    return Job(
        id=job_id,
        request=a_request(**{"guidance": 1.0, "width": 512, "height": 512, **changes}),
        origin=an_origin(),
        state=JobState.QUEUED,
        attempt=0,
        created_at=datetime(2030, 1, 1, tzinfo=UTC),
    )


def held(line: WaitingLine, job: Job, *, since_s_ago: float) -> InHand:
    in_hand = line.in_hand = InHand(job)
    in_hand.since_s -= since_s_ago
    return in_hand


@pytest.fixture
def line() -> WaitingLine:
    return WaitingLine(ms_per_unit=1000)


def test_each_waits_for_all_before_it_and_for_itself(line: WaitingLine) -> None:
    jobs = [a_job(1, steps=1), a_job(2, steps=8), a_job(3, steps=2)]
    for job in jobs:
        line.put(job)
    stages = [stage for _, stage in line.stages()]
    assert [stage.ahead for stage in stages if isinstance(stage, Waiting)] == [0, 1, 2]
    etas = [stage.eta_s / UNGUIDED_CALL_S for stage in stages]
    assert etas == pytest.approx([1, 9, 11])
    assert [line.stage(job) for job in jobs] == stages


def test_saving_is_waited_for_once_since_others_are_drawn_meanwhile(line: WaitingLine) -> None:
    jobs = [a_job(1, steps=1), a_job(2, steps=1)]
    for job in jobs:
        line.put(job)
    line.learn_saving(jobs[0].request, 500)
    etas = [stage.eta_s for _, stage in line.stages()]
    assert etas == pytest.approx([UNGUIDED_CALL_S + 0.5, 2 * UNGUIDED_CALL_S + 0.5])


def test_a_job_that_has_begun_takes_what_its_estimate_leaves(line: WaitingLine) -> None:
    job = a_job(1, steps=8, width=1024, height=1024)  # 8.4 s
    held(line, job, since_s_ago=3)
    stage = line.stage(job)
    assert isinstance(stage, Drawing)
    assert (stage.step, stage.steps) == (0, 8)
    assert stage.eta_s == pytest.approx(8 * 1.048576 - 3, abs=0.1)


def test_half_done_its_own_pace_counts_as_much_and_corrects_a_wrong_estimate(
    line: WaitingLine,
) -> None:
    job = a_job(1, steps=8)  # 2 s, said the estimate
    held(line, job, since_s_ago=10).on_step(4, 8)
    stage = line.stage(job)
    assert isinstance(stage, Drawing)
    assert stage.step == 4
    assert stage.eta_s == pytest.approx(10, abs=0.1)


def test_steps_are_told_even_where_a_step_takes_two_calls(line: WaitingLine) -> None:
    job = a_job(1, steps=4, sampler="dpmpp_sde")
    in_hand = held(line, job, since_s_ago=1)
    total = in_hand.progress[1]
    assert total == 7
    steps = []
    for done in range(total + 1):
        in_hand.on_step(done, total)
        stage = line.stage(job)
        assert isinstance(stage, Drawing)
        steps.append(stage.step)
    assert steps == [0, 1, 2, 2, 3, 3, 4, 4]


def test_loading_goes_at_its_own_pace_and_the_drawing_comes_after_it(line: WaitingLine) -> None:
    job = a_job(1, steps=8)
    in_hand = held(line, job, since_s_ago=5)
    in_hand.on_load("large", 0.25)
    stage = line.stage(job)
    assert isinstance(stage, Loading)
    assert stage.eta_s == pytest.approx(15 + 8 * UNGUIDED_CALL_S, abs=0.1)
    in_hand.on_load("large", 1.0)
    stage = line.stage(job)
    assert isinstance(stage, Drawing)
    assert stage.eta_s == pytest.approx(8 * UNGUIDED_CALL_S, abs=0.1)


def test_what_is_gone_has_no_stage(line: WaitingLine) -> None:
    job = a_job(1)
    line.put(job)
    assert line.remove(1)
    assert line.stage(job) is None
    assert line.stages() == []
