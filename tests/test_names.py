"""What people read instead of the names that the code has."""

import dataclasses

import pytest

from cogs.moderation_cards import ACTIONS
from cogs.preset_modals import field_name as preset_field_name
from cogs.settings_words import FIELDS, fields_shown
from hypersd_core.flags import FIELD_NAMES, PromptFlags, field_name
from hypersd_core.i18n import speaking
from hypersd_core.moderation.entries import AuditAction
from hypersd_core.policy import GuildPolicy
from hypersd_core.presets import ALL_FIELDS, PROMPT, Preset


def test_every_entry_of_the_log_has_a_name() -> None:
    assert set(ACTIONS) == set(AuditAction)


def test_every_field_of_a_policy_has_a_name() -> None:
    assert set(FIELDS) == {field.name for field in dataclasses.fields(GuildPolicy)}


def test_fields_of_one_name_are_named_once() -> None:
    assert fields_shown(["user_quota", "guild_quota", "max_steps"]) == "Quota of a day, Most steps"


def test_every_option_has_a_name() -> None:
    assert set(FIELD_NAMES) == {PROMPT, *(field.name for field in dataclasses.fields(PromptFlags))}


@pytest.mark.parametrize("field", FIELD_NAMES)
def test_an_option_is_called_as_in_the_code_in_english_alone(field: str) -> None:
    assert field_name(field) == field.replace("_", " ")


def test_an_option_is_named_in_the_language_spoken() -> None:
    with speaking("zh-CN"):
        assert field_name("steps") == "步数"
        assert preset_field_name("locked") == "锁定"


def test_all_that_can_change_of_a_preset_has_a_name() -> None:
    keys = {*Preset(name="x", about="y").to_json(), "locked", *ALL_FIELDS}
    assert all(preset_field_name(key) for key in keys)
