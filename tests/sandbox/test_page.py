"""The page in a real browser, at the sizes of a desk and of a phone."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, FilePayload, Page, expect

from sandbox import Sandbox
from tests.chromium import NEEDS_CHROMIUM, open_browser
from tests.sandbox.sample_bot import SampleBot

DESK, PHONE = (1280, 800), (390, 844)

pytestmark = NEEDS_CHROMIUM


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as opened:
        yield opened


class Visits:
    """Opens the page as a person would see it; keeps the errors of its scripts."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self._url = url
        self.errors: list[str] = []

    async def open(self, *, user: str = "ada", size: tuple[int, int] = DESK) -> Page:
        tab = await self._browser.new_page(viewport={"width": size[0], "height": size[1]})
        tab.on("pageerror", lambda error: self.errors.append(str(error)))
        await tab.goto(f"{self._url}/?user={user}")
        await expect(tab.get_by_test_id("presence")).to_have_text("bot online")
        return tab


@pytest.fixture
async def visits(bot: SampleBot, sandbox: Sandbox, browser: Browser) -> AsyncIterator[Visits]:
    opened = Visits(browser, sandbox.url)
    yield opened
    assert opened.errors == []


async def invoke(tab: Page, name: str, **options: str) -> None:
    """Choose a command with the keyboard, fill in its options, send it."""
    await tab.get_by_test_id("command-input").fill(f"/{name}")
    await tab.get_by_test_id("command-input").press("Tab")
    for option, value in options.items():
        if await tab.get_by_test_id(f"add-{option}").count():
            await tab.get_by_test_id(f"add-{option}").click()
        await tab.get_by_test_id(f"option-{option}").fill(value)
    await tab.get_by_test_id("send").click()


async def test_a_command_is_found_filled_in_and_answered(visits: Visits) -> None:
    tab = await visits.open()
    await tab.get_by_test_id("command-input").fill("/")
    await expect(tab.get_by_test_id("command-preset-show")).to_be_visible()
    await tab.get_by_test_id("command-draw").click()
    await tab.get_by_test_id("option-prompt").fill("a cat")
    await tab.get_by_test_id("add-colour").click()
    await tab.get_by_test_id("option-colour").fill("to")
    await tab.get_by_test_id("autocomplete-choice").filter(has_text="Tomato").click()
    await tab.get_by_test_id("option-colour").press("Enter")
    message = tab.get_by_test_id("message")
    await expect(message).to_contain_text("Ada used /draw")
    await expect(message).to_contain_text("a cat in 4 at 0.5 @Ada")
    await expect(message.get_by_alt_text("a tomato area")).to_be_visible()
    await message.get_by_label("Open picture: a tomato area").click()
    await expect(tab.locator("#viewer img")).to_be_visible()
    await tab.keyboard.press("Escape")
    await expect(tab.locator("#viewer img")).to_be_hidden()


async def test_a_file_can_be_an_option(visits: Visits) -> None:
    tab = await visits.open()
    await tab.get_by_test_id("command-input").fill("/draw")
    await tab.get_by_test_id("command-input").press("Enter")
    await tab.get_by_test_id("option-prompt").fill("x")
    await tab.get_by_test_id("add-reference").click()
    file = FilePayload(name="a.txt", mimeType="text/plain", buffer=b"1234567")
    await tab.get_by_test_id("option-reference").set_input_files(file)
    await tab.get_by_test_id("send").click()
    await expect(tab.get_by_test_id("message")).to_contain_text("like 7 bytes")


async def test_buttons_selects_and_modals_work(visits: Visits) -> None:
    tab = await visits.open()
    await invoke(tab, "gallery")
    button = tab.get_by_test_id("component-button")
    await expect(button.filter(has_text="Gone")).to_be_disabled()
    await button.filter(has_text="Count").click()
    await expect(tab.get_by_role("heading", name="counted")).to_be_visible()
    await button.filter(has_text="Rename").click()
    modal = tab.get_by_test_id("modal")
    await modal.get_by_label("New name").fill("Bob")
    await modal.get_by_label("Size").select_option("Large")
    await tab.get_by_test_id("modal-submit").click()
    await expect(tab.get_by_role("heading", name="Bob, Large")).to_be_visible()
    await expect(modal).to_be_hidden()
    await tab.get_by_test_id("component-select").select_option("Ink")
    private = tab.get_by_test_id("message").filter(has_text="Ink, then")
    await expect(private).to_contain_text("Only you can see this")
    await private.get_by_test_id("dismiss").click()
    await expect(private).to_have_count(0)


async def test_two_people_see_what_each_may_see(visits: Visits) -> None:
    ada = await visits.open()
    ben = await visits.open(user="ben")
    await invoke(ada, "gallery")
    await expect(ben.get_by_test_id("message")).to_have_count(1)
    await ben.get_by_test_id("component-button").filter(has_text="Delete").click()
    await expect(ben.get_by_test_id("message")).to_have_count(2)
    await expect(ada.get_by_test_id("message")).to_have_count(1)
    await ada.get_by_test_id("component-button").filter(has_text="Delete").click()
    await expect(ben.get_by_test_id("message")).to_have_count(1)
    await ben.get_by_test_id("user-switch").select_option("Ada")
    await expect(ben.get_by_test_id("message")).to_have_count(0)


async def test_what_went_wrong_is_said(bot: SampleBot, visits: Visits) -> None:
    tab = await visits.open()
    await invoke(tab, "silent")
    await expect(tab.get_by_test_id("notice")).to_contain_text("The application did not respond")
    await invoke(tab, "keep")
    await expect(tab.get_by_test_id("component-button")).to_be_enabled()
    await bot.close()
    await expect(tab.get_by_test_id("presence")).to_have_text("bot offline")
    await tab.get_by_test_id("component-button").click()
    await expect(tab.get_by_test_id("message")).to_contain_text("This interaction failed")


async def test_a_phone_needs_no_sideways_scrolling(visits: Visits) -> None:
    tab = await visits.open(size=PHONE)
    await invoke(tab, "gallery", pictures="4")
    await expect(tab.get_by_alt_text("orchid.png")).to_be_visible()
    assert await tab.evaluate("document.documentElement.scrollWidth") == PHONE[0]
    await expect(tab.get_by_test_id("channel-drawings")).to_be_hidden()
    await tab.get_by_role("button", name="Channels").click()
    await tab.get_by_test_id("channel-drawings").click()
    await expect(tab.get_by_role("heading", name="# drawings")).to_be_visible()
    await expect(tab.get_by_test_id("channel-drawings")).to_be_hidden()
