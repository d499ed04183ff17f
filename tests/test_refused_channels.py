"""A channel that refuses everything is left alone, and tried again with a single message."""

from cogs.refused_channels import AFTER, FOR_S, RefusedChannels


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_few_refusals_in_a_row_close_a_channel_and_no_other_for_a_while() -> None:
    clock = Clock()
    channels = RefusedChannels(clock)
    for _ in range(AFTER):
        assert not channels.is_left_alone(1)
        channels.refused(1)
    assert channels.is_left_alone(1)
    assert not channels.is_left_alone(2)
    clock.now_s = FOR_S
    assert not channels.is_left_alone(1)


def test_one_more_refusal_closes_it_again_and_one_success_opens_it_for_good() -> None:
    clock = Clock()
    channels = RefusedChannels(clock)
    for _ in range(AFTER):
        channels.refused(1)
    clock.now_s = FOR_S
    channels.refused(1)
    assert channels.is_left_alone(1)
    clock.now_s = 2 * FOR_S
    channels.accepted(1)
    channels.refused(1)
    assert not channels.is_left_alone(1)


def test_successes_in_between_keep_it_open() -> None:
    channels = RefusedChannels(Clock())
    for _ in range(3 * AFTER):
        channels.refused(1)
        channels.accepted(1)
    assert not channels.is_left_alone(1)


def test_only_so_many_channels_are_remembered() -> None:
    channels = RefusedChannels(Clock())
    for _ in range(AFTER):
        channels.refused(0)
    for channel_id in range(1, 2_000):
        channels.refused(channel_id)
    assert not channels.is_left_alone(0)
