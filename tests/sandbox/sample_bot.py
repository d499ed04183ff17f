"""A small discord.py bot that uses everything the sandbox serves. Not a test.

``python -m tests.sandbox.sample_bot http://127.0.0.1:8765`` connects it to a running sandbox.
"""

import asyncio
import io
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import discord
import yarl
from discord import app_commands
from PIL import Image

from tests.sandbox.sample_forms import Everything, Pickers, Showroom

ACCENT = discord.Colour(0x5B8DEF)


def aim_at(api_url: str, gateway_url: str) -> None:
    """Send discord.py's traffic to a sandbox instead of Discord."""
    discord.http.Route.BASE = api_url
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url)


def picture(colour: str = "teal", size_px: tuple[int, int] = (96, 64)) -> discord.File:
    buffer = io.BytesIO()
    Image.new("RGB", size_px, colour).save(buffer, "PNG")
    buffer.seek(0)
    return discord.File(buffer, filename=f"{colour}.png", description=f"a {colour} area")


class Rename(discord.ui.Modal, title="Rename"):
    name: discord.ui.TextInput[Any] = discord.ui.TextInput(
        label="New name", placeholder="any name", max_length=20
    )
    size: discord.ui.Label[Any] = discord.ui.Label(
        text="Size",
        description="How large it shall be",
        component=discord.ui.Select(
            options=[discord.SelectOption(label="Small"), discord.SelectOption(label="Large")]
        ),
    )

    async def on_submit(self, interaction: discord.Interaction) -> None:
        select = self.size.component
        assert isinstance(select, discord.ui.Select)
        chosen = select.values[0]
        await interaction.response.edit_message(view=Gallery(f"{self.name.value}, {chosen}"))


class Actions(discord.ui.ActionRow[Any]):
    @discord.ui.button(label="Rename", style=discord.ButtonStyle.primary, custom_id="rename")
    async def rename(self, interaction: discord.Interaction, _: discord.ui.Button[Any]) -> None:
        await interaction.response.send_modal(Rename())

    @discord.ui.button(label="Count", emoji="🔁", custom_id="count")
    async def count(self, interaction: discord.Interaction, _: discord.ui.Button[Any]) -> None:
        await interaction.response.edit_message(view=Gallery("counted"))

    @discord.ui.button(label="Gone", disabled=True, custom_id="gone")
    async def gone(self, interaction: discord.Interaction, _: discord.ui.Button[Any]) -> None:
        raise AssertionError("a disabled button was pressed")

    @discord.ui.button(label="Delete", style=discord.ButtonStyle.danger, custom_id="delete")
    async def delete(self, interaction: discord.Interaction, _: discord.ui.Button[Any]) -> None:
        if not interaction.permissions.administrator:
            await interaction.response.send_message("Only admins delete.", ephemeral=True)
            return
        await interaction.response.defer()
        await interaction.delete_original_response()


class Choice(discord.ui.ActionRow[Any]):
    @discord.ui.select(
        custom_id="style",
        placeholder="Choose a style",
        options=[discord.SelectOption(label=name) for name in ("Oil", "Ink", "Photo")],
    )
    async def style(self, interaction: discord.Interaction, select: discord.ui.Select[Any]) -> None:
        await interaction.response.send_message(f"{select.values[0]}, then", ephemeral=True)


class Gallery(discord.ui.LayoutView):
    """A picture with buttons below, in a container."""

    def __init__(self, title: str = "A picture", names: tuple[str, ...] = ("teal.png",)) -> None:
        super().__init__(timeout=None)
        media = [
            discord.MediaGalleryItem(f"attachment://{name}", description=name, spoiler=index == 1)
            for index, name in enumerate(names)
        ]
        self.add_item(
            discord.ui.Container(
                discord.ui.Section(
                    f"### {title}\n**teal**, `steps 4`\n-# 0.31 s",
                    accessory=discord.ui.Thumbnail(f"attachment://{names[0]}"),
                ),
                discord.ui.Separator(),
                discord.ui.MediaGallery(*media),
                Actions(),
                Choice(),
                accent_colour=ACCENT,
            )
        )


class Reroll(discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"reroll:1:(?P<job>\d+)"):
    """A button that works after a restart: everything it needs is in its custom id."""

    def __init__(self, job: int) -> None:
        super().__init__(discord.ui.Button(label=f"Reroll {job}", custom_id=f"reroll:1:{job}"))
        self.job = job

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: Any, match: re.Match[str]
    ) -> Self:
        return cls(int(match["job"]))

    async def callback(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message(f"rerolled {self.job}")


class SampleBot(discord.Client):
    def __init__(self, intents: discord.Intents | None = None) -> None:
        # Without a short wait the client is silent for two seconds after the last guild arrived.
        super().__init__(intents=intents or discord.Intents(guilds=True), guild_ready_timeout=0.05)
        self.tree = app_commands.CommandTree(self)
        self.logged_in = asyncio.Event()
        self.resumed = asyncio.Event()
        self.posts: list[str] = []
        self.failures: list[Exception] = []
        add_commands(self)

    async def setup_hook(self) -> None:
        self.logged_in.set()
        self.add_dynamic_items(Reroll)
        self.add_view(Gallery())
        await self.tree.sync()

    async def before_identify_hook(self, _: int | None, *, initial: bool = False) -> None:
        """Identify at once: the library waits five seconds to spare Discord, and tests."""

    async def on_resumed(self) -> None:
        self.resumed.set()

    async def on_message(self, message: discord.Message) -> None:
        self.posts.append(message.content)


def add_commands(bot: SampleBot) -> None:
    add_drawing_commands(bot)
    add_small_commands(bot)
    add_parts(bot)

    @bot.tree.error
    async def on_error(_: discord.Interaction, error: app_commands.AppCommandError) -> None:
        bot.failures.append(getattr(error, "original", error))


def add_drawing_commands(bot: SampleBot) -> None:
    tree = bot.tree

    @tree.command(description="Draws a picture")
    @app_commands.describe(prompt="What to draw", steps="More is slower", colour="Its colour")
    @app_commands.choices(
        steps=[app_commands.Choice(name=f"{steps} steps", value=steps) for steps in (1, 4, 8)]
    )
    async def draw(
        interaction: discord.Interaction,
        prompt: app_commands.Range[str, 1, 100],
        steps: int = 4,
        colour: str = "teal",
        strength: app_commands.Range[float, 0.0, 1.0] = 0.5,
        private: bool = False,
        reference: discord.Attachment | None = None,
    ) -> None:
        await interaction.response.defer(ephemeral=private)
        size = f", like {len(await reference.read())} bytes" if reference else ""
        text = f"{prompt} in {steps} at {strength}{size} <@{interaction.user.id}>"
        await interaction.followup.send(text, file=picture(colour))

    @draw.autocomplete("colour")
    async def colours(_: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
        names = ("teal", "tomato", "gold", "orchid")
        return [app_commands.Choice(name=n.title(), value=n) for n in names if typed in n]

    @tree.command(description="Shows pictures in a layout")
    async def gallery(interaction: discord.Interaction, pictures: int = 1) -> None:
        files = [picture(name) for name in ("teal", "tomato", "gold", "orchid")[:pictures]]
        view = Gallery(f"For {interaction.user}", tuple(file.filename for file in files))
        await interaction.response.send_message(view=view, files=files)


def add_small_commands(bot: SampleBot) -> None:
    tree = bot.tree
    preset = app_commands.Group(name="preset", description="Presets")
    tree.add_command(preset)

    @preset.command(description="Shows a preset")
    async def show(interaction: discord.Interaction, name: str) -> None:
        await interaction.response.send_message(f"preset {name}", ephemeral=True)

    @tree.command(description="A button that survives restarts")
    async def keep(interaction: discord.Interaction) -> None:
        view = discord.ui.View(timeout=None)
        view.add_item(Reroll(7))
        await interaction.response.send_message("keep me", view=view)

    @tree.command(description="Never answers")
    async def silent(_: discord.Interaction) -> None:
        return

    @tree.command(description="For admins")
    @app_commands.default_permissions(manage_guild=True)
    async def settings(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("**settings**", ephemeral=True)

    @tree.context_menu(name="Wave")
    async def wave(interaction: discord.Interaction, member: discord.Member) -> None:
        await interaction.response.send_message(f"{interaction.user} waves at {member}")

    @tree.context_menu(name="Quote")
    async def quote(interaction: discord.Interaction, message: discord.Message) -> None:
        await interaction.response.send_message(f"> {message.content}")


def add_parts(bot: SampleBot) -> None:
    tree = bot.tree

    @tree.command(description="Shows the rarer parts of a layout")
    @app_commands.allowed_installs(guilds=True, users=True)
    async def showroom(interaction: discord.Interaction) -> None:
        notes = discord.File(io.BytesIO(b"notes"), filename="notes.txt")
        files = [picture("gold"), picture("tomato"), notes]
        await interaction.response.send_message(view=Showroom(), files=files)

    @tree.command(description="Asks for everything")
    @app_commands.describe(kind="Which of the two forms")
    @app_commands.choices(
        kind=[
            app_commands.Choice(name=discord.app_commands.locale_str(name), value=name)
            for name in ("everything", "pickers")
        ]
    )
    async def form(interaction: discord.Interaction, kind: str = "everything") -> None:
        await interaction.response.send_modal(Pickers() if kind == "pickers" else Everything())


@asynccontextmanager
async def running_bot(intents: discord.Intents) -> AsyncIterator[SampleBot]:
    """A connected bot for the length of a block."""
    async with SampleBot(intents) as bot:
        task = asyncio.create_task(bot.start("any-token"))
        # wait_until_ready needs the login first, which is over when setup_hook is called
        await asyncio.wait_for(bot.logged_in.wait(), 5)
        await asyncio.wait_for(bot.wait_until_ready(), 5)
        yield bot
        await bot.close()
        await task


async def main(url: str) -> None:
    aim_at(f"{url}/api/v10", f"{url.replace('http', 'ws', 1)}/gateway")
    async with SampleBot() as bot:
        await bot.start("any-token")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
