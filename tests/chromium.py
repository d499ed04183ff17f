"""Debian's Chromium, driven headless. Without one the browser tests are skipped by name."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, async_playwright

_PATH = shutil.which("chromium") or shutil.which("chromium-browser")
_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

NEEDS_CHROMIUM = pytest.mark.skipif(_PATH is None, reason="there is no Chromium on this machine")


@asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """A browser of its own; closed at the end."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=_PATH, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()
