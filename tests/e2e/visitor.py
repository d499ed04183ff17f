"""A person at the page, who waits for what the bot does by itself."""

import asyncio
from collections.abc import Callable

from tests.e2e.cards import custom_id, picture_urls, text_of
from tests.sandbox.page_client import Json, PageClient

WITHIN_S = 60
EPHEMERAL = 1 << 6
SLOW = {"steps": 50, "count": 2}
"""Options of a job that takes long enough to be met while it runs."""


class Visitor(PageClient):
    """Invokes commands and waits for messages."""

    async def imagine(self, prompt: str, **options: object) -> str:
        """Invoke /imagine; returns the id of the acknowledgement, which becomes the result."""
        answer = await self.command("imagine", prompt=prompt, **options)
        assert answer["outcome"] == "message", answer
        return str(answer["message"])

    async def answered(self, command: str, **options: object) -> Json:
        """Invoke a command and wait for its answer, which must be private."""
        answer = await self.command(command, **options)
        message = await self.until(
            lambda m: m["id"] == answer["message"] and text_of(m) != "",
            user=self.user,
            channel=self.channel,
        )
        assert message["flags"] & EPHEMERAL
        return message

    async def until_drawn(self, message_id: str) -> Json:
        """Wait until the message shows pictures."""
        return await self.until(lambda m: m["id"] == message_id and picture_urls(m) != [])

    async def until(
        self, is_wanted: Callable[[Json], bool], *, user: str = "ada", channel: str = "general"
    ) -> Json:
        """Wait for a message that ``is_wanted``."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                for message in await self.messages(user=user, channel=channel):
                    if is_wanted(message):
                        return message
                await asyncio.sleep(0.05)

    async def cancel(self, message_id: str, **fields: object) -> None:
        """Press Cancel on an acknowledgement and wait until the bot says so."""
        button = custom_id(await self.message(message_id), "cancel")
        await self.press(message_id, button, **fields)
        await self.until(lambda m: m["id"] == message_id and "Cancelled" in text_of(m))

    async def end(self, message_id: str) -> None:
        """Cancel a job unless its pictures are there already."""
        if not picture_urls(await self.message(message_id)):
            await self.cancel(message_id)
