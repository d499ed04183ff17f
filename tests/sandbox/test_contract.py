from pathlib import Path
from typing import Any

import pytest

from tests import contract
from tests.contract import check_exchanges
from tests.sandbox.page_client import PageClient
from tests.sandbox.sample_bot import SampleBot

pytestmark = contract.needs_document()


@pytest.fixture
async def exchanges(bot: SampleBot, page: PageClient) -> list[dict[str, Any]]:
    await page.command("gallery")
    return await page.log()


def edited(exchanges: list[dict[str, Any]], **fields: object) -> list[str]:
    """Return the violations after the last exchange was tampered with."""
    return check_exchanges([exchanges[-1] | fields])


async def test_a_session_of_the_bot_keeps_the_contract(exchanges: list[dict[str, Any]]) -> None:
    assert {entry["template"] for entry in exchanges} >= {
        "/users/@me",
        "/oauth2/applications/@me",
        "/applications/{application_id}/commands",
        "/interactions/{interaction_id}/{interaction_token}/callback",
    }
    assert check_exchanges(exchanges) == []


async def test_a_wrong_answer_is_named_at_its_place(exchanges: list[dict[str, Any]]) -> None:
    response = exchanges[-1]["response"]
    response["resource"]["message"]["components"][0]["components"][1]["spacing"] = 9
    (violation,) = edited(exchanges, response=response)
    assert "answer: resource/message/components/0/components/1" in violation


async def test_a_wrong_request_is_named_at_its_place(exchanges: list[dict[str, Any]]) -> None:
    request = exchanges[-1]["request"]
    request["data"]["components"][0]["components"][3]["components"][0]["label"] = "x" * 81
    (violation,) = edited(exchanges, request=request)
    assert "request: data/components/0/components/3/components/0/label" in violation


async def test_unknown_operations_and_statuses_are_violations(
    exchanges: list[dict[str, Any]],
) -> None:
    assert "no such operation" in edited(exchanges, template="/nowhere")[0]
    assert "never answers 302" in edited(exchanges, status=302)[0]
    assert "no body" in edited(exchanges, status=204)[0]


def test_a_missing_document_is_a_failure_that_names_its_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(contract.PATH_VARIABLE, str(tmp_path / "none.json"))
    contract._load.cache_clear()
    contract._registry.cache_clear()
    with pytest.raises(FileNotFoundError, match=r"none\.json"):
        check_exchanges([{"method": "GET", "template": "/gateway", "status": 200}])
