from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from sandbox import Sandbox
from sandbox.world import World
from tests.contract import check_exchanges

V2 = 1 << 15
TEXT = {"type": 10, "content": "text"}
BUTTON = {"type": 2, "style": 1, "label": "b", "custom_id": "b"}


def row(*buttons: dict[str, Any]) -> dict[str, Any]:
    return {"type": 1, "components": list(buttons)}


def button(number: int) -> dict[str, Any]:
    return BUTTON | {"custom_id": f"b{number}"}


BROKEN: list[tuple[dict[str, Any], str]] = [
    ({"content": "x" * 2001}, "content: Must be 2000 or fewer"),
    ({"content": "x", "nonce": "n" * 26}, "nonce: Must be 25 or fewer"),
    ({"embeds": [{"title": "t"}] * 11}, "embeds: Must be 10 or fewer"),
    ({"embeds": [{"title": "t" * 257}]}, "embeds.0.title: Must be 256 or fewer"),
    ({"embeds": [{"description": "d" * 3500}] * 2}, "embeds: Embed size exceeds"),
    ({"embeds": [{"fields": [{"name": "n"}]}]}, "fields.0.value: This field is required"),
    ({"components": [row(button(n)) for n in range(6)]}, "components: Must be 5 or fewer"),
    ({"components": [row(*(button(n) for n in range(6)))]}, "Must be between 1 and 5"),
    ({"components": [row(BUTTON, BUTTON)]}, "1.custom_id: Component custom id cannot be dup"),
    ({"components": [row({"type": 2, "style": 1, "label": "b"})]}, "A custom id is required"),
    ({"components": [row({"type": 2, "style": 5, "label": "b"})]}, "url: This field is required"),
    ({"components": [row(BUTTON | {"custom_id": "x" * 101})]}, "Must be between 1 and 100"),
    ({"components": [row(BUTTON | {"label": "x" * 81})]}, "label: Must be 80 or fewer"),
    ({"components": [row(BUTTON | {"style": 9})]}, "style: Value must be one of"),
    ({"components": [row({"type": 2, "style": 1, "custom_id": "b"})]}, "A label or emoji"),
    (
        {"components": [row({"type": 3, "custom_id": "s", "options": []})]},
        "options: Must be between 1 and 25",
    ),
    (
        {"components": [row(BUTTON, {"type": 3, "custom_id": "s", "options": [{"label": "l"}]})]},
        "exceeds the maximum width",
    ),
    ({"components": [TEXT]}, 'Value of field "type" must be one of (1,)'),
    ({"flags": V2, "components": [TEXT], "content": "x"}, "content: The 'content' field cannot"),
    ({"flags": V2, "components": [TEXT], "embeds": [{"title": "t"}]}, "embeds: The 'embeds'"),
    ({"flags": V2, "components": [TEXT] * 41}, "maximum number of components"),
    ({"flags": V2, "components": [TEXT | {"content": "x" * 2001}] * 2}, "displayable text size"),
    ({"flags": V2, "components": [{"type": 10}]}, "content: This field is required"),
    ({"flags": V2, "components": [{"type": 17, "components": []}]}, "Must be between 1 and 40"),
    (
        {"flags": V2, "components": [{"type": 9, "components": [TEXT]}]},
        "accessory: This field is required",
    ),
    (
        {
            "flags": V2,
            "components": [{"type": 12, "items": [{"media": {"url": "attachment://a"}}]}],
        },
        "items.0.media.url: The referenced attachment 'a' was not found",
    ),
]


Post = Callable[[dict[str, Any]], Awaitable[tuple[int, Any]]]


@pytest.fixture
async def post(sandbox: Sandbox) -> AsyncIterator[Post]:
    """Send a message body as any client would; return status and answer."""
    url = f"{sandbox.api_url}/channels/{World().channels[0].id}/messages"
    async with aiohttp.ClientSession(headers={"Authorization": "Bot any"}) as session:

        async def send(body: dict[str, Any]) -> tuple[int, Any]:
            async with session.post(url, json=body) as response:
                return response.status, await response.json()

        yield send
        async with session.get(f"{sandbox.url}/sandbox/log") as response:
            assert check_exchanges(await response.json()) == []


def flattened(errors: dict[str, Any], place: str = "") -> str:
    """Return nested form errors as one line: each place with its sentences."""
    lines = [f"{place}: {entry['message']}" for entry in errors.get("_errors", [])]
    below = {key: value for key, value in errors.items() if key != "_errors"}
    return "; ".join(lines + [flattened(v, f"{place}.{k}") for k, v in below.items()])


@pytest.mark.parametrize(("body", "sentence"), BROKEN, ids=[sentence for _, sentence in BROKEN])
async def test_a_broken_rule_is_named_at_its_place(
    post: Post, body: dict[str, Any], sentence: str
) -> None:
    status, answer = await post(body)
    assert (status, answer["code"], answer["message"]) == (400, 50035, "Invalid Form Body")
    assert sentence in flattened(answer["errors"])


@pytest.mark.parametrize("body", [{}, {"content": ""}, {"flags": V2}, {"embeds": []}])
async def test_an_empty_message_is_refused(post: Post, body: dict[str, Any]) -> None:
    status, answer = await post(body)
    assert (status, answer["code"]) == (400, 50006)


async def test_forty_components_are_allowed(post: Post) -> None:
    status, answer = await post({"flags": V2, "components": [TEXT] * 40})
    assert (status, len(answer["components"])) == (200, 40)


async def test_a_row_of_five_buttons_and_a_full_select_are_allowed(post: Post) -> None:
    options = [{"label": str(number), "value": str(number)} for number in range(25)]
    select = {"type": 3, "custom_id": "s", "options": options}
    status, _ = await post({"components": [row(*(button(n) for n in range(5))), row(select)]})
    assert status == 200
