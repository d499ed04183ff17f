"""A newcomer's one visit: open the page, /imagine, see the picture, press Reroll."""

import re

import pytest
from playwright.async_api import expect

from sandbox import Sandbox
from tests.chromium import NEEDS_CHROMIUM, open_browser

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("bot"),
    NEEDS_CHROMIUM,
]

WIDTH = "image.naturalWidth"
PROMPT = "portrait of a lady, (freckles), big smile, short rainbow hair"


async def test_a_picture_is_drawn_and_rerolled_in_one_visit(sandbox: Sandbox) -> None:
    async with open_browser() as browser:
        page = await browser.new_page()
        await page.goto(sandbox.url)
        await page.get_by_test_id("command-input").fill("/imagine")
        await page.get_by_test_id("command-imagine").click()
        await page.get_by_test_id("option-prompt").fill(PROMPT)
        await page.get_by_test_id("send").click()
        pictures = page.get_by_test_id("message").get_by_role("img")
        await expect(pictures).to_have_count(1, timeout=60_000)
        await expect(pictures).to_have_attribute("alt", re.compile(re.escape(PROMPT)))
        assert await pictures.evaluate(f"(image) => image.decode().then(() => {WIDTH})") == 256
        await page.get_by_test_id("component-button").filter(has_text="Reroll").click()
        await expect(pictures).to_have_count(2, timeout=60_000)
