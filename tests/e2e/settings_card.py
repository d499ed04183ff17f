"""Uses /settings as somebody who manages the server does."""

from collections.abc import Mapping

from tests.e2e.visitor import Visitor
from tests.sandbox.page_client import Json


async def opened(visitor: Visitor, page: str) -> Json:
    """One page of a new card."""
    answer = await visitor.command("settings")
    card = await visitor.message(answer["message"])
    await visitor.press(card["id"], f"settings:1:page:{page}")
    return await visitor.message(card["id"])


async def choose(visitor: Visitor, page: str, name: str, *values: str) -> Json:
    """Choose in a select; returns the card as it is then."""
    card = await opened(visitor, page)
    answer = await visitor.choose(card["id"], f"settings:1:choose:{name}", *values)
    assert answer["outcome"] == "update", answer
    return await visitor.message(card["id"])


async def fill(visitor: Visitor, page: str, name: str, values: Mapping[str, object]) -> Json:
    """Send a form; returns the answer: the card, or a refusal."""
    card = await opened(visitor, page)
    form = await visitor.press(card["id"], f"settings:1:form:{name}")
    answer = await visitor.submit(form, values)
    return await visitor.message(answer["message"])
