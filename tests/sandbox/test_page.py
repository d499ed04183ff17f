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

    async def open(
        self, *, user: str = "ada", channel: str = "general", size: tuple[int, int] = DESK
    ) -> Page:
        tab = await self._browser.new_page(viewport={"width": size[0], "height": size[1]})
        tab.on("pageerror", lambda error: self.errors.append(str(error)))
        await tab.goto(f"{self._url}/?user={user}&channel={channel}")
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


async def test_every_person_can_be_chosen(visits: Visits) -> None:
    tab = await visits.open()
    names = await tab.get_by_test_id("user-switch").locator("option").all_text_contents()
    assert names == ["Ada", "Ben", "林", "Mia"]


async def test_a_person_sees_the_channels_that_are_open_to_them(visits: Visits) -> None:
    ben = await visits.open(user="ben", channel="sketches")
    await expect(ben.get_by_role("heading", name="sketches")).to_be_visible()
    await expect(ben.get_by_test_id("channel-reports")).to_have_count(0)
    await expect(ben.get_by_test_id("channel-after-dark")).to_contain_text("18+")
    mia = await visits.open(user="mia", channel="reports")
    await expect(mia.get_by_role("heading", name="reports")).to_be_visible()


async def test_the_theme_is_switched_and_remembered(visits: Visits) -> None:
    tab = await visits.open()
    background = "getComputedStyle(document.body).backgroundColor"
    dark = await tab.evaluate(background)
    await tab.get_by_test_id("theme-switch").click()
    light = await tab.evaluate(background)
    assert light != dark
    await tab.reload()
    assert await tab.evaluate(background) == light


async def test_a_spoiler_hides_a_picture_until_it_is_clicked(visits: Visits) -> None:
    tab = await visits.open()
    await invoke(tab, "showroom")
    spoiler = tab.locator(".gallery .spoiler")
    picture = spoiler.locator(".picture")
    blur = "node => getComputedStyle(node).filter"
    assert "blur" in await picture.evaluate(blur)
    await spoiler.get_by_role("button", name="Spoiler", exact=True).click()
    assert await picture.evaluate(blur) == "none"
    await expect(tab.locator(".components > .spoiler .container")).to_have_count(1)
    await expect(tab.get_by_role("link", name="notes.txt")).to_be_visible()
    await expect(tab.get_by_role("button", name="Again")).to_be_visible()


async def test_a_modal_offers_every_kind_of_input(visits: Visits) -> None:
    tab = await visits.open()
    await invoke(tab, "form")
    modal = tab.get_by_test_id("modal")
    await modal.get_by_role("radio", name="Ink").check()
    await modal.get_by_role("checkbox", name="Oil").check()
    await modal.get_by_role("checkbox", name="Ping me").check()
    files = [FilePayload(name=f"{n}.txt", mimeType="text/plain", buffer=b"1") for n in "ab"]
    await modal.get_by_label("Pictures").set_input_files(files)
    await tab.get_by_test_id("modal-submit").click()
    await expect(tab.get_by_test_id("message")).to_contain_text("Ink, Oil, True, a.txt b.txt")
    await expect(modal).to_be_hidden()


async def test_a_right_click_opens_the_menus_of_message_and_author(visits: Visits) -> None:
    ben = await visits.open(user="ben")
    await ben.get_by_test_id("command-input").fill("to be")
    file = FilePayload(name="a.txt", mimeType="text/plain", buffer=b"1")
    await ben.get_by_test_id("attach").set_input_files(file)
    await ben.get_by_test_id("send").click()
    tab = await visits.open()
    said = tab.get_by_test_id("message").first
    await expect(said).to_contain_text("a.txt")
    await said.click(button="right")
    await said.get_by_test_id("menu-Quote").click()
    await expect(tab.get_by_test_id("message").nth(1)).to_contain_text("to be")
    await said.click(button="right")
    await said.get_by_test_id("menu-Wave").click()
    await expect(tab.get_by_test_id("message").nth(2)).to_contain_text("ada waves at ben")


async def test_names_are_shown_in_the_viewers_language(bot: SampleBot, visits: Visits) -> None:
    choice = {"name": "slow", "value": "slow", "name_localizations": {"zh-CN": "慢"}}
    option = {
        "type": 3,
        "name": "speed",
        "description": "How fast",
        "required": True,
        "choices": [choice],
        "name_localizations": {"zh-CN": "速度"},
    }
    command = {
        "name": "imagine",
        "description": "Draws",
        "name_localizations": {"zh-CN": "画图"},
        "description_localizations": {"zh-CN": "画一张图"},
        "options": [option],
    }
    menu = {"type": 3, "name": "Details", "name_localizations": {"zh-CN": "详情"}}
    assert bot.application_id is not None
    await bot.http.bulk_upsert_global_commands(bot.application_id, [command, menu])
    tab = await visits.open(user="lin")
    await tab.get_by_test_id("command-input").fill("hello")
    await tab.get_by_test_id("send").click()
    await tab.get_by_test_id("message").click(button="right")
    await expect(tab.get_by_test_id("menu-Details")).to_have_text("详情")
    await tab.get_by_test_id("command-input").fill("/画")
    await expect(tab.get_by_test_id("command-imagine")).to_have_text("/画图画一张图")
    await tab.get_by_test_id("command-imagine").click()
    await expect(tab.get_by_label("速度")).to_contain_text("慢")


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
