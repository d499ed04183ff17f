"""What a guild allows: the values, their JSON, and the answers that they give."""

import contextlib
import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypersd_core.asker import Asker
from hypersd_core.errors import InvalidRequest, NotAllowed
from hypersd_core.moderation.policy import ModerationPolicy
from hypersd_core.policy import (
    DEFAULT,
    MAX_PIXELS,
    MIN_PIXELS,
    Allowance,
    Caps,
    Change,
    GuildPolicy,
    Layout,
    PrivateMode,
    changes,
    check_place,
    check_request,
    may_use_lora,
    may_use_model,
    private_result,
    user_allowance,
    waiting_caps,
    weight,
)
from hypersd_core.prompt import LoraTag
from hypersd_core.request import Hires
from tests.any_request import REQUESTS, make_request

GUILD, CHANNEL, FORUM, ROLE, OTHER_ROLE = (2**62 + n for n in range(1, 10, 2))  # no floats
_IDS = st.frozensets(st.integers(1, 2**63 - 1), max_size=4)
_NAMES = st.lists(st.text(min_size=1).filter(str.strip), max_size=3).map(tuple)
_PER_DAY = st.none() | st.integers(0, 1_000_000)
_ALLOWANCES = st.builds(Allowance, pictures=_PER_DAY, gpu_s=_PER_DAY)
_CAPS = st.none() | st.integers(1, 1_000)
POLICIES = st.builds(
    GuildPolicy,
    channels=_IDS,
    roles=_IDS,
    max_pixels=st.integers(MIN_PIXELS, MAX_PIXELS),
    max_steps=st.integers(1, 50),
    max_count=st.integers(1, 4),
    max_permutations=st.integers(1, 40),
    private=st.sampled_from(PrivateMode),
    layout=st.sampled_from(Layout),
    models=_NAMES,
    loras=_NAMES,
    max_waiting_per_user=_CAPS,
    max_waiting_per_guild=_CAPS,
    role_weights=st.dictionaries(st.integers(1), st.floats(0.1, 10), max_size=3),
    user_quota=_ALLOWANCES,
    role_quotas=st.dictionaries(st.integers(1), _ALLOWANCES, max_size=3),
    guild_quota=_ALLOWANCES,
    moderation=st.builds(ModerationPolicy, strikes=st.integers(0, 9), words=st.just(("mud",))),
    report_channel_id=st.none() | st.integers(1, 2**63 - 1),
    gallery_channel_id=st.none() | st.integers(1, 2**63 - 1),
    retention_days=st.none() | st.integers(1, 3_650),
)


def an_asker(**changes: Any) -> Asker:
    values: dict[str, Any] = {"user_id": 1, "guild_id": GUILD, "channel_id": CHANNEL}
    return Asker(**(values | changes))


@given(POLICIES)
def test_every_policy_survives_json(policy: GuildPolicy) -> None:
    assert GuildPolicy.from_json(json.loads(json.dumps(policy.to_json()))) == policy


@given(POLICIES, POLICIES)
def test_changes_name_exactly_the_fields_that_differ(a: GuildPolicy, b: GuildPolicy) -> None:
    changed = {change.field: change for change in changes(a, b)}
    for field in dataclasses.fields(GuildPolicy):
        assert (field.name in changed) == (getattr(a, field.name) != getattr(b, field.name))
    after = json.loads(json.dumps({name: change.after for name, change in changed.items()}))
    assert GuildPolicy.from_json(a.to_json() | after) == b


@given(REQUESTS)
def test_the_defaults_allow_every_request_everywhere(request: Any) -> None:
    check_place(DEFAULT, an_asker())
    check_request(DEFAULT, request)


def test_what_was_never_set_is_not_written_down() -> None:
    assert DEFAULT.to_json() == {}
    assert GuildPolicy(max_steps=4, roles=frozenset({3, 2})).to_json() == {
        "max_steps": 4,
        "roles": [2, 3],
    }


def test_settings_of_another_version_are_left_out_and_missing_ones_are_the_defaults() -> None:
    values = {"max_steps": 4, "of_the_future": {"x": 1}, "user_quota": {"pictures": 3, "cats": 1}}
    policy = GuildPolicy.from_json(values)
    assert policy == GuildPolicy(max_steps=4, user_quota=Allowance(pictures=3))


def test_changes_are_told_in_plain_values() -> None:
    after = GuildPolicy(private=PrivateMode.NEVER, user_quota=Allowance(pictures=20))
    assert changes(DEFAULT, after) == (
        Change(field="private", before="allowed", after="never"),
        Change(
            field="user_quota",
            before={"pictures": None, "gpu_s": None},
            after={"pictures": 20, "gpu_s": None},
        ),
    )


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (
            {"max_pixels": 100},
            "the largest area in pixels must be from 1,024 to 4,194,304, got 100.",
        ),
        ({"max_steps": 0}, "the most steps must be from 1 to 50, got 0."),
        ({"max_count": 5}, "the most pictures of one request must be from 1 to 4, got 5."),
        ({"max_permutations": 41}, "the most permutations must be from 1 to 40, got 41."),
        ({"max_waiting_per_user": 0}, "jobs waiting of one person must be from 1 to 1,000, got 0."),
        (
            {"max_waiting_per_guild": -1},
            "jobs waiting of the server must be from 1 to 1,000, got -1.",
        ),
        ({"role_weights": {1: 0.05}}, "the weight of a role must be from 0.1 to 10, got 0.05."),
        (
            {"role_weights": {1: float("nan")}},
            "the weight of a role must be from 0.1 to 10, got nan.",
        ),
        ({"retention_days": 0}, "days to keep pictures must be from 1 to 3,650, got 0."),
        ({"models": ("small", " ")}, "The name of a model or LoRA is empty."),
    ],
)
def test_a_setting_out_of_range_is_refused_with_the_range(
    wrong: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        GuildPolicy(**wrong)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"pictures": -1}, "pictures a day must be from 0 to 1,000,000, got -1."),
        ({"gpu_s": 10**9}, "GPU seconds a day must be from 0 to 1,000,000, got 1000000000."),
    ],
)
def test_an_allowance_out_of_range_is_refused(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Allowance(**wrong)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("where", "is_allowed"),
    [
        ({"channel_id": CHANNEL}, True),
        ({"channel_id": 5, "parent_channel_id": FORUM}, True),
        ({"channel_id": 5, "parent_channel_id": 6}, False),
        ({"channel_id": 5}, False),
        ({"channel_id": 5, "may_manage": True}, True),
        ({"channel_id": 5, "may_moderate": True}, False),
    ],
)
def test_channels_allow_their_threads_and_those_who_manage_the_guild(
    where: dict[str, Any], is_allowed: bool
) -> None:
    policy = GuildPolicy(channels=frozenset({CHANNEL, FORUM}))
    if is_allowed:
        check_place(policy, an_asker(**where))
        return
    with pytest.raises(NotAllowed) as refused:
        check_place(policy, an_asker(**where))
    assert str(refused.value) == (
        f"Nothing is drawn in this channel; pictures are welcome in <#{CHANNEL}>, <#{FORUM}>."
    )


def test_one_of_the_roles_is_enough_and_none_is_not() -> None:
    policy = GuildPolicy(roles=frozenset({ROLE, OTHER_ROLE}))
    check_place(policy, an_asker(role_ids=frozenset({OTHER_ROLE, 7})))
    check_place(policy, an_asker(may_manage=True))
    with pytest.raises(NotAllowed) as refused:
        check_place(policy, an_asker(role_ids=frozenset({7})))
    assert str(refused.value) == (
        f"To draw here you need one of these roles: <@&{ROLE}>, <@&{OTHER_ROLE}>."
    )


def test_a_long_list_is_cut_in_the_sentence() -> None:
    policy = GuildPolicy(channels=frozenset(range(10, 60)))
    with pytest.raises(NotAllowed, match=r"<#10>, .*<#19>, …\.$"):
        check_place(policy, an_asker())


LORA = LoraTag(name="Freckles")


@pytest.mark.parametrize(
    ("policy", "asked", "sentence"),
    [
        ({"max_steps": 3}, {"steps": 4}, "At most 3 steps are allowed here, got 4."),
        (
            {"max_steps": 4},
            {"hires": Hires(scale=2, strength=0.5, steps=8)},
            "At most 4 steps are allowed here, got 8.",
        ),
        ({"max_count": 2}, {"count": 3}, "At most 2 pictures at a time are allowed here, got 3."),
        (
            {"max_pixels": 4_096},
            {"width": 64, "height": 72},
            "At most 4,096 pixels are allowed here, such as 64×64; 64×72 has 4,608.",
        ),
        (
            {"max_pixels": 16_000},
            {"hires": Hires(scale=2, strength=0.5)},
            "At most 16,000 pixels are allowed here, such as 126×126; 128×144 has 18,432.",
        ),
        (
            {"models": ("small", "large")},
            {"model": "tiny"},
            "The model tiny is not allowed here; allowed: small, large.",
        ),
        (
            {"loras": ("detail",)},
            {"loras": (LoraTag(name="detail"), LORA)},
            "The LoRA Freckles is not allowed here; allowed: detail.",
        ),
    ],
)
def test_more_than_the_guild_allows_is_refused_by_name_and_no_less(
    policy: dict[str, Any], asked: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check_request(GuildPolicy(**policy), make_request(**asked))
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("policy", "asked"),
    [
        ({"max_steps": 4, "max_count": 1, "max_pixels": 64 * 72}, {}),
        ({"max_pixels": 128 * 144}, {"hires": Hires(scale=2, strength=0.5)}),
        ({"max_pixels": 64 * 72}, {"enlarge": 8}),
        ({"models": ("TINY",), "loras": ("freckles",)}, {"loras": (LORA,)}),
        ({"loras": ("detail",)}, {}),
    ],
)
def test_just_what_the_guild_allows_is_drawn(policy: dict[str, Any], asked: dict[str, Any]) -> None:
    check_request(GuildPolicy(**policy), make_request(**asked))


def test_names_are_offered_as_they_are_allowed() -> None:
    policy = GuildPolicy(models=("Small",))
    assert may_use_model(policy, "small")
    assert not may_use_model(policy, "large")
    assert may_use_lora(policy, "anything")


@pytest.mark.parametrize(
    ("mode", "asked", "answer"),
    [
        (PrivateMode.ALLOWED, None, False),
        (PrivateMode.ALLOWED, False, False),
        (PrivateMode.ALLOWED, True, True),
        (PrivateMode.NEVER, None, False),
        (PrivateMode.NEVER, False, False),
        (PrivateMode.ALWAYS, None, True),
        (PrivateMode.ALWAYS, True, True),
    ],
)
def test_a_result_is_private_as_asked_or_as_the_guild_wants(
    mode: PrivateMode, asked: bool | None, answer: bool
) -> None:
    assert private_result(GuildPolicy(private=mode), asked) is answer


@pytest.mark.parametrize(
    ("mode", "asked", "sentence"),
    [
        (PrivateMode.NEVER, True, "Private results are not allowed here: ask without private."),
        (PrivateMode.ALWAYS, False, "Results are always private here: ask without private."),
    ],
)
def test_asking_for_what_the_guild_does_not_want_is_refused(
    mode: PrivateMode, asked: bool, sentence: str
) -> None:
    with pytest.raises(NotAllowed) as refused:
        private_result(GuildPolicy(private=mode), asked)
    assert str(refused.value) == sentence


def test_the_best_role_weighs() -> None:
    policy = GuildPolicy(role_weights={ROLE: 0.5, OTHER_ROLE: 3.0})
    assert weight(policy, an_asker()) == 1
    assert weight(policy, an_asker(role_ids=frozenset({ROLE}))) == 0.5
    assert weight(policy, an_asker(role_ids=frozenset({ROLE, OTHER_ROLE, 9}))) == 3


@pytest.mark.parametrize(
    ("policy", "caps"),
    [
        ({}, Caps(per_user=5, per_guild=50)),
        ({"max_waiting_per_user": 2}, Caps(per_user=2, per_guild=50)),
        ({"max_waiting_per_user": 9, "max_waiting_per_guild": 7}, Caps(per_user=5, per_guild=7)),
    ],
)
def test_a_guild_can_only_lower_the_operators_caps(policy: dict[str, Any], caps: Caps) -> None:
    assert waiting_caps(GuildPolicy(**policy), Caps(per_user=5, per_guild=50)) == caps


@pytest.mark.parametrize(
    ("role_ids", "allowance"),
    [
        (set(), Allowance(pictures=20, gpu_s=60)),
        ({ROLE}, Allowance(pictures=100, gpu_s=60)),
        ({OTHER_ROLE}, Allowance(pictures=20, gpu_s=None)),
        ({ROLE, OTHER_ROLE}, Allowance(pictures=100, gpu_s=None)),
    ],
)
def test_the_best_role_replaces_the_default_allowance(
    role_ids: set[int], allowance: Allowance
) -> None:
    policy = GuildPolicy(
        user_quota=Allowance(pictures=20, gpu_s=60),
        role_quotas={ROLE: Allowance(pictures=100, gpu_s=6), OTHER_ROLE: Allowance(pictures=5)},
    )
    assert user_allowance(policy, an_asker(role_ids=frozenset(role_ids))) == allowance


def test_the_smaller_allowance_holds_where_two_limits_do() -> None:
    assert Allowance(pictures=3).at_most(Allowance(pictures=2, gpu_s=9)) == Allowance(
        pictures=2, gpu_s=9
    )
    assert Allowance().at_most(Allowance()) == Allowance()


@given(POLICIES, REQUESTS)
def test_any_policy_answers_any_request_with_nothing_but_a_sentence(
    policy: GuildPolicy, request: Any
) -> None:
    with contextlib.suppress(NotAllowed):
        check_place(policy, an_asker())
    with contextlib.suppress(InvalidRequest):
        check_request(policy, request)
