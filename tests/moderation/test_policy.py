"""What a guild does with ratings, and what its policy refuses to be."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypersd_core.asker import Asker
from hypersd_core.errors import InvalidRequest
from hypersd_core.moderation.policy import (
    MAX_STRIKES,
    MAX_WORDS,
    Action,
    ModerationPolicy,
    Place,
    PlaceRow,
    Rating,
)

UNSAFE = st.sampled_from([Rating.SUGGESTIVE, Rating.EXPLICIT])
POLICIES = st.builds(
    ModerationPolicy,
    words=st.lists(st.sampled_from(["gun", "gun*", "手枪", "hand gun", " GUN "])).map(tuple),
    actions=st.dictionaries(
        st.tuples(st.sampled_from(Place), UNSAFE), st.sampled_from(Action), max_size=6
    ),
    strikes=st.integers(0, MAX_STRIKES),
)


@given(POLICIES)
def test_a_policy_comes_back_from_json_as_it_was(policy: ModerationPolicy) -> None:
    assert ModerationPolicy.from_json(json.loads(json.dumps(policy.to_json()))) == policy


def test_nothing_in_json_is_the_default() -> None:
    assert ModerationPolicy.from_json({}) == ModerationPolicy()


def test_outside_age_restricted_channels_nothing_explicit_is_shown_by_default() -> None:
    policy = ModerationPolicy()
    for place in (Place.GENERAL, Place.DIRECT):
        assert policy.action(place, Rating.SAFE) is Action.ALLOW
        assert policy.action(place, Rating.SUGGESTIVE) is Action.SPOILER
        assert policy.action(place, Rating.EXPLICIT) is Action.BLOCK


def test_one_changed_action_leaves_the_others_strict() -> None:
    policy = ModerationPolicy(actions={(Place.GENERAL, Rating.SUGGESTIVE): Action.BLOCK})
    assert policy.rows() == (
        PlaceRow(place=Place.GENERAL, suggestive=Action.BLOCK, explicit=Action.BLOCK),
        PlaceRow(place=Place.AGE_RESTRICTED, suggestive=Action.ALLOW, explicit=Action.SPOILER),
        PlaceRow(place=Place.DIRECT, suggestive=Action.SPOILER, explicit=Action.BLOCK),
    )


def test_word_rules_are_kept_once_without_spaces_around_them() -> None:
    assert ModerationPolicy(words=(" gun", "knife ", "gun")).words == ("gun", "knife")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"words": ("g*n",)}, "'g\\*n'"),
        ({"words": tuple(f"word{i}" for i in range(MAX_WORDS + 1))}, "501 word rules"),
        ({"strikes": -1}, "got -1"),
        ({"strikes": 101}, "got 101"),
        ({"actions": {(Place.GENERAL, Rating.SAFE): Action.BLOCK}}, "Safe pictures"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidRequest, match=sentence):
        ModerationPolicy(**values)


@pytest.mark.parametrize(
    ("guild_id", "is_direct", "is_age_restricted", "place"),
    [
        (1, False, False, Place.GENERAL),
        (1, False, True, Place.AGE_RESTRICTED),
        (None, True, False, Place.DIRECT),
        (None, False, True, Place.DIRECT),
    ],
)
def test_the_place_is_known_from_the_asker(
    guild_id: int | None, is_direct: bool, is_age_restricted: bool, place: Place
) -> None:
    asker = Asker(
        user_id=1,
        guild_id=guild_id,
        channel_id=2,
        is_direct=is_direct,
        is_age_restricted=is_age_restricted,
    )
    assert Place.of(asker) is place
